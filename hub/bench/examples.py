"""What a benchmark calls: an endpoint, and arguments that it answers.

An argument that travels as a file is its bytes here, which `Hub.call` takes as they are and
`hub.bench.load` uploads.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.app import Hub
from hub.endpoints import Endpoint
from hub.errors import HubError, NotFoundError
from hub.kinds import Kind, ListOf, Maybe
from hub.media import Files, Image, Sound, Table, png, wav
from hub.samples import plain, voiced
from hub.settings import DISABLE, ONLY

SIDE = 96  # pixels of a drawing


@dataclass(frozen=True)
class Target:
    """An endpoint that can be called."""

    demo: str
    api: str  # its name in the API
    endpoint: Endpoint
    varied: bool  # whether it answers what is made up here, or only its own example

    def arguments(self, number: int = 0) -> dict[str, Any]:
        """Return the arguments of a call, without those that keep their defaults; another number
        gives other pictures and sounds, where the endpoint answers those."""
        made = made_up(self.endpoint, number) if self.varied else declared(self.endpoint)
        assert made is not None
        return made

    def all_arguments(self, number: int = 0) -> list[Any]:
        """Return the same in the endpoint's order, what is left out as its default."""
        given = self.arguments(number)
        return [given.get(p.name, p.default) for p in self.endpoint.parameters]


def open_hub(device: str, checkpoints: Path | None) -> Hub:
    """Return the hub in this process, of the demos that `latenthub serve` serves here."""
    only, disable = (one.text.replace(",", " ").split() for one in (ONLY, DISABLE))
    return Hub.open(only, disable, checkpoint_folder=checkpoints, device=device)


def find(
    hub: Hub, demo: str | None = None, endpoint: str | None = None, batched: bool = False
) -> Target:
    """Return an endpoint to call: the one that is named, else the first that answers an example.

    Args:
        batched: unless it is named, it must be one that gathers calls.

    Raises:
        NotFoundError: there is none of that name, or none that answers.
    """
    for name in [demo] if demo is not None else hub.demos:
        named = [hub.endpoint(name, endpoint)] if endpoint is not None else []
        for one in named or hub.endpoints(name).values():
            if named or not batched or one.options.max_batch > 1:
                target = answering(hub, name, one)
                if target is not None:
                    return target
    kind = "batched endpoint" if batched else "endpoint"
    where = f"{demo} has" if demo else "the installed demos have"
    what = f"endpoint {endpoint!r}" if endpoint else kind
    raise NotFoundError(f"{where} no {what} that answers an example; name another with --endpoint")


def every(hub: Hub, demo: str | None = None) -> list[Target]:
    """Return every endpoint that answers an example."""
    names = [demo] if demo is not None else list(hub.demos)
    found = [answering(hub, name, one) for name in names for one in hub.endpoints(name).values()]
    return [one for one in found if one is not None]


def answering(hub: Hub, demo: str, endpoint: Endpoint) -> Target | None:
    """Return an endpoint with the arguments that it answers; None if there are none."""
    api = f"{hub.demo(demo).prefix}_{endpoint.name}"
    for varied in (True, False):
        made = made_up(endpoint, 0) if varied else declared(endpoint)
        if made is None:
            continue
        try:
            hub.call(demo, endpoint.name, made)
        except HubError:
            continue
        return Target(demo, api, endpoint, varied)
    return None


def made_up(endpoint: Endpoint, number: int) -> dict[str, Any] | None:
    """Return a value for each argument that has no default; None where one cannot be made up."""
    made = {p.name: value_of(p.kind, number) for p in endpoint.parameters if p.required}
    return None if any(value is None for value in made.values()) else made


def declared(endpoint: Endpoint) -> dict[str, Any] | None:
    """Return the endpoint's own first example; None where it has none."""
    if not endpoint.examples:
        return None
    kinds = {parameter.name: parameter.kind for parameter in endpoint.parameters}
    return {name: as_file(value) for name, value in endpoint.examples[0].items() if name in kinds}


def as_file(value: Any) -> Any:
    """Return the bytes of a data URL; other values as they are."""
    if isinstance(value, str) and value.startswith("data:"):
        return base64.b64decode(value.partition("base64,")[2])
    return value


def value_of(kind: Kind, number: int) -> Any:
    """Return a value that `kind` allows; None where none can be made up."""
    if isinstance(kind, Maybe):
        return value_of(kind.kind, number)
    if isinstance(kind, ListOf):
        item = value_of(kind.kind, number)
        return None if item is None else [item] * max(1, kind.low)
    if isinstance(kind, Image):
        return drawing(number, min(SIDE, kind.max_side))
    if isinstance(kind, Sound):
        seconds = min(max(0.5, kind.min_seconds), kind.max_seconds)
        return wav(1.8 * voiced(kind.rate, seconds, number), kind.rate)
    if isinstance(kind, Files):
        return None  # what is brought is kept under its name, so answers need not be alike
    if isinstance(kind, Table):
        return f"x,y\n1,{number}\n2,3\n".encode()
    return plain(kind)


def drawing(number: int, side: int = SIDE) -> bytes:
    """Return a picture of a few thick strokes, dark on white, as PNG of `side` pixels a side."""
    import numpy as np
    from PIL import Image as Pictures
    from PIL import ImageDraw

    corners = np.random.default_rng(number).integers(side // 6, side - side // 6, (4, 2))
    picture = Pictures.new("RGB", (side, side), "white")
    points = [(int(x), int(y)) for x, y in corners]
    ImageDraw.Draw(picture).line(points, "black", side // 10, "curve")
    return png(np.array(picture))


def contents(endpoint: Endpoint, result: Any) -> list[Any]:
    """Return what a caller sees of an answer: a value for each result, a file as its bytes."""
    encoded = endpoint.encode(result, lambda content, suffix: content)
    return encoded if len(endpoint.results) > 1 else [encoded]


def distance(expected: Any, found: Any) -> float:
    """Return how far two answers are apart: 0, equal; below 1, the same but for rounding and lossy
    formats; 1 or more, different.

    Pictures and sounds may differ by 4 % of their range on average, which is more than the WebP
    that Gradio sends loses; numbers by one in a thousand.
    """
    if isinstance(expected, bytes) and isinstance(found, bytes):
        return 0.0 if expected == found else far(expected, found)
    if isinstance(expected, bool) or isinstance(expected, str) or expected is None:
        return 0.0 if expected == found else 1.0
    if isinstance(expected, (int, float)) and isinstance(found, (int, float)):
        return abs(expected - found) / (1e-3 * max(abs(expected), 1.0))
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        if expected.keys() != found.keys():
            return 1.0
        return max((distance(expected[key], found[key]) for key in expected), default=0.0)
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return 1.0
        return max(map(distance, expected, found), default=0.0)
    return 1.0


def far(expected: bytes, found: bytes) -> float:
    """Return the distance of two files: pictures by their pixels, sounds by their samples."""
    import numpy as np
    from PIL import Image as Pictures

    try:
        pair = [
            np.asarray(Pictures.open(io.BytesIO(one)).convert("RGB")) for one in (expected, found)
        ]
    except OSError:  # no picture
        if not (expected[:4] == found[:4] == b"RIFF" and len(expected) == len(found)):
            return 1.0
        pair = [np.frombuffer(one[44:], "<i2") / 128 for one in (expected, found)]
    if pair[0].shape != pair[1].shape:
        return 1.0
    return float(np.abs(pair[0].astype(float) - pair[1].astype(float)).mean()) / (0.04 * 255)
