"""How likely slips are."""

import math

import numpy as np
import pytest

from hub_denoise.text.channel import Channel
from hub_denoise.text.corrupt import WAYS

WORDS = ("election", "selection", "elections", "elation", "ejection", "president", "a", "")


def likelihood(seen, word, **settings):
    return Channel(WORDS).log_likelihoods(seen, **settings)[WORDS.index(word)]


def test_a_slip_costs_what_drawing_it_is_likely():
    assert likelihood("election", "election") == 0
    assert likelihood("lection", "election") == pytest.approx(-math.log(4 * 8))
    assert likelihood("leection", "election") == pytest.approx(-math.log(4 * 7))
    assert likelihood("elektion", "election") == pytest.approx(-math.log(4 * 8 * 25))
    assert likelihood("electiion", "election") == pytest.approx(-math.log(4 * 9 * 26))
    assert likelihood("lectoin", "election") == pytest.approx(-math.log(4 * 8) - math.log(4 * 7))
    assert likelihood("lectoinxx", "election") == -np.inf  # four slips
    assert likelihood("president", "election") == -np.inf


def test_one_slip_is_as_likely_as_it_is_often_made():
    made = np.random.default_rng(0)
    ways = [WAYS[way] for way in ("swap", "drop", "replace", "insert")]
    slips = [ways[int(made.integers(4))]("mound", made) for _ in range(40_000)]
    channel = Channel(["mound"])
    for seen in ("moudn", "mund", "moond"):
        found = float(np.exp(channel.log_likelihoods(seen)[0]))
        assert slips.count(seen) / len(slips) == pytest.approx(found, rel=0.25)


def test_blanks_stand_for_a_letter_each():
    assert likelihood("e_ection", "election") == likelihood("e_ection", "ejection") == 0
    assert likelihood("e__ction", "selection") < -3
    assert likelihood("e_ection", "election", slipped=True) == 0


def test_what_is_known_to_have_slipped_is_not_itself():
    found = Channel(WORDS).log_likelihoods("election", slipped=True)
    assert found[0] == -np.inf and WORDS[int(found.argmax())] == "selection"
    assert np.isneginf(Channel([]).log_likelihoods("x")).all()
    assert np.isneginf(Channel(WORDS).log_likelihoods("")).all()


def test_it_is_the_distance_of_the_textbook():
    """With every slip at its own price, against recursion over two strings."""
    generator = np.random.default_rng(1)
    words = ["".join(generator.choice(list("abc"), generator.integers(1, 6))) for _ in range(60)]
    channel = Channel(words)
    for seen in words[:12]:
        for word, found in zip(words, channel.log_likelihoods(seen), strict=True):
            assert found == -np.inf or found == pytest.approx(-slowly(seen, word))


def slowly(seen, word):
    n = len(word)

    def cost(i, j):
        if i == j == 0:
            return 0.0
        options = []
        if j:
            options.append(cost(i, j - 1) + math.log(4 * n))
        if i:
            options.append(cost(i - 1, j) + math.log(4 * (n + 1) * 26))
        if i and j:
            same = seen[i - 1] == word[j - 1]
            options.append(cost(i - 1, j - 1) + (0 if same else math.log(4 * n * 25)))
        if i > 1 and j > 1 and seen[i - 1] == word[j - 2] and seen[i - 2] == word[j - 1]:
            options.append(cost(i - 2, j - 2) + math.log(4 * max(1, n - 1)))
        return min(options)

    return cost(len(seen), len(word))
