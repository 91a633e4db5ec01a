"""What the tests call."""

import threading
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from hub import Image, Json, Progress, Range, endpoint

STEP = 0.05  # seconds


class Faulty:
    def __init__(self, checkpoint: Path, device: str) -> None:
        self.release = checkpoint / "release"
        self.started: list[str] = []
        self.ended: list[str] = []

    @endpoint(timeout=60)
    def work(
        self,
        seconds: Annotated[float, Range(0, 30)] = 1.0,
        name: str = "",
        progress: Progress | None = None,
    ) -> float:
        """Work for so many `seconds` under a `name`, and report."""
        self.started.append(name)
        try:
            steps = round(seconds / STEP)
            for step in range(steps):
                time.sleep(STEP)
                if progress is not None:
                    progress((step + 1) / steps)
        finally:
            self.ended.append(name)
        return seconds

    @endpoint(timeout=60)
    def hold(self, seconds: Annotated[float, Range(0, 30)] = 1.0, name: str = "") -> float:
        """Keep the device under a `name` and report nothing, for so many `seconds` at most: until
        there is a file `release` beside the checkpoint."""
        self.started.append(name)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.release.exists():
            time.sleep(STEP)
        self.ended.append(name)
        return seconds

    @endpoint
    def seen(self) -> Annotated[dict[str, Any], Json({"started": "names", "ended": "names"})]:
        """Return which works have started and ended."""
        return {"started": self.started, "ended": self.ended}

    @endpoint
    def add(self, x: int, y: int = 1) -> int:
        """Return x + y."""
        return x + y

    @endpoint
    def picture(self, shade: Annotated[int, Range(0, 255)] = 0) -> Annotated[np.ndarray, Image()]:
        """Return a picture of one `shade`."""
        return np.full((8, 8), shade, np.uint8)

    @endpoint(timeout=0.5)
    def hang(self) -> int:
        """Wait for ever."""
        threading.Event().wait()
        return 0

    @endpoint
    def eat(self, gigabytes: Annotated[int, Range(0, 1000)] = 100) -> int:
        """Fill so many `gigabytes` of memory."""
        return len(np.ones(gigabytes * 10**9, np.uint8))

    @endpoint
    def eat_tensor(self, gigabytes: Annotated[int, Range(0, 1000)] = 100) -> int:
        """Fill so many `gigabytes` of memory, as torch does."""
        import torch

        return len(torch.ones(gigabytes * 10**9, dtype=torch.uint8))

    @endpoint
    def leave(self, way: Literal["exit", "interrupt", "generator"] = "exit") -> int:
        """Raise what should end a program, by the `way` named."""
        raise {
            "exit": SystemExit(3),
            "interrupt": KeyboardInterrupt(),
            "generator": GeneratorExit(),
        }[way]

    @endpoint
    def no_picture(self) -> Annotated[np.ndarray, Image()]:
        """Return what is no picture."""
        return np.full((2, 3, 4, 5), np.nan)

    @endpoint
    def no_json(self) -> Annotated[dict[str, Any], Json()]:
        """Return what JSON cannot hold."""
        return {"a": object(), "b": {1, 2}, "c": "\ud800"}

    @endpoint
    def half_a_letter(self) -> str:
        """Return half of a surrogate pair."""
        return "\ud83d"

    @endpoint
    def too_few(self) -> tuple[int, str]:
        """Return one value of two."""
        return (1,)  # type: ignore[return-value]


class Greedy:
    def __init__(self, checkpoint: Path, device: str) -> None:
        self.weights = np.ones(100 * 10**9, np.uint8)

    @endpoint
    def add(self, x: int = 1) -> int:
        """Return x + 1."""
        return x + 1
