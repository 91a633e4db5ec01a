"""A denoising auto-encoder of table rows: it tells the noise that was added to a row.

Vincent et al., "Stacked Denoising Autoencoders", JMLR 2010; noise of a size of its own for every
feature, after arXiv:2508.00758. Rows are standardised before: mean 0, deviation 1 in training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.training import has_bf16

WEAKEST, STRONGEST = 0.25, 2.0  # times a feature's noise, in training
CLEAN = 1.0  # the strength that a clean row is looked at with
BINS = 50  # of a feature's histogram
SHORTEST = 200  # steps of training
TRIMMED = 0.01  # of its values on each side that the histogram leaves out


@dataclass(frozen=True)
class ModelConfig:
    """The network and its training; one for all tables."""

    width: int = 256
    layers: int = 3  # residual ones
    steps: int = 700  # at most: see `steps_for`
    batch: int = 128
    rate: float = 1.5e-3
    warmup: int = 50  # steps
    decay: float = 1e-4
    clip: float = 5.0

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.steps, self.batch) < 1:
            raise ValueError("width, layers, steps and batch must be positive")

    def steps_for(self, rows: int) -> int:
        """Return the steps for a table of so many rows: fewer for a small one, which would be
        learned by heart."""
        return min(self.steps, SHORTEST + rows // 4)


class Denoiser(nn.Module):
    """From noisy rows and the strength of their noise to that noise, at unit size."""

    def __init__(self, features: int, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Linear(features + 1, config.width)
        self.residual = nn.ModuleList(
            nn.Linear(config.width, config.width) for _ in range(config.layers)
        )
        self.last = nn.Linear(config.width, features)
        nn.init.zeros_(self.last.weight)  # the best guess before anything is learned
        nn.init.zeros_(self.last.bias)

    def hidden(self, rows: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first and the last hidden state, (rows, width) each, of rows, (rows,
        features), with noise of `strength`, (rows, 1)."""
        first = x = F.silu(self.first(torch.cat([rows, strength.log()], 1)))
        for layer in self.residual:
            x = x + F.silu(layer(x))
        return first, x

    def forward(self, rows: Tensor, strength: Tensor) -> Tensor:
        return self.last(self.hidden(rows, strength)[1])


def noise_of(rows: np.ndarray) -> np.ndarray:
    """Return how strong the noise of each feature is at strength 1, (features,) float32, in
    deviations, of standardised rows, (rows, features).

    The more a feature's values crowd at one place, the stronger: clip(0.5 (1 + 0.33 (k - 3)), 0.1,
    3), where k is the kurtosis of its histogram, without the outermost hundredth on each side, with
    bins laid outwards from the fullest one; 1.8, that of a uniform one, for two values or one.
    """
    kurtoses = np.array([crowding(column) for column in rows.T])
    return np.clip(0.5 * (1 + 0.33 * (kurtoses - 3)), 0.1, 3).astype(np.float32)


def crowding(values: np.ndarray) -> float:
    if len(np.unique(values[:10_000])) <= 2 and len(np.unique(values)) <= 2:
        return 1.8
    low, high = np.quantile(values, [TRIMMED, 1 - TRIMMED])
    if high <= low:
        low, high = values.min(), values.max()
    counts = np.histogram(values, BINS, (low, high))[0]
    shares = np.sort(counts)[::-1] / counts.sum()
    # 0, 1, -1, 2, -2 …: the fullest bin in the middle.
    places = np.array([(one + 1) // 2 * (1 if one % 2 else -1) for one in range(BINS)])
    middle = shares @ places
    spread = shares @ (places - middle) ** 2
    return float(shares @ (places - middle) ** 4 / spread**2) if spread > 1e-9 else 1.8


def trained(
    rows: Tensor,
    noise: Tensor,
    config: ModelConfig,
    seed: int = 0,
    told: Callable[[float], None] | None = None,
) -> Denoiser:
    """Return a network that knows the noise of rows like these.

    Args:
        rows: (rows, features) float32, standardised.
        noise: (features,), see `noise_of`.
        told: is told the share of the steps that is done; what it raises ends the training.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Denoiser(rows.shape[1], config).to(rows.device)
    generator = torch.Generator(rows.device).manual_seed(seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.rate, weight_decay=config.decay, fused=True
    )
    batch, steps = min(config.batch, max(len(rows), 32)), config.steps_for(len(rows))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = config.rate * pace(step, steps, config.warmup)
        chosen = torch.randint(len(rows), (batch,), generator=generator, device=rows.device)
        unit = torch.randn(batch, rows.shape[1], generator=generator, device=rows.device)
        at = torch.rand(batch, 1, generator=generator, device=rows.device)
        strength = WEAKEST * (STRONGEST / WEAKEST) ** at
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=has_bf16()):
            found = network(rows[chosen] + strength * noise * unit, strength)
        loss = F.mse_loss(found.float(), unit)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        optimizer.step()
        if told is not None and step % 20 == 0:
            told(step / steps)
    return network.eval().requires_grad_(False)


def pace(step: int, steps: int, warmup: int) -> float:
    """Return the share of the learning rate at a step: a rise, then half a cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    over = (step - warmup) / max(1, steps - warmup)
    return 0.5 * (1 + float(np.cos(np.pi * over)))


@torch.no_grad()
def seen(network: Denoiser, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first and the last hidden states, (rows, width) each, of clean rows, and the noise
    that the network takes them to have, (rows, features), at unit size."""
    found = []
    for some in rows.split(8192):
        first, last = network.hidden(some, torch.full((len(some), 1), CLEAN, device=rows.device))
        found.append((first, last, network.last(last)))
    first, last, noise = (torch.cat(parts) for parts in zip(*found, strict=True))
    return first, last, noise
