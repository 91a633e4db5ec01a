"""A picture that somebody brings: how unusual it is to a detector, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from hub.errors import InputError
from hub.handwriting import SIDE
from hub_anomaly.pictures.detector import Detector, as_inputs
from hub_anomaly.pictures.drawn import as_learned
from hub_anomaly.pictures.usual import Sort

SMALLEST = 8  # pixels of a side
LARGEST = 16_000_000  # pixels in all
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601
SHOWN = (0.3, 1.3)  # heat at which its colour begins, and at which it is full
STRIP = 256  # rows of an image that are worked on at a time
GREY = 100  # of a picture of the heat, where the heat is 1
LONG = 1.5  # times as long as wide, from which on a tile is said to have been squeezed
COLOURS = ((255, 214, 64), (255, 122, 26), (214, 20, 60))  # from weak to strong


@dataclass(frozen=True, eq=False)
class Examined:
    """What a detector says of a picture."""

    score: float  # higher is more unusual; only comparable with others of its detector
    rarity: float  # share of usual pictures that score as high or higher
    seen: np.ndarray  # (height, width) or (height, width, 3) uint8: what the detector was shown
    heat: np.ndarray  # (height, width) float32 from 0; few usual pictures have 1 or more anywhere
    restored: np.ndarray  # (height, width) uint8: the picture without what is unusual
    notes: tuple[str, ...]  # sentences: what was done to it


def examine(detector: Detector, image: np.ndarray, sort: Sort = "tiles") -> Examined:
    """Return how unusual a picture is, and where.

    It is made grey, and brought to the detector's size: a tile whatever its proportions, as the
    pictures that were learned from were; a digit or a piece of clothing as `drawn.as_learned` does.

    Args:
        image: (height, width) or (height, width, 1 to 4), of 8 or 16 bits, true and false, or
            numbers in [0, 1]; transparent places are taken as black.

    Raises:
        InputError: it is no picture, or too small or too large, or shows nothing.
    """
    grey, side, notes = grey_of(image), detector.network.config.side, []
    if sort == "tiles":
        seen = eight_bits(image[..., :3]) if image.ndim == 3 and image.shape[2] > 2 else grey
        if max(grey.shape) > LONG * min(grey.shape):
            notes.append(f"Squeezed: the detector sees {side} x {side} pixels of it.")
    else:
        seen = as_learned(grey, sort)
        if seen is not grey:
            notes.append(f"Brought to {SIDE} x {SIDE} pixels, light on black.")
        grey = seen
    found = detector.findings(as_inputs(torch.from_numpy(grey)[None], side))
    height, width = grey.shape
    restored = resized(found.restored[0], height, width).clip(0, 1)
    return Examined(
        score=float(found.score[0]),
        rarity=float(detector.rarity(found.score)[0]),
        seen=seen,
        heat=resized(found.heat[0], height, width).clip(0),
        restored=eight_bits(restored),
        notes=tuple(notes),
    )


def grey_of(image: np.ndarray) -> np.ndarray:
    """Return a picture as (height, width) uint8.

    Raises:
        InputError: see `examine`.
    """
    if (
        not isinstance(image, np.ndarray)
        or image.ndim not in (2, 3)
        or image.dtype.kind not in "buf"
    ):
        found = (
            f"{image.dtype} of shape {image.shape}"
            if isinstance(image, np.ndarray)
            else (type(image).__name__)
        )
        raise InputError(
            f"image must be numbers, (height, width) or (height, width, 1 to 4); got {found}",
            "image",
        )
    if image.ndim == 3 and not 1 <= image.shape[2] <= 4:
        raise InputError(f"image must have 1 to 4 channels, got {image.shape[2]}", "image")
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        raise InputError(
            f"image must have at least {SMALLEST}x{SMALLEST} pixels, got {width}x{height}; "
            "give a larger one",
            "image",
        )
    if height * width > LARGEST:
        raise InputError(
            f"image must have at most {LARGEST / 1e6:g} million pixels, got {width}x{height}; make "
            "it smaller",
            "image",
        )
    return by_strips(lambda rows: luma_of(image[rows]), height)


def luma_of(image: np.ndarray) -> np.ndarray:
    """Return the lightness of an image that `grey_of` allows, (height, width) uint8."""
    values = in_unit_range(image)
    if values.ndim == 3:
        alpha = values[..., -1] if values.shape[2] in (2, 4) else 1.0
        colours = values[..., :3] if values.shape[2] > 2 else values[..., :1]
        weights = np.array(LUMA if colours.shape[2] == 3 else (1.0,), np.float32)
        values = colours @ weights * alpha
    grey: np.ndarray = (values * 255).round().clip(0, 255).astype(np.uint8)
    return grey


def in_unit_range(image: np.ndarray) -> np.ndarray:
    """Return an image's values as float32 in [0, 1]."""
    if image.dtype.kind in "bu":
        most = 1 if image.dtype.kind == "b" else np.iinfo(image.dtype).max
        return image.astype(np.float32) / most
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
        raise InputError(
            "image has numbers that are not in [0, 1]; give it in 8 bits, or divide it by its "
            "largest possible value",
            "image",
        )
    return image.astype(np.float32)


def eight_bits(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        return image
    return by_strips(
        lambda rows: (in_unit_range(image[rows]) * 255).round().astype(np.uint8), len(image)
    )


def by_strips(made: Callable[[slice], np.ndarray], height: int) -> np.ndarray:
    """Return what is made of an image's rows, some at a time: floats of all of a large image would
    take gigabytes."""
    return np.concatenate([made(slice(top, top + STRIP)) for top in range(0, height, STRIP)])


def resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return (side, side) as (height, width)."""
    tensor = torch.from_numpy(values.astype(np.float32))[None, None]
    size = (height, width)
    return F.interpolate(tensor, size, mode="bilinear", align_corners=False)[0, 0].numpy()


def with_heat(image: np.ndarray, heat: np.ndarray, opacity: float = 0.7) -> np.ndarray:
    """Return a picture with the heat over it, (height, width, 3) uint8: nothing over what is usual,
    yellow to red over what is not.

    Args:
        image: what was examined.
        heat: (height, width), of `examine`.
        opacity: of the strongest heat, 0 to 1.

    Raises:
        InputError: the opacity is out of range, or the picture is none.
    """
    if not 0 <= opacity <= 1:
        raise InputError(f"opacity must be in [0, 1], got {opacity:g}", "opacity")
    grey = grey_of(image)
    colours = image[..., :3] if image.ndim == 3 and image.shape[2] > 2 else grey[..., None]
    return by_strips(lambda rows: mixed(colours[rows], heat[rows], opacity), len(grey))


def mixed(colours: np.ndarray, heat: np.ndarray, opacity: float) -> np.ndarray:
    """Return colours, (height, width, 1 or 3), with the heat over them, as `with_heat` does."""
    below = in_unit_range(colours) * np.ones(3, np.float32)
    level = ((heat - SHOWN[0]) / (SHOWN[1] - SHOWN[0])).clip(0, 1)
    steps = np.linspace(0, 1, len(COLOURS))
    above = np.stack(
        [np.interp(level, steps, [one[channel] / 255 for one in COLOURS]) for channel in range(3)],
        axis=2,
    )
    share = opacity * np.sqrt(level)[..., None]
    laid = below * (1 - share) + above * share
    return (laid * 255).round().clip(0, 255).astype(np.uint8)


def heat_as_grey(heat: np.ndarray) -> np.ndarray:
    """Return heat, (height, width) from 0, as a picture, uint8: GREY where it is 1."""
    return by_strips(
        lambda rows: (GREY * heat[rows]).round().clip(0, 255).astype(np.uint8), len(heat)
    )
