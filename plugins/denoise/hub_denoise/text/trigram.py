"""A trigram model of the training text, read from both sides of a word: whole, the peer; pruned,
what a checkpoint remembers of the text beside its network.

Interpolated Kneser-Ney (Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling", 1999, section 2.7), with a discount for each order, n1 / (n1 + 2 n2). A word is scored by
all three trigrams that it is in: P(w | two before) P(next | one before, w) P(next but one | w,
next). A neighbour that is itself spoilt is left out: what needs it backs off.
"""

from __future__ import annotations

import lzma
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hub_denoise.text.corrupt import Token
from hub_denoise.text.data import TIMES, Corpus

BITS = 20  # of a kind's number
UNSEEN = -1  # a neighbour that is not known
LOOKED = 5000  # words, the likeliest by their neighbours, that the two trigrams to the right judge
# How many nats what is kept of a pair or a triple must gain, all its occurrences together: Seymore
# and Rosenfeld, "Scalable Backoff Language Models", ICSLP 1996.
GAIN_OF_PAIRS = 5.0
GAIN_OF_TRIPLES = 12.0
STEPS = 12  # to a nat, of logarithms that are kept as bytes
SHARES = ("one", "kept2", "rest2", "kept3", "rest3")
KEYS = ("pairs", "triples")


@dataclass(frozen=True)
class Trigrams:
    """Probabilities of what follows two words, numbers or other characters.

    Kind 0 is where a text starts, then come the words that can be restored, then other kinds; the
    last is for all that are rarer.

    Attributes:
        kinds: from 0 to the last but one.
        one: (kinds + 1,) P(w).
        pairs, kept2: v and w, joined, sorted; and what P(w | v) has of its own.
        rest2: (kinds + 1,) the share of P(w) in P(w | v), by v.
        triples, kept3, contexts, rest3: the same of u, v and w, and of u and v, joined.
    """

    kinds: tuple[str, ...]
    one: np.ndarray
    pairs: np.ndarray
    kept2: np.ndarray
    rest2: np.ndarray
    triples: np.ndarray
    kept3: np.ndarray
    contexts: np.ndarray
    rest3: np.ndarray

    @classmethod
    def of(
        cls, corpus: Corpus, counts: Counter[str], words: Sequence[str], pruned: bool = False
    ) -> Trigrams:
        """Count `corpus`, in which what stands fewer than TIMES times and is not among `words` is
        one kind.

        Args:
            pruned: keep only what gains most: a twentieth of the whole.
        """
        known = {"", *words}
        others = (kind for kind in corpus.kinds if counts[kind] >= TIMES and kind not in known)
        kinds = ("", *words, *others)
        numbers = {kind: number for number, kind in enumerate(kinds)}
        of_corpus = np.array([numbers.get(kind, len(kinds)) for kind in corpus.kinds])
        gains = (GAIN_OF_PAIRS, GAIN_OF_TRIPLES) if pruned else (0.0, 0.0)
        whole = cls.counted(of_corpus[corpus.tokens], len(kinds) + 1, *gains)
        return replace(whole, kinds=kinds)

    @classmethod
    def counted(
        cls, tokens: np.ndarray, size: int, of_pairs: float = 0.0, of_triples: float = 0.0
    ) -> Trigrams:
        """Count `tokens`, (all,) integers from 0 to `size` - 1, and keep those pairs and triples
        that gain more than so many nats."""
        if size >= 1 << BITS:
            raise ValueError(f"there must be fewer than {1 << BITS} kinds, got {size}")
        whole = tokens.astype(np.int64)
        triples, counts3 = occurrences(joined(whole[:-2], whole[1:-1], whole[2:]))
        contexts, starts = np.unique(triples >> BITS, return_index=True)
        totals3 = np.add.reduceat(counts3, starts)
        kinds3 = np.diff([*starts, len(triples)])
        ends = triples & ((1 << 2 * BITS) - 1)
        pairs, counts2 = occurrences(ends.copy())
        before, last = pairs >> BITS, pairs & ((1 << BITS) - 1)
        totals2 = np.bincount(before, counts2, size)
        kinds2 = np.bincount(before, minlength=size)
        single = np.bincount(last, minlength=size)
        one = (single + 0.5) / (single.sum() + 0.5 * size)
        discount2, discount3 = discount(counts2), discount(counts3)

        kept2 = (counts2 - discount2) / totals2[before]
        rest2 = np.where(totals2 > 0, discount2 * kinds2 / np.maximum(totals2, 1), 1.0)
        gains2 = counts2 * np.log1p(kept2 / (rest2[before] * one[last]))
        of_context = np.repeat(np.arange(len(contexts)), kinds3)
        kept3 = (counts3 - discount3) / totals3[of_context]
        rest3 = discount3 * kinds3 / totals3
        shorter = np.searchsorted(pairs, ends)
        lower = kept2[shorter] + rest2[before[shorter]] * one[last[shorter]]
        gains3 = counts3 * np.log1p(kept3 / (rest3[of_context] * lower))

        # What is not kept is left to the rest.
        some2, some3 = gains2 > of_pairs, gains3 > of_triples
        rest2 = rest2 + np.bincount(before[~some2], kept2[~some2], size)
        rest3 = rest3 + np.bincount(of_context[~some3], kept3[~some3], len(contexts))
        there = np.unique(of_context[some3])
        return cls(
            kinds=(),
            one=one,
            pairs=pairs[some2],
            kept2=kept2[some2],
            rest2=rest2,
            triples=triples[some3],
            kept3=kept3[some3],
            contexts=contexts[there],
            rest3=rest3[there],
        )

    def given_one(self, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return P(w | v) of kinds that broadcast; of a `v` that is UNSEEN, P(w)."""
        v, w = np.broadcast_arrays(v, w)
        kept = looked_up(self.pairs, self.kept2, joined(v, w))
        found: np.ndarray = kept + np.where(v < 0, 1.0, self.rest2[v]) * self.one[w]
        return found

    def given_two(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return P(w | u v) of kinds that broadcast; of a `u` that is UNSEEN, P(w | v)."""
        u, v, w = np.broadcast_arrays(u, v, w)
        context = joined(u, v)
        kept = looked_up(self.triples, self.kept3, joined(u, v, w))
        rest = looked_up(self.contexts, self.rest3, context, missing=1.0)
        found: np.ndarray = kept + rest * self.given_one(v, w)
        return found

    def tensors(self, words: int) -> dict[str, Tensor]:
        """Return all of it as bytes, to be kept beside weights and the vocabulary, which has its
        first `words` kinds: keys by their differences, shares by their logarithms."""
        kept = {name: packed(np.diff(getattr(self, name), prepend=0)) for name in KEYS}
        for name in SHARES:
            nats = -np.log(np.maximum(getattr(self, name), 1e-30))
            kept[name] = lzma.compress(np.rint(STEPS * nats).clip(0, 255).astype(np.uint8))
        kept["others"] = lzma.compress("\n".join(self.kinds[1 + words :]).encode())
        return {
            f"trigrams.{name}": torch.frombuffer(bytearray(some), dtype=torch.uint8)
            for name, some in kept.items()
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], words: Sequence[str]) -> Trigrams:
        """Return what `tensors` were made of, but for rounding."""
        kept = {
            name: lzma.decompress(tensors[f"trigrams.{name}"].cpu().numpy().tobytes())
            for name in ("others", *KEYS, *SHARES)
        }
        keys = {name: np.cumsum(unpacked(kept[name])) for name in KEYS}
        shares = {name: np.exp(np.frombuffer(kept[name], np.uint8) / -STEPS) for name in SHARES}
        others = kept["others"].decode().split("\n") if kept["others"] else []
        contexts = np.unique(keys["triples"] >> BITS)
        return cls(kinds=("", *words, *others), contexts=contexts, **keys, **shares)


def packed(numbers: np.ndarray) -> bytes:
    """Return integers compressed: their lowest bytes, then those above, and so on."""
    planes = numbers.astype("<i8").view(np.uint8).reshape(-1, 8).T
    return lzma.compress(np.ascontiguousarray(planes).tobytes())


def unpacked(planes: bytes) -> np.ndarray:
    """Return what `packed` was given, of bytes that are no longer compressed."""
    found = np.frombuffer(planes, np.uint8).reshape(8, -1).T
    return np.ascontiguousarray(found).view("<i8")[:, 0]


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


def looked_up(
    keys: np.ndarray, shares: np.ndarray, wanted: np.ndarray, missing: float = 0.0
) -> np.ndarray:
    """Return the shares of `wanted`, `missing` of those that are not among `keys`."""
    if not len(keys):
        return np.full(wanted.shape, missing)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, shares[places], missing)


class TrigramScorer:
    """A trigram model as a scorer of words."""

    def __init__(self, trigrams: Trigrams, words: int) -> None:
        """Score the first `words` of the kinds of `trigrams` after that where a text starts."""
        self.trigrams = trigrams
        self.numbers = {kind: number for number, kind in enumerate(trigrams.kinds)}
        self.words = np.arange(1, 1 + words)

    def word_scores(self, found: Sequence[Token], looked: Sequence[int]) -> list[np.ndarray]:
        """Return log-probabilities of the words, (words,) float64, at each of `looked`."""
        hidden = set(looked)
        rare = len(self.trigrams.kinds)
        kinds = [
            UNSEEN if place in hidden else self.numbers.get(token.text, rare)
            for place, token in enumerate(found)
        ]
        padded = np.array([UNSEEN, 0, *kinds, 0, UNSEEN], np.int64)  # 0: a text starts or ends
        return [self.scored(*np.delete(padded[place : place + 5], 2)) for place in looked]

    def scored(self, u: int, v: int, x: int, y: int) -> np.ndarray:
        """Return the log-probability of each word between u v and x y."""
        scores = np.log(self.trigrams.given_two(u, v, self.words))
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
