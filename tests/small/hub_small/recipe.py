"""A recipe, an evaluation and a benchmark without torch."""

import json
from dataclasses import dataclass
from pathlib import Path

from hub.evaluation import Bench, Card, Evaluation, Metric

CARD = Card("A small demo", "No model to speak of.", tags=("tests",), licence="mit")


@dataclass(frozen=True)
class Settings:
    shade: int = 200  # of the pictures, 0 to 255

    def __post_init__(self) -> None:
        if not 0 <= self.shade <= 255:
            raise ValueError(f"shade must be from 0 to 255, got {self.shade}")


def train(out: Path, settings: Settings) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    out.mkdir(parents=True, exist_ok=True)
    config = {"demo": "small", "format": 1, "shade": settings.shade}
    (out / "config.json").write_text(json.dumps(config))
    save_file({"weight": np.zeros(4, np.float32)}, out / "model.safetensors")


def evaluate(checkpoint: Path, device: str = "cpu", quick: bool = False) -> Evaluation:
    shade = json.loads((checkpoint / "config.json").read_text())["shade"]
    name = "error_quick" if quick else "error"
    return Evaluation({name: Metric(shade / 255, "", False, "one picture")}, "no data")


def benchmark(checkpoint: Path, device: str) -> list[Bench]:
    return [Bench("pictures", 10.0, 5.0, 2.0, "pictures/s", 3, "a stone")]
