"""Drawings: strokes as text, and how a picture is brought to the form of MNIST.

LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A: a
digit fits into a box of 20x20 pixels, is grey where it was smoothed, white on black, and its centre
of mass is the centre of 28x28 pixels.
"""

import numpy as np
from PIL import Image, ImageDraw

from hub import InputError

SIDE = 28  # pixels of a digit's picture
BOX = 20  # pixels of the box a digit fits into
CENTRE = 14  # where the centre of mass goes, in rows and columns from 0
FAINT = 0.12  # contrast of ink and paper, 0 to 1, under which a picture counts as empty

PAD = 100  # a stroke's coordinates are 0 to 99
PEN = 8.5  # width of a stroke, in the same units
FINE = 6  # pixels per unit while a stroke is drawn; shrinking smooths it
MAX_POINTS = 2000


def prepare(picture: np.ndarray, argument: str = "image") -> np.ndarray:
    """Return the digit in `picture`, (height, width, 4) uint8, as MNIST has it: (28, 28) uint8.

    Raises:
        InputError: there is no drawing on it.
    """
    ink = ink_of(picture, argument)
    rows, columns = np.nonzero(ink > 0.25)
    ink = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    if max(ink.shape) != BOX:
        ink = shrink(ink)
    placed = np.zeros((SIDE, SIDE))
    top, left = corner(ink, axis=0), corner(ink, axis=1)
    placed[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return (placed / placed.max() * 255).round().astype(np.uint8)


def ink_of(picture: np.ndarray, argument: str) -> np.ndarray:
    """Return how inked each pixel is, (height, width) in [0, 1]: 0 is paper, 1 the strongest ink.

    Most of the border is taken for paper; so black on white and white on black both work. Where a
    picture is transparent, what is not is taken for ink.

    Raises:
        InputError: there is hardly any contrast.
    """
    grey = picture[..., :3].mean(axis=2) / 255
    alpha = picture[..., 3] / 255
    if alpha.min() < 1:
        light = (grey * alpha).sum() / max(alpha.sum(), 1e-9)
        grey = alpha * grey + (1 - alpha) * (light < 0.5)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = np.median(border)
    ink = (paper - grey if paper > 0.5 else grey - paper).clip(0, 1)
    if ink.max() < FAINT:
        raise InputError(
            f"{argument} shows no drawing: all of it is of one lightness; draw a digit on it",
            argument,
        )
    return ink / ink.max()


def shrink(ink: np.ndarray) -> np.ndarray:
    """Return `ink`, (height, width), grown or shrunk so that its longer side is 20 pixels."""
    scale = BOX / max(ink.shape)
    size = tuple(max(1, round(side * scale)) for side in reversed(ink.shape))
    picture = Image.fromarray(ink.astype(np.float32))
    return np.array(picture.resize(size, Image.Resampling.BILINEAR)).clip(0, 1)


def corner(ink: np.ndarray, axis: int) -> int:
    """Return where `ink` begins along `axis`, so that its centre of mass is the picture's
    centre."""
    mass = ink.sum(axis=1 - axis)
    centre = (mass * np.arange(len(mass))).sum() / mass.sum()
    return int(np.clip(round(CENTRE - centre), 0, SIDE - len(mass)))


def read_strokes(text: str) -> list[list[tuple[int, int]]]:
    """Return the strokes that `text` writes: x and y of each point in two digits each, 0 to 99 from
    the upper left, strokes separated by "-": "20203040-5060" is a line and a dot.

    Raises:
        InputError: it is written otherwise, or has more than 2,000 points.
    """
    strokes = []
    for part in text.split("-"):
        if len(part) % 4 or not (part.isascii() and part.isdigit()):
            raise InputError("strokes must be groups of 4 digits, joined by '-'", "strokes")
        strokes.append(
            [(int(part[i : i + 2]), int(part[i + 2 : i + 4])) for i in range(0, len(part), 4)]
        )
    if sum(map(len, strokes)) > MAX_POINTS:
        raise InputError(f"strokes must have at most {MAX_POINTS} points", "strokes")
    return strokes


def paint_strokes(text: str, side: int = 200) -> np.ndarray:
    """Return the strokes of `text` (see `read_strokes`) white on black, (side, side) uint8.

    Raises:
        InputError: `text` holds no strokes.
    """
    picture = Image.new("L", (PAD * FINE, PAD * FINE))
    pen = ImageDraw.Draw(picture)
    radius = PEN * FINE / 2
    for stroke in read_strokes(text):
        points = [(x * FINE, y * FINE) for x, y in stroke]
        pen.line(points, fill=255, width=round(2 * radius), joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.array(picture.resize((side, side), Image.Resampling.BOX))
