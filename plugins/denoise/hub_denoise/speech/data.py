"""Noisy speech with its clean original: real recordings of speech, mixed with real and synthetic
noises as they are asked for.

Speech is of the sets' training speakers, and only what was recorded quietly: who learns to give
noisy originals back learns to leave noise. The real noises, one-second clips, were cut from six
long recordings (Warden, "Speech Commands", arXiv:1804.03209) and do not tell which. Their spectra
do: clips of three recordings are trained on; those of the other ones, a kitchen and a cat among
them, are kept for the test. A test looks for sound that clips of both sides share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
import torch
from torch import Tensor

from hub import audio, data

RATE = 16_000  # Hz
SECONDS = 4.0  # of a training example
BOOKS = "speech/librispeech_excerpt"
LEARNERS = "speech/speechocean762_adults"
MANDARIN = "speech/dspspeech20"
COMMANDS = "speech/speech_commands"  # its noise.parquet has the real noises
TIMIT = "speech/timit_sample"  # non-commercial: to evaluate on, never to train on
QUIET = {BOOKS: 35.0, LEARNERS: 35.0, MANDARIN: 35.0, COMMANDS: 45.0}  # dB from pause to speech
SHARES = {BOOKS: 0.4, LEARNERS: 0.4, MANDARIN: 0.1, COMMANDS: 0.1}  # of the training examples
SNRS = (-5.0, 20.0)  # dB
LEVELS = (-45.0, -12.0)  # dB of full scale, that speech is said at
ACTIVE = 40.0  # dB below its loudest frame, what counts as speech
TRAINED = ("coloured", "hum", "babble", "clicks", "band", "recorded")
HELD_OUT = ("siren", "engine")  # synthetic, for the test only

# What tells the recordings apart: the level that a clip is above four fifths of the time, in
# eight bands of 1 kHz, dB above their mean.
SPECTRA = {
    "pink": (11.0, 4.3, 1.5, -0.5, -2.2, -3.5, -4.4, -6.0),
    "flat": (2.0, 1.5, 0.8, 0.2, -0.3, -1.2, -1.4, -1.5),
    "whirr": (1.9, -0.6, 0.0, 4.2, 4.3, -1.9, -2.7, -5.2),
    "others": (6.3, 2.7, 0.3, -0.7, -0.8, -1.9, -2.8, -3.3),
}
NEAR = {"pink": 1.0, "flat": 1.0, "whirr": 3.3}  # dB, in every band; what is none is kept for test

Generator = np.random.Generator


@dataclass(frozen=True)
class Voice:
    """What one speaker says."""

    name: str  # set and speaker
    clips: tuple[np.ndarray, ...]  # each (samples,) int16 at 16 kHz


# What is real.


def voices(name: str, split: str) -> list[Voice]:
    """Return the speakers of a split, with those of their clips that were recorded quietly.

    Raises:
        DataError: the set or the split is not there.
    """
    spoken: dict[str, list[np.ndarray]] = {}
    for row in data.table(name, split).to_pylist():
        samples = audio.read(row["audio"]["bytes"])
        if span(samples) >= QUIET.get(name, 0):
            spoken.setdefault(row["speaker"], []).append((samples * 32767).astype(np.int16))
    return [Voice(f"{name}/{who}", tuple(clips)) for who, clips in spoken.items()]


def span(samples: np.ndarray) -> float:
    """Return how far speech is above its pauses: dB between the levels that 5 and 95 percent of
    the frames stay under."""
    low, high = np.percentile(audio.loudness(samples), (5, 95))
    return float(high - low)


def recordings() -> dict[str, list[np.ndarray]]:
    """Return the real noises by the recording that they are of, each clip (16000,) float32 with an
    RMS of 1; `others` are those that no training may see.

    Raises:
        DataError: the clips are not there.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in SPECTRA}
    for row in data.table(COMMANDS, "noise").to_pylist():
        samples = audio.read(row["audio"]["bytes"])
        found[recording(samples)].append(scaled(samples))
    return found


def recording(samples: np.ndarray) -> str:
    """Return which of SPECTRA's recordings a clip, (samples,), is of."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::256] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames)) ** 2
    bands = np.stack([some.mean(1) for some in np.array_split(power[:, 1:], 24, axis=1)])
    level = np.percentile(10 * np.log10(bands + 1e-12), 20, axis=1).reshape(8, 3).mean(1)
    level -= level.mean()
    far = {name: float(np.abs(level - one).max()) for name, one in SPECTRA.items()}
    for name, near in NEAR.items():
        if far[name] < near and (name != "whirr" or far[name] < far["others"]):
            return name
    return "others"


# Noises: each returns (count,) float32 with an RMS of 1.


def scaled(samples: np.ndarray) -> np.ndarray:
    rms = np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
    found: np.ndarray = (samples / max(rms, 1e-8)).astype(np.float32)
    return found


def shaped(samples: np.ndarray, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return samples filtered with `gain` of the frequencies in Hz."""
    spectrum = scipy.fft.rfft(samples)
    frequencies = np.linspace(0, RATE / 2, len(spectrum), dtype=np.float32)
    found: np.ndarray = scipy.fft.irfft(spectrum * gain(frequencies), len(samples))
    return found


def equalised(samples: np.ndarray, generator: Generator, deviation: float = 6.0) -> np.ndarray:
    """Return samples through a smooth filter drawn at random.

    Args:
        deviation: dB, of its gain at knots that lie evenly over the mel scale.
    """
    knots = 700 * (10 ** (np.linspace(0, 2840, 10) / 2595) - 1)
    decibels = generator.normal(0, deviation, 10)
    return shaped(samples, lambda f: 10 ** (np.interp(f, knots, decibels).astype(np.float32) / 20))


def coloured(count: int, generator: Generator) -> np.ndarray:
    """White, pink, brown and between: power falls by 0 to 7 dB an octave."""
    white = generator.standard_normal(count, dtype=np.float32)
    slope = generator.uniform(0, 1.2)
    return scaled(shaped(white, lambda f: np.maximum(f, 40) ** np.float32(-slope)))


def hum(count: int, generator: Generator) -> np.ndarray:
    """Mains and machines: a tone that wavers, with up to thirty harmonics, over some hiss."""
    pitch = generator.choice([50.0, 60.0, 100.0, 120.0, generator.uniform(40, 400)])
    phase = 2 * np.pi * np.cumsum(pitch * (1 + wander(count, generator, 0.003))) / RATE
    harmonics = np.arange(1, min(30, int(7500 / pitch)) + 1)
    levels = harmonics ** -generator.uniform(0.3, 1.5) * generator.uniform(0.1, 1, len(harmonics))
    turns = generator.uniform(0, 2 * np.pi, len(harmonics))
    tone = np.zeros(count, np.float32)
    for number, level, turn in zip(harmonics, levels, turns, strict=True):
        tone += level * np.cos((number * phase + turn).astype(np.float32))
    return scaled(scaled(tone) + generator.uniform(0.05, 1) * coloured(count, generator))


def clicks(count: int, generator: Generator) -> np.ndarray:
    """Knocks, clatter and crackle: blows at random that ring at one to three frequencies."""
    blows = np.zeros(count, np.float32)
    number = 1 + generator.poisson(count / RATE * 10 ** generator.uniform(0, 1.5))
    blows[generator.integers(0, count, number)] = generator.laplace(size=number)
    length = 4096
    time = np.arange(length) / RATE
    ring = np.zeros(length)
    for _ in range(generator.integers(1, 4)):
        frequency, decay = generator.uniform(200, 7000), 10 ** generator.uniform(-3, -1.2)
        ring += np.cos(2 * np.pi * frequency * time) * np.exp(-time / decay)
    ring += 0.5 * generator.standard_normal(length) * np.exp(-time / 0.004)
    size = scipy.fft.next_fast_len(count + length, real=True)
    rung = scipy.fft.irfft(scipy.fft.rfft(blows, size) * scipy.fft.rfft(ring, size), size)[:count]
    return scaled(scaled(rung) + generator.uniform(0.02, 0.3) * coloured(count, generator))


def band(count: int, generator: Generator) -> np.ndarray:
    """Noise in one band, a third of an octave to three octaves wide."""
    middle = np.exp(generator.uniform(np.log(150), np.log(6000)))
    octaves = generator.uniform(0.3, 3)
    white = generator.standard_normal(count, dtype=np.float32)

    def gain(f: np.ndarray) -> np.ndarray:
        away = np.abs(np.log2(np.maximum(f, 20) / middle)) / (octaves / 2)
        return 1 / np.sqrt(1 + away**8)

    return scaled(shaped(white, gain))


def siren(count: int, generator: Generator) -> np.ndarray:
    """A tone with harmonics that sweeps up and down through an octave or so."""
    low, octaves, rate = (
        generator.uniform(400, 900),
        generator.uniform(0.5, 1.3),
        generator.uniform(0.2, 3),
    )
    time = np.arange(count) / RATE
    sweep = 0.5 - 0.5 * np.cos(2 * np.pi * (rate * time + generator.uniform()))
    phase = 2 * np.pi * np.cumsum(low * 2 ** (octaves * sweep)) / RATE
    return scaled(np.sum([np.cos(k * phase) / k for k in range(1, 5)], axis=0))


def engine(count: int, generator: Generator) -> np.ndarray:
    """Firings at 15 to 60 a second, none like the other, through a broad resonance."""
    phase = np.cumsum(generator.uniform(15, 60) * (1 + wander(count, generator, 0.15))) / RATE
    fired = np.flatnonzero(np.diff(np.floor(phase)))
    pulses = np.zeros(count, np.float32)
    pulses[fired] = generator.uniform(0.4, 1, len(fired))
    length = 2048
    time = np.arange(length) / RATE
    ring = generator.standard_normal(length) * np.exp(-time / generator.uniform(0.004, 0.02))
    ring += np.cos(2 * np.pi * generator.uniform(60, 300) * time) * np.exp(-time / 0.02) * 2
    size = scipy.fft.next_fast_len(count + length, real=True)
    rung = scipy.fft.irfft(scipy.fft.rfft(pulses, size) * scipy.fft.rfft(ring, size), size)
    return scaled(scaled(rung[:count]) + 0.15 * coloured(count, generator))


def wander(count: int, generator: Generator, deviation: float, knots: int = 9) -> np.ndarray:
    """Return a smooth random curve around 0, (count,)."""
    places = np.linspace(0, knots - 1, count)
    return np.interp(places, np.arange(knots), generator.normal(0, deviation, knots))


def looped(clips: Sequence[np.ndarray], count: int, generator: Generator) -> np.ndarray:
    """Return clips of one recording after each other, faded over 50 ms, (count,), an RMS of 1."""
    fade = RATE // 20
    ramp = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32))
    sound = np.zeros(count + RATE, np.float32)
    place = 0
    while place < count:
        clip = clips[int(generator.integers(len(clips)))].copy()
        clip[:fade] *= ramp
        clip[-fade:] *= ramp[::-1]
        end = min(len(sound), place + len(clip))
        sound[place:end] += clip[: end - place]
        place += len(clip) - fade
    start = generator.integers(fade, RATE // 2)
    return scaled(sound[start : start + count])


# Mixtures.


@dataclass(frozen=True)
class Mixer:
    """Draws noisy speech; the same generator gives the same.

    Args:
        sets: speakers, and the share of the examples that are theirs.
        noises: real noises by recording.
        kinds: of noise, drawn evenly; `recorded` twice as often.
    """

    sets: tuple[tuple[tuple[Voice, ...], float], ...]
    noises: dict[str, list[np.ndarray]]
    kinds: tuple[str, ...] = TRAINED

    @classmethod
    def training(cls) -> Mixer:
        """Return the mixer of training speakers and of the noises that may be trained on."""
        sets = tuple((tuple(voices(name, "train")), share) for name, share in SHARES.items())
        noises = {name: clips for name, clips in recordings().items() if name in NEAR}
        return cls(sets, noises)

    def voice(self, generator: Generator) -> Voice:
        shares = np.array([share for _, share in self.sets])
        some = self.sets[generator.choice(len(shares), p=shares / shares.sum())][0]
        return some[generator.integers(len(some))]

    def noise(self, kind: str, count: int, generator: Generator) -> np.ndarray:
        """Return a noise of a kind, (count,) float32 with an RMS of 1."""
        if kind == "babble":
            number = int(generator.integers(3, 9))
            others = [scaled(said(self.voice(generator), count, generator)) for _ in range(number)]
            return scaled(np.sum(others, axis=0))
        if kind == "recorded":
            name = str(generator.choice(sorted(self.noises)))
            return looped(self.noises[name], count, generator)
        makers = {
            "coloured": coloured,
            "hum": hum,
            "clicks": clicks,
            "band": band,
            "siren": siren,
            "engine": engine,
        }
        return makers[kind](count, generator)

    def varied(self, count: int, generator: Generator) -> np.ndarray:
        """Return one noise or two together, filtered and with a level that varies, RMS 1."""
        kinds = (*self.kinds, "recorded")
        total = np.zeros(count, np.float32)
        for _ in range(1 + (generator.random() < 0.3)):
            one = self.noise(str(generator.choice(kinds)), count, generator)
            if generator.random() < 0.7:
                one = scaled(equalised(one, generator))
            if generator.random() < 0.4:
                one = one * 10 ** (wander(count, generator, 6) / 20).astype(np.float32)
            total += one * np.float32(10 ** generator.uniform(-0.5, 0))
        return scaled(total)

    def example(self, generator: Generator, seconds: float = SECONDS) -> tuple[Tensor, Tensor]:
        """Return noisy speech and its clean original, each (samples,) float32.

        A twentieth has no speech, a twentieth hardly any noise, a tenth nothing above 4 kHz.
        """
        count = int(seconds * RATE)
        speech = said(self.voice(generator), count, generator)
        if generator.random() < 0.3:
            speech = equalised(speech, generator, 3.0)
        noise = self.varied(count, generator)
        if generator.random() < 0.1:  # the telephone's, or what came at 8 kHz
            speech, noise = (
                shaped(one, lambda f: 0.5 - 0.5 * np.tanh((f - 3800) / 60))
                for one in (speech, noise)
            )
        snr = generator.uniform(*SNRS) if generator.random() < 0.95 else 45.0
        level = 10 ** (generator.uniform(*LEVELS) / 20)
        clean, rest = mixed(speech, noise, snr)
        if generator.random() < 0.05:
            clean = np.zeros_like(clean)
        noisy = level * (clean + rest)
        squeeze = level / max(1.0, float(np.abs(noisy).max()))  # so that nothing is clipped
        return (
            torch.from_numpy((squeeze / level * noisy).astype(np.float32)),
            torch.from_numpy((squeeze * clean).astype(np.float32)),
        )

    def batch(self, count: int, seed: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return `count` examples, noisy and clean, each (count, samples)."""
        generator = np.random.default_rng(list(seed))
        examples = [self.example(generator) for _ in range(count)]
        return torch.stack([one for one, _ in examples]), torch.stack([one for _, one in examples])


def said(voice: Voice, count: int, generator: Generator) -> np.ndarray:
    """Return what a speaker says for `count` samples, float32 with an RMS of 1 where it is speech:
    a piece of a long clip, or clips after each other with pauses."""
    sound = np.zeros(count, np.float32)
    place = int(generator.integers(0, RATE // 2)) if generator.random() < 0.5 else 0
    while place < count:
        clip = voice.clips[generator.integers(len(voice.clips))]
        extra = len(clip) - (count - place)
        start = int(generator.integers(0, extra)) if extra > 0 else 0
        piece = clip[start : start + count - place].astype(np.float32)
        sound[place : place + len(piece)] = piece
        place += len(piece) + int(generator.uniform(0.05, 0.6) * RATE)
    return sound / np.float32(max(speech_level(sound), 1e-3))


def mixed(speech: np.ndarray, noise: np.ndarray, snr: float) -> tuple[np.ndarray, np.ndarray]:
    """Return speech at a level of 1 and the noise to be added for a ratio of `snr` dB.

    Levels are RMS: of speech where somebody speaks, of noise throughout.
    """
    clean = speech / np.float32(max(speech_level(speech), 1e-8))
    return clean, scaled(noise) * np.float32(10 ** (-snr / 20))


def speech_level(samples: np.ndarray) -> float:
    """Return the RMS of the 20 ms frames that are within 40 dB of the loudest; 0 of silence."""
    count = len(samples) // 320
    if count == 0:
        return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    power = np.square(samples[: count * 320], dtype=np.float32).reshape(count, 320).mean(1)
    return float(np.sqrt(power[power >= power.max() * 10 ** (-ACTIVE / 10)].mean()))
