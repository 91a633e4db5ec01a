"""The recipe of the speech network: mixtures that are drawn anew at every step, one loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hub.training import Loss, Run, save_part
from hub_denoise.speech.data import BOOKS, LEARNERS, NEAR, Mixer, recordings, voices
from hub_denoise.speech.model import Masker, ModelConfig, analyse, loss

FILE = "speech.safetensors"
VALIDATED = 24  # mixtures, the same each time

Batches = Callable[[int], tuple[Tensor, Tensor]]  # noisy and clean, of a step


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes."""

    steps: int = 6000
    minutes: float = 0  # the run is over after this long, if its steps are not; 0: never
    batch: int = 8  # examples of four seconds
    lr: float = 3e-3  # of the start; it falls to 0 along a cosine
    warmup: int = 100  # steps in which it rises
    weight_decay: float = 1e-3
    clip: float = 1.0  # norm of the gradient
    ema: float = 0.998  # decay of the average weights, which are what is kept
    validate: int = 500  # steps from one validation to the next
    seed: int = 0


def masking(batches: Batches) -> Loss:
    """Return the loss of a network on the batch of each step."""

    def of_step(network: nn.Module, step: int) -> Tensor:
        device = next(network.parameters()).device
        noisy, clean = (one.to(device) for one in batches(step))
        found, _ = network(analyse(noisy))
        with torch.autocast(device.type, enabled=False):  # spectra are compared in float32
            return loss(found, analyse(clean), levels(noisy, clean))

    return of_step


def levels(noisy: Tensor, clean: Tensor) -> Tensor:
    """Return the RMS of each clean example, (batch,), or of the noisy one where nobody speaks."""
    ours, theirs = (one.square().mean(1).sqrt() for one in (clean, noisy))
    return torch.where(ours > 1e-6, ours, theirs).clamp_min(1e-6)


def validation(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return noisy and clean examples, (24, samples) each, of validation speakers in the noises of
    the training."""
    sets = tuple((tuple(voices(name, "validation")), 0.5) for name in (BOOKS, LEARNERS))
    noises = {name: clips for name, clips in recordings().items() if name in NEAR}
    mixer = Mixer(sets, noises)
    generator = np.random.default_rng((seed, 1))
    found: list[tuple[Tensor, Tensor]] = []
    while len(found) < VALIDATED:
        noisy, clean = mixer.example(generator)
        if clean.square().mean() > 0:
            found.append((noisy, clean))
    return torch.stack([one for one, _ in found]), torch.stack([one for _, one in found])


@torch.inference_mode()
def validated(model: nn.Module, noisy: Tensor, clean: Tensor) -> float:
    """Return the loss of a network on examples."""
    total = 0.0
    for some, wanted in zip(noisy.split(8), clean.split(8), strict=True):
        found, _ = model(analyse(some))
        total += float(loss(found, analyse(wanted), levels(some, wanted))) * len(some)
    return total / len(noisy)


def train_speech(folder: Path, model: ModelConfig, config: TrainConfig) -> Path:
    """Train the network, or go on with it; return the file of its average weights, float32, in
    `folder`, where it has the lowest loss on validation speakers.

    Raises:
        DataError: the training splits are not there.
    """
    file = folder / FILE
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    mixer = Mixer.training()
    held = validation(config.seed)
    torch.manual_seed(config.seed)
    network = Masker(model)
    optimizer = torch.optim.AdamW(
        network.parameters(), config.lr, weight_decay=config.weight_decay, fused=True
    )
    run = Run(
        "speech",
        network,
        optimizer,
        steps=config.steps,
        minutes=config.minutes,
        decay=config.ema,
        seed=config.seed,
        folder=folder,
    )

    def judge(step: int) -> float:
        average = run.average.model.eval()
        device = run.accelerator.device
        value = validated(average, held[0].to(device), held[1].to(device))
        if run.main:
            print(f"step {step}: loss {value:.4f} on validation speakers", flush=True)
        return value

    def batch(step: int) -> tuple[Tensor, Tensor]:
        return mixer.batch(config.batch, (config.seed, 0, step, run.accelerator.process_index))

    losses = run.fit(
        masking(batch),
        lr=config.lr,
        warmup=config.warmup,
        clip=config.clip,
        judge=judge,
        judge_every=config.validate,
    )
    if run.main:
        facts = {
            "loss": round(sum(losses[-100:]) / max(1, len(losses[-100:])), 4),
            "validation_loss": round(run.best, 4),
        }
        save_part(file, run.best_weights, run.facts() | facts)
    return file
