"""Usual pictures of an object, by the means of alike ones: what would another one look like, if it
were usual?

The auto-encoder has paths past its code, and puts back whatever it is shown; a picture of another
object comes back nearly as it was. A mix of means cannot do that: where the picture differs from
the mix that is nearest, it is unusual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MEANS = 64
LEAST = 5  # pictures that a mean is of, or it is left out
MIXED = 5  # means, the nearest ones
STIFF = 0.05  # of the mean square of the distances: how much equal weights are preferred
BLUR = 1.0  # pixels, deviation of the blur of what differs


@dataclass(frozen=True, eq=False)
class Means:
    """Means of groups of alike pictures."""

    rows: np.ndarray  # (means, pixels) float32

    @classmethod
    def of(cls, pictures: np.ndarray, rng: np.random.Generator) -> Means:
        """Return the means of groups of pictures, (count, pixels) float32, by k-means."""
        import faiss

        pictures = np.ascontiguousarray(pictures, np.float32)
        seed, count = int(rng.integers(1 << 30)), max(1, min(MEANS, len(pictures) // LEAST))
        grouping = faiss.Kmeans(pictures.shape[1], count, seed=seed, min_points_per_centroid=1)
        grouping.train(pictures)
        nearest = grouping.index.search(pictures, 1)[1][:, 0]
        groups = [pictures[nearest == one] for one in range(count)]
        kept = [group.mean(0) for group in groups if len(group) >= LEAST]
        return cls(np.stack(kept) if kept else pictures.mean(0, keepdims=True))

    def mixed(self, asked: np.ndarray) -> np.ndarray:
        """Return the mix of the nearest means that comes nearest to each picture, (asked, pixels):
        Roweis and Saul, "Nonlinear Dimensionality Reduction by Locally Linear Embedding", Science
        290, 2000, with no weight below 0."""
        squares = (asked**2).sum(1)[:, None] - 2 * asked @ self.rows.T + (self.rows**2).sum(1)
        nearest = np.argsort(squares, 1, kind="stable")[:, :MIXED]
        near = self.rows[nearest]  # (asked, MIXED, pixels)
        apart = near - asked[:, None]
        products = (apart @ apart.transpose(0, 2, 1)).astype(np.float64)
        size = products.shape[1]
        trace = np.trace(products, axis1=1, axis2=2)[:, None, None] / size
        ones = np.ones((len(asked), size, 1))
        weights = np.linalg.solve(products + np.eye(size) * (STIFF * trace + 1e-6), ones)[..., 0]
        weights = weights.clip(1e-9)
        weights /= weights.sum(1, keepdims=True)
        found: np.ndarray = np.einsum("nk,nkp->np", weights.astype(np.float32), near)
        return found


def differences(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return where pictures differ from others, (count, side, side), a little blurred."""
    from scipy.ndimage import gaussian_filter

    found: np.ndarray = gaussian_filter(np.abs(pictures - others), (0, BLUR, BLUR))
    return found
