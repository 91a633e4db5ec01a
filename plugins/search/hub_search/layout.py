"""Vectors laid out flat, to look at: the two widest directions, or neighbours together."""

from __future__ import annotations

import numpy as np

PERPLEXITY = 15.0  # about how many neighbours a point keeps
STEPS, EARLY = 400, 100  # of the descent; of them with attraction exaggerated
EXAGGERATED = 6.0


def pca(vectors: np.ndarray) -> np.ndarray:
    """Return where vectors, (count, dimensions), lie along the two directions in which they differ
    most, (count, 2), scaled to [-1, 1].

    Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space", 1901.
    """
    return within(directions(vectors))


def tsne(vectors: np.ndarray) -> np.ndarray:
    """Return places for vectors, (count, dimensions), that keep neighbours together, (count, 2),
    scaled to [-1, 1]; the same for the same vectors.

    Van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008, with all pairs: time
    and memory grow with the square of the count. It starts from the widest directions, not by lot,
    as Kobak and Berens, Nature Communications 10, 2019, advise.
    """
    count = len(vectors)
    if count < 4:
        return pca(vectors)
    wanted = neighbourhoods(vectors, min(PERPLEXITY, (count - 1) / 3))
    places = directions(vectors)
    places = (1e-4 * places / max(places[:, 0].std(), 1e-12)).astype(np.float32)
    moved, gains = np.zeros_like(places), np.ones_like(places)
    rate = max(count / EXAGGERATED, 50.0)
    for step in range(STEPS):
        strength, momentum = (EXAGGERATED, 0.5) if step < EARLY else (1.0, 0.8)
        near = 1 / (1 + squares(places))
        np.fill_diagonal(near, 0)
        pull = (strength * wanted - near / near.sum()) * near
        slope = 4 * (pull.sum(1)[:, None] * places - pull @ places)
        turned = np.sign(slope) != np.sign(moved)
        gains = np.maximum(np.where(turned, gains + 0.2, gains * 0.8), 0.01)
        moved = momentum * moved - rate * gains * slope
        places += moved
    return within(places)


def directions(vectors: np.ndarray) -> np.ndarray:
    """Return vectors along their two widest directions, (count, 2)."""
    centred = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    sign = np.where(np.abs(right).max(1) == right.max(1), 1.0, -1.0)  # svd leaves it open
    places = (left * sizes * sign)[:, :2]
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))


def neighbourhoods(vectors: np.ndarray, perplexity: float) -> np.ndarray:
    """Return how much each two of vectors are neighbours, (count, count) float32, 1 in all.

    Around each lies a Gaussian, as wide as holds `perplexity` others.
    """
    away = squares(np.asarray(vectors, np.float32))
    np.fill_diagonal(away, np.inf)
    away -= away.min(1, keepdims=True)
    low, high = np.full(len(away), 1e-4), np.full(len(away), 1e6)  # of the Gaussian's precision
    for _ in range(40):
        middle = np.sqrt(low * high)
        part = np.exp(-away * middle[:, None])
        part /= part.sum(1, keepdims=True)
        entropy = -(part * np.log(np.maximum(part, 1e-30))).sum(1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return ((part + part.T) / (2 * len(part))).astype(np.float32)


def squares(places: np.ndarray) -> np.ndarray:
    """Return the squared distance of each two of (count, dimensions), (count, count)."""
    sizes = np.square(places).sum(1)
    return np.maximum(sizes[:, None] + sizes - 2 * places @ places.T, 0)


def within(places: np.ndarray) -> np.ndarray:
    """Return (count, 2), moved and scaled alike in both directions to fill [-1, 1]."""
    low, high = places.min(0), places.max(0)
    return 2 * (places - (low + high) / 2) / max(float((high - low).max()), 1e-12)
