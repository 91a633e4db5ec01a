"""What is learned of a table of usual rows, and how unusual a new row is beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from hub_anomaly.tables.model import CLEAN, Denoiser, ModelConfig, noise_of, seen, trained
from hub_anomaly.tables.neighbours import Space

FIRST, LAST = 16, 64  # main directions of the hidden layers that rows are compared in
DRAWS = 8  # of noise, of a row's reconstruction
FOLDS = 3  # of a small table, each scored by a network that has learned from the others
FEWEST, MANY = 10, 1_000  # rows of a small table: at least, and fewer than


@dataclass(frozen=True, eq=False)
class Scores:
    """How unusual rows are; higher is more so."""

    score: np.ndarray  # (rows,) distances in the code and in the input together
    code: np.ndarray  # (rows,) distances in the code: in the first hidden layer and in the last
    input: np.ndarray  # (rows,) distance in the input: the same without a network
    oddness: np.ndarray  # (rows, features) square of the noise that the network sees, at unit size
    restored: np.ndarray  # (rows, features) the rows without it, as they were given


@dataclass(frozen=True, eq=False)
class View:
    """Rows as one hidden layer has them, in its main directions."""

    middle: np.ndarray  # (width,) float32
    directions: np.ndarray  # (width, dimensions) float32
    space: Space

    @classmethod
    def of(cls, states: np.ndarray, dimensions: int) -> View:
        """Return a view of states, (rows, width)."""
        middle = states.mean(0)
        around = states - middle
        _, found = np.linalg.eigh(around.T @ around)  # ascending
        directions = np.ascontiguousarray(found[:, ::-1][:, :dimensions])
        return cls(middle, directions, Space.of(around @ directions))

    def strangeness(self, states: np.ndarray) -> np.ndarray:
        return self.space.strangeness((states - self.middle) @ self.directions)


@dataclass(frozen=True, eq=False)
class Coded:
    """Rows in the code of a network that has learned from them: in its first hidden layer and in
    its last, which tells how columns depend on each other, but loses some on the way there."""

    network: Denoiser
    first: View
    last: View

    @classmethod
    def of(
        cls,
        rows: np.ndarray,
        noise: np.ndarray,
        config: ModelConfig,
        seed: int,
        device: str,
        told: Callable[[float], None] | None,
    ) -> Coded:
        """Learn from `rows`, (rows, features) float32, standardised."""
        values, noises = (torch.from_numpy(one).to(device) for one in (rows, noise))
        network = trained(values, noises, config, seed, told)
        first, last, _ = (one.cpu().numpy() for one in seen(network, values))
        return cls(network, View.of(first, FIRST), View.of(last, LAST))

    @property
    def own(self) -> np.ndarray:
        """How strange each row's code is beside the others, (rows,)."""
        found: np.ndarray = self.first.space.own + self.last.space.own
        return found

    def scores(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how strange other rows' codes are, (rows,), and the noise that the network sees in
        them, (rows, features), at unit size."""
        values = torch.from_numpy(rows).to(self.network.last.weight.device)
        first, last, noise = (one.cpu().numpy() for one in seen(self.network, values))
        return self.first.strangeness(first) + self.last.strangeness(last), noise


@dataclass(frozen=True, eq=False)
class Detector:
    """Usual rows, a network that knows them, and their places in its code."""

    mean: np.ndarray  # (features,) float64
    deviation: np.ndarray  # (features,) float64
    noise: np.ndarray  # (features,) float32
    inputs: Space
    codes: Coded
    # (rows,) scores of the rows it was learned from, each beside the others; of a detector that
    # came with a checkpoint, of other usual rows
    own: np.ndarray

    @classmethod
    def fit(
        cls,
        rows: np.ndarray,
        config: ModelConfig | None = None,
        seed: int = 0,
        device: str = "cpu",
        told: Callable[[float], None] | None = None,
        calibrate: bool = True,
    ) -> Detector:
        """Return a detector of rows that are not like these.

        Args:
            rows: (rows, features), finite numbers; at least two.
            told: is told the share that is done; what it raises ends the work.
            calibrate: where there are so few rows that a network learns them by heart, learn thrice
                more to know what score others would have; without, `own` and `rarity` are not
                to be trusted there.
        """
        config = config or ModelConfig()
        mean, deviation = rows.mean(0), rows.std(0)
        deviation = np.where(deviation > 1e-12 * np.maximum(1, np.abs(mean)), deviation, 1.0)
        scaled = ((rows - mean) / deviation).astype(np.float32)
        noise = noise_of(scaled)
        by_heart = calibrate and FEWEST <= len(rows) < MANY
        networks = 1 + FOLDS * by_heart

        def learned(number: int, some: np.ndarray) -> Coded:
            def share(done: float) -> None:
                if told is not None:
                    told((number + done) / networks)

            return Coded.of(some, noise, config, seed + number, device, share)

        codes, inputs = learned(0, scaled), Space.of(scaled)
        own = crossed(scaled, seed, learned, codes) if by_heart else codes.own
        return cls(mean, deviation, noise, inputs, codes, inputs.own + own)

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
        code, noise = self.codes.scores(scaled)
        given = self.inputs.strangeness(scaled)
        oddness = np.square(noise)
        restored = (scaled - CLEAN * self.noise * noise) * self.deviation + self.mean
        return Scores(code + given, code, given, oddness, restored)

    def reconstruction(self, rows: np.ndarray) -> np.ndarray:
        """Return how badly noise on rows, (rows, features), is told, (rows,): the mean squared
        error of what the network has learned to do, over DRAWS draws of noise at unit strength.

        This is the lectures' score. Of the ways that were tried it is the best: how much noise is
        seen in rows as they are, or how far they are moved, is worse by some points of AUROC.
        """
        scaled = torch.from_numpy(self.scale(rows)).to(self.codes.network.last.weight.device)
        noise = torch.from_numpy(self.noise).to(scaled.device)
        generator = torch.Generator(scaled.device).manual_seed(0)
        strength = torch.ones(len(scaled), 1, device=scaled.device)
        total = torch.zeros(len(scaled), device=scaled.device)
        with torch.no_grad():
            for _ in range(DRAWS):
                unit = torch.randn(scaled.shape, generator=generator, device=scaled.device)
                found = self.codes.network(scaled + noise * unit, strength)
                total += (found - unit).square().mean(1) / DRAWS
        return total.cpu().numpy()

    def rarity(self, scores: np.ndarray) -> np.ndarray:
        """Return which share of usual rows, (rows,), would have such a score or a higher one: a
        p-value by ranks among `usual`, from 1 / (their count + 1) to 1."""
        above = len(self.usual) - np.searchsorted(self.usual, scores, side="left")
        return (1 + above) / (1 + len(self.usual))


def crossed(
    rows: np.ndarray, seed: int, learned: Callable[[int, np.ndarray], Coded], whole: Coded
) -> np.ndarray:
    """Return how strange the code of each row is to a network that has not learned from it, (rows,)
    float32: of as many networks as there are folds, each learns from all rows but its fold's.

    Ranks among such scores are valid for rows that come later (Vovk, "Cross-conformal Predictors",
    2015, arXiv:1208.0806). Among fewer rows the nearest are farther away: by as much as the rows of
    a fold's network are stranger to each other than all are, it is taken back.

    Args:
        learned: trains the network of that number, from 1 on, with some of the rows.
        whole: has learned from all of them.
    """
    folds = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
    found = np.empty(len(rows), np.float32)
    for fold in range(FOLDS):
        coded = learned(1 + fold, rows[folds != fold])
        farther = np.median(coded.own) - np.median(whole.own)
        found[folds == fold] = coded.scores(rows[folds == fold])[0] - farther
    return found
