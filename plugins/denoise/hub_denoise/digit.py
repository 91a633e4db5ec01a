"""What people draw and upload, as MNIST has its digits.

LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A: 28x28
pixels, white on black, in a box of 20x20, the centre of mass in the middle.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from hub import InputError

SIDE, BOX = 28, 20  # pixels of a digit's picture, and of the box that it fits into
PAD, PEN, FINE = 100, 8.5, 4  # a stroke's units, its width in them, and pixels for one of them
POINTS = 2000  # of a drawing, at most
FAINT = 30  # grey levels from ink to paper, under which there is no drawing


def centred(ink: Image.Image) -> Image.Image:
    """Return light ink on black, of any size and with nothing else on it, as a digit's picture."""
    ink = ink.crop(ink.getbbox())
    scale = BOX / max(ink.size)
    ink = ink.resize([max(1, round(scale * side)) for side in ink.size], Image.Resampling.BOX)
    mass = np.asarray(ink, np.float64)
    left, top = (
        round((SIDE - 1) / 2 - (mass.sum(axis) * np.arange(length)).sum() / max(mass.sum(), 1e-9))
        for axis, length in ((0, ink.width), (1, ink.height))
    )
    placed = Image.new("L", (SIDE, SIDE))
    placed.paste(ink, (left, top))
    return placed


def painted(strokes: str) -> np.ndarray:
    """Return a drawing as a digit's picture, (28, 28) uint8.

    Args:
        strokes: x and y of each point in two digits each, 0 to 99 from the upper left, strokes
            separated by "-".

    Raises:
        InputError: it is written otherwise, or has too many points.
    """
    picture = Image.new("L", (PAD * FINE, PAD * FINE))
    pen = ImageDraw.Draw(picture)
    reach = PEN * FINE / 2
    parts = strokes.split("-")
    if any(len(part) % 4 or not (part.isascii() and part.isdigit()) for part in parts):
        raise InputError("strokes must be groups of 4 digits, joined by '-'", "strokes")
    if sum(map(len, parts)) > 4 * POINTS:
        raise InputError(f"strokes must have at most {POINTS} points", "strokes")
    for part in parts:
        points = [
            (FINE * int(part[at : at + 2]), FINE * int(part[at + 2 : at + 4]))
            for at in range(0, len(part), 4)
        ]
        pen.line(points, fill=255, width=round(2 * reach), joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    return np.array(centred(picture))


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
