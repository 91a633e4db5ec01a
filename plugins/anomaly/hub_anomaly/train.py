"""The recipe: detectors of pictures, and of tables whose data sets are not everywhere, each of
which is trained alone, into one checkpoint."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from tqdm import tqdm

from hub.training import save_part
from hub_anomaly import model
from hub_anomaly.examples import BUNDLED
from hub_anomaly.pictures import train as picture_recipe
from hub_anomaly.tables import bundled, packing
from hub_anomaly.tables.model import ModelConfig as TableConfig


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes; what a part learns from and how fast is told in its own recipe."""

    part: Literal["all", "tiles", "mnist", "fashion_mnist", "fraud", "intrusion"] = "all"
    share: float = 1.0  # of the usual steps of each part: less for a try
    seed: int = 0  # of pictures

    def __post_init__(self) -> None:
        if not 0 < self.share <= 100:
            raise ValueError(f"share must be above 0 and at most 100, got {self.share}")

    def steps(self, usual: int) -> int:
        return max(1, round(self.share * usual))


def train(out: Path, config: TrainConfig) -> None:
    """Train the detectors that `config` names; write the checkpoint `out` once all are there.

    What is under way or done lies in `out/.parts`: the same command goes on from there.

    Raises:
        DataError: the data sets are not there.
    """
    folder = out / ".parts"
    if pictures := picture_recipe.parts_of(config.part):
        usual = picture_recipe.TrainConfig()
        own = picture_recipe.TrainConfig(
            steps=config.steps(usual.steps),
            class_steps=config.steps(usual.class_steps),
            seed=config.seed,
        )
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        for part in pictures:
            picture_recipe.train_part(folder / "pictures", part, own)
    if int(os.environ.get("RANK", "0")) != 0:  # another process does the rest
        return
    for name in BUNDLED:
        if config.part in ("all", name):
            train_table(folder / "tables", name, config)
    if lacking := model.missing(folder):
        print(f"{out.name} becomes a checkpoint when {', '.join(lacking)} are trained too")
        return
    model.assemble(out)


def train_table(folder: Path, name: str, config: TrainConfig) -> None:
    """Train the detector of a table into `folder`, unless it is done: it takes seconds."""
    file = folder / f"{name}.safetensors"
    if file.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    settings = TableConfig(steps=config.steps(TableConfig().steps))
    began, cpu = time.perf_counter(), time.process_time()
    with tqdm(total=100, desc=name, unit="%") as bar:
        fitted = bundled.learned(name, settings, lambda share: bar.update(int(100 * share) - bar.n))
        bar.update(100 - bar.n)
    tensors, told = packing.packed(fitted)
    facts = {
        "steps": settings.steps_for(fitted.rows),
        "minutes": round((time.perf_counter() - began) / 60, 2),
        "cpu_minutes": round((time.process_time() - cpu) / 60, 2),
        "device": "CPU",
        "threads": torch.get_num_threads(),
        "processes": 1,
        "settings": asdict(settings),
    }
    save_part(file, tensors, {"detector": told, "training": facts})
