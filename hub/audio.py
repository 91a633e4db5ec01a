"""Sound from any audio file, and back: mono float32 samples at the rate that is asked for.

libsndfile (the package soundfile) reads WAV, AIFF, FLAC, Ogg and MP3, FFmpeg's libraries (the
package av) read what is left: M4A, MP4, and the WebM that browsers record. Without the extra
`audio`, which brings both, PCM WAV files are read. Sound is decoded, mixed and resampled block by
block, so that what is too long is refused before it fills the memory, whatever its header tells.

Importing this module imports neither numpy nor soundfile nor torch.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from hub.errors import AudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Samples: TypeAlias = NDArray[np.float32]

RATES = (1000, 384_000)  # Hz; others make a filter that fills the memory
HOUR = 3600.0  # seconds
MAX_CHANNELS = 32
BLOCK = 2**16  # frames decoded at once
SLACK = 0.25  # seconds by which a header may err: encoders count their own delay in or out
READABLE = "WAV, AIFF, FLAC, Ogg, Opus, MP3, M4A, MP4 and WebM can be read"
INSTALL = "WAV can be read here; for others install latenthub[audio]"
SNDFILE = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3")
# Demuxers that follow no links to other files or hosts, and decoders of sound only.
DEMUXERS = "aac,ac3,amr,amrnb,amrwb,asf,avi,flac,flv,matroska,mov,mp3,mp4,mpeg,mpegts,ogg,wav,webm"
DECODERS = (
    "aac,aac_fixed,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,eac3,flac,"
    "gsm,gsm_ms,mp1,mp2,mp3,mp1float,mp2float,mp3float,opus,libopus,pcm_alaw,pcm_f32be,pcm_f32le,"
    "pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,"
    "pcm_s8,pcm_u8,speex,libspeex,vorbis,libvorbis,wmav1,wmav2,wmapro,wmavoice"
)
LOOKS = {  # the beginnings of what is often taken for sound
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"MThd": "MIDI, notes without their sound",
    b"#!AMR": "AMR",
}


def read(
    source: bytes | Path,
    rate: int = 16_000,
    max_seconds: float | None = HOUR,
    name: str = "the file",
) -> Samples:
    """Return the sound of an audio file: mono, (samples,), in [-1, 1], at `rate`.

    Channels are mixed by their mean. Where a file's samples go beyond 1, as floating-point and
    decoded ones may, all are made quieter alike; none is clipped.

    Args:
        source: the file's content, or where it is. rate: Hz. max_seconds: what is longer is
        refused; None for no limit. name: of the file, in errors.

    Raises:
        AudioError: the file is no sound that can be read, is empty, damaged or cut off, or too
            long; the message tells which.
    """
    import numpy as np

    with opened(source, name) as sound:
        if max_seconds is not None and sound.seconds is not None and sound.seconds > max_seconds:
            raise AudioError(name, f"{sound.seconds:.1f} seconds")
        heard = np.concatenate(list(at_rate(sound, rate, max_seconds, name)))
    return levelled(heard, name)


def seconds_of(source: bytes | Path, name: str = "the file") -> float | None:
    """Return how long a sound is by its header, in seconds; None where that does not tell.

    Raises:
        AudioError: as `read`, but for what only decoding shows.
    """
    with opened(source, name) as sound:
        return sound.seconds


@dataclass
class Opened:
    """An audio file that is open: what its header tells, and its content as it is decoded."""

    rate: int  # Hz
    seconds: float | None  # None: the header does not tell
    blocks: Iterator[Any]  # (frames, channels) float32


@contextlib.contextmanager
def opened(source: bytes | Path, name: str) -> Iterator[Opened]:
    with contextlib.ExitStack() as stack:
        try:
            file: IO[bytes] = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        except OSError as error:
            raise AudioError(name, "it cannot be read") from error
        stack.enter_context(file)
        start = file.read(4096)
        if not start:
            raise AudioError(name, "it is empty")
        file.seek(0)
        sound = by_soundfile(file, name, stack) or by_av(file, name, start, stack)
        if not RATES[0] <= sound.rate <= RATES[1]:
            raise AudioError(name, f"{sound.rate} samples a second")
        yield sound


def by_soundfile(file: IO[bytes], name: str, stack: contextlib.ExitStack) -> Opened | None:
    """Return what libsndfile reads, or PCM WAV where that is missing; None if it is neither."""
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: without the library it needs
        return by_wave(file, stack)
    try:
        sound = stack.enter_context(soundfile.SoundFile(file))
    except soundfile.LibsndfileError:
        file.seek(0)
        return None
    if sound.format not in SNDFILE:
        file.seek(0)
        return None
    if sound.channels > MAX_CHANNELS:
        raise AudioError(name, f"{sound.channels} channels")

    def blocks() -> Iterator[Any]:
        while True:
            try:
                block = sound.read(BLOCK, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise AudioError(name, "it is damaged or cut off") from error
            if not len(block):
                return
            yield block

    return Opened(sound.samplerate, sound.frames / sound.samplerate, blocks())


def by_wave(file: IO[bytes], stack: contextlib.ExitStack) -> Opened | None:
    import numpy as np

    try:
        sound = stack.enter_context(wave.open(file))
    except (wave.Error, EOFError):
        file.seek(0)
        return None
    width, channels = sound.getsampwidth(), sound.getnchannels()

    def blocks() -> Iterator[Any]:
        while content := sound.readframes(BLOCK):
            content = content[: len(content) - len(content) % (width * channels)]
            if width == 3:  # into the upper bytes of four
                padded = np.zeros((len(content) // 3, 4), np.uint8)
                padded[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
                samples = padded.view("<i4").reshape(-1)
            else:
                samples = np.frombuffer(content, {1: "u1", 2: "<i2", 4: "<i4"}[width])
            yield scaled(samples.reshape(-1, channels))

    return Opened(sound.getframerate(), sound.getnframes() / sound.getframerate(), blocks())


def by_av(file: IO[bytes], name: str, start: bytes, stack: contextlib.ExitStack) -> Opened:
    try:
        import av
    except ImportError:
        raise AudioError(name, f"{unreadable(start)}; {INSTALL}") from None
    only = {"format_whitelist": DEMUXERS, "codec_whitelist": DECODERS}
    try:
        container = stack.enter_context(av.open(file, options=only))
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(name, f"{unreadable(start)}; {READABLE}") from error
    if not container.streams.audio:
        raise AudioError(name, "it holds no sound")
    stream = container.streams.audio[0]
    if stream.codec_context is None or not stream.codec_context.sample_rate:
        raise AudioError(name, f"its sound is in a format that cannot be decoded; {READABLE}")
    seconds = None
    if stream.duration is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / av.time_base

    def blocks() -> Iterator[Any]:
        import numpy as np

        try:
            for frame in container.decode(stream):
                samples = frame.to_ndarray()
                channels = frame.layout.nb_channels
                planar = (
                    samples if samples.shape[0] == channels else samples.reshape(-1, channels).T
                )
                yield scaled(np.ascontiguousarray(planar.T))
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(name, "it is damaged or cut off") from error

    return Opened(stream.codec_context.sample_rate, seconds, blocks())


def at_rate(sound: Opened, rate: int, max_seconds: float | None, name: str) -> Iterator[Any]:
    """Yield the sound mixed to mono and resampled, block by block."""
    import numpy as np
    import soxr

    same = sound.rate == rate
    resampler = None if same else soxr.ResampleStream(sound.rate, rate, 1, dtype="float32")
    found = 0
    for block in sound.blocks:
        found += len(block)
        if max_seconds is not None and found > max_seconds * sound.rate:
            raise AudioError(name, f"longer than {max_seconds:g} seconds")
        mono = block.mean(axis=1)
        yield mono if resampler is None else resampler.resample_chunk(mono)
    if not found:
        raise AudioError(name, "it holds no sound")
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """Return samples at `rate` Hz, (samples,), at `wanted` Hz."""
    import soxr

    found: Samples = samples if rate == wanted else soxr.resample(samples, rate, wanted)
    return found


def scaled(samples: Any) -> Any:
    """Return integers or floats of any width as float32 in [-1, 1]; floats are not scaled."""
    import numpy as np

    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        floats = samples.astype(np.float32)
    if np.issubdtype(samples.dtype, np.unsignedinteger):
        middle = np.iinfo(samples.dtype).max / 2 + 0.5  # 128 of 8 bits
        floats = (floats - middle) / middle
    elif np.issubdtype(samples.dtype, np.integer):
        floats = floats / -float(np.iinfo(samples.dtype).min)
    return floats


def levelled(samples: Samples, name: str) -> Samples:
    """Return samples whose largest is at most 1; refuse what is no number."""
    import numpy as np

    if not np.all(np.isfinite(samples)):
        raise AudioError(name, "it holds what is no number")
    peak = float(np.abs(samples).max(initial=0))
    return samples / np.float32(peak) if peak > 1 else samples


def unreadable(start: bytes) -> str:
    """Return what to say of a file that begins so and cannot be read."""
    looks = next((found for mark, found in LOOKS.items() if start.startswith(mark)), "")
    if not looks and is_text(start):
        looks = "text"
    return "its content is no sound that can be read" + (f" (it looks like {looks})" * bool(looks))


def is_text(start: bytes) -> bool:
    try:
        text = start[: start.rfind(b" ") if len(start) == 4096 else None].decode()
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\r\n\t\f\ufeff" for char in text)


# Features of speech, on torch.

FRAME_RATE = 100  # frames a second
BANDS = 40
LOWEST, HIGHEST = 60.0, 7600.0  # Hz, of the mel bands at 16 kHz
WINDOW, FFT = 400, 512  # samples at 16 kHz: 25 ms, and what it is padded to
SPEECH_RATE = 16_000  # Hz
FLOOR = 1e-10  # of a band's power


def log_mel(samples: Any, bands: int = BANDS, emphasis: float = 0.97) -> Tensor:
    """Return the log-mel spectrogram, (frames, bands) float32, natural logarithms of power.

    Frame t is a Hann window of 25 ms around the middle of the t-th hundredth of a second, of
    samples brought to an RMS of 1 and pre-emphasised.

    Args:
        samples: (samples,) at 16 kHz; frames are samples // 160.
        emphasis: x[t] - emphasis x[t - 1] is what is analysed; 0: x.
    """
    import torch

    hop = SPEECH_RATE // FRAME_RATE
    x = torch.as_tensor(samples, dtype=torch.float32)
    count = len(x) // hop
    if not count:
        return torch.zeros(0, bands)
    x = x / x.square().mean().sqrt().clamp_min(1e-8)
    x = torch.cat([x[:1], x[1:] - emphasis * x[:-1]])
    side = (WINDOW - hop) // 2
    x = torch.nn.functional.pad(x[: count * hop], (side, side))
    frames = x.unfold(0, WINDOW, hop) * torch.hann_window(WINDOW, device=x.device)
    power = torch.fft.rfft(frames, FFT).abs().square()
    spectrogram: Tensor = (power @ mel_filters(bands).to(x.device)).clamp_min(FLOOR).log()
    return spectrogram


@functools.cache
def mel_filters(bands: int = BANDS) -> Tensor:
    """Return the triangular mel filters, (FFT // 2 + 1, bands) float32, from LOWEST to HIGHEST."""
    import torch
    from transformers.audio_utils import mel_filter_bank

    bank = mel_filter_bank(FFT // 2 + 1, bands, LOWEST, HIGHEST, SPEECH_RATE, mel_scale="htk")
    return torch.from_numpy(bank).float()


def mfcc(spectrogram: Tensor, count: int = 13) -> Tensor:
    """Return the first `count` mel-frequency cepstral coefficients, (frames, count), of a log-mel
    spectrogram, (frames, bands): its orthonormal cosine transform (DCT-II).

    Davis and Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word
    Recognition in Continuously Spoken Sentences", IEEE TASSP 28(4), 1980.
    """
    import torch

    bands = spectrogram.shape[-1]
    k, n = torch.arange(count)[None, :], torch.arange(bands)[:, None]
    basis = torch.cos(torch.pi / bands * (n + 0.5) * k) * math.sqrt(2 / bands)
    basis[:, 0] /= math.sqrt(2)
    return spectrogram @ basis.to(spectrogram)


def deltas(features: Tensor, reach: int = 2) -> Tensor:
    """Return the slope of each feature over 2 `reach` + 1 frames, (frames, count), per frame."""
    import torch

    padded = torch.cat([features[:1].expand(reach, -1), features, features[-1:].expand(reach, -1)])
    count = len(features)
    slope = torch.zeros_like(features)
    for n in range(1, reach + 1):
        slope += n * (padded[reach + n : reach + n + count] - padded[reach - n : reach - n + count])
    return slope / (2 * sum(n * n for n in range(1, reach + 1)))


def loudness(samples: Any) -> Any:
    """Return the level of each frame, (frames,) float32, dB below full scale (at least -100).

    Args:
        samples: (samples,) at 16 kHz, in [-1, 1]; frames are samples // 160.
    """
    import numpy as np

    hop = SPEECH_RATE // FRAME_RATE
    count = len(samples) // hop
    frames = np.asarray(samples[: count * hop], np.float32).reshape(count, hop)
    return 10 * np.log10(np.maximum((frames**2).mean(axis=1), 1e-10))
