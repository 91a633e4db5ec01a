"""What is usual in a picture, by the names that callers give it."""

from __future__ import annotations

from typing import Literal

Sort = Literal["tiles", "digits", "clothes"]

TILES = "tiles"
DIGITS = tuple(f"digit {one}" for one in range(10))
CLOTHES = (  # the classes of Fashion-MNIST, in their order
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
DETECTORS = {  # of a checkpoint, by what is usual to them
    TILES: "tiles",
    **{name: f"mnist_{number}" for number, name in enumerate(DIGITS)},
    **{name: f"fashion_mnist_{number}" for number, name in enumerate(CLOTHES)},
}


def sort_of(usual: str) -> Sort:
    """Return what sort of picture is usual."""
    return "tiles" if usual == TILES else "digits" if usual in DIGITS else "clothes"
