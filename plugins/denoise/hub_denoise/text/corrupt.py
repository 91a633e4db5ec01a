"""Text that is spoilt on purpose: words or letters hidden, letters swapped, dropped, replaced or
inserted; and what a word is.

A hidden letter is "_", and so is a hidden word, "____" whatever its length was: that is text that
anybody can type, and what is restored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

HIDDEN = "____"  # a whole word; one of any length, so that it does not tell the word's
BLANK = "_"  # a letter
SHORTEST = 4  # letters of a word that letters are spoilt in: of a shorter one too little is left
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONGEST = 32  # letters of a word that letters are spoilt in

# A word is letters or blanks, with apostrophes inside; the parts of a hyphenated one are words.
TOKEN = re.compile(r"[^\W\d]+(?:['’][^\W\d]+)*|\d+|[^\w\s]")


@dataclass(frozen=True)
class Token:
    """A word, a number or one other character of a text."""

    text: str
    start: int  # in characters
    end: int

    @property
    def is_word(self) -> bool:
        return is_word(self.text)

    @property
    def is_hidden(self) -> bool:
        """Whether no letter of it is left."""
        return self.is_word and not self.text.strip("_'’")


@dataclass(frozen=True)
class Change:
    """A word that was spoilt."""

    start: int  # in the spoilt text, in characters
    end: int
    spoilt: str
    original: str
    way: str  # of WAYS


@dataclass(frozen=True)
class Corrupted:
    """A spoilt text, and what was spoilt where, in the text's order."""

    text: str
    changes: tuple[Change, ...]


def is_word(text: str) -> bool:
    return text[0].isalpha() or text[0] == BLANK


def tokens(text: str) -> list[Token]:
    """Return the words, numbers and other characters of a text, in order, without its spaces."""
    return [Token(match.group(), *match.span()) for match in TOKEN.finditer(text)]


def corrupt(
    text: str,
    share: float = 0.15,
    ways: Sequence[str] = ("hide", "swap", "drop", "replace", "insert"),
    edits: int = 1,
    seed: int = 0,
) -> Corrupted:
    """Return a text with a share of its words spoilt, each in one of `ways`, drawn evenly.

    Args:
        share: of the words that any of `ways` can spoil, 0 to 1; words with blanks are left alone.
        edits: how often a way of letters is applied to a word, at least 1.
        seed: the same text, settings and seed give the same.

    Raises:
        ValueError: a setting that is out of its range, or an unknown way.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be from 0 to 1, got {share}")
    if edits < 1:
        raise ValueError(f"edits must be at least 1, got {edits}")
    unknown = sorted(set(ways) - set(WAYS))
    if unknown or not ways:
        raise ValueError(
            f"ways must be some of {', '.join(WAYS)}; got {', '.join(unknown) or 'none'}"
        )
    generator = np.random.default_rng(seed)
    found = [one for one in tokens(text) if one.is_word and fitting(one.text, ways)]
    chosen = sorted(generator.permutation(len(found))[: round(share * len(found))])
    parts, changes, written, read = [], [], 0, 0
    for token in (found[index] for index in chosen):
        fit = fitting(token.text, ways)
        way = fit[int(generator.integers(len(fit)))]
        spoilt = spoil(token.text, way, edits, generator)
        parts += [text[read : token.start], spoilt]
        start = written + token.start - read
        written, read = start + len(spoilt), token.end
        changes.append(Change(start, written, spoilt, token.text, way))
    return Corrupted("".join([*parts, text[read:]]), tuple(changes))


def fitting(word: str, ways: Sequence[str]) -> list[str]:
    """Return those of `ways` that `word` can be spoilt in."""
    if BLANK in word:
        return []
    long = SHORTEST <= len(word) <= LONGEST
    return [way for way in ways if way == "hide" or long]


def spoil(word: str, way: str, edits: int, generator: np.random.Generator) -> str:
    """Return a word, of SHORTEST to LONGEST letters, spoilt: never as it was."""
    if way == "hide":
        return HIDDEN
    spoilt = word
    while spoilt == word:  # two edits may undo each other
        for _ in range(edits):
            spoilt = WAYS[way](spoilt, generator)
    return spoilt


def hide(word: str, generator: np.random.Generator) -> str:
    return HIDDEN


def blank(word: str, generator: np.random.Generator) -> str:
    """Hide a third of the letters that are there, but never the last."""
    there = [place for place, letter in enumerate(word) if letter.isalpha()]
    count = min(max(1, len(there) // 3), len(there) - 1)
    hidden = set(generator.permutation(there)[:count].tolist())
    return "".join(BLANK if place in hidden else letter for place, letter in enumerate(word))


def swap(word: str, generator: np.random.Generator) -> str:
    """Swap two letters that are beside each other and differ; replace one where none do."""
    pairs = [
        place
        for place in range(len(word) - 1)
        if word[place] != word[place + 1] and word[place : place + 2].isalpha()
    ]
    if not pairs:
        return replace(word, generator)
    place = pairs[int(generator.integers(len(pairs)))]
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def drop(word: str, generator: np.random.Generator) -> str:
    if len(word) < 3:  # after other drops: something must be left
        return replace(word, generator)
    place = int(generator.integers(len(word)))
    left = word[:place] + word[place + 1 :]
    return left if left[0].isalpha() and left[-1].isalpha() else replace(word, generator)


def replace(word: str, generator: np.random.Generator) -> str:
    """Replace a letter by another one of its case."""
    there = [place for place, letter in enumerate(word) if letter.isalpha()]
    place = there[int(generator.integers(len(there)))]
    old = word[place]
    others = [letter for letter in LETTERS if letter != old.lower()]
    new = others[int(generator.integers(len(others)))]
    return word[:place] + (new.upper() if old.isupper() else new) + word[place + 1 :]


def insert(word: str, generator: np.random.Generator) -> str:
    """Insert a lower-case letter, or in a word of capitals a capital."""
    place = int(generator.integers(len(word) + 1))
    new = LETTERS[int(generator.integers(len(LETTERS)))]
    return word[:place] + (new.upper() if word.isupper() else new) + word[place:]


WAYS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "hide": hide,
    "blank": blank,
    "swap": swap,
    "drop": drop,
    "replace": replace,
    "insert": insert,
}
