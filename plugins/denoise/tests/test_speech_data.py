"""Noisy speech as it is mixed, and what of the real noises a training may see."""

import numpy as np
import pytest

from hub import data
from hub_denoise.speech.data import (
    COMMANDS,
    HELD_OUT,
    LEVELS,
    NEAR,
    RATE,
    SPECTRA,
    TRAINED,
    Mixer,
    Voice,
    equalised,
    mixed,
    recording,
    recordings,
    said,
    scaled,
    shaped,
    speech_level,
)


def voice(name, pitch, clips=3):
    """Return a made-up speaker: syllables of a buzz with pauses between them."""
    time = np.arange(RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * k * pitch * time) / k for k in range(1, 20))
    spoken = buzz * np.clip(np.sin(2 * np.pi * 3 * time), 0, None)
    return Voice(name, (scaled(spoken) * 3000,) * clips)


@pytest.fixture(scope="module")
def mixer():
    generator = np.random.default_rng(0)
    clips = {"tap": [scaled(generator.standard_normal(RATE)) for _ in range(3)]}
    return Mixer((((voice("a", 110), voice("b", 190)), 0.7), ((voice("c", 150),), 0.3)), clips)


@pytest.mark.parametrize("kind", [*TRAINED, *HELD_OUT])
@pytest.mark.parametrize("seed", range(3))
def test_a_noise_is_finite_fills_its_time_and_has_a_level_of_1(mixer, kind, seed):
    noise = mixer.noise(kind, 30_011, np.random.default_rng(seed))
    assert noise.shape == (30_011,) and noise.dtype == np.float32
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1, abs=1e-3)
    other = mixer.noise(kind, 30_011, np.random.default_rng(seed + 10))
    assert not np.allclose(noise, other)


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_noise_is_added_at_the_ratio_asked_for(snr):
    generator = np.random.default_rng(0)
    speech = said(voice("a", 120), 3 * RATE, generator)
    clean, noise = mixed(speech, generator.standard_normal(3 * RATE), snr)
    assert speech_level(clean) == pytest.approx(1, rel=1e-4)
    assert -20 * np.log10(np.sqrt(np.mean(noise**2))) == pytest.approx(snr, abs=1e-3)


def test_the_level_of_speech_leaves_pauses_out():
    loud = np.random.default_rng(0).standard_normal(RATE)
    with_pause = np.concatenate([loud, np.zeros(3 * RATE)])
    assert speech_level(with_pause) == pytest.approx(speech_level(loud), rel=1e-6)
    assert speech_level(np.zeros(RATE)) == 0


def test_examples_are_the_seeds_and_neither_clipped_nor_too_quiet(mixer):
    noisy, clean = mixer.batch(16, (0, 1))
    again, _ = mixer.batch(16, (0, 1))
    other, _ = mixer.batch(16, (0, 2))
    assert noisy.equal(again) and not noisy.equal(other)
    assert noisy.shape == clean.shape == (16, 4 * RATE)
    assert float(noisy.abs().max()) <= 1.0 + 1e-6
    spoken = [one.numpy() for one in clean if one.abs().max() > 0]
    levels = 20 * np.log10([speech_level(one) for one in spoken])
    assert levels.min() > LEVELS[0] - 30 and levels.max() <= LEVELS[1] + 0.1
    assert len(spoken) >= 12


def test_an_example_is_its_clean_original_and_a_noise(mixer):
    """Where it is loud, noisy speech at 45 dB is nearly the clean one."""
    generator = np.random.default_rng(3)
    found = [mixer.example(generator) for _ in range(40)]
    near = [float((a - b).norm() / b.norm().clamp_min(1e-9)) for a, b in found]
    assert min(near) < 0.02 and max(near) > 0.5


def test_a_filter_drawn_at_random_changes_no_length(mixer):
    samples = np.random.default_rng(0).standard_normal(10_001).astype(np.float32)
    found = equalised(samples, np.random.default_rng(1))
    assert found.shape == samples.shape and not np.allclose(found, samples, atol=0.1)


needs_noises = pytest.mark.skipif(
    not data.available(COMMANDS), reason=f"needs {COMMANDS} under LATENTHUB_DATA"
)


@needs_noises
def test_no_sound_of_the_tests_noises_is_in_the_trainings():
    """Clips were cut where they overlap; what two share is a peak of their cross-correlation,
    tens of standard deviations high. Some sound alike without: up to fifteen."""
    found = recordings()
    counts = {name: len(clips) for name, clips in found.items()}
    assert all(count >= 50 for count in counts.values()) and counts["others"] > 150
    size = 2 * RATE
    spectra = {name: [np.fft.rfft(clip, size) for clip in clips] for name, clips in found.items()}
    white = {
        name: np.array([s / (np.abs(s) + 0.3 * np.median(np.abs(s))) for s in some], np.complex64)
        for name, some in spectra.items()
    }
    trained = np.concatenate([white[name] for name in NEAR])

    def highest(one, others):
        peaks = np.fft.irfft(one * others.conj(), size)
        return (np.abs(peaks).max(1) / peaks.std(1)).max()

    assert max(highest(one, trained) for one in white["others"]) < 16
    kept = white["others"]
    assert max(highest(kept[i], kept[i + 1 :]) for i in range(50)) > 40  # else it proves nothing


@pytest.mark.parametrize("name", sorted(NEAR))
def test_a_clip_is_known_by_its_spectrum_however_loud(name):
    white = np.random.default_rng(0).standard_normal(RATE)
    places = np.arange(8) * 1000 + 500
    clip = shaped(white, lambda f: 10 ** (np.interp(f, places, SPECTRA[name]) / 20))
    assert recording(clip) == recording(0.01 * clip) == name
    assert recording(np.sin(np.arange(RATE))) == "others"
