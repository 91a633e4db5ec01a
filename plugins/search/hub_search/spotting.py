"""Query by example in continuous recordings: where does a word come up that somebody else said?

Each system gives spans of all recordings with a score; spans that mostly repeat a better one are
left out; what is left is held against the aligned words. A span is a hit where it overlaps the word
by half (intersection over union).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hub_search import dtw
from hub_search.data import Utterance
from hub_search.places import looked_again, looked_at, reach
from hub_search.segments import spans
from hub_search.words import FRAME_RATE, Segment, counts

OVERLAP = 0.5  # of a hit and its word, intersection over union
COVERED = 0.3  # a span is left out of which more lies in better ones


@dataclass(frozen=True)
class Occurrence:
    """A word of a recording; in frames of it."""

    word: str
    start: int
    end: int
    counts: bool  # else it is too short or its times are not sure: finding it is no hit, no error


@dataclass(frozen=True, eq=False)
class Recording:
    """All that one speaker reads, end to end."""

    speaker: str
    frames: Tensor  # (frames, 40), log-mel, normalised
    loudness: np.ndarray  # (frames,), dB
    words: tuple[Occurrence, ...]

    @property
    def hours(self) -> float:
        return len(self.frames) / FRAME_RATE / 3600


@dataclass(frozen=True, eq=False)
class Answers:
    """What a system finds for one query, best first."""

    scores: np.ndarray  # (answers,), higher is better, comparable between queries
    hits: np.ndarray  # (answers,) bool, whether it is the word, found for the first time
    wanted: int  # how often the word is said, at least 1
    hours: float  # of recordings that were searched

    @property
    def average_precision(self) -> float:
        """Return the mean over all sayings of the precision where it is found; of those that are
        not found it is 0."""
        found = self.hits.cumsum()
        return float((found / np.arange(1, len(found) + 1))[self.hits].sum() / self.wanted)


def recordings(utterances: Sequence[Utterance]) -> list[Recording]:
    """Return one recording a speaker, of all their utterances, in the order they come in."""
    spoken: dict[str, list[Utterance]] = {}
    for one in utterances:
        spoken.setdefault(one.speaker, []).append(one)
    return [joined(speaker, some) for speaker, some in spoken.items()]


def joined(speaker: str, utterances: list[Utterance]) -> Recording:
    starts = np.cumsum([0, *(len(one.frames) for one in utterances)]).tolist()
    words = tuple(
        Occurrence(
            word.text,
            start + round(word.start * FRAME_RATE),
            start + round(word.end * FRAME_RATE),
            counts(word),
        )
        for start, one in zip(starts, utterances, strict=False)
        for word in one.words
    )
    loudness = np.concatenate([one.loudness for one in utterances])
    return Recording(speaker, torch.cat([one.frames for one in utterances]), loudness, words)


@dataclass(frozen=True, eq=False)
class Windows:
    """The spans of all recordings that an archive would hold."""

    recording: np.ndarray  # (windows,), which recording
    spans: np.ndarray  # (windows, 2), start and end in frames of it
    frames: list[Tensor]  # (frames, 40) each


def windows(heard: Sequence[Recording]) -> Windows:
    """Return the windows that an archive of these recordings would hold, by the same code."""
    found = [spans(one.loudness, one.frames) for one in heard]
    frames = [
        one.frames[start:end]
        for one, some in zip(heard, found, strict=True)
        for start, end in some.tolist()
    ]
    which = np.repeat(np.arange(len(heard)), [len(some) for some in found])
    return Windows(which, np.concatenate(found).astype(np.int64), frames)


def by_vectors(
    queries: Sequence[Segment],
    vectors: np.ndarray,
    heard: Sequence[Recording],
    cut: Windows,
    embedded: np.ndarray,
) -> Iterator[Answers]:
    """Yield the answers to each query by the cosine of its vector and the windows'.

    Args:
        vectors: (queries, dimensions), of unit length, of the words asked for.
        embedded: (windows, dimensions), of unit length, of `cut.frames`.
    """
    for query, vector in zip(queries, vectors, strict=True):
        yield judged(query, heard, cut.recording, cut.spans, embedded @ vector)


def by_both(
    queries: Sequence[Segment],
    vectors: np.ndarray,
    features: Sequence[np.ndarray],
    heard: Sequence[Recording],
    whole: Sequence[np.ndarray],
    cut: Windows,
    embedded: np.ndarray,
) -> Iterator[Answers]:
    """Yield the answers to each query as an archive gives them: of the windows nearest to its
    vector, the best by an alignment too, with the spans that this corrects.

    Args:
        vectors, cut, embedded: those of `by_vectors`, each query no longer than a window.
        features, whole: those of `by_warping`.
    """
    for query, vector, sequence in zip(queries, vectors, features, strict=True):
        others = np.array([one.speaker != query.speaker for one in heard])
        searched = np.flatnonzero(others[cut.recording])
        scores = embedded[searched] @ vector
        best = np.argsort(-scores, kind="stable")[: looked_at(len(sequence), len(searched))]
        recording, spans = cut.recording[searched[best]], cut.spans[searched[best]]
        starts = (spans[:, 0] - reach(len(sequence))).clip(0)
        ends = spans[:, 1] + reach(len(sequence))
        pieces = [
            whole[index][start:end]
            for index, start, end in zip(recording, starts, ends, strict=True)
        ]
        better, found = looked_again(sequence, pieces, spans - starts[:, None], scores[best])
        yield judged(query, heard, recording, found + starts[:, None], better)


def by_warping(
    queries: Sequence[Segment],
    features: Sequence[np.ndarray],
    heard: Sequence[Recording],
    whole: Sequence[np.ndarray],
) -> Iterator[Answers]:
    """Yield the answers to each query by subsequence dynamic time warping: each end at which the
    cost is least for a moment, with the start that goes with it. Costs are over the geometric mean
    of the lengths, and steps weigh the same: so most was found on the validation split.

    Args:
        features: (frames, n) of each query. whole: (frames, n) of each recording.
    """
    for query, sequence in zip(queries, features, strict=True):
        which, found, scores = [], [], []
        for index, (one, frames) in enumerate(zip(heard, whole, strict=True)):
            if one.speaker == query.speaker:
                continue
            cost, starts = dtw.subsequence(sequence, frames)
            lengths = np.arange(len(cost)) - starts + 1
            cost = cost * (len(sequence) + lengths) / np.sqrt(len(sequence) * lengths)
            around = np.pad(cost, 1, constant_values=np.inf)
            ends = np.flatnonzero((cost < around[:-2]) & (cost <= around[2:]))
            which.append(np.full(len(ends), index))
            found.append(np.stack([starts[ends], ends + 1], 1))
            scores.append(-cost[ends])
        yield judged(query, heard, *map(np.concatenate, (which, found, scores)))


def judged(
    query: Segment,
    heard: Sequence[Recording],
    recording: np.ndarray,
    places: np.ndarray,
    scores: np.ndarray,
) -> Answers:
    """Return which spans answer a query, and which of them are right.

    Args:
        heard: the recordings; the query's own speaker's are not searched.
        recording, places, scores: (spans,), (spans, 2) in frames, (spans,): what a system gives.
    """
    others = np.array([one.speaker != query.speaker for one in heard])
    searched = others[recording]
    recording, places, scores = recording[searched], places[searched], scores[searched]
    offsets = np.cumsum([0, *(len(one.frames) for one in heard)])
    placed = places + offsets[recording][:, None]  # on one axis, so that recordings never overlap
    order = np.argsort(-scores, kind="stable")
    order = order[apart(placed[order], np.zeros(offsets[-1], np.bool_), COVERED)]
    said = [
        (offsets[index] + word.start, offsets[index] + word.end, word.counts)
        for index in np.flatnonzero(others)
        for word in heard[index].words
        if word.word == query.word
    ]
    verdicts = hits(placed[order], np.array(said, np.int64).reshape(-1, 3))
    kept = verdicts >= 0
    return Answers(
        scores[order][kept],
        verdicts[kept] > 0,
        sum(sure for _, _, sure in said),
        sum(one.hours for one, other in zip(heard, others, strict=True) if other),
    )


@dtw.compiled
def apart(places, taken, most):
    """Return which of `places`, (spans, 2), best first, are left when each is left out of which
    more than `most` lies in better ones; `taken` is (frames,), all False."""
    left = np.zeros(len(places), np.bool_)
    for index in range(len(places)):
        start, end = places[index, 0], places[index, 1]
        covered = 0
        for frame in range(start, end):
            covered += taken[frame]
        if covered <= most * (end - start):
            left[index] = True
            taken[start:end] = True
    return left


def hits(places: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Return 1 for each span, best first, that is a word found for the first time, 0 for a false
    alarm, and -1 for what lies on a word that does not count, (spans,) int64.

    Args:
        places: (spans, 2). said: (words, 3), start, end, and whether it counts.
    """
    verdicts = np.zeros(len(places), np.int64)
    for start, end, sure in said.tolist():
        both = np.minimum(places[:, 1], end) - np.maximum(places[:, 0], start)
        if not sure:
            verdicts[(both > 0) & (verdicts == 0)] = -1
            continue
        union = np.maximum(places[:, 1], end) - np.minimum(places[:, 0], start)
        found = np.flatnonzero(both >= OVERLAP * union)
        if len(found):
            verdicts[found[0]] = 1
    return verdicts


def mean_average_precision(answers: Sequence[Answers]) -> float:
    return float(np.mean([one.average_precision for one in answers]))


def false_alarms_per_hour(answers: Sequence[Answers], recall: float = 0.5) -> float:
    """Return how many false alarms an hour of recordings gives for one query, when one threshold
    for all queries lets `recall` of all sayings be found; infinite where they never are."""
    scores = np.concatenate([one.scores for one in answers])
    found = np.concatenate([one.hits for one in answers])[np.argsort(-scores, kind="stable")]
    enough = np.flatnonzero(found.cumsum() >= recall * sum(one.wanted for one in answers))
    if not len(enough):
        return float("inf")
    alarms = (~found[: enough[0] + 1]).sum()
    return float(alarms / sum(one.hours for one in answers))
