"""Where a query is said, in two stages, as search engines do it: vectors find windows like the
query, fast; then the query is aligned with the sound around those few, which tells the better ones
apart and corrects their ends.

A query longer than a window is looked up in parts, and the windows that its parts find are joined
where they follow each other at the right distance; the alignment is that of the whole query.

Chosen on the validation split of speechocean762_adults, where 219 words are asked for in what seven
other speakers read: mean average precision .144 by vectors, .140 by subsequence dynamic time
warping, .161 by both. There, 300 are 5 % of the windows; 100 find less (.156), 500 no more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hub_search import dtw

LONGEST = 120  # frames of a query that is looked up as it is: windows are not longer either
PART = 60  # frames of a longer query that are looked up together; parts overlap by half
NEAR, SHARE, MOST = 300, 0.05, 1000  # windows that are looked at again: a share of all of them
LEAST = 20  # of a long query's places
CELLS = 8e6  # pairs of frames that an alignment may look at
REACH = 0.3  # of the query's length, that it may go beyond a window; .15 and .5 find less
WEIGHT = 0.8  # of the alignment's cost beside the cosine, of .3, .6, .8, 1 and 2
SLOPED = 4  # frames on each side that slopes of slopes look at
TEMPO = 1.6  # times as fast or slow as the query is what is found of it
AGREE = 0.5  # overlap (IoU) of two places that parts of a query find, from where on they are one


@dataclass(frozen=True, eq=False)
class Places:
    """Spans of recordings with a score each."""

    recording: np.ndarray  # (places,), which one
    spans: np.ndarray  # (places, 2) int64, start and end in frames
    scores: np.ndarray  # (places,), higher is better

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: np.ndarray | slice) -> Places:
        return Places(self.recording[chosen], self.spans[chosen], self.scores[chosen])


def parts(frames: int) -> list[tuple[int, int]]:
    """Return which parts of a query of so many frames are looked up, start and end of each."""
    if frames <= LONGEST:
        return [(0, frames)]
    count = 1 + math.ceil((frames - PART) / (PART / 2))
    starts = np.linspace(0, frames - PART, count).round().astype(int).tolist()
    return [(start, start + PART) for start in starts]


def near(windows: int, hits: int = 0) -> int:
    """Return how many of so many windows are looked at again, when so many hits are wanted."""
    return max(int(np.clip(SHARE * windows, NEAR, MOST)), 10 * hits)


def asked_for(frames: int, windows: int, hits: int = 0) -> int:
    """Return how many of so many windows to look up for each part of a query."""
    return near(windows, hits) // min(10, len(parts(frames)))


def joined(found: Sequence[Places], frames: int) -> Places:
    """Return the places of a whole query, best first, of what is found for each of its `parts`.

    Each window of a part tells where the whole would lie. The score of such a place is the mean
    over parts of their best window that puts it there; where a part has none, the score is that of
    the worst it found, as what it did not find is worse.
    """
    if len(found) == 1:
        return found[0]
    whole = [
        spread(one, part, frames) for one, part in zip(found, parts(frames), strict=True) if one
    ]
    if not whole:
        return found[0]
    every = Places(
        np.concatenate([one.recording for one in whole]),
        np.concatenate([one.spans for one in whole]),
        np.zeros(sum(map(len, whole))),
    )
    for one in whole:
        agree = same_place(every, one)
        every.scores[:] += np.where(agree, one.scores, one.scores.min()).max(axis=1) / len(whole)
    every = every[np.argsort(-every.scores, kind="stable")]
    left = np.ones(len(every), bool)
    again = same_place(every, every)
    for index in range(len(every)):
        if left[index]:
            left[index + 1 :] &= ~again[index, index + 1 :]
    return every[left]


def spread(found: Places, part: tuple[int, int], frames: int) -> Places:
    """Return where a query of so many frames lies if these are places of a part of it."""
    start, end = part
    lengths = found.spans[:, 1] - found.spans[:, 0]
    tempo = (lengths / (end - start)).clip(1 / TEMPO, TEMPO)
    first = found.spans[:, 0] - start * tempo
    spans = np.stack([first, first + frames * tempo], 1).round().astype(np.int64)
    return Places(found.recording, spans.clip(0), found.scores)


def same_place(first: Places, second: Places) -> np.ndarray:
    """Return which of `first` overlap which of `second`, (first, second) bool."""
    starts = np.maximum(first.spans[:, :1], second.spans[:, 0])
    both = np.minimum(first.spans[:, 1:], second.spans[:, 1]) - starts
    union = np.diff(first.spans) + np.diff(second.spans).T - both
    same = first.recording[:, None] == second.recording
    return same & (both >= AGREE * union)


def looked_at(frames: int, windows: int, hits: int = 0) -> int:
    """Return how many places a query of so many frames is aligned with."""
    return int(np.clip(CELLS / ((1 + 2 * REACH) * frames**2), LEAST, near(windows, hits)))


def reach(frames: int) -> int:
    """Return how far beyond a window a query of so many frames is looked for, in frames."""
    return max(8, round(REACH * frames))


def sounds(
    cepstra: Sequence[np.ndarray], spans: np.ndarray, margin: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return what lies in and around each place as `dtw.features` has it, a sequence each, and the
    places within these, (places, 2) int64.

    Args:
        cepstra: (frames, coefficients) of the recording that each place lies in.
        spans: (places, 2), start and end.
        margin: frames around a place.
    """
    pieces, borders, within = [], [], []
    for one, (start, end) in zip(cepstra, spans.tolist(), strict=True):
        end = min(end, len(one))
        first, last = max(0, start - margin), min(len(one), end + margin)
        before, after = max(0, first - SLOPED), min(len(one), last + SLOPED)
        pieces.append(one[before:after])  # longer, for slopes to be those of the recording
        borders.append((first - before, last - before))
        within.append((start - first, end - first))
    moving = dtw.with_slopes(torch.from_numpy(np.concatenate(pieces).astype(np.float32)))
    at = np.cumsum([0, *map(len, pieces)]).tolist()
    inner = [moving[a + first : a + last] for a, (first, last) in zip(at, borders, strict=False)]
    return inner, np.array(within, np.int64)


def looked_again(
    query: np.ndarray, pieces: Sequence[np.ndarray], within: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return better scores and spans of places, by aligning the query with each.

    Args:
        query: (frames, features).
        pieces: (frames, features) of each place and what lies around it.
        within: (places, 2), where the place lies in its piece.
        scores: (places,), cosines.

    Returns:
        (places,), the mean of the cosine and of 1 - cost, weighed 1 and 0.8: 1 is the same sound;
        and (places, 2) int64, in frames of the piece: halfway between the window's ends and the
        alignment's, or, of a query longer than a window, the alignment's.
    """
    cost, found = dtw.around(query, pieces, within, reach(len(query)), diagonal=dtw.DIAGONAL)
    better = (scores + WEIGHT * (1 - cost)) / (1 + WEIGHT)
    return better, found if len(query) > LONGEST else (within + found) // 2
