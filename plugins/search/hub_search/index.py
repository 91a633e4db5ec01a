"""The nearest of many vectors: all of them looked at while they are few, else a compressed index.

Few: inner products with every vector, at half precision, as they are on disk. Many: an inverted
file of product-quantised vectors (Jegou et al., "Product Quantization for Nearest Neighbor Search",
PAMI 2011; FAISS, arXiv:2401.08281), trained on the vectors themselves; what it finds is ranked
again by the vectors on disk. Either way a score is the cosine of the vectors as they are kept.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import faiss
import numpy as np

LARGE = 200_000  # vectors, from where on an inverted file is made
CHUNK = 65_536  # vectors that are float32 at once
PART = 4  # dimensions that one byte stands for
LISTS = 2.0  # times the root of the number of vectors: the lists of the inverted file
LOOKED_AT = 0.06  # of the lists, in a search
TRAINED_ON = 48  # vectors a list
CODED_ON, ROUNDS = 32, 10  # vectors a code word, and rounds: more takes minutes and finds no more
OUTGROWN = 4  # times as many vectors as it was trained for, and it is trained again
AGAIN = 300  # candidates at least that are ranked again by their exact vectors
SEED = 1234


class Rows(Protocol):
    """Vectors on disk, (rows, dimensions) float16: a memory map."""

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray: ...


class Index:
    """Which rows of a file of vectors are nearest to a query; one thread at a time.

    Rows are numbered as in the file; those that were never added, or were removed, are not found.
    """

    def __init__(self, dimensions: int, large: int = LARGE) -> None:
        self.dimensions = dimensions
        self.large = large
        self.inverted: faiss.IndexIVFPQ | None = None
        self.trained = 0  # how many vectors there were when it was trained
        self.flat = flat_index(dimensions)
        self.rows = np.zeros(0, np.int64)  # the row of each vector in `flat`
        self.lengths = np.zeros(0, np.float32)  # its length, which rounding has made not quite 1

    def __len__(self) -> int:
        return int(self.inverted.ntotal if self.inverted is not None else self.flat.ntotal)

    def add(self, rows: np.ndarray, vectors: Rows) -> None:
        """Add `rows`, (count,), of the file `vectors`; where they become many, train on them."""
        rows = np.asarray(rows, np.int64)
        if self.inverted is None and len(self) + len(rows) > self.large:
            every = np.concatenate([self.rows, rows])
            self.train(every, vectors)
            self.flat = flat_index(self.dimensions)
            self.rows, self.lengths = self.rows[:0], self.lengths[:0]
            rows = every
        elif self.inverted is not None and len(self) + len(rows) > OUTGROWN * self.trained:
            every = np.concatenate([self.indexed(), rows])
            self.train(every, vectors)
            rows = every
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            values = np.ascontiguousarray(vectors[some], np.float32)
            if self.inverted is None:
                self.flat.add(values)
                self.lengths = np.append(self.lengths, lengths(values))
            else:
                self.inverted.add_with_ids(values, some)
        if self.inverted is None:
            self.rows = np.concatenate([self.rows, rows])

    def train(self, rows: np.ndarray, vectors: Rows) -> None:
        """Make an empty inverted file whose lists and codes fit the vectors of `rows`."""
        lists = max(1, min(round(LISTS * math.sqrt(len(rows))), len(rows) // TRAINED_ON or 1))
        parts = max(1, self.dimensions // PART)
        while self.dimensions % parts:
            parts -= 1
        bits = 8 if len(rows) >= 256 * 8 else 4
        index = faiss.index_factory(
            self.dimensions, f"IVF{lists},PQ{parts}x{bits}", faiss.METRIC_INNER_PRODUCT
        )
        index.do_polysemous_training = False  # takes a minute, for a search that is not used here
        index.cp.max_points_per_centroid = TRAINED_ON
        index.cp.min_points_per_centroid = 1
        index.pq.cp.min_points_per_centroid = 1
        index.pq.cp.max_points_per_centroid, index.pq.cp.niter = CODED_ON, ROUNDS
        # The vectors of one recording lie side by side: any stretch of them would be one voice's.
        most = max(TRAINED_ON * lists, 1 << (bits + 5))
        chosen = np.random.default_rng(SEED).permutation(len(rows))[:most]
        index.train(np.ascontiguousarray(vectors[np.sort(rows[chosen])], np.float32))
        index.nprobe = max(8, math.ceil(LOOKED_AT * lists))
        self.inverted, self.trained = index, len(rows)

    def indexed(self) -> np.ndarray:
        """Return the rows that are in the index, (rows,) int64."""
        if self.inverted is None:
            return self.rows
        lists = self.inverted.invlists
        found = [
            faiss.rev_swig_ptr(lists.get_ids(one), lists.list_size(one)).copy()
            for one in range(self.inverted.nlist)
            if lists.list_size(one)
        ]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def remove(self, rows: np.ndarray) -> None:
        """Take `rows`, (count,), out of the index; those that are not there are passed over."""
        rows = np.asarray(rows, np.int64)
        if self.inverted is not None:
            self.inverted.remove_ids(faiss.IDSelectorBatch(rows))
            return
        gone = np.isin(self.rows, rows)
        if gone.any():
            self.flat.remove_ids(faiss.IDSelectorBatch(np.flatnonzero(gone)))  # keeps the order
            self.rows, self.lengths = self.rows[~gone], self.lengths[~gone]

    def nearest(
        self, query: np.ndarray, count: int, vectors: Rows
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows nearest to `query`, (dimensions,) of unit length, and their cosines, both
        (found,), the nearest first; at most `count`, fewer where there are fewer."""
        values = np.ascontiguousarray(query[None], np.float32)
        if self.inverted is None:
            most = min(max(count, 1), max(len(self), 1))
            with one_thread():
                products, places = self.flat.search(values, most)
            at = places[0][places[0] >= 0]
            rows, scores = self.rows[at], products[0][: len(at)] / self.lengths[at]
        else:
            _, found = self.inverted.search(values, max(AGAIN, 3 * count))
            rows = found[0][found[0] >= 0]
            scores = cosines(vectors[rows], query)
        order = np.argsort(-scores, kind="stable")[:count]
        return rows[order], scores[order]

    def save(self, path: Path) -> None:
        """Write the inverted file."""
        faiss.write_index(self.inverted, str(path))

    def open(self, path: Path, trained: int) -> None:
        """Read an inverted file that `save` wrote; it must be known to be whole.

        Raises:
            ValueError: it is of other dimensions.
        """
        index = faiss.read_index(str(path))
        if not isinstance(index, faiss.IndexIVFPQ) or index.d != self.dimensions:
            raise ValueError("another kind of index")
        self.inverted, self.trained = index, trained


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Have FAISS use one thread: for one query, or on a machine that does other things too, several
    wait for each other longer than they compute."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def flat_index(dimensions: int) -> faiss.IndexScalarQuantizer:
    """Return an index that compares a query with every vector, two bytes a dimension."""
    return faiss.IndexScalarQuantizer(
        dimensions, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )


def cosines(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return the cosine of each of `vectors`, (count, dimensions), with `query`, of unit length."""
    values = np.asarray(vectors, np.float32)
    return values @ query.astype(np.float32) / lengths(values)


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Return the length of each of `vectors`, (count, dimensions) float32; never 0."""
    return np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
