"""Spoilt text restored, word by word, with what else each word might have been.

A noisy channel: the probability of a word is that of the language model at its place, times that of
a slip that makes what is seen of it (Mays, Damerau and Mercer, "Context Based Spelling Correction",
IPM 1991). The words to be restored are hidden from the model, all at once. The model is the product
of a network, which reads the text around, and of what is remembered of trigrams.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hub_denoise.text.channel import Channel
from hub_denoise.text.corrupt import BLANK, SHORTEST, Token, tokens
from hub_denoise.text.data import MASK, PAD, START, Vocabulary, mark
from hub_denoise.text.model import Filler, ModelConfig
from hub_denoise.text.trigram import Trigrams, TrigramScorer

CORE = 64  # words, numbers and characters that one window restores
BESIDE = 32  # that it reads on either side of them
TOGETHER = 16  # windows in a pass
# How much the network and the counts say of a word: the exponents of their product.
OF_NETWORK, OF_TRIGRAMS = 0.6, 0.4
# What a word that the vocabulary has not is worth, to be left as it is: how often words of news are
# such ones, and nats for each of their letters.
NEW_WORDS = 0.001
NEW_LETTER = 1.5


@dataclass(frozen=True)
class Restored:
    """A word that was restored, or looked at and left as it is."""

    start: int  # in the spoilt text, in characters
    end: int
    seen: str
    word: str
    probability: float  # of `word`, 0 to 1
    alternatives: tuple[
        tuple[str, float], ...
    ]  # the likeliest words, `word` among them, and theirs

    @property
    def changed(self) -> bool:
        return self.word != self.seen


class Scorer(Protocol):
    """Knows how likely words are at places of a text."""

    def word_scores(self, found: Sequence[Token], looked: Sequence[int]) -> Iterable[np.ndarray]:
        """Return log-probabilities of the vocabulary's words, (words,) each, at the tokens
        `looked`, in order, all of which are hidden."""
        ...


class Network:
    """The masked language model as a scorer."""

    def __init__(self, model: Filler, vocabulary: Vocabulary, device: str = "cpu") -> None:
        self.model = model.to(device).eval()
        self.vocabulary = vocabulary
        self.device = torch.device(device)
        words = torch.from_numpy(vocabulary.rows(vocabulary.words)).to(device)
        with torch.inference_mode():
            self.vectors = model.vectors(words)

    @torch.inference_mode()
    def word_scores(self, found: Sequence[Token], looked: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield log-probabilities of the vocabulary's words, (words,) float32 each, at the tokens
        `looked`, in order, all of which are hidden from the model."""
        hidden = set(looked)
        windows, places = [], []
        for core in range(0, len(found), CORE):
            here = [place for place in looked if core <= place < core + CORE]
            if here:
                first = max(0, core - BESIDE)
                window, start = self.window(found, first, core + CORE + BESIDE, hidden)
                places += [(len(windows), place - first + start) for place in here]
                windows.append(window)
        for start in range(0, len(windows), TOGETHER):
            rows, columns = zip(
                *((row - start, column) for row, column in places if 0 <= row - start < TOGETHER),
                strict=True,
            )
            states = self.model(*self.numbered(windows[start : start + TOGETHER]))
            for some in states[list(rows), list(columns)].split(16):  # (16, words) at a time
                yield from self.model.word_scores(some, self.vectors).cpu().numpy()

    def window(
        self, found: Sequence[Token], first: int, last: int, hidden: set[int]
    ) -> tuple[list[str | int], int]:
        """Return tokens from `first` up to `last`, or marks, and where the first one is."""
        begins: list[str | int] = [START] if first == 0 else []
        here = range(first, min(last, len(found)))
        shown = [MASK if place in hidden else found[place].text for place in here]
        return [*begins, *shown], len(begins)

    def numbered(self, windows: Sequence[Sequence[str | int]]) -> tuple[Tensor, Tensor]:
        """Return what `Filler` reads of windows: rows of tokens, and places in them."""
        kinds = dict.fromkeys(kind for window in windows for kind in window)
        marks = [kind for kind in kinds if isinstance(kind, int)]
        words = [kind for kind in kinds if isinstance(kind, str)]
        places = {kind: place for place, kind in enumerate([PAD, *marks, *words])}
        shown = [mark(kind) for kind in (PAD, *marks)]
        rows = np.concatenate([np.array(shown), self.vocabulary.rows(words)])
        longest = max(len(window) for window in windows)
        text = torch.zeros((len(windows), longest), dtype=torch.long)  # PAD is the first row
        for row, window in zip(text, windows, strict=True):
            row[: len(window)] = torch.tensor([places[kind] for kind in window])
        return torch.from_numpy(rows).to(self.device), text.to(self.device)


class Mixture:
    """Scorers' product: each word's probabilities, to the power of each scorer's weight."""

    def __init__(self, scorers: Sequence[tuple[Scorer, float]]) -> None:
        self.scorers = scorers

    def word_scores(self, found: Sequence[Token], looked: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield log-probabilities of the words, (words,) each, at the tokens `looked`."""
        every = (scorer.word_scores(found, looked) for scorer, _ in self.scorers)
        weights = [weight for _, weight in self.scorers]
        for scores in zip(*every, strict=True):
            whole = sum(weight * one for weight, one in zip(weights, scores, strict=True))
            yield whole - log_of_sum(whole)


class Restorer:
    """A scorer of words, and the channel from each word of the vocabulary."""

    def __init__(self, scorer: Scorer, vocabulary: Vocabulary) -> None:
        self.scorer = scorer
        self.vocabulary = vocabulary
        self.known = set(vocabulary.words)
        self.channel = Channel(vocabulary.words)

    def restore(
        self, text: str, spoilt: Sequence[int] | None = None, alternatives: int = 5
    ) -> tuple[str, list[Restored]]:
        """Return a text with its spoilt words restored, and what became of each that was looked at.

        Args:
            spoilt: starts, in characters, of the words that are known to be spoilt; None: those
                with blanks are, and those that the vocabulary has not may be.
            alternatives: how many words to tell of each, at most.

        Raises:
            ValueError: no word starts at one of `spoilt`.
        """
        found = tokens(text)
        looked = suspects(found, self.known) if spoilt is None else at(found, spoilt)
        restored = [
            judged(
                found[place],
                self.vocabulary.words,
                scores + self.channel_of(found[place], told=spoilt is not None),
                alternatives,
                told=spoilt is not None,
            )
            for place, scores in zip(looked, self.scorer.word_scores(found, looked), strict=True)
        ]
        return rewritten(text, restored), restored

    def channel_of(self, token: Token, told: bool) -> np.ndarray | float:
        """Return the log-likelihoods of what is seen, or 0 of a word of which nothing is."""
        if token.is_hidden:
            return 0.0
        return self.channel.log_likelihoods(token.text, slipped=told)


def restorer(config: ModelConfig, tensors: dict[str, Tensor], device: str = "cpu") -> Restorer:
    """Return what restores words with a network, its vocabulary and the counts of trigrams.

    Raises:
        KeyError, RuntimeError, ValueError: `tensors` do not fit `config`.
    """
    vocabulary = Vocabulary.from_tensors(tensors)
    model = Filler(config)
    model.load_state_dict(
        {
            name: one
            for name, one in tensors.items()
            if not name.startswith(("vocabulary.", "trigrams."))
        }
    )
    network = Network(model.requires_grad_(False), vocabulary, device)
    trigrams = Trigrams.from_tensors(tensors, vocabulary.words)
    counted = TrigramScorer(trigrams, len(vocabulary.words))
    mixture = Mixture([(network, OF_NETWORK), (counted, OF_TRIGRAMS)])
    return Restorer(mixture, vocabulary)


def suspects(found: Sequence[Token], known: set[str]) -> list[int]:
    """Return the places of words with blanks, and of those that are not `known` in any case."""
    return [
        place
        for place, token in enumerate(found)
        if token.is_word
        and (
            BLANK in token.text
            or (
                len(token.text) >= SHORTEST
                and not known & {token.text, token.text.lower(), token.text.capitalize()}
            )
        )
    ]


def at(found: Sequence[Token], starts: Sequence[int]) -> list[int]:
    """Return the places of the words that start at `starts`."""
    places = {token.start: place for place, token in enumerate(found) if token.is_word}
    missing = sorted(set(starts) - set(places))
    if missing:
        raise ValueError(f"no word starts at {missing[0]}; words start at {sorted(places)[:20]}")
    return sorted(places[start] for start in set(starts))


def judged(
    token: Token, words: Sequence[str], scores: np.ndarray, alternatives: int, told: bool
) -> Restored:
    """Return what a word was, from the scores, (words,), of what it might have been.

    A word without blanks that is not told to be spoilt may also be one that the vocabulary has not;
    and what nothing explains is left as it is.
    """
    best = likeliest(scores, max(1, alternatives))
    options = [(words[place], float(scores[place])) for place in best if scores[place] > -np.inf]
    total = log_of_sum(scores)
    if not told and BLANK not in token.text:
        as_it_is = math.log(NEW_WORDS) - NEW_LETTER * len(token.text)
        total = np.logaddexp(total, as_it_is)
        options = sorted([*options, (token.text, as_it_is)], key=lambda one: -one[1])
        options = options[: max(1, alternatives)]
    if not options:
        return Restored(token.start, token.end, token.text, token.text, 0.0, ())
    shares = tuple((word, math.exp(score - total)) for word, score in options)
    word, share = shares[0]
    return Restored(token.start, token.end, token.text, word, share, shares)


def log_of_sum(scores: np.ndarray) -> float:
    """Return the logarithm of the sum of what `scores` are logarithms of; numpy's own, which goes
    from one to the next, takes five times as long."""
    highest = scores.max(initial=-np.inf)
    return highest if np.isinf(highest) else highest + np.log(np.exp(scores - highest).sum())


def likeliest(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the highest scores, best first; of equal ones the first."""
    if count >= len(scores):
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, -count)[-count]
    some = np.flatnonzero(scores >= least)  # more than `count` where some are equal
    return some[np.argsort(-scores[some], kind="stable")][:count]


def rewritten(text: str, restored: Sequence[Restored]) -> str:
    """Return a text with its restored words, which are in its order, in their places."""
    parts, read = [], 0
    for one in restored:
        parts += [text[read : one.start], one.word]
        read = one.end
    return "".join([*parts, text[read:]])
