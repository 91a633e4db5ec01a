"""How well the same words lie together and different ones apart: average precision of pairs and of
searches, and how sure a difference of two systems is.

The same-different task is of Carlin et al., "Rapid Evaluation of Speech Representations for Spoken
Term Discovery", Interspeech 2011; searches are as in Chung et al., "Audio Word2Vec", Interspeech
2016 (arXiv:1603.00982), section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Retrieval:
    """What a table of distances between words is worth; every share is 0 to 1, higher is better."""

    ap: float  # same-different average precision, over all pairs of words of two speakers
    map: float  # mean average precision of the queries, each against the words of other speakers
    p_at_n: float  # mean precision of the first N, N the number of words to be found
    queries: np.ndarray  # (queries,) int64, the rows that could be asked for
    each: np.ndarray  # (queries,) float64, average precision of each


@dataclass(frozen=True)
class Difference:
    """How much better one system is than another, with its 95 % interval."""

    mean: float
    low: float
    high: float


def retrieval(distances: np.ndarray, words: Sequence[str], speakers: Sequence[str]) -> Retrieval:
    """Return what `distances` are worth, (words, words), any real numbers, symmetric, the smaller
    the more alike; those of one speaker's words to each other are not read.

    Words at the same distance are taken in no order: as precision counts, all of them are found at
    once, as scikit-learn's `average_precision_score` has it.

    Raises:
        ValueError: shapes do not fit, a distance is not a number, or no word can be asked for.
    """
    table = np.asarray(distances)
    same, other = relations(words, speakers)
    if table.shape != same.shape:
        raise ValueError(f"distances must be (words, words), {same.shape}, got {table.shape}")
    asked = np.flatnonzero((same & other).any(1))
    if not len(asked):
        raise ValueError("no word is said by two speakers, so nothing can be asked for")
    if np.isnan(table[other]).any():
        raise ValueError("a distance between words of two speakers is not a number")
    above = np.triu(other)
    ap, _ = ranked(table[above][None], same[above][None], np.ones((1, above.sum()), bool))
    each, precise = ranked(table[asked], same[asked], other[asked])
    return Retrieval(float(ap[0]), float(each.mean()), float(precise.mean()), asked, each)


def relations(words: Sequence[str], speakers: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return which pairs are the same word, and which are of two speakers, (words, words) bool."""
    word, speaker = (np.unique(one, return_inverse=True)[1] for one in (words, speakers))
    return word[:, None] == word, speaker[:, None] != speaker


def ranked(
    distances: np.ndarray, wanted: np.ndarray, among: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return average precision and precision of the first N, each (rows,) float64, of each row of
    `distances` that is sorted from small to large.

    Args:
        distances, wanted, among: (rows, items); what is to be found, and what is looked through.
            Each row wants at least one item among them. N is how many it wants.
    """
    rows, items = np.arange(len(distances))[:, None], np.arange(distances.shape[1])
    order = np.argsort(np.where(among, distances, np.inf), axis=1)
    order = np.take_along_axis(order, np.argsort(~among[rows, order], axis=1, kind="stable"), 1)
    value, hit = distances[rows, order], (wanted & among)[rows, order]
    inside = among[rows, order]
    # Equal distances come in at once: each is counted where the last of them stands.
    ends = np.ones_like(hit)
    ends[:, :-1] = (value[:, 1:] != value[:, :-1]) | (inside[:, 1:] != inside[:, :-1])
    last = np.where(ends, items, len(items))
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    found = hit.cumsum(1)
    precision = found[rows, last] / (last + 1)
    count = hit.sum(1)
    average = (precision * hit).sum(1) / count
    # Of equal distances across the N-th place, the share that would be taken of them by chance.
    stop = last[rows[:, 0], count - 1]
    first = np.where(ends, items + 1, 0)
    first = np.maximum.accumulate(np.pad(first, ((0, 0), (1, 0)))[:, :-1], axis=1)
    begin = first[rows[:, 0], count - 1]
    before = np.where(begin > 0, found[rows[:, 0], begin - 1], 0)
    tied = found[rows[:, 0], stop] - before
    at_n = before + tied * (count - begin) / (stop + 1 - begin)
    return average, at_n / count


def chance(words: Sequence[str], speakers: Sequence[str]) -> tuple[float, float]:
    """Return the AP and the MAP expected of distances that are drawn by lot.

    A query that wants R of n items in random order has the expected average precision
    H/n + (1 - H/n) (R - 1)/(n - 1), H the n-th harmonic number.
    """
    same, other = relations(words, speakers)
    pairs = np.triu(other)
    asked = (same & other).any(1)
    wanted, among = (same & other)[asked].sum(1), other[asked].sum(1)

    def expected(wanted: np.ndarray, among: np.ndarray) -> np.ndarray:
        harmonic = np.cumsum(1 / np.arange(1, among.max() + 1))[among - 1] / among
        return harmonic + (1 - harmonic) * (wanted - 1) / np.maximum(among - 1, 1)

    over_pairs = expected(np.array([(same & pairs).sum()]), np.array([pairs.sum()]))
    return float(over_pairs[0]), float(expected(wanted, among).mean())


def cosine_distances(vectors: np.ndarray) -> np.ndarray:
    """Return 1 - cosine of each two `vectors`, (count, dimensions), as (count, count) float32."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return 1 - unit @ unit.T


def centred(vectors: np.ndarray, speakers: Sequence[str]) -> np.ndarray:
    """Return `vectors`, (count, dimensions), less the mean vector of each one's speaker."""
    names, which = np.unique(speakers, return_inverse=True)
    member = (which == np.arange(len(names))[:, None]).astype(vectors.dtype)
    means = member @ vectors / member.sum(1, keepdims=True)
    return vectors - means[which]


def difference(
    ours: np.ndarray, theirs: np.ndarray, draws: int = 10_000, seed: int = 0
) -> Difference:
    """Return the mean of `ours` - `theirs`, (queries,) each, with its 95 % interval by a paired
    bootstrap over queries: the same queries are drawn for both systems, with replacement.

    The interval tells how much hangs on the queries; words and speakers are not drawn anew.
    """
    change = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    generator, count = np.random.default_rng(seed), len(change)
    drawn = [
        generator.multinomial(count, np.full(count, 1 / count), 1_000) @ change / count
        for _ in range(-(-draws // 1_000))
    ]
    low, high = np.percentile(np.concatenate(drawn)[:draws], [2.5, 97.5])
    return Difference(float(change.mean()), float(low), float(high))
