"""What the tests call."""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas

from hub import (
    File,
    Files,
    Image,
    Images,
    Json,
    Length,
    Progress,
    Range,
    Sound,
    Table,
    Upload,
    endpoint,
)


class Sample:
    def __init__(self, checkpoint: Path, device: str) -> None:
        self.offset = (checkpoint / "config.json").stat().st_size * 0

    @endpoint
    def generate(
        self,
        digit: Annotated[int | None, Range(0, 9)] = None,
        count: Annotated[int, Range(1, 64)] = 4,
        temperature: Annotated[float, Range(0.1, 2.0)] = 1.0,
        seed: Annotated[int, Range(0, 9999)] = 0,
    ) -> Annotated[np.ndarray, Images()]:
        """Draw pictures, each of one grey level.

        The level is the digit's, or follows from the seed.

        Args:
            count: how many pictures
        """
        level = 255 - 20 * digit if digit is not None else seed % 256
        return np.full((count, 8, 8), level, np.uint8)

    @endpoint
    def invert(
        self, image: Annotated[np.ndarray, Image(size=(8, 8))]
    ) -> Annotated[np.ndarray, Image()]:
        """Turn light into dark."""
        return 255 - image

    @endpoint
    def reverse(
        self, sound: Annotated[np.ndarray, Sound(rate=8000, max_seconds=5)]
    ) -> Annotated[np.ndarray, Sound(rate=8000)]:
        """Play a sound backwards."""
        return sound[::-1]

    @endpoint
    def describe(
        self, table: Annotated[pandas.DataFrame, Table(max_rows=100)]
    ) -> Annotated[pandas.DataFrame, Table()]:
        """Return the mean of each column."""
        return table.mean(numeric_only=True).to_frame("mean").reset_index()

    @endpoint
    def greet(
        self,
        name: Annotated[str, Length(1, 40)],
        style: Literal["plain", "loud"] = "plain",
        twice: bool = False,
    ) -> Annotated[dict[str, Any], Json({"text": "the greeting"})]:
        """Greet somebody."""
        text = f"Hello {name}"
        return {"text": (text.upper() if style == "loud" else text) * (2 if twice else 1)}

    @endpoint
    def measure(
        self, file: Annotated[bytes, File(suffixes=(".npz", ".txt"), max_bytes=1000)]
    ) -> tuple[int, str]:
        """Return the length of a file, and how it begins."""
        return len(file), file[:4].hex()

    @endpoint
    def collect(
        self, files: Annotated[list[Upload], Files(high=3, max_bytes=1000)], heading: str = ""
    ) -> Annotated[dict[str, Any], Json({"found": "of each file its name, length and problem"})]:
        """Look through some files."""
        found = [
            [one.name, len(one.read()) if not one.problem else 0, one.problem] for one in files
        ]
        return {"found": found}

    @endpoint
    def mean(self, numbers: Annotated[list[float], Length(1, 5), Range(-10, 10)]) -> float:
        """Return the mean of a few numbers."""
        return sum(numbers) / len(numbers)

    @endpoint(max_batch=16)
    def double(self, number: list[Annotated[int, Range(0, 100)]]) -> list[int]:
        """Return a number twice as large; calls that come together are answered together."""
        return [2 * one for one in number]

    @endpoint(timeout=20)
    def slow(
        self, steps: Annotated[int, Range(1, 20)] = 3, progress: Progress | None = None
    ) -> int:
        """Take a tenth of a second a step."""
        for step in range(steps):
            time.sleep(0.1)
            if progress is not None:
                progress((step + 1) / steps, f"step {step + 1} of {steps}")
        return steps

    @endpoint
    def fail(self) -> int:
        """Fail inside, with a path in the message."""
        raise RuntimeError("cannot read /secret/place")
