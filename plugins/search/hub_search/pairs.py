"""Pairs of sayings of the same thing by two speakers: discovered by sound alone, or told by the
words.

A pair is two spans of the corpus. Discovery follows what Jansen and Van Durme, "Efficient Spoken
Term Discovery Using Randomized Algorithms", ASRU 2011, do: nearest neighbours of many windows by a
quick embedding, of which dynamic time warping keeps the best. Here the quick embedding is the one
that is being trained, and so are the frames that are warped: better pairs make a better encoder,
which finds better pairs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hub_search import dtw
from hub_search.augment import Corpus
from hub_search.data import Utterance
from hub_search.model import Encoder, Networks
from hub_search.words import FRAME_RATE, counts

WINDOWS = ((30, 10), (45, 15), (60, 15))  # frames, lengths that are looked at and their steps
SPOKEN = 0.85  # of a window's frames, at least
SHRINK = 0.3  # of the whitening, towards equal variances
NEIGHBOURS = 10  # of a window, that may be its pairs
CANDIDATES = 6  # pairs per pair that is kept, both directions counted
OFTEN = 3  # pairs that one window may be in
APART = 20  # frames; pairs that differ by less on both sides are the same
BLOCK = 512  # windows that are compared with all others at once
PART = 25  # frames of a part of a pair, at least
SQUEEZED = 15  # of its other side


@dataclass(frozen=True)
class Pairs:
    """Two sayings each: spans of the corpus, in frames."""

    start: Tensor  # (pairs, 2) int64
    end: Tensor  # (pairs, 2) int64
    # (pairs, longest) int64: which frame of the second side, from its start, each frame of the
    # first is aligned with; what lies behind its end is not read. Empty: it is not known.
    aligned: Tensor

    def __len__(self) -> int:
        return len(self.start)

    def drawn(
        self, count: int, parts: float, generator: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return starts and ends, (count, 2) each, of pairs drawn without replacement.

        Args:
            parts: the share of pairs of which a random part is taken, at least 25 frames and what
                they are aligned with; where alignments are known.
        """
        chosen = torch.from_numpy(generator.choice(len(self), count, replace=False))
        start, end = self.start[chosen], self.end[chosen]
        if not self.aligned.numel():
            return start, end
        frames = end[:, 0] - start[:, 0]
        room = (frames - PART).clamp_min(0)
        length = PART + torch.from_numpy(generator.random(count) * room.numpy()).long()
        place = torch.from_numpy(generator.random(count) * (frames - length + 1).numpy()).long()
        last = (place + length - 1).clamp(max=self.aligned.shape[1] - 1)
        row = self.aligned[chosen]
        low, high = row.gather(1, place[:, None])[:, 0], row.gather(1, last[:, None])[:, 0] + 1
        good = (room > 0) & (high - low >= SQUEEZED)
        good &= torch.from_numpy(generator.random(count) < parts)
        first, second = start[:, 0] + place, start[:, 1] + low
        part = torch.stack([first, second], 1)
        part_end = torch.stack([first + length, start[:, 1] + high], 1)
        return torch.where(good[:, None], part, start), torch.where(good[:, None], part_end, end)


def windows(corpus: Corpus, length: int, step: int) -> tuple[Tensor, Tensor]:
    """Return first frames and ends, (windows,) each, of overlapping windows of `length` frames in
    which somebody speaks."""
    spoken = F.pad(corpus.voiced.long().cumsum(0), (1, 0))
    starts = [
        torch.arange(low, high - length + 1, step)
        for low, high in zip(corpus.start.tolist(), corpus.end.tolist(), strict=True)
        if high - low >= length
    ]
    start = torch.cat(starts)
    start = start[spoken[start + length] - spoken[start] >= SPOKEN * length]
    return start, start + length


def discover(corpus: Corpus, networks: Networks, counts: Sequence[int]) -> Pairs:
    """Return pairs of windows of two speakers that sound alike, the surest of each length first.

    Long pairs are rarer than short ones and their vectors less alike, but what they share is more
    of a word: each length is ranked by itself.

    Args:
        counts: how many of each length of `WINDOWS`, at most.
    """
    encoder = networks.encoders[networks.systems[0]]
    learned = learned_frames(corpus, encoder)
    starts, ends = [], []
    for (length, step), count in zip(WINDOWS, counts, strict=True):
        start, end = windows(corpus, length, step)
        speaker = corpus.speaker[corpus.utterance_at(start)]
        segments = [corpus.frames[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)]
        vectors = whitened(torch.from_numpy(networks.embed(segments)), speaker)
        first, second = neighbours(vectors, speaker, CANDIDATES * count)
        sounds = [learned[span // 2 : span // 2 + length // 2] for span in start.tolist()]
        costs = warping_costs(sounds, first, second)
        ranks = np.arange(len(first)) + np.argsort(np.argsort(costs))  # of either way
        order = torch.from_numpy(np.argsort(ranks, kind="stable"))
        kept = distinct(start, end, first[order], second[order], count)
        chosen = torch.stack([first[order][kept], second[order][kept]], dim=1)
        starts.append(start[chosen])
        ends.append(end[chosen])
    return aligned(corpus, torch.cat(starts), torch.cat(ends))


@torch.inference_mode()
def learned_frames(corpus: Corpus, encoder: Encoder) -> np.ndarray:
    """Return what the encoder's convolutions make of the corpus, each channel at mean 0 and
    variance 1, (frames / 2, channels) float32: aligned by these, words are found better than by
    cepstra."""
    found = torch.zeros(len(corpus.frames) // 2 + 1, encoder.second.out_channels)
    for low, high in zip(corpus.start.tolist(), corpus.end.tolist(), strict=True):
        some = encoder.convolved(corpus.frames[low:high][None])[0]
        found[low // 2 : low // 2 + len(some)] = some[: len(found) - low // 2]
    deviation, mean = torch.std_mean(found, dim=0)
    return ((found - mean) / deviation.clamp_min(1e-3)).numpy()


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


def neighbours(vectors: Tensor, speaker: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the most similar pairs of two speakers, among each window's nearest, the most similar
    first: those that the `count` best of both directions are."""
    found, places = [], []
    rounded = vectors.bfloat16()  # ranks hardly change, in a third of the time
    most = min(NEIGHBOURS, len(vectors))
    for some, who in zip(rounded.split(BLOCK), speaker.split(BLOCK), strict=True):
        scores = (some @ rounded.T).masked_fill_(who[:, None] == speaker, -2)
        best = scores.float().topk(most, dim=1)
        found.append(best.values)
        places.append(best.indices)
    score, other = torch.cat(found), torch.cat(places)
    one = torch.arange(len(vectors))[:, None].expand_as(other)
    pair = torch.stack([torch.minimum(one, other), torch.maximum(one, other)], 2).reshape(-1, 2)
    score = score.reshape(-1)
    order = score.argsort(descending=True)[:count]
    order = order[score[order] > -2]  # else it is of the same speaker
    ranked = pair[order]
    _, first = np.unique(ranked.numpy(), axis=0, return_index=True)
    unique = ranked[torch.from_numpy(np.sort(first))]
    return unique[:, 0], unique[:, 1]


def warping_costs(sounds: list[np.ndarray], first: Tensor, second: Tensor) -> np.ndarray:
    """Return the cost of aligning the two windows of each pair, (pairs,) float32."""
    partners = defaultdict(list)
    for place, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        partners[one].append((place, other))
    costs = np.empty(len(first), np.float32)
    for one, found in partners.items():
        places, others = zip(*found, strict=True)
        compared = [sounds[other] for other in others]
        costs[list(places)] = dtw.pairs([sounds[one]], compared, diagonal=dtw.DIAGONAL)[0]
    return costs


def aligned(corpus: Corpus, start: Tensor, end: Tensor) -> Pairs:
    """Return pairs of spans, (pairs, 2), with the alignment of their two sides."""
    features = dtw.features(corpus.frames)
    path = torch.zeros(len(start), int((end - start)[:, 0].max()), dtype=torch.long)
    for row, (a, b), (x, y) in zip(path, start.tolist(), end.tolist(), strict=True):
        steps, _ = dtw.path(features[a:x], features[b:y], diagonal=dtw.DIAGONAL)
        row[steps[:, 0]] = torch.from_numpy(steps[:, 1])
    return Pairs(start, end, path)


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
    whole = torch.zeros(0, dtype=torch.long)
    return Pairs(torch.tensor(starts)[order], torch.tensor(ends)[order], whole)


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
