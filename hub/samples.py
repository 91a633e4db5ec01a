"""Values of every kind, for tests of any endpoint: a plain one, the limits, and wrong ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hub.endpoints import Endpoint
from hub.kinds import LARGEST, SAFE, Boolean, Choice, Integer, Kind, ListOf, Maybe, Number, Text
from hub.media import File, Files, Image, Sound, Table, Upload, is_file_kind, wav

UNLIMITED = (SAFE, LARGEST)
SENTENCE = "The quick brown fox jumps over the lazy dog. "
SYLLABLE = 0.25  # seconds
FORMANTS = (  # Hz, of the vowels in "hod", "heed", "who'd", "head", "had": a man's, rounded
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (660, 1720, 2410),
)


def plain_call(endpoint: Endpoint) -> dict[str, Any] | None:
    """Return a plain value for each argument without a default; None where one cannot be made."""
    found = {p.name: plain(p.kind) for p in endpoint.parameters if p.required}
    return None if any(value is None for value in found.values()) else found


def plain(kind: Kind) -> Any:
    """Return a value that `kind` allows and many a service can use; None where none can be made."""
    import numpy as np

    if isinstance(kind, Maybe):
        return plain(kind.kind)
    if isinstance(kind, ListOf):
        item = plain(kind.kind)
        return None if item is None else [item] * max(1, kind.low)
    if isinstance(kind, (Integer, Number)):
        return min(max(0, kind.low), kind.high)
    if isinstance(kind, Text):
        return (SENTENCE * (1 + kind.low // len(SENTENCE)))[: kind.high]
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, Choice):
        return kind.values[0]
    if isinstance(kind, Image):
        picture = np.zeros((64, 64), np.uint8)
        picture[8:56, 29:35] = 255  # an upright stroke
        return picture
    if isinstance(kind, Sound):
        return voiced(kind.rate, min(max(1.0, kind.min_seconds), kind.max_seconds))
    if isinstance(kind, Files):
        return [Upload(f"words-{i}.wav", wav(voiced(16_000, 1.0, i), 16_000)) for i in count(kind)]
    if isinstance(kind, Table):
        return [{"x": 1.0, "y": 2.0}, {"x": 2.0, "y": 3.0}]
    return None


def limits(kind: Kind) -> Iterator[Any]:
    """Yield values at the ends of what `kind` allows: a service answers them or refuses them."""
    import numpy as np

    if isinstance(kind, Maybe):
        yield None
        yield from limits(kind.kind)
    elif isinstance(kind, ListOf):
        item = plain(kind.kind)
        if kind.low == 0 or item is not None:
            yield [item] * kind.low
    elif isinstance(kind, (Integer, Number)):
        yield from (end for end in (kind.low, kind.high) if abs(end) not in UNLIMITED)
    elif isinstance(kind, Text):
        yield "x" * kind.low
        yield "\0\u202e\U0001f600 <b>%s"[: kind.high].ljust(kind.low)
    elif isinstance(kind, Boolean):
        yield from (False, True)
    elif isinstance(kind, Choice):
        yield from kind.values
    elif isinstance(kind, Image):
        yield np.zeros((1, 1), np.uint8)
        yield np.full((3, 200), 255, np.uint8)
    elif isinstance(kind, Sound):
        yield from sounds(kind)
    elif isinstance(kind, Files):
        content = wav(voiced(16_000, 1.0), 16_000)
        bad = [Upload("empty.wav", b"", "it is empty"), Upload("talk.mp3", SENTENCE.encode())]
        yield [*bad, Upload("words.wav", content)][-max(3, kind.low) :][: kind.high]
        yield [content] * kind.low
    elif isinstance(kind, Table):
        yield [{"x": None}]
    elif isinstance(kind, File):
        yield b"\0"


def wrong(kind: Kind) -> Iterator[Any]:
    """Yield values that `kind` does not allow."""
    import numpy as np

    yield object()
    if isinstance(kind, Maybe):
        yield from (value for value in wrong(kind.kind) if value is not None)
        return
    yield None
    if isinstance(kind, (Integer, Number)):
        yield from ("three", [1], True, math.nan)
        yield from ([kind.low - 1] if -kind.low not in UNLIMITED else [])
        yield from ([kind.high + 1] if kind.high not in UNLIMITED else [])
        yield from ([0.5] if isinstance(kind, Integer) else [])
    elif isinstance(kind, Text):
        yield from (3, "x" * (kind.high + 1), ["x"])
    elif isinstance(kind, Boolean):
        yield from (1, "true")
    elif isinstance(kind, Choice):
        yield "\0 none of the choices"
    elif isinstance(kind, ListOf):
        yield from (3, "text", [object()] * max(1, kind.low))
        yield [plain(kind.kind)] * (kind.high + 1)
    elif is_file_kind(kind):
        yield from ("no such file", 3)
        if isinstance(kind, Files):
            yield from (["no such file"] * max(1, kind.low), [b"x"] * (kind.high + 1))
        else:
            yield {"path": "nowhere", "meta": {"_type": "gradio.FileData"}}
        if not isinstance(kind, (File, Files)):
            yield b"neither a picture nor a sound\xff\0"
    if isinstance(kind, Sound):
        content = wav(voiced(8000, 0.5), 8000)
        yield from (SENTENCE.encode(), content[: len(content) // 2], content[:44])
        yield (0, np.ones(100))
        yield (16_000, np.full(16_000, np.nan, np.float32))


def count(kind: Files) -> range:
    return range(1, max(1, kind.low) + 1)


def sounds(kind: Sound) -> Iterator[Any]:
    """Yield sounds at the ends of what `kind` allows, and of what recorders give."""
    import numpy as np

    length = min(max(0.5, kind.min_seconds), kind.max_seconds)
    samples = round(length * kind.rate)
    shortest = max(1, round(kind.min_seconds * kind.rate))
    yield voiced(kind.rate, length)[:shortest]
    yield np.zeros(samples, np.float32)
    yield np.sign(np.sin(np.arange(samples))).astype(np.float32)
    for rate in (8000, 192_000):
        one = voiced(rate, length)
        yield rate, (32767 * np.stack([one, 0 * one], axis=1)).astype(np.int16)


def voiced(rate: int, seconds: float, seed: int = 0) -> Any:
    """Return what sounds like a voice that says vowels, each after a short noise, in [-1, 1].

    Harmonics of a falling pitch are as strong as the vowel's formants make them: speech to whoever
    looks for a voice, with words for nobody.

    Args:
        rate: Hz. seed: which vowels, and how high the voice is.

    Returns:
        (samples,), float32.
    """
    import numpy as np

    chance = np.random.default_rng(seed)
    time = np.arange(round(rate * seconds)) / rate
    place, syllable = time % SYLLABLE, (time // SYLLABLE).astype(int)
    vowels = chance.integers(len(FORMANTS), size=syllable.max(initial=0) + 1)
    pitch = chance.uniform(90, 220) * (1.1 - 0.2 * time / max(seconds, SYLLABLE))  # Hz
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = np.zeros_like(time)
    for harmonic in range(1, int(min(4000, 0.45 * rate) / pitch.max(initial=90)) + 1):
        strength = np.zeros_like(time)
        for formant, width in zip(np.array(FORMANTS)[vowels].T, (80, 120, 180), strict=True):
            strength += 1 / (1 + ((harmonic * pitch - formant[syllable]) / width) ** 2)
        voice += strength * np.sin(harmonic * phase)
    sounding = np.clip((place - 0.05) / 0.02, 0, 1) * np.clip(
        (SYLLABLE - 0.03 - place) / 0.03, 0, 1
    )
    noise = 0.3 * chance.standard_normal(len(time)) * (place < 0.04)
    heard = sounding * voice + noise
    return (0.5 * heard / max(1e-9, np.abs(heard).max(initial=0))).astype(np.float32)
