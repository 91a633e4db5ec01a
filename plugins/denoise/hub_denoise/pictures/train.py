"""The recipe of the networks for pictures, each a part of its own that resumes alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.muon import Muon
from hub.training import Loss, Run, save_part
from hub_denoise.pictures.corrupt import CORRUPTIONS, noisy
from hub_denoise.pictures.data import (
    SCALES,
    Crops,
    colour_photographs,
    digits,
    rescaled,
    tinted,
    training_and_validation,
)
from hub_denoise.pictures.digits import DigitAutoEncoder, DigitConfig
from hub_denoise.pictures.model import ModelConfig, Restorer
from hub_denoise.pictures.resize import doubled, halved

FLOOR = 0.01  # share of the learning rate that is left at a run's end
SIGMAS = (15, 25, 50)  # that validation measures at, in grey levels of 255
JUDGED = 0.6  # share of a corruption's largest amount that digits are judged at

Judge = Callable[[nn.Module], float]  # of a network; lower is better


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes."""

    steps: int = 20_000  # of the grey denoiser
    upscale_steps: int = 5_000
    colour_steps: int = 12_000
    digit_steps: int = 6_000
    minutes: float = 0  # end each run by then, the rate falling the sooner; 0: after its steps
    batch: int = 16  # pieces of photographs
    side: int = 64  # pixels, of a piece
    sigma: float = 55.0  # noise is of 0 up to so many grey levels of 255
    untold: float = 0.3  # how often the noise level is not told
    real: float = 0.4  # share of a colour batch that is of photographs in colour, not tinted ones
    digit_batch: int = 128
    lr: float = 2e-3  # of Muon, for photographs; falls with the cosine to a hundredth
    digit_lr: float = 1e-3  # of AdamW
    warmup: int = 200  # steps in which it rises
    clip: float = 1.0  # norm of the gradient
    ema: float = 0.999  # decay of the average weights, which are what is kept
    validate_every: int = 500  # steps
    seed: int = 0

    def __post_init__(self) -> None:
        steps = ("steps", "upscale_steps", "colour_steps", "digit_steps", "validate_every")
        for name in (*steps, "batch", "side", "sigma", "digit_batch", "lr", "digit_lr"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("untold", "real"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")


# Losses.


def root_mean_square(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the mean over pictures of each one's root mean squared error.

    Between the mean squared error, in which the noisiest pictures count for nearly all, and PSNR,
    in which those that are flat do.
    """
    return (restored - clean).square().flatten(1).mean(1).add(1e-8).sqrt().mean()


def denoising(draw: Callable[[np.random.Generator], Tensor], config: TrainConfig) -> Loss:
    """Return the loss of a network that removes noise of any level, told or not told.

    Args:
        draw: gives clean pieces, (batch, channels, side, side) in [0, 1].
    """

    def loss(network: nn.Module, step: int) -> Tensor:
        generator = np.random.default_rng((config.seed, step))
        clean = draw(generator)
        sigma = torch.from_numpy(generator.uniform(0, config.sigma, len(clean))).float()
        told = torch.from_numpy(generator.random(len(clean)) >= config.untold)
        spoilt = noisy(clean, sigma[:, None, None, None])
        device = device_of(network)
        restored = network(spoilt.to(device), (sigma * told / 255).to(device))
        return root_mean_square(restored, clean.to(device))

    return loss


def upscaling(crops: Crops, config: TrainConfig) -> Loss:
    """Return the loss of a network that puts detail into pictures doubled bicubically."""

    def loss(network: nn.Module, step: int) -> Tensor:
        clean = crops.draw(config.batch, config.side, np.random.default_rng((config.seed, step)))
        with torch.autocast("cpu", enabled=False):
            spoilt = doubled(halved(clean))
        device = device_of(network)
        return root_mean_square(network(spoilt.to(device)), clean.to(device))

    return loss


def restoring(images: Tensor, config: TrainConfig) -> Loss:
    """Return the loss of an auto-encoder of digits, in nats per pixel, each spoilt in one of
    CORRUPTIONS by up to its largest amount.

    Args:
        images: (count, 1, 28, 28) uint8.
    """

    def loss(network: nn.Module, step: int) -> Tensor:
        generator = np.random.default_rng((config.seed, step))
        chosen = torch.from_numpy(generator.integers(0, len(images), config.digit_batch))
        clean = images[chosen].float() / 255
        parts = [
            way.apply(part, torch.rand(len(part)) * way.largest, None)
            for way, part in zip(
                CORRUPTIONS.values(), clean.tensor_split(len(CORRUPTIONS)), strict=True
            )
        ]
        device = device_of(network)
        logits = network(torch.cat(parts).to(device)).float()
        return F.binary_cross_entropy_with_logits(logits, clean.to(device))

    return loss


def device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


# Validation: minus the mean PSNR in dB, always on the same pictures with the same noise.


def error_in_db(restored: Tensor, clean: Tensor) -> Tensor:
    """Return minus the PSNR of each picture of a batch, in dB."""
    restored = restored.float().clamp(0, 1)
    return 10 * (restored - clean).square().flatten(1).mean(1).clamp_min(1e-10).log10()


def of_pairs(pairs: list[tuple[tuple[Tensor, ...], Tensor]], restore: str = "forward") -> Judge:
    """Return what measures a network on batches of spoilt pictures, with the noise level where it
    is told, and clean ones."""

    @torch.no_grad()
    def judge(network: nn.Module) -> float:
        device = device_of(network)
        found = [
            error_in_db(
                getattr(network, restore)(*(one.to(device) for one in given)), clean.to(device)
            )
            for given, clean in pairs
        ]
        return float(torch.cat(found).mean())

    return judge


def noise_left(pictures: list[Tensor]) -> Judge:
    """Return what measures a network, told the level and not told it, on uint8 pictures at each of
    SIGMAS."""
    generator = torch.Generator().manual_seed(0)
    pairs: list[tuple[tuple[Tensor, ...], Tensor]] = []
    for sigma in SIGMAS:
        for picture in pictures:
            clean = picture[None].float() / 255
            spoilt = noisy(clean, sigma, generator)
            pairs += [((spoilt,), clean), ((spoilt, torch.tensor([sigma / 255])), clean)]
    return of_pairs(pairs)


def detail_missing(pictures: list[Tensor]) -> Judge:
    clean = [picture[None].float() / 255 for picture in pictures]
    return of_pairs([((doubled(halved(one)),), one) for one in clean])


def digits_left_spoilt(images: Tensor) -> Judge:
    generator = torch.Generator().manual_seed(0)
    clean = images.float() / 255
    amounts = torch.full((len(clean),), JUDGED)
    pairs = [
        ((way.apply(clean, amounts * way.largest, generator),), clean)
        for way in CORRUPTIONS.values()
    ]
    return of_pairs(pairs, restore="restored")


# Parts.


@dataclass(frozen=True)
class Task:
    """What one part learns."""

    network: nn.Module
    model: dict[str, Any]  # its settings
    loss: Loss
    judge: Judge
    steps: int


def task(part: str, model: ModelConfig, digit: DigitConfig, config: TrainConfig) -> Task:
    """Return what `part` learns and from what.

    Raises:
        DataError: the training pictures are not there.
    """
    torch.manual_seed(config.seed)
    if part == "digits":
        return Task(
            DigitAutoEncoder(digit),
            asdict(digit),
            restoring(digits("train"), config),
            digits_left_spoilt(digits("validation")[::100]),
            config.digit_steps,
        )
    pictures, held_out = training_and_validation()
    crops = Crops(pictures + [rescaled(one, scale) for one in pictures for scale in SCALES])
    model = replace(model, channels=3 if part == "colour" else 1, told=part != "upscale")
    network = Restorer(model)
    if part == "upscale":
        loss, judge = upscaling(Crops(pictures), config), detail_missing(held_out)
        steps = config.upscale_steps
    elif part == "colour":
        real, judged = colour_photographs()
        loss = denoising(lambda generator: mixed(crops, Crops(real), config, generator), config)
        judge, steps = noise_left(judged), config.colour_steps
    else:
        loss = denoising(lambda generator: crops.draw(config.batch, config.side, generator), config)
        judge, steps = noise_left(held_out), config.steps
    return Task(network, asdict(model), loss, judge, steps)


def mixed(grey: Crops, real: Crops, config: TrainConfig, generator: np.random.Generator) -> Tensor:
    """Return pieces in colour, (batch, 3, side, side): some real ones, the others tinted."""
    count = round(config.real * config.batch)
    pieces = real.draw(count, config.side, generator)
    others = grey.draw(config.batch - count, config.side, generator)
    return torch.cat([pieces, tinted(others, generator)])


def judged(run: Run, judge: Judge) -> float:
    with run.accelerator.autocast():
        return judge(run.average.model)


def optimizer_of(network: nn.Module, config: TrainConfig) -> tuple[torch.optim.Optimizer, float]:
    """Return what trains a network, and its learning rate: Muon for photographs, with which 600
    steps bring what 8,000 of AdamW do."""
    if isinstance(network, Restorer):
        return Muon(network, config.lr, outer=("head", "tail")), config.lr
    adam = torch.optim.AdamW(network.parameters(), config.digit_lr, weight_decay=0, fused=True)
    return adam, config.digit_lr


def train_part(
    folder: Path, part: str, model: ModelConfig, digit: DigitConfig, config: TrainConfig
) -> Path:
    """Train a part, unless it is done; return the file of its weights.

    Raises:
        DataError: the training pictures are not there.
    """
    file = folder / f"{part}.safetensors"
    if file.exists():
        return file
    work = task(part, model, digit, config)
    optimizer, lr = optimizer_of(work.network, config)
    run = Run(
        part,
        work.network,
        optimizer,
        steps=work.steps,
        minutes=config.minutes,
        decay=config.ema,
        seed=config.seed,
        folder=folder,
    )
    run.fit(
        work.loss,
        lr=lr,
        warmup=config.warmup,
        floor=FLOOR,
        clip=config.clip,
        judge=lambda step: judged(run, work.judge),
        judge_every=config.validate_every,
    )
    if run.main:
        facts = {"validation_psnr_db": round(-run.best, 3), "settings": asdict(config)}
        save_part(file, run.best_weights, {"model": work.model, "training": run.facts() | facts})
    return file
