"""The recipe of the detectors for pictures: one of magnetic tiles, and one per class of the digits
and of the clothes. Each is trained on usual pictures alone, is a file of its own and resumes alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.muon import Muon
from hub.training import Loss, Run, save_part
from hub_anomaly.pictures.data import CLASSES, SETS, one_class, tiles
from hub_anomaly.pictures.detector import Detector, Kind, as_inputs
from hub_anomaly.pictures.model import ModelConfig, Restorer, deviation
from hub_anomaly.pictures.spoil import spoilt

FLOOR = 0.01  # share of the learning rate that is left at a run's end
EXPOSURE = 0.3  # deviations of the logarithm by which a tile's light is changed
MODELS = {"tiles": ModelConfig(), "class": ModelConfig(side=32, width=12)}
# How much what is changed counts beside the code: of clothes it adds some tenths of a point of
# AUROC on validation pictures, of digits it takes two.
CHANGED = {"fashion_mnist": 0.5}
JUDGED = 128  # held-out pictures, spoilt always the same way, that a network is judged by

Judge = Callable[[int], float]


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes."""

    part: Literal["all", "tiles", "mnist", "fashion_mnist"] = "all"  # which detectors
    steps: int = 2_000  # of the network for tiles
    class_steps: int = 250  # of each class's
    batch: int = 16  # tiles
    class_batch: int = 48
    lr: float = 3e-3  # of Muon; falls along a cosine
    warmup: int = 50  # steps in which it rises
    clip: float = 1.0  # norm of the gradient
    ema: float = 0.995  # decay of the average weights, which are what is kept
    validate_every: int = 200  # steps
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "class_steps", "batch", "class_batch", "lr", "validate_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True)
class Task:
    """What one detector learns."""

    usual: Tensor  # (count, height, width) uint8
    held_out: Tensor  # likewise, to judge by and to rank beside
    model: ModelConfig
    kind: Kind
    steps: int
    batch: int


def parts_of(part: str) -> list[str]:
    """Return the detectors of a part: "tiles", and "mnist_0" to "fashion_mnist_9"."""
    classes = [f"{name}_{one}" for name in SETS for one in range(CLASSES)]
    if part == "all":
        return ["tiles", *classes]
    return [one for one in ("tiles", *classes) if one.rpartition("_")[0] == part or one == part]


def task(part: str, config: TrainConfig) -> Task:
    """Return what the detector `part` learns from.

    Raises:
        DataError: the pictures are not there.
    """
    if part == "tiles":
        validation = tiles("validation")
        faultless = validation.some(validation.labels == 0).images
        usual = tiles("train").images
        return Task(usual, faultless, MODELS[part], "texture", config.steps, config.batch)
    name, _, number = part.rpartition("_")
    usual, held_out = (one_class(name, split, int(number)) for split in ("train", "validation"))
    return Task(usual, held_out, MODELS["class"], "object", config.class_steps, config.class_batch)


def undoing(images: Tensor, kind: Kind, batch: int, config: TrainConfig) -> Loss:
    """Return the loss of a network that undoes made-up defects and says where they were: the mean
    absolute error in deviations of the picture, and the cross-entropy in nats, per pixel.

    Args:
        images: usual pictures, (count, 1, side, side) in [0, 1].
    """

    def loss(network: nn.Module, step: int) -> Tensor:
        generator = np.random.default_rng((config.seed, step))
        clean = images[torch.from_numpy(generator.integers(0, len(images), batch))]
        if kind == "texture":  # an object that is turned over is another one
            clean = turned(clean, generator)
        given, changed = spoilt(clean, generator)
        return error(network, clean, given, changed).mean()

    return loss


def turned(images: Tensor, generator: np.random.Generator) -> Tensor:
    """Return pictures mirrored at random, under another light."""
    flips = [axis for axis in (2, 3) if generator.random() < 0.5]
    light = np.exp(generator.uniform(-EXPOSURE, EXPOSURE, len(images))).astype(np.float32)
    return (images.flip(flips) * torch.from_numpy(light)[:, None, None, None]).clamp(0, 1)


def error(network: nn.Module, clean: Tensor, given: Tensor, changed: Tensor) -> Tensor:
    """Return the loss of each picture, (batch,)."""
    device = next(network.parameters()).device
    clean, given, changed = (one.to(device) for one in (clean, given, changed))
    restored, logits = network(given)
    left = (restored.float() - clean).abs() / deviation(clean)
    missed = F.binary_cross_entropy_with_logits(logits.float(), changed, reduction="none")
    return (left + missed).flatten(1).mean(1)


def judge_of(run: Run, images: Tensor) -> Judge:
    """Return what measures the average weights on held-out usual pictures with the same made-up
    defects every time."""
    some = images[:JUDGED]
    given, changed = spoilt(some, np.random.default_rng(0))

    @torch.no_grad()
    def judge(step: int) -> float:
        with run.accelerator.autocast():
            return float(error(run.average.model, some, given, changed).mean())

    return judge


def train_part(folder: Path, part: str, config: TrainConfig) -> Path:
    """Train a detector, unless it is done; return its file.

    Raises:
        DataError: the pictures are not there.
    """
    file = folder / f"{part}.safetensors"
    if file.exists():
        return file
    work = task(part, config)
    usual, held_out = (as_inputs(one, work.model.side) for one in (work.usual, work.held_out))
    run = fitted(folder, part, work, usual, held_out, config)
    if run.main:
        network = Restorer(work.model)
        network.load_state_dict(run.best_weights)
        detector = Detector.of(
            part,
            work.kind,
            network.eval(),
            usual,
            held_out,
            CHANGED.get(part.rpartition("_")[0], 0.0),
        )
        tensors, settings = detector.packed()
        facts = {"validation_loss": round(run.best, 4), "settings": asdict(config)}
        save_part(file, tensors, {"detector": settings, "training": run.facts() | facts})
    return file


def fitted(
    folder: Path, part: str, work: Task, usual: Tensor, held_out: Tensor, config: TrainConfig
) -> Run:
    """Return the finished run of a detector's network."""
    torch.manual_seed(config.seed)
    network = Restorer(work.model)
    run = Run(
        part,
        network,
        Muon(network, config.lr, outer=("head", "tail")),
        steps=work.steps,
        decay=config.ema,
        seed=config.seed,
        folder=folder,
    )
    run.fit(
        undoing(usual, work.kind, work.batch, config),
        lr=config.lr,
        warmup=config.warmup,
        floor=FLOOR,
        clip=config.clip,
        judge=judge_of(run, held_out),
        judge_every=config.validate_every,
    )
    return run
