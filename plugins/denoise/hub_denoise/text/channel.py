"""How likely a slip turns a word into what is seen: the channel of a noisy-channel speller.

Kernighan, Church and Gale, "A Spelling Correction Program Based on a Noisy Channel Model", COLING
1990. Slips are those of `corrupt`: a way is drawn, then a place, then a letter, each evenly. Of
several ways from a word to what is seen the likeliest counts, and slips beyond two are not looked
for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hub_denoise.text.corrupt import BLANK, LETTERS

SLIPS = 2  # at most
NEVER = -np.inf


class Channel:
    """The channel from each of some words."""

    def __init__(self, words: Sequence[str]) -> None:
        self.lengths = np.array([len(word) for word in words], np.int64)
        self.letters = np.zeros((len(words), max(self.lengths, default=0)), np.int32)
        for row, word in zip(self.letters, words, strict=True):
            row[: len(word)] = [ord(letter) for letter in word]

    def log_likelihoods(self, seen: str, *, slipped: bool = False) -> np.ndarray:
        """Return the logarithm of P(seen | word) of each word, (words,) float64.

        A blank, "_", stands for any one letter and costs nothing: which letters are hidden does not
        depend on the word.

        Args:
            slipped: whether it is known that something happened, so that what is seen is not the
                word itself; where there is a blank, it need not be a slip as well.
        """
        found = np.full(len(self.lengths), NEVER)
        near = np.flatnonzero(np.abs(self.lengths - len(seen)) <= SLIPS)
        if len(near) == 0 or not seen:
            return found
        costs = distances(
            np.array([ord(letter) for letter in seen]), self.letters[near], self.lengths[near]
        )
        if slipped and BLANK not in seen:
            costs[costs == 0] = np.inf
        # What two of the dearest slips cost: further words are those of more slips.
        limit = SLIPS * np.log(4 * (self.lengths[near] + 1) * len(LETTERS)) + 1e-9
        costs[costs > limit] = np.inf
        found[near] = -costs
        return found


def distances(seen: np.ndarray, letters: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the cost, in nats, of the cheapest slips from each word to what is seen.

    It is the optimal string alignment distance (an edit distance with swaps of neighbours) with a
    weight for each slip, of all words at once.

    Args:
        seen: (length,) code points.
        letters: (words, longest) code points, 0 after a word's end.
        lengths: (words,) each word's.
    """
    count, longest = letters.shape
    longest = min(longest, len(seen) + SLIPS)
    dropped = np.log(4.0 * lengths)
    swapped = np.log(4.0 * np.maximum(1, lengths - 1))
    replaced = np.log(4.0 * lengths * (len(LETTERS) - 1))
    inserted = np.log(4.0 * (lengths + 1) * len(LETTERS))
    # table[i][j]: (words,) the cost from the first j letters of a word to the first i of what is
    # seen
    table = [[np.zeros(count)]]
    for j in range(1, longest + 1):
        table[0].append(table[0][j - 1] + dropped)
    for i in range(1, len(seen) + 1):
        any_letter = seen[i - 1] == ord(BLANK)
        row = [table[i - 1][0] + inserted]
        for j in range(1, longest + 1):
            same = any_letter | (letters[:, j - 1] == seen[i - 1])
            best = table[i - 1][j - 1] + np.where(same, 0.0, replaced)
            np.minimum(best, table[i - 1][j] + inserted, out=best)
            np.minimum(best, row[j - 1] + dropped, out=best)
            if i > 1 and j > 1:
                crossed = (letters[:, j - 1] == seen[i - 2]) & (letters[:, j - 2] == seen[i - 1])
                np.minimum(best, np.where(crossed, table[i - 2][j - 2] + swapped, np.inf), out=best)
            row.append(best)
        table.append(row)
    ends = np.stack(table[len(seen)])  # (longest + 1, words)
    return ends[np.minimum(lengths, longest), np.arange(count)]
