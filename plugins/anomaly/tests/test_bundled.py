import numpy as np
import pytest

from hub_anomaly.examples import BUNDLED, EXAMPLES
from hub_anomaly.tables.bundled import GROUP, learned, means_of_groups
from hub_anomaly.tables.model import ModelConfig
from hub_anomaly.tables.packing import packed, unpacked

SMALL = ModelConfig(width=32, layers=2, steps=100, batch=64)


@pytest.fixture(scope="module")
def cancer():
    """A detector as a checkpoint has it, of a table that is everywhere."""
    return learned("cancer", SMALL)


def test_groups_are_of_rows_enough_and_their_means_are_no_rows():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(400, 3)), rng.normal(8, 0.1, (3, 3))])
    means = means_of_groups(rows, rng)
    assert 20 < len(means) <= len(rows) // GROUP
    nearest = np.linalg.norm(rows[:, None] - means, axis=2).argmin(1)
    assert np.bincount(nearest, minlength=len(means)).min() >= GROUP - 2  # means have moved a bit
    assert not (np.abs(rows[:, None] - means).max(2) < 1e-4).any()
    assert means_of_groups(rows[:3], rng).shape == (1, 3)


def test_a_bundled_detector_holds_no_row_and_finds_what_is_odd(cancer):
    frame = EXAMPLES["cancer"].table()
    assert cancer.grouped and cancer.judged.auroc > 88
    usual = cancer.detector.scale(cancer.columns.numbers(frame))
    held = cancer.detector.inputs.rows
    assert len(held) <= cancer.rows // GROUP
    assert not (np.abs(usual[:, None] - held).max(2) < 1e-3).any()
    known = cancer.knows(frame)
    assert known.sum() == cancer.rows == 178 and not known[cancer.truth(frame)].any()


def test_its_ranks_are_of_unseen_rows(cancer):
    scores, truth = cancer.held_out
    assert len(cancer.detector.own) == (~truth).sum() - 1 == 89
    assert 0.02 < (cancer.detector.rarity(scores[~truth]) <= 0.2).mean() < 0.4
    assert np.median(cancer.detector.rarity(scores[truth])) < 0.05


def test_packed_and_unpacked_it_answers_as_before(cancer):
    frame = EXAMPLES["cancer"].table()
    again = unpacked(*packed(cancer))
    (one,), (other,) = cancer.scores(frame), again.scores(frame)
    np.testing.assert_array_equal(one.score, other.score)
    assert again.columns == cancer.columns and again.judged == cancer.judged


@pytest.mark.parametrize("name", BUNDLED)
def test_what_is_bundled_is_an_example_that_needs_data(name):
    assert EXAMPLES[name].needs
