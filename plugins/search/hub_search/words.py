"""The spoken words that systems are measured by: which of a set's aligned words count, and which
are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hub.errors import DataError
from hub_search.data import Utterance, Word, utterances

LETTERS, SECONDS = 4, 0.25  # shorter words say too little to be found by sound alone
FRAME_RATE = 100  # frames a second


@dataclass(frozen=True, eq=False)
class Segment:
    """One word said once, and how it sounds."""

    word: str  # in lower case
    speaker: str
    utterance: str  # the id of the utterance it lies in
    start: float  # seconds from the start of the utterance
    end: float
    frames: Tensor  # (frames, 40), log-mel, normalised as the utterance is


def spoken(name: str, splits: Sequence[str] = ("test",)) -> list[Utterance]:
    """Return the utterances of set `name`, each band at mean 0 and variance 1 over all that its
    speaker says in a split.

    Raises:
        DataError: the set or a split is not there, or nothing in it is aligned.
    """
    found: list[Utterance] = []
    for split in splits:
        some = utterances(name, split)
        if not any(one.words for one in some):
            raise DataError(f"{name}, split {split}, has no times of words; take another split")
        found += some
    return found


def part(utterances: Iterable[Utterance], every: int) -> list[Utterance]:
    """Return the first of every so many utterances of each speaker, for a quick look."""
    seen: defaultdict[str, int] = defaultdict(int)
    found = []
    for one in utterances:
        if seen[one.speaker] % every == 0:
            found.append(one)
        seen[one.speaker] += 1
    return found


def counts(word: Word) -> bool:
    """Return whether a word is measured by: it has at least 4 letters and 0.25 s, and its times are
    trusted."""
    # A nanosecond less, as times are not exact in binary.
    return word.trusted and len(word.text) >= LETTERS and word.end - word.start >= SECONDS - 1e-9


def segments(utterances: Iterable[Utterance]) -> list[Segment]:
    """Return the words that are measured by, each with its frames, in order."""
    return [
        Segment(word.text, one.speaker, one.id, word.start, word.end, cut(one, word))
        for one in utterances
        for word in one.words
        if counts(word)
    ]


def cut(utterance: Utterance, word: Word) -> Tensor:
    """Return the frames of a word, (frames, 40), those nearest to its start and up to its end."""
    return utterance.frames[round(word.start * FRAME_RATE) : round(word.end * FRAME_RATE)]


def queries(segments: Sequence[Segment]) -> np.ndarray:
    """Return which of `segments` somebody else says too, (queries,) int64 positions: each can be
    looked for among the words of other speakers."""
    speakers = defaultdict[str, set](set)
    for one in segments:
        speakers[one.word].add(one.speaker)
    return np.flatnonzero([len(speakers[one.word]) > 1 for one in segments])
