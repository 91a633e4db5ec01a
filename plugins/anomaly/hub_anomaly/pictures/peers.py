"""What people would use instead: principal components, nearest patches and pictures, an isolation
forest. Their settings are the best on the validation pictures."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hub_anomaly.pictures.detector import BATCH, Memory, enlarged
from hub_anomaly.pictures.model import deviation

COMPONENTS = {"texture": 200, "object": 64}  # of pictures
PATCH = 5  # pixels of a side
STRIDE = 2  # pixels between patches
PATCHES = 8_000  # that are kept
BLUR = 1.5  # pixels, of the maps
NEIGHBOURS = 5  # pictures


def in_deviations(images: Tensor) -> Tensor:
    """Return pictures, (count, 1, height, width), whatever their light, as our network does."""
    return (images - images.mean((2, 3), keepdim=True)) / deviation(images)


def left_by_components(train: Tensor, test: Tensor, count: int) -> np.ndarray:
    """Return the squared error of each value, (test, values), of rows rebuilt from `count`
    principal components of `train`, (rows, values)."""
    mean = train.mean(0)
    basis = torch.linalg.svd(train - mean, full_matrices=False)[2][:count]
    centred = test - mean
    return (centred - centred @ basis.T @ basis).square().numpy()


def component_maps(train: Tensor, test: Tensor) -> np.ndarray:
    """Return where pictures, (count, 1, side, side), are not rebuilt from principal components of
    others: (count, side, side)."""
    rows = [in_deviations(one).flatten(1) for one in (train, test)]
    left = left_by_components(rows[0], rows[1], COMPONENTS["texture"])
    return blurred(left.reshape(-1, *test.shape[2:]))


def patch_maps(train: Tensor, test: Tensor) -> np.ndarray:
    """Return how far each place of pictures, (count, 1, side, side), is from the nearest patch of
    others: (count, side, side)."""
    rng = np.random.default_rng(0)
    each = -(-PATCHES // len(train))
    kept = []
    for some in train.split(BATCH):
        rows = patches(some)
        kept.append(rows[rng.permutation(len(rows))[: each * len(some)]])
    memory = Memory(np.concatenate(kept))
    found = []
    for some in test.split(BATCH):
        side = -(-some.shape[2] // STRIDE)
        far = memory.nearest(patches(some)).reshape(-1, 1, side, side)
        found.append(enlarged(far, some.shape[2]))
    return blurred(np.concatenate(found))


def patches(images: Tensor) -> np.ndarray:
    """Return the patches of pictures, (patches of all, PATCH²), without their means."""
    half = PATCH // 2
    padded = F.pad(in_deviations(images), (half,) * 4, mode="reflect")
    rows = F.unfold(padded, PATCH, stride=STRIDE).transpose(1, 2).reshape(-1, PATCH**2)
    return (rows - rows.mean(1, keepdim=True)).numpy()


def blurred(maps: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    found: np.ndarray = gaussian_filter(maps, (0, BLUR, BLUR))
    return found


def whole_scores(train: Tensor, test: Tensor) -> dict[str, np.ndarray]:
    """Return how unusual each picture of `test` is to detectors of pixels that have learned from
    `train`, both (count, height, width) uint8."""
    from sklearn.ensemble import IsolationForest

    known, asked = (one.flatten(1).float() / 255 for one in (train, test))
    forest = IsolationForest(random_state=0).fit(known.numpy())
    left = left_by_components(known, asked, COMPONENTS["object"])
    return {
        "pca": left.mean(1),
        "knn": Memory(known.numpy()).nearest(asked.numpy(), NEIGHBOURS),
        "iforest": -forest.score_samples(asked.numpy()),
    }
