"""How far a row is from those that were learned, for the place where it lies.

The distance to the nearest rows tells little where rows lie wide apart anyway: it is set against
that of the neighbours to theirs, as the local outlier factor does (Breunig et al., SIGMOD 2000),
by half of its logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

NEAREST = 5
LOCAL = 0.5  # how much of the neighbours' own distance counts: 0 nothing, 1 all of it
MANY = 2_000  # rows from which on not all of them are looked at
CELL, CELLS = 50, 10  # rows to a cell on average, and cells that are looked at then
LEAST = 0.1  # of the median distance, is added to each: rows that are there twice are at 0


@dataclass(frozen=True, eq=False)
class Space:
    """Rows to be compared with, in one space."""

    rows: np.ndarray  # (rows, dimensions) float32
    apart: np.ndarray  # (rows,) float32, distance of each to its nearest others
    least: float
    index: Any  # of faiss
    own: np.ndarray  # (rows,) float32, `strangeness` of each beside the others

    @classmethod
    def of(cls, rows: np.ndarray) -> Space:
        """Return the space of at least two `rows`, (rows, dimensions)."""
        rows = np.ascontiguousarray(rows, np.float32)
        count = min(NEAREST, len(rows) - 1)
        index = index_of(rows)
        numbers, squares = nearest(index, rows, count + 1)
        # A row is its own neighbour, but not always the first: others may be the same.
        itself = numbers == np.arange(len(rows))[:, None]
        itself &= itself.cumsum(1) == 1
        itself[:, -1] |= ~itself.any(1)
        others = (len(rows), count)
        apart = np.sqrt(squares[~itself].reshape(others)).mean(1)
        around = apart[numbers[~itself].reshape(others)].mean(1)
        least = LEAST * float(np.median(apart[apart > 0])) if (apart > 0).any() else LEAST
        return cls(rows, apart, least, index, ratio(apart, around, least))

    def strangeness(self, rows: np.ndarray) -> np.ndarray:
        """Return how far other rows, (rows, dimensions), are from those of the space, (rows,)
        float32, as the logarithm of a ratio of distances."""
        rows = np.ascontiguousarray(rows, np.float32)
        numbers, squares = nearest(self.index, rows, min(NEAREST, len(self.rows) - 1))
        return ratio(np.sqrt(squares).mean(1), self.apart[numbers].mean(1), self.least)


def ratio(distance: np.ndarray, around: np.ndarray, least: float) -> np.ndarray:
    """Return the logarithm of distances over those of the neighbours to theirs."""
    found: np.ndarray = np.log(distance + least) - LOCAL * np.log(around + least)
    return found


def index_of(rows: np.ndarray) -> Any:
    """Return what finds the nearest of `rows`, (rows, dimensions) float32.

    Many are parted into cells by k-means, and those in the nearest cells are looked at (Sivic and
    Zisserman, "Video Google", ICCV 2003): a mean distance to five rows is .5 % longer then, and
    that of 99 of 100 rows less than 8 %.
    """
    import faiss

    index = faiss.IndexFlatL2(rows.shape[1])
    if len(rows) >= MANY:
        index = faiss.IndexIVFFlat(index, rows.shape[1], len(rows) // CELL)
        index.cp.niter, index.cp.max_points_per_centroid = 5, CELL
        index.cp.min_points_per_centroid = 1
        index.train(rows)
        index.nprobe = CELLS
    index.add(rows)
    return index


def nearest(index: Any, asked: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the `count` rows nearest to each of `asked`, and the squares of their
    distances, both (asked, count), the nearest first."""
    squares, numbers = index.search(asked, count)
    # Where the cells that were looked at hold fewer rows: the farthest stands for those.
    found = np.maximum((numbers >= 0).sum(1), 1)
    last = np.minimum(np.arange(count), found[:, None] - 1)
    squares, numbers = (np.take_along_axis(one, last, 1) for one in (squares, numbers))
    return numbers, np.maximum(squares, 0)
