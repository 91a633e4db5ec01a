"""The pictures that recipe and evaluation read."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hub import data
from hub_denoise.pictures.resize import halved

DENOISING = "images/denoising"
MNIST = "images/mnist"
FASHION = "images/fashion_mnist"
SUPER_RESOLUTION = "images/super_resolution"
HELD_OUT = 20  # every so many of Train400 is kept for validation
SCALES = (0.9, 0.8, 0.7)  # at which a training picture is seen too, as DnCNN's authors do

OPPONENT = torch.tensor(  # red, green, blue of warm against cold, and of green against purple
    [[1.0, 0.0, -1.0], [-0.5, 1.0, -0.5]]
)


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


def colour_photographs() -> tuple[list[Tensor], list[Tensor]]:
    """Return photographs in colour, each (3, height, width) uint8, to train on and to validate on.

    They come with scikit-image (all in the public domain) and scikit-learn; none is of a test set.
    The latter are JPEG files, and at half their size nothing of that is seen.
    """
    from skimage import data as pictures
    from sklearn.datasets import load_sample_images

    trained = [pictures.astronaut(), pictures.chelsea(), pictures.coffee()]
    judged = load_sample_images().images
    return (
        [channels_first(np.ascontiguousarray(one)) for one in trained],
        [as_bytes(halved(channels_first(one.copy())[:, 1:].float())) for one in judged],
    )


def as_bytes(picture: Tensor) -> Tensor:
    return picture.round().clamp(0, 255).byte()


def tinted(grey: Tensor, generator: np.random.Generator) -> Tensor:
    """Return grey pieces, (batch, 1, side, side) in [0, 1], in colours made up, (batch, 3, ...).

    Two tints, stronger where a piece is brighter, share it out between them: where one ends and the
    other begins is where the piece itself, or the piece out of focus, crosses a level. So edges of
    colour are where edges of brightness are, as in photographs.
    """
    batch = len(grey)
    draw = torch.from_numpy(generator.standard_normal((batch, 4))).float()
    blurred = F.avg_pool2d(F.pad(grey, (4, 4, 4, 4), mode="reflect"), 9, stride=1)
    sharp = torch.from_numpy(generator.random((batch, 1, 1, 1))).float()
    guide = sharp * grey + (1 - sharp) * blurred
    middle = guide.flatten(1).mean(1)[:, None, None, None]
    share = torch.sigmoid((guide - middle) / 0.05)
    first, second = (0.15 * draw[:, pair] @ OPPONENT for pair in ([0, 1], [2, 3]))
    tint = share * first[:, :, None, None] + (1 - share) * second[:, :, None, None]
    return (grey + tint * (0.2 + grey)).clamp(0, 1)


def digits(split: str) -> Tensor:
    """Return the digits of MNIST and the clothes of Fashion-MNIST, (count, 1, 28, 28) uint8."""
    return torch.cat([digits_of(name, split) for name in (MNIST, FASHION)])


def digits_of(name: str, split: str) -> Tensor:
    """Return one of the two sets, (count, 1, 28, 28) uint8."""
    return torch.from_numpy(data.images(name, split))[:, None]


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
