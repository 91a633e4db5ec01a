"""Values of every kind, for tests of any endpoint: a plain one, the limits, and wrong ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hub.endpoints import Endpoint
from hub.kinds import LARGEST, SAFE, Boolean, Choice, Integer, Kind, ListOf, Maybe, Number, Text
from hub.media import File, Image, Sound, Table, is_file_kind

UNLIMITED = (SAFE, LARGEST)
SENTENCE = "The quick brown fox jumps over the lazy dog. "


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
        return np.sin(np.arange(kind.rate) * 440 * 2 * np.pi / kind.rate).astype(np.float32)
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
        yield np.zeros(1, np.float32)
        yield np.sign(np.sin(np.arange(kind.rate // 4))).astype(np.float32)
    elif isinstance(kind, Table):
        yield [{"x": None}]
    elif isinstance(kind, File):
        yield b"\0"


def wrong(kind: Kind) -> Iterator[Any]:
    """Yield values that `kind` does not allow."""
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
        yield from ("no such file", 3, {"path": "nowhere", "meta": {"_type": "gradio.FileData"}})
        if not isinstance(kind, File):
            yield b"neither a picture nor a sound\xff\0"
