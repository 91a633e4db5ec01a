"""How far a row is from those that were learned, for the place where it lies.

The distance to the nearest rows tells little where rows lie wide apart anyway: it is set against
that of the neighbours to theirs, as the local outlier factor does (Breunig et al., SIGMOD 2000),
by half of its logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAREST = 5
LOCAL = 0.5  # how much of the neighbours' own distance counts: 0 nothing, 1 all of it
LEAST = 0.1  # of the median distance, is added to each: rows that are there twice are at 0


@dataclass(frozen=True, eq=False)
class Space:
    """Rows to be compared with, in one space."""

    rows: np.ndarray  # (rows, dimensions) float32
    apart: np.ndarray  # (rows,) float32, distance of each to its nearest others
    least: float
    own: np.ndarray  # (rows,) float32, `strangeness` of each beside the others

    @classmethod
    def of(cls, rows: np.ndarray) -> Space:
        """Return the space of at least two `rows`, (rows, dimensions)."""
        rows = np.ascontiguousarray(rows, np.float32)
        count = min(NEAREST, len(rows) - 1)
        numbers, squares = nearest(rows, rows, count + 1)
        # A row is its own neighbour, but not always the first: others may be the same.
        itself = numbers == np.arange(len(rows))[:, None]
        itself[:, -1] |= ~itself.any(1)
        others = (len(rows), count)
        apart = np.sqrt(squares[~itself].reshape(others)).mean(1)
        around = apart[numbers[~itself].reshape(others)].mean(1)
        least = LEAST * float(np.median(apart[apart > 0])) if (apart > 0).any() else LEAST
        return cls(rows, apart, least, ratio(apart, around, least))

    def strangeness(self, rows: np.ndarray) -> np.ndarray:
        """Return how far other rows, (rows, dimensions), are from those of the space, (rows,)
        float32, as the logarithm of a ratio of distances."""
        rows = np.ascontiguousarray(rows, np.float32)
        numbers, squares = nearest(self.rows, rows, min(NEAREST, len(self.rows) - 1))
        return ratio(np.sqrt(squares).mean(1), self.apart[numbers].mean(1), self.least)


def ratio(distance: np.ndarray, around: np.ndarray, least: float) -> np.ndarray:
    """Return the logarithm of distances over those of the neighbours to theirs."""
    found: np.ndarray = np.log(distance + least) - LOCAL * np.log(around + least)
    return found


def nearest(rows: np.ndarray, asked: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the `count` of `rows` nearest to each of `asked`, and the squares of
    their distances, both (asked, count), the nearest first."""
    import faiss

    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    squares, numbers = index.search(asked, count)
    return numbers, np.maximum(squares, 0)
