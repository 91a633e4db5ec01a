"""The peer: a trigram model of the same text, read from both sides of a word.

Interpolated Kneser-Ney (Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling", 1999, section 2.7), with a discount for each order, n1 / (n1 + 2 n2). A word is scored by
all three trigrams that it is in: P(w | two before) P(next | one before, w) P(next but one | w,
next). A neighbour that is itself spoilt is left out: what needs it backs off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from hub_denoise.text.corrupt import Token
from hub_denoise.text.data import TIMES, Corpus

BITS = 20  # of a kind's number
UNSEEN = -1  # a neighbour that is not known
LOOKED = 5000  # words, the likeliest by their neighbours, that the two trigrams to the right judge


class Trigrams:
    """Probabilities of what follows two words, numbers or other characters."""

    def __init__(self, tokens: np.ndarray, size: int) -> None:
        """Count `tokens`, (all,) integers from 0 to `size` - 1."""
        if size >= 1 << BITS:
            raise ValueError(f"there must be fewer than {1 << BITS} kinds, got {size}")
        whole = tokens.astype(np.int64)
        self.size = size
        self.three, self.counts3 = occurrences(joined(whole[:-2], whole[1:-1], whole[2:]))
        self.two, starts = np.unique(self.three >> BITS, return_index=True)
        self.totals3 = np.add.reduceat(self.counts3, starts)
        self.kinds3 = np.diff([*starts, len(self.three)])
        self.after, self.counts2 = occurrences(self.three & ((1 << 2 * BITS) - 1))
        before = self.after >> BITS
        self.totals2 = np.bincount(before, self.counts2, size)
        self.kinds2 = np.bincount(before, minlength=size)
        single = np.bincount(self.after & ((1 << BITS) - 1), minlength=size)
        self.one = (single + 0.5) / (single.sum() + 0.5 * size)
        self.discount3, self.discount2 = discount(self.counts3), discount(self.counts2)

    def given_one(self, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return P(w | v) of kinds that broadcast; of a `v` that is UNSEEN, P(w)."""
        v, w = np.broadcast_arrays(v, w)
        total, kinds = self.totals2[np.maximum(v, 0)], self.kinds2[np.maximum(v, 0)]
        count = looked_up(self.after, self.counts2, joined(v, w))
        with np.errstate(invalid="ignore", divide="ignore"):
            kept = np.maximum(count - self.discount2, 0) / total
            found = kept + self.discount2 * kinds / total * self.one[w]
        return np.where((v < 0) | (total == 0), self.one[w], found)

    def given_two(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return P(w | u v) of kinds that broadcast; of a `u` that is UNSEEN, P(w | v)."""
        u, v, w = np.broadcast_arrays(u, v, w)
        context = joined(u, v)
        total = looked_up(self.two, self.totals3, context)
        kinds = looked_up(self.two, self.kinds3, context)
        count = looked_up(self.three, self.counts3, (context << BITS) | w)
        lower = self.given_one(v, w)
        with np.errstate(invalid="ignore", divide="ignore"):
            kept = np.maximum(count - self.discount3, 0) / total
            found = kept + self.discount3 * kinds / total * lower
        return np.where((u < 0) | (v < 0) | (total == 0), lower, found)


def joined(*kinds: np.ndarray) -> np.ndarray:
    """Return kinds side by side in one number; of one that is UNSEEN, a number below 0."""
    found = np.zeros_like(np.asarray(kinds[0], np.int64))
    for one in kinds:
        found = np.where((found < 0) | (one < 0), UNSEEN, (found << BITS) | np.maximum(one, 0))
    return found


def occurrences(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return keys, sorted, and how often each is there."""
    keys.sort()
    firsts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return keys[firsts], np.diff(np.r_[firsts, len(keys)]).astype(np.int32)


def discount(counts: np.ndarray) -> float:
    """Return what is taken off each count; of a text too small to tell, three quarters."""
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return once / (once + 2 * twice) if once else 0.75


def looked_up(keys: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the counts of `wanted`, 0 of those that are not among `keys`."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, counts[places], 0)


class TrigramScorer:
    """The trigram model as a scorer of words."""

    def __init__(self, corpus: Corpus, counts: Counter[str], words: Sequence[str]) -> None:
        """Count `corpus`, in which what stands fewer than TIMES times is one kind."""
        self.rare = 1 + sum(counts[kind] >= TIMES for kind in corpus.kinds[1:])
        self.numbers = {kind: number for number, kind in enumerate(corpus.kinds[: self.rare])}
        self.trigrams = Trigrams(np.minimum(corpus.tokens, self.rare), self.rare + 1)
        self.words = np.array([self.numbers.get(word, self.rare) for word in words])
        # Words of another text's vocabulary share what all rare kinds have together.
        missing = self.words == self.rare
        self.shares = np.where(missing, -np.log(max(1, int(missing.sum()))), 0.0)

    def word_scores(self, found: Sequence[Token], looked: Sequence[int]) -> list[np.ndarray]:
        """Return log-probabilities of the words, (words,) float64, at each of `looked`."""
        hidden = set(looked)
        kinds = [
            UNSEEN if place in hidden else self.numbers.get(token.text, self.rare)
            for place, token in enumerate(found)
        ]
        padded = np.array([UNSEEN, 0, *kinds, 0, UNSEEN], np.int64)  # 0: a text starts or ends
        return [self.scored(*np.delete(padded[place : place + 5], 2)) for place in looked]

    def scored(self, u: int, v: int, x: int, y: int) -> np.ndarray:
        """Return the log-probability of each word between u v and x y."""
        scores = np.log(self.trigrams.given_two(u, v, self.words)) + self.shares
        if x != UNSEEN:
            near = scores + np.log(self.trigrams.given_one(self.words, x))
            best = np.argpartition(-near, min(LOOKED, len(near)) - 1)[:LOOKED]
            some = self.words[best]
            exact = scores[best] + np.log(self.trigrams.given_two(v, some, x))
            if y != UNSEEN:
                exact += np.log(self.trigrams.given_two(some, x, y))
                near += np.log(self.trigrams.given_one(x, y))
            near[best] = exact
            scores = near
        return scores - np.logaddexp.reduce(scores)


class FrequencyScorer:
    """Words by how frequent they are, whatever the text says."""

    def __init__(self, counts: Counter[str], words: Sequence[str]) -> None:
        found = np.array([counts[word] + 0.5 for word in words])
        self.scores = np.log(found / found.sum())

    def word_scores(self, found: Sequence[Token], looked: Sequence[int]) -> list[np.ndarray]:
        """Return log-probabilities of the words, (words,) float64, at each of `looked`."""
        return [self.scores] * len(looked)
