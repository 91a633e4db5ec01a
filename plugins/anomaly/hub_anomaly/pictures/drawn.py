"""What people draw and photograph, as the pictures of digits and clothes are that were learned.

Digits as hub.handwriting has them. Clothes as in Xiao et al., "Fashion-MNIST", 2017, section 2:
light on black, the longer side 28 pixels.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from hub import InputError
from hub.handwriting import SIDE, centred, fitted
from hub_anomaly.pictures.usual import Sort

FAINT = 30  # grey levels from ink to paper, under which there is nothing
INK = {"digits": 0.25, "clothes": 0.08}  # share of the most, under which it is paper


def as_learned(grey: np.ndarray, sort: Sort) -> np.ndarray:
    """Return a picture of one digit or one piece of clothing as those that were learned: (28, 28)
    uint8, light on black. One that is so already is not changed.

    Most of the border is taken for paper, so dark on light and light on dark both work.

    Args:
        grey: (height, width) uint8.

    Raises:
        InputError: there is hardly any contrast.
    """
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = np.median(border)
    if grey.shape == (SIDE, SIDE) and paper == 0:
        return grey
    ink = np.abs(grey.astype(np.float32) - paper)
    if ink.max() < FAINT:
        raise InputError(
            "image shows nothing: all of it is of one lightness; take one with something on it",
            "image",
        )
    least = INK[sort]
    ink = 255 * (ink / ink.max() - least).clip(0) / (1 - least)
    return placed(Image.fromarray(ink.round().astype(np.uint8)), sort)


def placed(ink: Image.Image, sort: Sort) -> np.ndarray:
    """Return light ink on black, of any size, where it belongs, (28, 28) uint8."""
    if sort == "digits":
        return np.array(centred(ink))
    ink = fitted(ink, SIDE)
    picture = Image.new("L", (SIDE, SIDE))
    picture.paste(ink, ((SIDE - ink.width) // 2, (SIDE - ink.height) // 2))
    return np.array(picture)
