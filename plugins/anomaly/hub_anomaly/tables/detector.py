"""What is learned of a table of usual rows, and how unusual a new row is beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from hub_anomaly.tables.model import Denoiser, ModelConfig, noise_of, seen, trained
from hub_anomaly.tables.neighbours import Space


@dataclass(frozen=True, eq=False)
class Scores:
    """How unusual rows are, (rows,) each; higher is more so."""

    score: np.ndarray  # distances in the code and in the input together
    code: np.ndarray  # distance in the code
    input: np.ndarray  # distance in the input: the same without a network
    reconstruction: np.ndarray  # what the network would change, squared


@dataclass(frozen=True, eq=False)
class Detector:
    """Usual rows, a network that knows them, and their places in its code."""

    mean: np.ndarray  # (features,) float64
    deviation: np.ndarray  # (features,) float64
    noise: np.ndarray  # (features,) float32
    network: Denoiser
    inputs: Space
    codes: Space

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
        codes = seen(network, values, sizes)[0].cpu().numpy()
        return cls(mean, deviation, noise, network, Space.of(scaled), Space.of(codes))

    def scale(self, rows: np.ndarray) -> np.ndarray:
        """Return rows in deviations from the usual mean, float32; far beyond is cut off, as squares
        must be finite."""
        return ((rows - self.mean) / self.deviation).clip(-1e6, 1e6).astype(np.float32)

    def scores(self, rows: np.ndarray) -> Scores:
        """Return how unusual rows, (rows, features), are."""
        scaled = self.scale(rows)
        device = self.network.last.weight.device
        codes, better = seen(
            self.network,
            torch.from_numpy(scaled).to(device),
            torch.from_numpy(self.noise).to(device),
        )
        code, given = self.codes.strangeness(codes.cpu().numpy()), self.inputs.strangeness(scaled)
        error = np.square(scaled - better.cpu().numpy()).mean(1)
        return Scores(code + given, code, given, error)
