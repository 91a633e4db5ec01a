"""The measures, by definition, against scikit-learn, and by lot."""

import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from hub_search.measures import (
    centred,
    chance,
    cosine_distances,
    difference,
    ranked,
    retrieval,
)


def drawn(count: int, seed: int, levels: int | None = None):
    """Return symmetric distances, words and speakers by lot; with `levels`, many are equal."""
    generator = np.random.default_rng(seed)
    table = generator.random((count, count))
    table = table + table.T
    if levels:
        table = np.floor(table * levels / 2)
    words = [f"word{n}" for n in generator.integers(0, 5, count)]
    speakers = [f"speaker{n}" for n in generator.integers(0, 3, count)]
    return table, words, speakers


def by_hand(table, words, speakers):
    """Return AP and MAP as scikit-learn has them, a query at a time."""
    count = range(len(words))
    pairs = [(i, j) for i in count for j in count if i < j and speakers[i] != speakers[j]]
    ap = average_precision_score(
        [words[i] == words[j] for i, j in pairs], [-table[i, j] for i, j in pairs]
    )
    each = []
    for i in count:
        others = [j for j in count if speakers[j] != speakers[i]]
        wanted = [words[j] == words[i] for j in others]
        if any(wanted):
            each.append(average_precision_score(wanted, [-table[i, j] for j in others]))
    return ap, np.array(each)


@pytest.mark.parametrize("levels", [None, 20, 3, 1])
@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_that_of_scikit_learn(levels, seed):
    table, words, speakers = drawn(40, seed, levels)
    found = retrieval(table, words, speakers)
    ap, each = by_hand(table, words, speakers)
    assert found.ap == pytest.approx(ap)
    assert found.each == pytest.approx(each)
    assert found.map == pytest.approx(each.mean())
    assert len(found.queries) == len(each)


def test_precision_of_the_first_n():
    wanted = np.array([[1, 0, 1, 0, 1]] * 4, bool)
    among = np.array([[1, 1, 1, 1, 1]] * 3 + [[1, 1, 1, 1, 0]], bool)
    distances = np.array(
        [
            [1, 2, 3, 4, 5],  # of the first three, two
            [1, 1, 1, 1, 1],  # by chance, three of five
            [1, 2, 2, 2, 5],  # one, and two of the three equal ones, of which one is wanted
            [4, 3, 2, 1, 0],  # the last is not looked through: of two, the second
        ]
    )
    _, at_n = ranked(distances, wanted, among)
    assert at_n == pytest.approx([2 / 3, 3 / 5, (1 + 2 / 3) / 3, 1 / 2])


def test_infinite_distances_come_last_but_count():
    words, speakers = ["a", "a", "b", "b"], ["x", "y", "y", "x"]
    table = np.full((4, 4), np.inf)
    table[0, 1] = table[1, 0] = 1
    found = retrieval(table, words, speakers)
    assert found.each.tolist() == [1, 1, 0.5, 0.5]


def test_perfect_distances_score_one_and_the_worst_little():
    words, speakers = ["a", "a", "b", "b", "c"], ["x", "y", "x", "y", "z"]
    same = np.array(words)[:, None] == words
    assert retrieval(1.0 - same, words, speakers).ap == 1
    perfect = retrieval(1.0 - same, words, speakers)
    assert (perfect.map, perfect.p_at_n) == (1, 1)
    assert retrieval(1.0 * same, words, speakers).p_at_n == 0


def test_chance_is_what_lots_give():
    _, words, speakers = drawn(60, seed=0)
    found = [retrieval(drawn(60, seed)[0], words, speakers) for seed in range(1, 200)]
    ap, mean = chance(words, speakers)
    assert np.mean([one.ap for one in found]) == pytest.approx(ap, rel=0.02)
    assert np.mean([one.map for one in found]) == pytest.approx(mean, rel=0.02)


def test_what_cannot_be_measured_is_refused():
    table, words, speakers = drawn(10, seed=0)
    with pytest.raises(ValueError, match=r"must be \(words, words\)"):
        retrieval(table[:5], words, speakers)
    with pytest.raises(ValueError, match="no word is said by two speakers"):
        retrieval(table, words, ["one"] * 10)
    with pytest.raises(ValueError, match="not a number"):
        retrieval(np.full((10, 10), np.nan), words, speakers)


def test_cosine_distances_and_centred_vectors():
    vectors = np.array([[2, 0], [0, 3], [-1, 0], [0, 0]], np.float32)
    assert cosine_distances(vectors)[0].tolist() == [0, 1, 2, 1]
    assert centred(vectors, ["x", "y", "x", "y"]).tolist() == [
        [1.5, 0],
        [0, 1.5],
        [-1.5, 0],
        [0, -1.5],
    ]


def test_the_interval_of_a_difference():
    generator = np.random.default_rng(0)
    theirs = generator.random(400)
    ours = theirs + generator.normal(0.1, 0.5, 400)
    found = difference(ours, theirs)
    assert found.mean == pytest.approx((ours - theirs).mean())
    spread = 1.96 * (ours - theirs).std() / 20
    assert found.low == pytest.approx(found.mean - spread, abs=0.004)
    assert found.high == pytest.approx(found.mean + spread, abs=0.004)
    assert difference(ours, ours) == difference(theirs, theirs)
    assert difference(ours, theirs) == found  # the same draws each time


def test_a_thousand_words_are_measured_at_once():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(902, 128))
    words, speakers = generator.integers(0, 200, 902), generator.integers(0, 16, 902)
    start = time.thread_time()
    retrieval(cosine_distances(vectors), words, speakers)
    assert time.thread_time() - start < 2  # about 0.3 s of this thread
