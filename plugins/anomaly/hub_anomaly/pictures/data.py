"""The pictures that recipe and evaluation read: magnetic tiles, faultless and faulty; digits and
clothes, of which one class is the usual one.

A magnetic tile was photographed about six times, and the splits of the data set part photographs:
four of five faultless tiles of its test split are seen in training, too, under another light. A
memory of training pictures would be judged by how well it remembers. Here tiles are parted, by what
their surfaces look like.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hub import data

TILES = "images/magnetic_tile"
DEFECTS = ("blowhole", "break", "crack", "fray", "uneven")  # labels 1 to 5; 0 is faultless
SETS = {"mnist": "images/mnist", "fashion_mnist": "images/fashion_mnist"}
CLASSES = 10

SAME = 0.55  # correlation of two surfaces above which they are of one tile
SHIFT = 3  # pixels by which photographs of a tile may be moved
FINE, COARSE = 0.7, 3.0  # pixels, deviations of the blurs between which lies what tells tiles apart
STRONGEST = 15.0  # grey levels, of fine structure: edges would outweigh all the rest

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, eq=False)
class Tiles:
    """Photographs of magnetic tiles."""

    images: Tensor  # (count, 80, 80) uint8
    masks: Tensor  # (count, 80, 80) bool: where the defect is
    labels: np.ndarray  # (count,) 0, or 1 + the index of its defect in DEFECTS
    tiles: np.ndarray  # (count,) which tile it is

    def __len__(self) -> int:
        return len(self.images)

    def some(self, chosen: np.ndarray) -> Tiles:
        """Return the photographs that `chosen`, indices or a mask, means."""
        at = torch.from_numpy(np.arange(len(self))[chosen])
        return Tiles(self.images[at], self.masks[at], self.labels[chosen], self.tiles[chosen])


@cache
def every_tile() -> Tiles:
    """Return all photographs of the set, whatever split they are in.

    Raises:
        DataError: the data set is not there.
    """
    splits = ("train", "validation", "test")
    images = np.concatenate([data.images(TILES, one) for one in splits])
    masks = np.concatenate([data.images(TILES, one, "mask") for one in splits]) > 0
    labels = np.concatenate([data.labels(TILES, one) for one in splits])
    return Tiles(torch.from_numpy(images), torch.from_numpy(masks), labels, same_tile(images))


@cache
def tiles(split: Split) -> Tiles:
    """Return a split of the photographs, no tile of which is in another one.

    Of ten faultless tiles seven are to train on, one is to validate by, two are to test by; of four
    faulty ones, which are never trained on, one is to validate by and three are to test by. Where
    one tile was called faultless on some photographs only, it goes with the faulty ones.

    Raises:
        DataError: the data set is not there.
    """
    every = every_tile()
    rng = np.random.default_rng(0)
    faulty = np.unique(every.tiles[every.labels > 0])
    faultless = np.setdiff1d(every.tiles, faulty)
    parts: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    for numbers, shares in ((faultless, (0.7, 0.8)), (faulty, (0.0, 0.25))):
        numbers = rng.permutation(numbers)
        counts = np.array([(every.tiles == number).sum() for number in numbers])
        cuts = np.searchsorted(np.cumsum(counts), np.array(shares) * counts.sum())
        for name, part in zip(parts, np.split(numbers, cuts), strict=True):
            parts[name].append(part)
    return every.some(np.isin(every.tiles, np.concatenate(parts[split])))


def same_tile(images: np.ndarray) -> np.ndarray:
    """Return a number per photograph, (count,), the same one for those of the same tile.

    Args:
        images: (count, height, width) grey.
    """
    from scipy.sparse.csgraph import connected_components

    found: np.ndarray = connected_components(likeness(surfaces(images)) > SAME)[1]
    return found


def surfaces(images: np.ndarray) -> Tensor:
    """Return the fine structure of photographs, whatever their light: (count, height, width)
    float32 of mean 0 and norm 1, fading towards the borders."""
    from scipy.ndimage import gaussian_filter

    grey = images.astype(np.float32)
    fine = gaussian_filter(grey, (0, FINE, FINE)) - gaussian_filter(grey, (0, COARSE, COARSE))
    fades = [np.hanning(size + 4)[2:-2] for size in images.shape[1:]]
    window = np.minimum(1, 2 * np.outer(*fades)).astype(np.float32)
    fine = torch.from_numpy(fine.clip(-STRONGEST, STRONGEST) * window)
    fine = fine - fine.mean((1, 2), keepdim=True)
    return fine / fine.flatten(1).norm(dim=1).clamp_min(1e-6)[:, None, None]


def likeness(fine: Tensor) -> np.ndarray:
    """Return the correlation of every two surfaces, (count, count), moved by up to SHIFT pixels to
    where it is greatest."""
    flat = fine.flatten(1)
    found = torch.zeros(len(fine), len(fine))
    for down in range(SHIFT + 1):
        for across in range(-SHIFT if down else 0, SHIFT + 1):  # the other half mirrors this one
            moved = torch.roll(fine, (down, across), (1, 2)).flatten(1)
            found = torch.maximum(found, flat @ moved.T)
    return torch.maximum(found, found.T).numpy()


def one_class(name: str, split: Split, usual: int) -> Tensor:
    """Return the pictures of a class of one of SETS, (count, 28, 28) uint8.

    Raises:
        DataError: the data set is not there.
    """
    return pictures_of(name, split)[torch.from_numpy(labels_of(name, split) == usual)]


@cache
def pictures_of(name: str, split: Split) -> Tensor:
    """Return the pictures of a split of one of SETS, (count, 28, 28) uint8."""
    return torch.from_numpy(data.images(SETS[name], split))


@cache
def labels_of(name: str, split: Split) -> np.ndarray:
    """Return their classes, (count,)."""
    return data.labels(SETS[name], split)
