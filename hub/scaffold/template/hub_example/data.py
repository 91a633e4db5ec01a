"""The digits that come with scikit-learn: 1,797 pictures of 8x8 pixels, no download."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor

LEVELS = 16  # of grey


def halves() -> tuple[Tensor, Tensor]:
    """Return the training and the test half, each (images, 64) in [0, 1]."""
    images = torch.tensor(load_digits().data, dtype=torch.float32) / LEVELS
    return images[::2], images[1::2]
