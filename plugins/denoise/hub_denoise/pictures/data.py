"""The pictures that recipe and evaluation read."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hub import data

DENOISING = "images/denoising"
SUPER_RESOLUTION = "images/super_resolution"
HELD_OUT = 20  # every so many of Train400 is kept for validation
SCALES = (0.9, 0.8, 0.7)  # at which a training picture is seen too, as DnCNN's authors do


def photographs(name: str, split: str) -> list[Tensor]:
    """Return the pictures of a split, each (channels, height, width) uint8: 1 channel, or 3.

    Raises:
        DataError: the set or the split is not there, or a picture of it is damaged.
    """
    found = []
    for index, row in enumerate(data.table(name, split)["image"].to_pylist()):
        try:
            with Image.open(io.BytesIO(row["bytes"])) as opened:
                picture = np.array(opened.convert("L" if opened.mode in ("1", "L") else "RGB"))
        except OSError as error:
            raise data.DataError(
                f"{name}, split {split}: row {index} is not an image; fetch the file again"
            ) from error
        found.append(channels_first(picture))
    return found


def channels_first(picture: np.ndarray) -> Tensor:
    """Return (height, width) or (height, width, 3) as (1 or 3, height, width)."""
    tensor = torch.from_numpy(picture)
    return tensor[None] if tensor.ndim == 2 else tensor.permute(2, 0, 1).contiguous()


def training_and_validation() -> tuple[list[Tensor], list[Tensor]]:
    """Return Train400 without, and only, the pictures that are held out; neither BSD68 nor Set12
    has any of them."""
    every = photographs(DENOISING, "train400")
    kept = [one for index, one in enumerate(every) if index % HELD_OUT]
    return kept, every[::HELD_OUT]


def rescaled(picture: Tensor, scale: float) -> Tensor:
    """Return a grey picture, (1, height, width) uint8, made smaller."""
    _, height, width = picture.shape
    size = (round(scale * width), round(scale * height))
    return torch.from_numpy(
        np.array(Image.fromarray(picture[0].numpy()).resize(size, Image.Resampling.BICUBIC))
    )[None]


@dataclass(frozen=True)
class Crops:
    """Pictures to cut pieces out of, each piece as likely as any other of its size."""

    pictures: list[Tensor]  # each (channels, height, width) uint8

    def draw(self, count: int, side: int, generator: np.random.Generator) -> Tensor:
        """Return pieces, (count, channels, side, side) in [0, 1], each in one of its 8 turns and
        reflections.

        Raises:
            ValueError: no picture is as large as a piece.
        """
        places = np.array(
            [max(0, p.shape[1] - side + 1) * max(0, p.shape[2] - side + 1) for p in self.pictures]
        )
        if not places.any():
            raise ValueError(f"no picture has {side}x{side} pixels; ask for smaller pieces")
        pieces = []
        for which in generator.choice(len(places), count, p=places / places.sum()):
            picture = self.pictures[which]
            top = generator.integers(picture.shape[1] - side + 1)
            left = generator.integers(picture.shape[2] - side + 1)
            piece = picture[:, top : top + side, left : left + side]
            pieces.append(turned(piece, int(generator.integers(8))))
        return torch.stack(pieces).float() / 255


def turned(picture: Tensor, way: int) -> Tensor:
    """Return (..., height, width) in one of the 8 turns and reflections of a square."""
    picture = picture.transpose(-1, -2) if way & 4 else picture
    return picture.flip([axis for axis, bit in ((-1, 1), (-2, 2)) if way & bit])


def turned_back(picture: Tensor, way: int) -> Tensor:
    """Undo `turned`."""
    picture = picture.flip([axis for axis, bit in ((-1, 1), (-2, 2)) if way & bit])
    return picture.transpose(-1, -2) if way & 4 else picture
