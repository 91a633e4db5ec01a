"""Pairs of sayings of the same thing by two speakers: discovered by sound alone, or told by the
words.

A pair is two spans of the corpus. Discovery follows what Jansen and Van Durme, "Efficient Spoken
Term Discovery Using Randomized Algorithms", ASRU 2011, do: nearest neighbours of many windows by a
quick embedding, of which dynamic time warping keeps the best. Here the quick embedding is the one
that is being trained, so better pairs make a better embedding, which finds better pairs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hub_search import dtw
from hub_search.augment import Corpus
from hub_search.data import Utterance
from hub_search.model import Networks
from hub_search.words import FRAME_RATE, counts

WINDOWS = (30, 45, 65)  # frames, the lengths that are looked at
HOPS = 3  # windows of a length that cover a frame
SPOKEN = 0.85  # of a window's frames, at least
SHRINK = 0.3  # of the whitening, towards equal variances
NEIGHBOURS = 10  # of a window, whose mean similarity tells how crowded its place is
CANDIDATES = 4  # pairs per pair that is kept, which time warping chooses from
OFTEN = 3  # pairs that one window may be in
APART = 20  # frames; pairs that differ by less on both sides are the same
BLOCK, OWN = 512, -4.0  # windows compared with all at once; score of two of one speaker


@dataclass(frozen=True)
class Pairs:
    """Two sayings each: spans of the corpus, in frames."""

    start: Tensor  # (pairs, 2) int64
    end: Tensor  # (pairs, 2) int64

    def __len__(self) -> int:
        return len(self.start)


def windows(corpus: Corpus) -> tuple[Tensor, Tensor]:
    """Return first frames and ends, (windows,) each, of overlapping windows in which somebody
    speaks."""
    spoken = F.pad(corpus.voiced.long().cumsum(0), (1, 0))
    starts, lengths = [], []
    for length in WINDOWS:
        for low, high in zip(corpus.start.tolist(), corpus.end.tolist(), strict=True):
            start = torch.arange(low, high - length + 1, length // HOPS)
            starts.append(start)
            lengths.append(torch.full_like(start, length))
    start, length = torch.cat(starts), torch.cat(lengths)
    good = spoken[start + length] - spoken[start] >= SPOKEN * length
    return start[good], (start + length)[good]


def discover(corpus: Corpus, networks: Networks, count: int, csls: bool) -> Pairs:
    """Return up to `count` pairs of windows of two speakers that sound alike, the surest first.

    Args:
        csls: correct similarities for crowded places: Conneau et al., "Word Translation Without
            Parallel Data", ICLR 2018 (arXiv:1710.04087), equation 3.
    """
    start, end = windows(corpus)
    speaker = corpus.speaker[corpus.utterance_at(start)]
    segments = [corpus.frames[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)]
    vectors = whitened(torch.from_numpy(networks.embed(segments)), speaker)
    first, second = neighbours(vectors, speaker, csls, CANDIDATES * count)
    order = torch.from_numpy(warping_costs(corpus, start, end, first, second)).argsort()
    kept = distinct(start, end, first[order], second[order], count)
    chosen = torch.stack([first[order][kept], second[order][kept]], dim=1)
    return Pairs(start[chosen], end[chosen])


def whitened(vectors: Tensor, speaker: Tensor) -> Tensor:
    """Return unit vectors, less their speaker's mean, and with correlations mostly taken out."""
    member = F.one_hot(speaker).float()
    means = (member.T @ vectors) / member.sum(0).clamp_min(1)[:, None]
    centred = vectors - means[speaker]
    covariance = centred.T @ centred / len(centred)
    level = covariance.diagonal().mean()
    values, axes = torch.linalg.eigh(
        (1 - SHRINK) * covariance + SHRINK * level * torch.eye(len(covariance))
    )
    return F.normalize(centred @ (axes / values.sqrt()) @ axes.T, dim=1)


def neighbours(vectors: Tensor, speaker: Tensor, csls: bool, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` most similar pairs of two speakers, among each window's nearest."""
    found, places = [], []
    rounded = vectors.bfloat16()  # ranks hardly change, in a third of the time
    most = min(NEIGHBOURS, len(vectors))
    for some, who in zip(rounded.split(BLOCK), speaker.split(BLOCK), strict=True):
        near = (some @ rounded.T).masked_fill_(who[:, None] == speaker, OWN).float().topk(most)
        found.append(near.values)
        places.append(near.indices)
    score, other = torch.cat(found), torch.cat(places)
    own = score == OWN
    if csls:
        crowd = score.mean(1)
        score = (2 * score - crowd[:, None] - crowd[other]).masked_fill(own, OWN)
    one = torch.arange(len(vectors))[:, None].expand_as(other)
    pair = torch.stack([torch.minimum(one, other), torch.maximum(one, other)], 2).reshape(-1, 2)
    order = score.reshape(-1).argsort(descending=True)[: 2 * count]  # most stand there twice
    order = order[~own.reshape(-1)[order]]
    ranked = pair[order]
    _, first = np.unique(ranked.numpy(), axis=0, return_index=True)
    unique = ranked[torch.from_numpy(np.sort(first))][:count]
    return unique[:, 0], unique[:, 1]


def warping_costs(
    corpus: Corpus, start: Tensor, end: Tensor, first: Tensor, second: Tensor
) -> np.ndarray:
    """Return the cost of aligning the two windows of each pair, (pairs,) float32."""
    features = dtw.features(corpus.frames, 13, 4.0)
    spans = list(zip(start.tolist(), end.tolist(), strict=True))
    partners = defaultdict(list)
    for place, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        partners[one].append((place, other))
    costs = np.empty(len(first), np.float32)
    for one, found in partners.items():
        places, others = zip(*found, strict=True)
        sounds = [features[slice(*spans[other])] for other in others]
        costs[list(places)] = dtw.pairs([features[slice(*spans[one])]], sounds)[0]
    return costs


def distinct(start: Tensor, end: Tensor, first: Tensor, second: Tensor, count: int) -> list[int]:
    """Return which pairs to keep, best first: no window too often, no pair twice."""
    middle = ((start + end) // (2 * APART)).tolist()
    seen: set[tuple[int, int]] = set()
    often: Counter[int] = Counter()
    kept = []
    for place, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        key = (middle[one], middle[other])
        if key in seen or often[one] >= OFTEN or often[other] >= OFTEN:
            continue
        seen.add(key)
        often.update((one, other))
        kept.append(place)
        if len(kept) == count:
            break
    return kept


def told(corpus: Corpus, utterances: list[Utterance], generator: np.random.Generator) -> Pairs:
    """Return pairs of the same word by two speakers, as alignments tell: the true pairs.

    Every saying is paired with up to four others; they come in random order.
    """
    said = defaultdict(list)
    for index, one in enumerate(utterances):
        offset = int(corpus.start[index])
        for word in one.words:
            if counts(word):
                span = (
                    offset + round(word.start * FRAME_RATE),
                    offset + round(word.end * FRAME_RATE),
                )
                said[word.text].append((one.speaker, *span))
    starts, ends = [], []
    for sayings in said.values():
        for speaker, start, end in sayings:
            others = [one for one in sayings if one[0] != speaker]
            for chosen in generator.permutation(len(others))[:4]:
                starts.append((start, others[chosen][1]))
                ends.append((end, others[chosen][2]))
    order = torch.from_numpy(generator.permutation(len(starts)))
    return Pairs(torch.tensor(starts)[order], torch.tensor(ends)[order])


def agreement(pairs: Pairs, corpus: Corpus, utterances: list[Utterance]) -> float:
    """Return the share of pairs, of those whose sides each lie mostly on one aligned word, that say
    the same word: how good discovery was. Nothing is chosen by it."""
    words = np.full(len(corpus.frames), "", dtype=object)
    for index, one in enumerate(utterances):
        offset = int(corpus.start[index])
        for word in one.words:
            span = slice(
                offset + round(word.start * FRAME_RATE), offset + round(word.end * FRAME_RATE)
            )
            words[span] = word.text
    right = judged = 0
    for start, end in zip(pairs.start.tolist(), pairs.end.tolist(), strict=True):
        heard = [Counter(words[a:b]).most_common(1)[0] for a, b in zip(start, end, strict=True)]
        enough = all(
            text and often >= 0.6 * (b - a)
            for (text, often), a, b in zip(heard, start, end, strict=True)
        )
        judged += enough
        right += enough and heard[0][0] == heard[1][0]
    return right / max(1, judged)
