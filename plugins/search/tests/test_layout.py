"""Flat layouts: the widest directions by definition, neighbours together by what they are for."""

import numpy as np
import pytest

from hub_search.layout import neighbourhoods, pca, tsne


def clusters(count: int, each: int, noise: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    middles = np.repeat(chance.normal(size=(count, 32)), each, axis=0)
    vectors = middles + noise * chance.normal(size=middles.shape)
    return vectors.astype(np.float32), np.repeat(np.arange(count), each)


def alike(places: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of points whose nearest neighbour has their label."""
    away = ((places[:, None] - places[None]) ** 2).sum(-1)
    np.fill_diagonal(away, np.inf)
    return float((labels[away.argmin(1)] == labels).mean())


def test_neighbours_stay_together():
    vectors, labels = clusters(12, 8)
    places = tsne(vectors)
    assert places.shape == (96, 2) and np.abs(places).max() <= 1 + 1e-6
    assert alike(places, labels) > 0.95 > alike(pca(vectors), labels)
    assert np.array_equal(places, tsne(vectors))


def test_pca_finds_the_widest_directions():
    chance = np.random.default_rng(1)
    flat = chance.normal(size=(50, 2)) * (3, 1)
    turn = np.linalg.qr(chance.normal(size=(8, 8)))[0][:2]
    places = pca(flat @ turn)
    for axis in range(2):
        assert abs(np.corrcoef(places[:, axis], flat[:, axis])[0, 1]) > 0.95


def test_a_neighbourhood_holds_as_many_as_asked_for():
    vectors, _ = clusters(5, 10)
    parts = neighbourhoods(vectors, 7.0)
    assert parts.sum() == pytest.approx(1, abs=1e-4)
    assert np.allclose(parts, parts.T) and not parts.diagonal().any()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_few_points_have_places_too(count):
    places = tsne(np.eye(8, dtype=np.float32)[:count])
    assert places.shape == (count, 2) and np.isfinite(places).all()
