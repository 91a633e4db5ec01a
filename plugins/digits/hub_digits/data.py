"""MNIST as the recipe and the evaluation read it: tensors from the named data sets."""

import numpy as np
import torch
from torch import Tensor

from hub import data

BINARY, GREY = "images/binarized_mnist", "images/mnist"


def digits(name: str, split: str) -> tuple[Tensor, Tensor]:
    """Return the images of a split, (count, 1, 28, 28) uint8, and their labels, (count,)."""
    images = torch.from_numpy(np.ascontiguousarray(data.images(name, split)))
    return images[:, None], torch.from_numpy(data.labels(name, split).copy())


def scaled(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [0, 1]."""
    return images.float() / 255
