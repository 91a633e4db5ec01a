"""The recipe of the networks for pictures, each a part of its own that resumes alone."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hub.training import Run
from hub_denoise.pictures.corrupt import noisy
from hub_denoise.pictures.data import SCALES, Crops, rescaled, training_and_validation
from hub_denoise.pictures.model import ModelConfig, Restorer

SNAPSHOTS = 120  # seconds between two
SIGMAS = (15, 25, 50)  # that validation measures at, in grey levels of 255

Loss = Callable[[nn.Module, int], Tensor]  # of the network at a step


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes."""

    part: Literal["grey"] = "grey"  # which network
    steps: int = 20_000
    minutes: float = 0  # end a run by then, the rate falling the sooner; 0: after its steps
    batch: int = 16  # pieces of pictures
    side: int = 64  # pixels, of a piece
    sigma: float = 55.0  # noise is of 0 up to so many grey levels of 255
    untold: float = 0.5  # how often the noise level is not told
    lr: float = 1e-3  # falls with the cosine to a hundredth
    warmup: int = 200  # steps in which it rises
    clip: float = 1.0  # norm of the gradient
    ema: float = 0.999  # decay of the average weights, which are what is kept
    validate_every: int = 500  # steps
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "side", "sigma", "lr", "validate_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.untold <= 1:
            raise ValueError(f"untold must be in [0, 1], got {self.untold}")


# Losses.


def root_mean_square(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the mean over pictures of each one's root mean squared error.

    Between the mean squared error, in which the noisiest pictures count for nearly all, and PSNR,
    in which those that are flat do.
    """
    return (restored - clean).square().flatten(1).mean(1).add(1e-8).sqrt().mean()


def denoising(crops: Crops, config: TrainConfig) -> Loss:
    """Return the loss of a network that removes noise of any level, told or not told."""

    def loss(network: nn.Module, step: int) -> Tensor:
        generator = np.random.default_rng((config.seed, step))
        clean = crops.draw(config.batch, config.side, generator)
        sigma = torch.from_numpy(generator.uniform(0, config.sigma, config.batch)).float()
        told = torch.from_numpy(generator.random(config.batch) >= config.untold)
        spoilt = noisy(clean, sigma[:, None, None, None])
        return root_mean_square(network(spoilt, sigma * told / 255), clean)

    return loss


# Runs.


def fit(
    run: Run, loss: Loss, config: TrainConfig, validate: Callable[[nn.Module], float] | None = None
) -> list[float]:
    """Train a run's network to its end, and keep the average weights of the lowest `validate`;
    return each step's loss."""
    losses = []
    run.model.train()
    for share in run:
        rise = min(1.0, (run.step + 1) / max(1, config.warmup))
        for group in run.optimizer.param_groups:
            group["lr"] = config.lr * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        with run.accelerator.autocast():
            value = loss(run.model, run.step)
        run.optimizer.zero_grad()
        run.accelerator.backward(value)
        run.accelerator.clip_grad_norm_(run.model.parameters(), config.clip)
        run.optimizer.step()
        losses.append(value.item())
        if (run.step + 1) % 50 == 0:
            run.report(loss=sum(losses[-50:]) / len(losses[-50:]), best=run.best)
        if validate and (run.step + 1) % config.validate_every == 0:
            run.judge(judged(run, validate))
    if validate:
        run.judge(judged(run, validate))
        run.save()
    return losses


def judged(run: Run, validate: Callable[[nn.Module], float]) -> float:
    with run.accelerator.autocast():
        return validate(run.average.model)


def noise_left(pictures: list[Tensor]) -> Callable[[nn.Module], float]:
    """Return what measures a network: minus its PSNR in dB, not told the level, on `pictures`, all
    of one size, uint8, at each of SIGMAS and always with the same noise; the mean of all."""
    clean = torch.stack(pictures).float() / 255
    generator = torch.Generator().manual_seed(0)
    spoilt = {sigma: noisy(clean, sigma, generator) for sigma in SIGMAS}

    @torch.no_grad()
    def validate(network: nn.Module) -> float:
        found = []
        for images in spoilt.values():
            for some, wanted in zip(images.split(10), clean.split(10), strict=True):
                restored = network(some).clamp(0, 1)
                found.append(10 * (restored - wanted).square().flatten(1).mean(1).log10())
        return float(torch.cat(found).mean())

    return validate


def train_part(folder: Path, model: ModelConfig, config: TrainConfig) -> Path:
    """Train the part that `config` names, unless it is done; return the file of its weights.

    Raises:
        DataError: the training pictures are not there.
    """
    file = folder / f"{config.part}.safetensors"
    if file.exists():
        return file
    pictures, held_out = training_and_validation()
    smaller = [rescaled(one, scale) for one in pictures for scale in SCALES]
    torch.manual_seed(config.seed)
    network = Restorer(model)
    optimizer = torch.optim.AdamW(network.parameters(), config.lr, weight_decay=0, fused=True)
    run = Run(
        config.part,
        network,
        optimizer,
        steps=config.steps,
        minutes=config.minutes,
        decay=config.ema,
        seed=config.seed,
        folder=folder,
        every=SNAPSHOTS,
    )
    began = time.process_time()
    fit(run, denoising(Crops(pictures + smaller), config), config, noise_left(held_out))
    facts = {
        "steps": run.step,
        "minutes": round(run.seconds / 60, 1),
        "cpu_minutes": round((time.process_time() - began) / 60, 1),
        "validation": round(run.best, 4),
        "threads": torch.get_num_threads(),
        "device": run.accelerator.device.type.upper(),
    }
    told = {"model": asdict(model), "settings": asdict(config), **facts}
    keep(file, run.best_weights, told)
    return file


def keep(file: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write weights, and how they came about, by rename."""
    partial = file.with_suffix(".partial")
    whole = {name: one.cpu().contiguous() for name, one in tensors.items()}
    save_file(whole, partial, metadata={"facts": json.dumps(facts)})
    partial.replace(file)


def facts_of(file: Path) -> dict[str, Any]:
    with safe_open(file, "pt") as opened:
        facts: dict[str, Any] = json.loads(opened.metadata()["facts"])
    return facts
