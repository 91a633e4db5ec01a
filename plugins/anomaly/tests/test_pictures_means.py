"""Usual objects by the means of alike ones."""

import numpy as np
import pytest

from hub_anomaly.pictures.means import LEAST, MEANS, MIXED, Means, differences


def bars(count: int, seed: int = 0) -> np.ndarray:
    """Return pictures of an upright bar, (count, 64) float32, each somewhere and as bright as it
    likes."""
    rng = np.random.default_rng(seed)
    found = np.zeros((count, 8, 8), np.float32)
    for picture in found:
        at = rng.integers(7)
        picture[:, at : at + 2] = rng.uniform(0.6, 1)
    return found.reshape(count, 64)


def test_each_mean_is_of_several_pictures():
    pictures = bars(600)
    pictures[0] = 9.0  # alone, and like none of the others
    means = Means.of(pictures, np.random.default_rng(0))
    assert MEANS / 2 < len(means.rows) <= MEANS and means.rows.shape[1] == 64
    assert means.rows.max() < 2 and means.rows.dtype == np.float32
    same = [(np.abs(pictures - one).max(1) < 1e-6).sum() for one in means.rows]
    assert max(same) == 0  # none is a picture of one of them


@pytest.mark.parametrize("count", [1, LEAST, 2 * LEAST])
def test_few_pictures_have_a_mean_too(count):
    pictures = bars(count)
    means = Means.of(pictures, np.random.default_rng(0))
    assert 1 <= len(means.rows) <= 2
    assert means.mixed(pictures).shape == pictures.shape


def test_a_mix_is_the_best_of_the_nearest_means():
    rng = np.random.default_rng(0)
    means = Means(rng.random((9, 30)).astype(np.float32))
    share = rng.dirichlet(np.ones(MIXED)).astype(np.float32)
    asked = 0.98 * means.rows[2] + 0.02 * share @ means.rows[:MIXED]
    found = means.mixed(asked[None])[0]
    nearest = np.argsort(((means.rows - asked) ** 2).sum(1))[:MIXED]
    others = rng.dirichlet(np.ones(MIXED), 500) @ means.rows[nearest]
    assert np.linalg.norm(found - asked) <= np.linalg.norm(others - asked, axis=1).min() + 1e-3


def test_what_is_usual_comes_back_and_what_is_not_differs():
    means = Means.of(bars(600), np.random.default_rng(0))
    usual = bars(40, seed=1)
    odd = usual.reshape(40, 8, 8).copy()
    odd[:, 3:5] = 1.0  # a bar across
    plain, found = (
        differences(one.reshape(40, 8, 8), means.mixed(one.reshape(40, 64)).reshape(40, 8, 8))
        for one in (usual, odd)
    )
    assert plain.mean() < 0.06 and found[:, 3:5].mean() > 3 * plain.mean()
    assert found[:, 3:5].mean() > 2 * found[:, [0, 7]].mean()
