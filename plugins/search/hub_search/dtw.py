"""Dynamic time warping: the way to compare spoken words that needs no training, and the one that
every system here is held against.

Sakoe and Chiba, "Dynamic Programming Algorithm Optimization for Spoken Word Recognition", IEEE
Transactions on Acoustics, Speech, and Signal Processing 26(1), 1978; searches in long recordings
as in Müller, "Fundamentals of Music Processing", 2015, section 7.2.3 (subsequence DTW). The inner
loops are compiled and let go of Python's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

import numba
import numpy as np
import torch
from torch import Tensor

from hub.audio import deltas, mfcc

Frame = Literal["cosine", "euclidean"]
Kernel = TypeVar("Kernel", bound=Callable)

# What found words best on the validation split of speechocean762_adults, of 8 to 40 coefficients,
# slopes of weight 0 to 8, diagonal steps of 1 to 2, and more that did worse (bands, the length of
# the path for the sum of lengths, variances made equal, liftering, no loudness).
CEPSTRA, SLOPE, DIAGONAL = 8, 3.0, 1.2


def compiled(kernel: Kernel, fused: bool = False) -> Kernel:
    """Compile a kernel at its first call, and keep it for later processes where that can be.

    Args:
        fused: a product may be added without being rounded first: faster, and closer.
    """
    # Not parallel=True: numba's own threads may not be started from two threads of a server.
    math = {"contract"} if fused else False
    try:
        return numba.njit(cache=True, nogil=True, fastmath=math)(kernel)
    except RuntimeError:  # no folder that could be written to
        return numba.njit(nogil=True, fastmath=math)(kernel)


def features(frames: Tensor, cepstra: int = CEPSTRA, slope: float = SLOPE) -> np.ndarray:
    """Return what sequences are compared by, (frames, 3 cepstra) float32: mel-frequency cepstral
    coefficients, their slopes over five frames, and the slopes of these.

    Args:
        frames: (frames, bands), log-mel, normalised, of a whole recording: slopes look beyond a
            word's ends.
        slope: the weight of slopes. Variances of coefficients are left as they are, as the first
            few tell words apart best.
    """
    return with_slopes(mfcc(frames, cepstra), slope)


def with_slopes(still: Tensor, slope: float = SLOPE) -> np.ndarray:
    """Return `features` of cepstra, (frames, cepstra), that are known."""
    moving = deltas(still)
    return torch.cat([still, slope * moving, slope * deltas(moving)], dim=1).numpy()


def distance(
    first: np.ndarray, second: np.ndarray, frame: Frame = "cosine", diagonal: float = 1.0
) -> float:
    """Return the least cost of aligning two sequences, over the sum of their lengths.

    Args:
        first, second: (frames, features) each, at least one frame.
        frame: the cost of putting two frames together: 1 - cosine, or their Euclidean distance.
        diagonal: the weight of the cost of a step that moves on in both; of one that moves on in
            only one of them it is 1. Costs of the first two frames count once.

    Raises:
        ValueError: a sequence is empty, or they differ in features.
    """
    return float(pairs([first], [second], frame, diagonal)[0, 0])


def pairs(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    frame: Frame = "cosine",
    diagonal: float = 1.0,
    workers: int = 1,
) -> np.ndarray:
    """Return the `distance` of each of `first` to each of `second`, as (first, second) float32."""
    ends = np.cumsum([0, *map(len, second)])
    check(first, second)
    others = prepared(np.concatenate(second), frame)

    def row(one: np.ndarray) -> np.ndarray:
        out = np.empty(len(second), np.float32)
        align(frame_costs(prepared(one, frame), others, frame), ends, np.float32(diagonal), out)
        return out

    if workers == 1:
        return np.stack([row(one) for one in first])
    with ThreadPoolExecutor(workers) as pool:
        return np.stack(list(pool.map(row, first)))


def among(
    segments: Sequence[np.ndarray],
    frame: Frame = "cosine",
    diagonal: float = 1.0,
    workers: int = 1,
) -> np.ndarray:
    """Return the `distance` of each two of `segments`, as (segments, segments) float32, in half the
    time that `pairs` takes."""
    check(segments, segments)
    ends = np.cumsum([0, *map(len, segments)])
    ready = prepared(np.concatenate(segments), frame)
    table = np.zeros((len(segments), len(segments)), np.float32)

    def row(index: int) -> None:
        start, stop = ends[index], ends[index + 1]
        costs = frame_costs(ready[start:stop], ready[start:], frame)
        align(costs, ends[index:] - start, np.float32(diagonal), table[index, index:])

    if workers == 1:
        for index in range(len(segments)):
            row(index)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(row, range(len(segments))))
    return np.triu(table) + np.triu(table, 1).T


def path(
    first: np.ndarray, second: np.ndarray, frame: Frame = "cosine", diagonal: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the alignment of least cost, (steps, 2) int64, which frames of `first` and `second`
    are put together, from the first two to the last two; and each step's cost, (steps,) float32.

    Of alignments of the same cost it is one that moves on in both where it can. Arguments and
    errors are those of `distance`.
    """
    check([first], [second])
    costs = frame_costs(prepared(first, frame), prepared(second, frame), frame)
    steps = walk(costs, np.float32(diagonal))
    return steps, costs[steps[:, 0], steps[:, 1]]


def subsequence(
    query: np.ndarray, recording: np.ndarray, frame: Frame = "cosine", diagonal: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return how well the query ends at each frame of a recording, and where it would start.

    Args:
        query, recording: (frames, features) each. The others are those of `distance`.

    Returns:
        (frames,) float32, the least cost of aligning the whole query with a part of the recording
        that ends at this frame, over the sum of their lengths; and (frames,) int64, the first frame
        of that part.
    """
    check([query], [recording])
    costs = frame_costs(prepared(query, frame), prepared(recording, frame), frame)
    return spot(costs, np.float32(diagonal))


def around(
    query: np.ndarray,
    pieces: Sequence[np.ndarray],
    places: np.ndarray,
    reach: int,
    frame: Frame = "cosine",
    diagonal: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return how well a query lies at each of several places, and from where to where.

    Args:
        query: (frames, features).
        pieces: (frames, features) each: a place, and what lies around it.
        places: (pieces, 2), start and end of the place in its piece. The query ends between the
            middle of it and `reach` frames after its end, and starts anywhere in the piece.

    Returns:
        (pieces,) float32, the least cost of aligning the whole query with such a part, over the
        geometric mean of their lengths; and (pieces, 2) int64, start and end of that part.
    """
    check([query], pieces)
    ends = np.cumsum([0, *map(len, pieces)])
    others = prepared(np.concatenate(pieces), frame)
    costs = frame_costs(prepared(query, frame), others, frame)
    least, spans = np.empty(len(pieces), np.float32), np.empty((len(pieces), 2), np.int64)
    spot_near(costs, ends, places, reach, np.float32(diagonal), least, spans)
    return least, spans


def check(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> None:
    shapes = {np.shape(one)[1:] for one in (*first, *second)}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise ValueError(f"sequences must be (frames, features), as many features each: {shapes}")
    if not all(len(one) for one in (*first, *second)):
        raise ValueError("a sequence has no frame")


def prepared(frames: np.ndarray, frame: Frame) -> np.ndarray:
    """Return frames as float32; for cosine, at length 1."""
    frames = np.asarray(frames, np.float32)
    if frame == "euclidean":
        return frames
    if frame != "cosine":
        raise ValueError(f"frame must be 'cosine' or 'euclidean', got {frame!r}")
    return frames / np.maximum(np.linalg.norm(frames, axis=1, keepdims=True), 1e-12)


def frame_costs(first: np.ndarray, second: np.ndarray, frame: Frame) -> np.ndarray:
    """Return the cost of putting together each two frames that are `prepared`, as (first, second)
    float32."""
    products = first @ second.T
    if frame == "cosine":
        return np.maximum(np.float32(1) - products, 0, out=products)
    squares = np.square(first).sum(1)[:, None] + np.square(second).sum(1)
    return np.sqrt(np.maximum(squares - 2 * products, 0))


@compiled
def align(costs, ends, diagonal, out):
    """Write to `out`, (segments,), the normalised cost of one sequence, the rows of `costs`,
    (frames, all frames), to each of those that lie side by side in its columns, from ends[i] to
    ends[i + 1]."""
    rows = costs.shape[0]
    longest = 0
    for one in range(len(ends) - 1):
        longest = max(longest, ends[one + 1] - ends[one])
    best = np.empty(longest, np.float32)
    for one in range(len(ends) - 1):
        start, width = ends[one], ends[one + 1] - ends[one]
        best[0] = costs[0, start]
        for j in range(1, width):
            best[j] = best[j - 1] + costs[0, start + j]
        for i in range(1, rows):
            row = costs[i, start : start + width]
            across = best[0]  # the least cost up to (i - 1, j - 1)
            left = across + row[0]
            best[0] = left
            for j in range(1, width):
                cost, above = row[j], best[j]
                # Plain comparisons, as min() looks for NaN; what needs no `left` comes first, as
                # each step waits for the one before.
                down, both = above + cost, across + diagonal * cost
                free, beside = (down if down < both else both), left + cost
                left = beside if beside < free else free
                across = above
                best[j] = left
        out[one] = best[width - 1] / (rows + width)


@compiled
def walk(costs, diagonal):
    """Return the steps of the alignment of least cost, (steps, 2), of frame costs, (rows,
    columns)."""
    rows, columns = costs.shape
    best = np.empty((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            cost = costs[i, j]
            if i == 0 and j == 0:
                best[i, j] = cost
            elif i == 0:
                best[i, j] = best[i, j - 1] + cost
            elif j == 0:
                best[i, j] = best[i - 1, j] + cost
            else:
                beside = min(best[i - 1, j], best[i, j - 1]) + cost
                best[i, j] = min(beside, best[i - 1, j - 1] + diagonal * cost)
    steps = np.empty((rows + columns - 1, 2), np.int64)
    i, j, count = rows - 1, columns - 1, 0
    while True:
        steps[count] = i, j
        count += 1
        if i == 0 and j == 0:
            break
        if i == 0:
            j -= 1
        elif j == 0:
            i -= 1
        else:
            across = best[i - 1, j - 1] + diagonal * costs[i, j]
            if across <= min(best[i - 1, j], best[i, j - 1]) + costs[i, j]:
                i, j = i - 1, j - 1
            elif best[i - 1, j] <= best[i, j - 1]:
                i -= 1
            else:
                j -= 1
    return steps[:count][::-1].copy()


@compiled
def spot(costs, diagonal):
    """Return the normalised cost of the whole query, the rows of `costs`, (query, recording),
    ending at each column, and the column where it starts."""
    rows, columns = costs.shape
    best = costs[0].copy()
    starts = np.arange(columns)
    for i in range(1, rows):
        across, begun = best[0], starts[0]  # of (i - 1, j - 1)
        best[0] += costs[i, 0]
        for j in range(1, columns):
            cost, above, above_start = costs[i, j], best[j], starts[j]
            least, start = across + diagonal * cost, begun
            if above + cost < least:
                least, start = above + cost, above_start
            if best[j - 1] + cost < least:
                least, start = best[j - 1] + cost, starts[j - 1]
            across, begun = above, above_start
            best[j], starts[j] = least, start
    for j in range(columns):
        best[j] /= rows + j - starts[j] + 1
    return best, starts


@compiled
def spot_near(costs, ends, places, reach, diagonal, least, spans):
    """Write to `least`, (pieces,), and `spans`, (pieces, 2), the cost over the geometric mean of
    lengths and the place of the best alignment in each piece, the columns of `costs` from ends[i]
    to ends[i + 1], of those that end near its place."""
    rows = costs.shape[0]
    for one in range(len(ends) - 1):
        width = ends[one + 1] - ends[one]
        cost, starts = spot(costs[:, ends[one] : ends[one + 1]], diagonal)
        first = min((places[one, 0] + places[one, 1]) // 2, width - 1)
        least[one] = np.inf
        for j in range(first, max(first + 1, min(width, places[one, 1] + reach))):
            length = j - starts[j] + 1
            found = cost[j] * (rows + length) / np.sqrt(rows * length)
            if found < least[one]:
                least[one] = found
                spans[one, 0], spans[one, 1] = starts[j], j + 1
