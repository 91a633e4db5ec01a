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
import itertools
import math
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

from hub.errors import AudioError, HubError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Samples: TypeAlias = NDArray[np.float32]

RATES = (1000, 384_000)  # Hz; others make a filter that fills the memory
HOUR = 3600.0  # seconds
MAX_CHANNELS = 32
BLOCK = 2**16  # frames decoded at once
OPUS = (8000, 12_000, 16_000, 24_000, 48_000)  # Hz
START = 4096  # bytes looked at to tell what a file is
LAST_PAGE = 65_307  # bytes, the most that a page of Ogg has
STREAMED = 0x7FFF_0000  # bytes: what is no length but a mark for one that is not known
UNKNOWN = 2**62  # frames, the same in libsndfile
SLACK = 0.25  # seconds by which a header may err: encoders count their own delay in or out
READABLE = "WAV, AIFF, FLAC, Ogg, Opus, MP3, M4A, MP4 and WebM can be read"
CUT = "it is damaged or cut off"
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
        source: the file's content, or where it is.
        rate: Hz.
        max_seconds: what is longer is refused; None for no limit.
        name: of the file, in errors.

    Raises:
        AudioError: the file is no sound that can be read, is empty, damaged or cut off, or too
            long; the message tells which.
    """
    import numpy as np

    with opened(source, name) as sound:
        check_told(sound, max_seconds, name)
        heard = np.concatenate(list(at_rate(sound, rate, max_seconds, name)))
    return levelled(heard, name)


def read_whole(
    source: bytes | Path,
    max_seconds: float | None = HOUR,
    max_samples: int | None = None,
    name: str = "the file",
) -> tuple[int, Samples]:
    """Return an audio file's rate in Hz, and its sound at that rate, (samples, channels), in
    [-1, 1] as `read` makes it.

    Args:
        max_seconds, name: as of `read`.
        max_samples: of all channels together; what has more is refused; None for no limit.

    Raises:
        AudioError: as `read`; there are too many samples, or channels come and go.
    """
    import numpy as np

    with opened(source, name) as sound:
        check_told(sound, max_seconds, name)
        blocks: list[Any] = []
        size = 0
        for block in checked(sound, max_seconds, name):
            size += block.size
            if max_samples is not None and size > max_samples:
                raise AudioError(name, f"more than {max_samples:,} samples in all its channels")
            blocks.append(block)
        if len({block.shape[1] for block in blocks}) > 1:
            raise AudioError(name, "its channels change on the way")
    return sound.rate, levelled(np.concatenate(blocks), name)


def seconds_of(source: bytes | Path, name: str = "the file") -> float | None:
    """Return how long a sound is by its header, in seconds; None where that does not tell.

    Raises:
        AudioError: as `read`, but for what only decoding shows.
    """
    with opened(source, name) as sound:
        return sound.seconds


def encode(samples: Samples, rate: int, format: Literal["wav", "flac", "opus"] = "wav") -> bytes:
    """Return samples in [-1, 1], (samples,) or (samples, channels) at `rate` Hz, or int16 ones, as
    the content of a file.

    WAV and FLAC have 16 bits and lose nothing further; Opus, in Ogg, about 30 kbit of speech a
    second, keeps rates of 8, 12, 16, 24 and 48 kHz. Louder samples are clipped.

    Raises:
        HubError: the format needs the extra `audio`, which is not installed.
    """
    import numpy as np

    if samples.dtype == np.int16:
        whole = samples.astype("<i2")
    else:
        whole = (np.clip(samples, -1, 1) * 32767).round().astype("<i2")
    channels = 1 if whole.ndim == 1 else whole.shape[1]
    buffer = io.BytesIO()
    if format == "wav":
        with wave.open(buffer, "wb") as file:
            file.setparams((channels, 2, rate, 0, "NONE", ""))
            file.writeframes(whole.tobytes())
        return buffer.getvalue()
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise HubError(f"{format} needs the package soundfile: install latenthub[audio]") from error
    if format == "opus" and rate not in OPUS:
        raise HubError(f"Opus has rates of {', '.join(map(str, OPUS))} Hz, not {rate}")
    how = ("FLAC", "PCM_16") if format == "flac" else ("OGG", "OPUS")
    with soundfile.SoundFile(buffer, "w", rate, channels, how[1], format=how[0]) as sound:
        for start in range(0, len(whole), BLOCK):  # libsndfile wants much stack for all at once
            sound.write(whole[start : start + BLOCK])
    return buffer.getvalue()


@dataclass
class Opened:
    """An audio file that is open: what its header tells, and its content as it is decoded."""

    rate: int  # Hz
    seconds: float | None  # None: the header does not tell
    blocks: Iterator[Any]  # (frames, channels) float32
    exact: bool = True  # the header's length is that of the sound, not of a film around it


@contextlib.contextmanager
def opened(source: bytes | Path, name: str) -> Iterator[Opened]:
    with contextlib.ExitStack() as stack:
        try:
            file: IO[bytes] = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
        except OSError as error:
            raise AudioError(name, "it cannot be read") from error
        stack.enter_context(file)
        start = file.read(START)
        if not start:
            raise AudioError(name, "it is empty")
        if is_cut(file, start):
            raise AudioError(name, CUT)
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
        return by_wave(file, name, stack)
    try:
        sound = stack.enter_context(soundfile.SoundFile(file))
    except soundfile.LibsndfileError:
        file.seek(0)
        return None
    if sound.format not in SNDFILE or is_for_av(sound, file):
        file.seek(0)
        return None
    check_channels(sound.channels, name)

    def blocks() -> Iterator[Any]:
        while True:
            try:
                block = sound.read(BLOCK, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise AudioError(name, CUT) from error
            if not len(block):
                return
            yield block

    return Opened(sound.samplerate, sound.frames / max(1, sound.samplerate), blocks())


def by_wave(file: IO[bytes], name: str, stack: contextlib.ExitStack) -> Opened | None:
    import numpy as np

    try:
        sound = stack.enter_context(wave.open(file))
    except (wave.Error, EOFError):
        file.seek(0)
        return None
    rate, width, channels = sound.getframerate(), sound.getsampwidth(), sound.getnchannels()
    check_channels(channels, name)

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

    return Opened(rate, sound.getnframes() / max(1, rate), blocks(), exact=False)


def by_av(file: IO[bytes], name: str, start: bytes, stack: contextlib.ExitStack) -> Opened:
    try:
        import av
    except ImportError:
        raise AudioError(name, f"{unreadable(start)}; {INSTALL}") from None
    only = {"format_whitelist": DEMUXERS, "codec_whitelist": DECODERS}
    try:
        container = stack.enter_context(av.open(file, options=only))
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise AudioError(name, "it holds no sound")
        codec = stream.codec_context.name if stream.codec_context else "unknown"
        if codec not in DECODERS.split(","):
            raise AudioError(name, f"its codec, {codec}, cannot be read; {READABLE}")
        frames = container.decode(stream)
        first = next(frames, None)
    except (av.FFmpegError, ValueError) as error:
        known = start[4:8] == b"ftyp" or start.startswith(b"\x1aE\xdf\xa3")
        raise AudioError(name, CUT if known else f"{unreadable(start)}; {READABLE}") from error
    if first is None:
        raise AudioError(name, "it holds no sound")
    check_channels(first.layout.nb_channels, name)
    rate, seconds, film = first.sample_rate, None, bool(container.streams.video)
    if "mp4" in container.format.name and stream.duration is not None:
        seconds = float(stream.duration * stream.time_base)
    elif "webm" in container.format.name and container.duration is not None:
        seconds = container.duration / av.time_base  # of others it is an estimate

    def blocks() -> Iterator[Any]:
        try:
            for frame in itertools.chain([first], frames):
                if frame.sample_rate != rate:
                    raise AudioError(name, "its rate changes on the way")
                samples = frame.to_ndarray()  # (channels, frames), or (1, frames * channels)
                wide = frame.layout.nb_channels
                yield scaled(samples.T if frame.format.is_planar else samples.reshape(-1, wide))
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(name, CUT) from error

    return Opened(rate, seconds, trimmed(blocks(), rate, seconds), exact=not film)


def trimmed(blocks: Iterator[Any], rate: int, seconds: float | None) -> Iterator[Any]:
    """Yield blocks up to the length told: the last frame of a codec is filled up with nothing.

    What goes far beyond is no filling, and the length not to be believed.
    """
    left = round(seconds * rate) if seconds is not None else math.inf
    held: list[Any] = []
    for block in blocks:
        if left >= len(block):
            yield block
            left -= len(block)
            continue
        if left > 0:
            yield block[: int(left)]
            block, left = block[int(left) :], 0
        held.append(block)
        if sum(map(len, held)) > SLACK * rate:
            yield from held
            held, left = [], math.inf


def check_channels(channels: int, name: str) -> None:
    if channels > MAX_CHANNELS:
        raise AudioError(name, f"{channels} channels, where at most {MAX_CHANNELS} are read")


def is_cut(file: IO[bytes], start: bytes) -> bool:
    """Tell whether a WAV, AIFF or Ogg file ends before its own marks say.

    libsndfile takes what there is of the first two, and may read an Ogg file as an empty one.
    """
    size = file.seek(0, io.SEEK_END)
    if start[:4] == b"OggS":
        file.seek(max(0, size - LAST_PAGE))
        end = file.read()
        page = end[end.rfind(b"OggS") :]  # 27 bytes, the lengths of its segments, the segments
        lengths = page[27 : 27 + page[26]] if len(page) > 26 else b""
        return len(page) < 27 or len(page) < 27 + page[26] + sum(lengths)
    marks = {b"WAVE": (b"data", "little"), b"AIFF": (b"SSND", "big"), b"AIFC": (b"SSND", "big")}
    if start[:4] not in (b"RIFF", b"FORM") or start[8:12] not in marks:
        return False
    mark, order = marks[start[8:12]]
    place = 12
    while place + 8 <= size:
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[4:], order)  # type: ignore[arg-type]
        if head[:4] == mark:  # who writes as it comes does not know the length
            return length < STREAMED and place + 8 + length > size
        place += 8 + length + length % 2
    return True


def is_for_av(sound: Any, file: IO[bytes]) -> bool:
    """Tell whether libsndfile would not read all, and FFmpeg's libraries can."""
    if sound.frames >= UNKNOWN:  # FLAC that was streamed
        return True
    if sound.format != "MP3" or not has_av():
        return False
    place = file.tell()
    told = tells_length(file)
    file.seek(place)
    return not told


def tells_length(file: IO[bytes]) -> bool:
    """Tell whether an MP3 file's first frame says how long it is.

    Where it does not, libsndfile takes the file for as long as the first frame's bit rate makes
    it, and reads no further.
    """
    file.seek(0)
    head = file.read(10)
    tagged = head[:3] == b"ID3"  # the tag's size has seven bits a byte
    size = sum(byte << (7 * i) for i, byte in enumerate(reversed(head[6:10])))
    file.seek(10 + size if tagged else 0)
    frame = file.read(200)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))


def has_av() -> bool:
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


def at_rate(sound: Opened, rate: int, max_seconds: float | None, name: str) -> Iterator[Any]:
    """Yield the sound mixed to mono and resampled, block by block."""
    import numpy as np
    import soxr

    same = sound.rate == rate
    resampler = None if same else soxr.ResampleStream(sound.rate, rate, 1, dtype="float32")
    for block in checked(sound, max_seconds, name):
        mono = mixed(block)
        yield mono if resampler is None else resampler.resample_chunk(mono)
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def check_told(sound: Opened, max_seconds: float | None, name: str) -> None:
    """Refuse what is too long by its header, before it is decoded."""
    if max_seconds is not None and sound.seconds is not None and sound.seconds > max_seconds:
        raise AudioError(name, f"{sound.seconds:.1f} seconds, longer than {max_seconds:g}")


def checked(sound: Opened, max_seconds: float | None, name: str) -> Iterator[Any]:
    """Yield the sound's blocks, and refuse what is too long, empty or cut off."""
    found = 0
    for block in sound.blocks:
        found += len(block)
        if max_seconds is not None and found > max_seconds * sound.rate:
            raise AudioError(name, f"longer than {max_seconds:g} seconds")
        yield block
    if not found:
        raise AudioError(name, "it holds no sound")
    if sound.exact and sound.seconds is not None:
        missing = sound.seconds - found / sound.rate
        if missing > min(SLACK, 0.1 * sound.seconds):
            had = f"{found / sound.rate:.1f} of the {sound.seconds:.1f} seconds it tells of"
            raise AudioError(name, f"{CUT}: it holds {had}")


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """Return samples at `rate` Hz, (samples,), at `wanted` Hz."""
    import soxr

    found: Samples = samples if rate == wanted else soxr.resample(samples, rate, wanted)
    return found


def mixed(samples: Any) -> Samples:
    """Return the mean of the channels of float32 samples, (samples,) or (samples, channels)."""
    import numpy as np

    if samples.ndim == 1:
        return samples  # type: ignore[no-any-return]
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number is refused later
        mono: Samples = samples @ np.full(samples.shape[1], 1 / samples.shape[1], np.float32)
    return mono  # much faster than numpy's mean of few


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
        raise AudioError(name, "its numbers are not all finite")
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
        text = start[: start.rfind(b" ") if len(start) == START else None].decode()
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


def log_mel(
    samples: Any, bands: int = BANDS, emphasis: float = 0.97, tracts: Sequence[float] = (1.0,)
) -> Tensor:
    """Return the log-mel spectrogram, (frames, bands) float32, natural logarithms of power.

    Frame t is a Hann window of 25 ms around the middle of the t-th hundredth of a second, of
    samples brought to an RMS of 1 and pre-emphasised.

    Args:
        samples: (samples,) at 16 kHz; frames are samples // 160.
        emphasis: x[t] - emphasis x[t - 1] is what is analysed; 0: x.
        tracts: with more than one, (frames, tracts, bands), as if the vocal tract were so many
            times as short: all frequencies times this. Lee and Rose, "Speaker Normalization Using
            Efficient Frequency Warping Procedures", ICASSP 1996.
    """
    import torch

    hop = SPEECH_RATE // FRAME_RATE
    x = torch.as_tensor(samples, dtype=torch.float32)
    count = len(x) // hop
    shape = (count, bands) if len(tracts) == 1 else (count, len(tracts), bands)
    if not count:
        return torch.zeros(shape)
    x = x / x.square().mean().sqrt().clamp_min(1e-8)
    x = torch.cat([x[:1], x[1:] - emphasis * x[:-1]])
    side = (WINDOW - hop) // 2
    x = torch.nn.functional.pad(x[: count * hop], (side, side))
    frames = x.unfold(0, WINDOW, hop) * torch.hann_window(WINDOW, device=x.device)
    power = torch.fft.rfft(frames, FFT).abs().square()
    filters = torch.cat([mel_filters(bands, tract) for tract in tracts], dim=1)
    spectrogram: Tensor = (power @ filters.to(x.device)).clamp_min(FLOOR).log()
    return spectrogram.reshape(shape)


@functools.cache
def mel_filters(bands: int = BANDS, tract: float = 1.0) -> Tensor:
    """Return the triangular mel filters, (FFT // 2 + 1, bands) float32, from LOWEST to HIGHEST.

    Args:
        tract: what is at frequency f is put where `tract` f belongs.
    """
    import torch
    from transformers.audio_utils import mel_filter_bank

    bins = FFT // 2 + 1
    bank = mel_filter_bank(bins, bands, LOWEST, HIGHEST, SPEECH_RATE, mel_scale="htk")
    filters = torch.from_numpy(bank).float()
    at = (torch.arange(bins) * tract).clamp(max=bins - 1)
    below = at.long().clamp(max=bins - 2)
    return torch.lerp(filters[below], filters[below + 1], (at - below)[:, None])


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
