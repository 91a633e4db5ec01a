"""The tables of ADBench, and two ways of parting them to compare one-class detectors.

Han et al., "ADBench: Anomaly Detection Benchmark", NeurIPS 2022, arXiv:2206.09426. A detector
learns from half of the normal rows and scores the other half with all anomalies.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hub import data
from hub.errors import DataError

FOLDER = "tabular/adbench"
MOST = 10_000  # rows that are learned from, and that are scored
FEW, MANY = 1_000, 50_000  # rows; the published split takes sets between as they are

Split = Literal["random", "published"]


@dataclass(frozen=True)
class Part:
    """What one detector learns from and is judged by.

    `weights`, (rows,), are what each row of the test stands for: where there are too many rows,
    some are left out, and not as many anomalies as normal rows; the area under the curve of
    precision and recall depends on their share, so it is measured with these weights.
    """

    train: np.ndarray  # (rows, features) float64, normal
    test: np.ndarray  # (rows, features) float64
    anomalous: np.ndarray  # (rows,) bool, of test
    weights: np.ndarray  # (rows,) float64


def names() -> list[str]:
    """Return the sets by name, in ADBench's order.

    Raises:
        DataError: they are not there.
    """
    return [*rows_in_source()]


def rows_in_source() -> dict[str, int]:
    """Return how many rows each set has where it is from, in ADBench's order: here some have fewer.

    Raises:
        DataError: they are not there.
    """
    with (folder() / "index.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["number"]))
    return {Path(row["file"]).stem: int(row["rows_in_source"]) for row in rows}


def halves() -> tuple[list[str], list[str]]:
    """Return the sets that settings are chosen on, every second one, and the others."""
    every = names()
    return every[::2], every[1::2]


def available() -> bool:
    found = data.folder()
    return found is not None and (found / FOLDER / "index.csv").is_file()


def folder() -> Path:
    found = data.folder()
    if found is None or not available():
        raise DataError(
            f"no data set {FOLDER}: set LATENTHUB_DATA to a folder that holds {FOLDER}/index.csv"
        )
    return found / FOLDER


def rows_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a set: its rows, (rows, features) float64, and which are anomalous, (rows,) bool."""
    with np.load(folder() / f"{name}.npz", allow_pickle=False) as file:
        return file["X"].astype(np.float64), file["y"] == 1


def parted(name: str, split: Split, seed: int) -> Part:
    """Return a set parted in the random or the published way.

    Random: half of the normal rows, by chance, are learned from. Published: what the tables of
    Livernoche et al., "On Diffusion Modeling for Anomaly Detection", ICLR 2024, were made by: the
    first half of the normal rows in the order of the file; of a set of fewer than 1,000 rows, 1,000
    are drawn with replacement before, and of one of more than 50,000, 50,000 without, which leaves
    no order. The latter goes by the rows in the set's source: what is here of it was drawn before.
    """
    rows, anomalous = rows_of(name)
    rng = np.random.default_rng(seed)
    if split == "random":
        order = rng.permutation(len(rows))
        rows, anomalous = rows[order], anomalous[order]
    elif (source := rows_in_source()[name]) < FEW or source > MANY:
        few = source < FEW
        chosen = rng.choice(len(rows), FEW if few else min(MANY, len(rows)), replace=few)
        rows, anomalous = rows[chosen], anomalous[chosen]
    normal = np.flatnonzero(~anomalous)
    learned, others = normal[: len(normal) // 2], normal[len(normal) // 2 :]
    found = np.flatnonzero(anomalous)
    return limited(rows, learned, others, found, rng)


def limited(
    rows: np.ndarray,
    learned: np.ndarray,
    normal: np.ndarray,
    anomalous: np.ndarray,
    rng: np.random.Generator,
) -> Part:
    """Return the part of these rows, by number, of at most 10,000 to learn from and to judge by; of
    the latter, anomalies are left out only where they are more than half."""
    kept = min(len(anomalous), max(MOST // 2, MOST - len(normal)))
    others = min(len(normal), MOST - kept)
    test = np.concatenate([drawn(normal, others, rng), drawn(anomalous, kept, rng)])
    truth = np.arange(len(test)) >= others
    shares = [len(normal) / max(others, 1), len(anomalous) / max(kept, 1)]
    return Part(
        rows[drawn(learned, MOST, rng)], rows[test], truth, np.where(truth, shares[1], shares[0])
    )


def drawn(numbers: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return at most so many of `numbers`, in their order."""
    if len(numbers) <= most:
        return numbers
    return np.sort(rng.choice(numbers, most, replace=False))
