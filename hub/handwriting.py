"""What visitors write by hand, as MNIST has its digits.

LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A: 28x28
pixels, white on black, in a box of 20x20, the centre of mass in the middle.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from hub.errors import InputError

SIDE, BOX = 28, 20  # pixels of a digit's picture, and of the box that it fits into
PAD, PEN, FINE = 100, 8.5, 4  # a stroke's units, its width in them, and pixels for one of them
POINTS = 2_000  # of a drawing, at most


def painted(strokes: str) -> Image.Image:
    """Return a drawing as a picture, white on black, 400x400.

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
    return picture


def fitted(ink: Image.Image, longest: int) -> Image.Image:
    """Return what there is of light ink on black, its longer side `longest` pixels."""
    ink = ink.crop(ink.getbbox())
    scale = longest / max(ink.size)
    width, height = (max(1, round(scale * side)) for side in ink.size)
    return ink.resize((width, height), Image.Resampling.BOX)


def centred(ink: Image.Image) -> Image.Image:
    """Return light ink on black, of any size and with nothing else on it, as a digit's picture."""
    ink = fitted(ink, BOX)
    mass = np.asarray(ink, np.float64)
    left, top = (
        round((SIDE - 1) / 2 - (mass.sum(axis) * np.arange(length)).sum() / max(mass.sum(), 1e-9))
        for axis, length in ((0, ink.width), (1, ink.height))
    )
    placed = Image.new("L", (SIDE, SIDE))
    placed.paste(ink, (left, top))
    return placed
