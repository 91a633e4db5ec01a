"""What people draw and photograph, as the pictures of digits and clothes are that were learned.

Digits as in LeCun et al., "Gradient-based learning applied to document recognition", 1998, section
III.A: 28x28 pixels, white on black, in a box of 20x20, the centre of mass in the middle. Clothes as
in Xiao et al., "Fashion-MNIST", 2017, section 2: light on black, the longer side 28 pixels.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from hub import InputError
from hub_anomaly.pictures.usual import Sort

SIDE, BOX = 28, 20  # pixels of a picture, and of the box that a digit fits into
PAD, PEN, FINE = 100, 8.5, 4  # a stroke's units, its width in them, and pixels for one of them
POINTS = 2_000  # of a drawing, at most
FAINT = 30  # grey levels from ink to paper, under which there is nothing
INK = {"digits": 0.25, "clothes": 0.08}  # share of the most, under which it is paper


def painted(strokes: str) -> np.ndarray:
    """Return a drawing as a picture, white on black, (400, 400) uint8.

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
    return np.array(picture)


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
    ink = ink.crop(ink.getbbox())
    scale = (BOX if sort == "digits" else SIDE) / max(ink.size)
    ink = ink.resize([max(1, round(scale * side)) for side in ink.size], Image.Resampling.BOX)
    corner = [(SIDE - ink.width) // 2, (SIDE - ink.height) // 2]
    if sort == "digits":
        mass = np.asarray(ink, np.float64)
        corner = [
            round((SIDE - 1) / 2 - (mass.sum(axis) * np.arange(length)).sum() / mass.sum())
            for axis, length in ((0, ink.width), (1, ink.height))
        ]
    picture = Image.new("L", (SIDE, SIDE))
    picture.paste(ink, (corner[0], corner[1]))
    return np.array(picture)
