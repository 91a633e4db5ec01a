"""What is learned of a table of usual rows, and how unusual a new row is beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from hub_anomaly.tables.model import CLEAN, Denoiser, ModelConfig, noise_of, seen, trained
from hub_anomaly.tables.neighbours import Space


@dataclass(frozen=True, eq=False)
class Scores:
    """How unusual rows are; higher is more so."""

    score: np.ndarray  # (rows,) distances in the code and in the input together
    code: np.ndarray  # (rows,) distance in the code
    input: np.ndarray  # (rows,) distance in the input: the same without a network
    reconstruction: np.ndarray  # (rows,) mean of `oddness`
    oddness: np.ndarray  # (rows, features) square of the noise that the network sees, at unit size
    restored: np.ndarray  # (rows, features) the rows without it, as they were given


@dataclass(frozen=True, eq=False)
class Detector:
    """Usual rows, a network that knows them, and their places in its code."""

    mean: np.ndarray  # (features,) float64
    deviation: np.ndarray  # (features,) float64
    noise: np.ndarray  # (features,) float32
    network: Denoiser
    inputs: Space
    codes: Space
    own: np.ndarray  # (rows,) scores of the rows it was learned from, each beside the others

    @classmethod
    def fit(
        cls,
        rows: np.ndarray,
        config: ModelConfig | None = None,
        seed: int = 0,
        device: str = "cpu",
        told: Callable[[float], None] | None = None,
    ) -> Detector:
        """Return a detector of rows that are not like these.

        Args:
            rows: (rows, features), finite numbers; at least two.
            told: is told the share that is done; what it raises ends the work.
        """
        mean, deviation = rows.mean(0), rows.std(0)
        deviation = np.where(deviation > 1e-12 * np.maximum(1, np.abs(mean)), deviation, 1.0)
        scaled = ((rows - mean) / deviation).astype(np.float32)
        noise = noise_of(scaled)
        values, sizes = (torch.from_numpy(one).to(device) for one in (scaled, noise))
        network = trained(values, sizes, config or ModelConfig(), seed, told)
        inputs = Space.of(scaled)
        codes = Space.of(seen(network, values)[0].cpu().numpy())
        own = inputs.strangeness(inputs.rows, known=True)
        own = own + codes.strangeness(codes.rows, known=True)
        return cls(mean, deviation, noise, network, inputs, codes, own)

    @cached_property
    def usual(self) -> np.ndarray:
        """`own`, ascending."""
        return np.sort(self.own)

    def scale(self, rows: np.ndarray) -> np.ndarray:
        """Return rows in deviations from the usual mean, float32; far beyond is cut off, as squares
        must be finite."""
        return ((rows - self.mean) / self.deviation).clip(-1e6, 1e6).astype(np.float32)

    def scores(self, rows: np.ndarray) -> Scores:
        """Return how unusual rows, (rows, features), are."""
        scaled = self.scale(rows)
        values = torch.from_numpy(scaled).to(self.network.last.weight.device)
        codes, noise = (one.cpu().numpy() for one in seen(self.network, values))
        code, given = self.codes.strangeness(codes), self.inputs.strangeness(scaled)
        oddness = np.square(noise)
        restored = (scaled - CLEAN * self.noise * noise) * self.deviation + self.mean
        return Scores(code + given, code, given, oddness.mean(1), oddness, restored)

    def rarity(self, scores: np.ndarray) -> np.ndarray:
        """Return which share of usual rows, (rows,), would have such a score or a higher one: a
        p-value by ranks, from 1 / (rows learned from + 1) to 1."""
        above = len(self.usual) - np.searchsorted(self.usual, scores, side="left")
        return (1 + above) / (1 + len(self.usual))
