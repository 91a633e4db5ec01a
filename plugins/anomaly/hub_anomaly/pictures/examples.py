"""Pictures to try the detectors on: some that a program makes or that come with scikit-learn, and
photographs where the data sets are there, none of which was learned from."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hub import data
from hub.errors import DataError
from hub_anomaly.pictures.made import brushed_metal
from hub_anomaly.pictures.usual import CLOTHES, DIGITS, Sort

TILES, GARMENTS = "images/magnetic_tile", "images/fashion_mnist"
# Rows of scikit-learn's digits, and of the test pictures of Fashion-MNIST, by their class: ones
# that are usual to its detector.
WRITTEN = (406, 355, 372, 316, 507, 549, 412, 480, 513, 361)
WORN = (13, 10, 72, 51, 62, 15, 19, 45, 22, 65)
PHOTOGRAPHS = {  # of the data set's splits, all of them of tiles in hub_anomaly's own test split
    "faultless": ("Faultless", "validation", 28),
    "blowhole": ("Blowhole", "test", 93),
    "break": ("Break", "test", 157),
    "crack": ("Crack", "test", 240),
    "fray": ("Fray", "test", 279),
    "uneven": ("Uneven", "test", 454),
    "fine_crack": ("Another crack", "test", 228),
}
ENLARGED = 20  # times, of scikit-learn's digits, 8x8 pixels


@dataclass(frozen=True)
class Example:
    """A picture."""

    title: str
    sort: Sort
    load: Callable[[], np.ndarray]  # (height, width) uint8
    needs: str = ""  # a data set

    @property
    def available(self) -> bool:
        return not self.needs or data.available(self.needs)


def photograph(name: str, split: str, row: int) -> np.ndarray:
    """Return a picture of a data set, (height, width) uint8.

    Raises:
        DataError: the data set is not there, or is another one.
    """
    from PIL import Image

    try:
        cell = encoded(name, split)[row].as_py()
        with Image.open(io.BytesIO(cell["bytes"])) as picture:
            return np.array(picture.convert("L"))
    except (IndexError, KeyError, OSError, TypeError) as error:
        raise DataError(f"{name}, split {split}, has no picture in row {row}") from error


@functools.cache
def encoded(name: str, split: str) -> Any:
    return data.table(name, split)["image"]


def digit(row: int) -> np.ndarray:
    """Return one of scikit-learn's digits, light on black, (240, 240) uint8."""
    from PIL import Image

    side = ENLARGED * 8
    small = Image.fromarray(written()[row])
    return np.pad(np.array(small.resize((side, side), Image.Resampling.BICUBIC)), side // 4)


@functools.cache
def written() -> np.ndarray:
    from sklearn.datasets import load_digits

    found: np.ndarray = (load_digits().images * 255 / 16).round().astype(np.uint8)
    return found


EXAMPLES: dict[str, Example] = {
    "metal": Example("Brushed metal", "tiles", brushed_metal),
    "scratch": Example("Scratched", "tiles", functools.partial(brushed_metal, scratched=True)),
    **{
        name: Example(title, "tiles", functools.partial(photograph, TILES, split, row), TILES)
        for name, (title, split, row) in PHOTOGRAPHS.items()
    },
    **{
        name: Example(name.capitalize(), "digits", functools.partial(digit, row))
        for name, row in zip(DIGITS, WRITTEN, strict=True)
    },
    **{
        name: Example(
            name[0].upper() + name[1:],
            "clothes",
            functools.partial(photograph, GARMENTS, "test", row),
            GARMENTS,
        )
        for name, row in zip(CLOTHES, WORN, strict=True)
    },
}


def examples_of(sort: Sort) -> dict[str, Example]:
    """Return the examples of a sort that are here, those of a data set first."""
    found = {name: one for name, one in EXAMPLES.items() if one.sort == sort and one.available}
    return dict(sorted(found.items(), key=lambda item: not item[1].needs))
