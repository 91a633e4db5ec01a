"""What people upload, as MNIST has its digits."""

from __future__ import annotations

import numpy as np
from PIL import Image

from hub import InputError
from hub.handwriting import centred

FAINT = 30  # grey levels from ink to paper, under which there is no drawing


def from_picture(picture: np.ndarray) -> np.ndarray:
    """Return a picture, (height, width) or (…, channels) uint8, as a digit's, (28, 28) uint8.

    Most of the border is taken for paper, so dark on light and light on dark both work.

    Raises:
        InputError: there is hardly any contrast.
    """
    grey = picture[..., :3].mean(axis=2) if picture.ndim == 3 else picture.astype(float)
    if picture.ndim == 3 and picture.shape[2] == 4:  # what is drawn is what is not transparent
        alpha = picture[..., 3] / 255
        light = (grey * alpha).sum() / max(alpha.sum(), 1e-9) > 127
        grey = alpha * grey + (1 - alpha) * (0 if light else 255) if alpha.min() < 1 else grey
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    if ink.max() < FAINT:
        raise InputError(
            "image shows no drawing: all of it is of one lightness; take one with a digit on it",
            "image",
        )
    ink = (255 * (ink / ink.max() - 0.25).clip(0) / 0.75).round().astype(np.uint8)
    return np.array(centred(Image.fromarray(ink)))
