"""Endpoints that take and give a value of every kind."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from hub import (
    File,
    Files,
    Image,
    Images,
    InputError,
    Json,
    Length,
    Progress,
    Range,
    Sound,
    Table,
    Upload,
    endpoint,
)


class Small:
    def __init__(self, checkpoint: Path, device: str) -> None:
        self.shade = json.loads((checkpoint / "config.json").read_text())["shade"]

    @endpoint
    def draw(
        self, count: Annotated[int, Range(1, 8)] = 2, color: Literal["light", "dark"] = "light"
    ) -> Annotated[np.ndarray, Images()]:
        """Draw `count` plain pictures of one `color`."""
        shade = self.shade if color == "light" else 0
        return np.full((count, 4, 6), shade, np.uint8)

    @endpoint(max_batch=8)
    def add(self, a: list[float], b: list[float | None] = None) -> list[float]:  # type: ignore[assignment]
        """Return the sum of `a` and `b`; without `b`, of `a` and one."""
        return [one + (1 if other is None else other) for one, other in zip(a, b, strict=True)]

    @endpoint
    def shout(self, text: Annotated[str, Length(1, 20)]) -> str:
        """Return `text` in capitals."""
        if text == "quiet":
            raise InputError("text must not be 'quiet'", "text")
        return text.upper()

    @endpoint
    def invert(
        self, image: Annotated[np.ndarray, Image("L", max_side=64)]
    ) -> Annotated[np.ndarray, Image()]:
        """Return `image` with light and dark exchanged."""
        return 255 - image

    @endpoint
    def measure(
        self,
        sound: Annotated[np.ndarray, Sound(8000)] | None = None,
        table: Annotated[Any, Table()] | None = None,
        file: Annotated[bytes, File()] | None = None,
        images: list[Annotated[np.ndarray, Image()]] | None = None,
    ) -> tuple[Annotated[dict, Json()], Annotated[np.ndarray, Sound(8000)]]:
        """Return the sizes of `sound`, `table`, `file`, `images`, and half a second of silence."""
        sizes = {"sound": sound, "table": table, "file": file, "images": images}
        lengths = {name: len(value) for name, value in sizes.items() if value is not None}
        return lengths, np.zeros(4000, np.float32)

    @endpoint
    def count_down(
        self, steps: Annotated[int, Range(1, 9)] = 3, progress: Progress | None = None
    ) -> int:
        """Count `steps` down to zero, telling how far it is."""
        for step in range(steps):
            if progress:
                progress((step + 1) / steps, "counting")
        return 0

    @endpoint
    def collect(self, files: Annotated[list[Upload], Files(high=5)]) -> list[str]:
        """Return the names of `files`."""
        return [one.name for one in files]

    @endpoint
    def fail(self) -> int:
        """Fail, as a service with a fault does."""
        raise RuntimeError("a fault, with /a/path")
