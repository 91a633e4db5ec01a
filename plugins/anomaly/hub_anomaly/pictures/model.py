"""A denoising auto-encoder of textures: it undoes defects, and tells where it had to.

Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders", ICML 2008,
with convolutions and, as in a U-Net, connections past the code; what is undone are the made-up
defects of `spoil`, not noise alone. Next to the picture a logit per pixel says whether it was
spoilt, as in DRAEM (arXiv:2108.07610), whose second network does that; here one does both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

DARKEST = 0.03  # of the range of values: added to a picture's contrast, or flat ones would be noise


@dataclass(frozen=True)
class ModelConfig:
    """What the weights depend on; saved beside them."""

    side: int = 80  # pixels of a picture's sides, a multiple of 8
    width: int = 24  # channels at half the size; twice as many at a quarter, thrice at an eighth
    blocks: int = 1  # residual ones at each size, on the way down and on the way up

    def __post_init__(self) -> None:
        if self.side < 16 or self.side % 8:
            raise ValueError(f"side must be a multiple of 8 from 16, got {self.side}")
        for name in ("width", "blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


def deviation(images: Tensor) -> Tensor:
    """Return the deviation of each picture's values, and a little more, (batch, 1, 1, 1)."""
    return images.std((2, 3), keepdim=True) + DARKEST


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x + self.second(F.silu(self.first(F.silu(x))))
        return found


def several(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(count)))


class Restorer(nn.Module):
    """Takes a picture, returns it without its defects and where they were."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter, eighth = (n * config.width for n in (1, 2, 3))
        self.head = nn.Conv2d(4, half, 3, padding=1)
        self.down2 = several(half, config.blocks)
        self.to4 = nn.Conv2d(half, quarter, 2, stride=2)
        self.down4 = several(quarter, config.blocks)
        self.to8 = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.middle = several(eighth, 2 * config.blocks)
        self.from8 = nn.ConvTranspose2d(eighth, quarter, 2, stride=2)
        self.up4 = several(quarter, config.blocks)
        self.from4 = nn.ConvTranspose2d(quarter, half, 2, stride=2)
        self.up2 = several(half, config.blocks)
        self.tail = nn.Conv2d(half, 8, 3, padding=1)
        nn.init.zeros_(self.tail.weight)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return restored pictures and the logits of where they were spoilt, both (batch, 1,
        height, width), of pictures in [0, 1] whose sides are multiples of 8.

        Raises:
            ValueError: the pictures are of another shape.
        """
        restored, logits, _ = self.seen(images)
        return restored, logits

    def seen(self, images: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return what `forward` does, and what the layers saw at half, a quarter and an eighth of
        the size, on the way down and, but for the last, on the way up."""
        if images.ndim != 4 or images.shape[1] != 1 or any(one % 8 for one in images.shape[2:]):
            raise ValueError(
                f"images must be (batch, 1, height, width) with sides that are multiples of 8, got "
                f"{tuple(images.shape)}"
            )
        contrast = deviation(images)
        given = (images - images.mean((2, 3), keepdim=True)) / contrast  # whatever the light was
        at2 = self.down2(self.head(F.pixel_unshuffle(given, 2)))  # (batch, width, height / 2, ...)
        at4 = self.down4(self.to4(at2))
        at8 = self.middle(self.to8(at4))
        up4 = self.up4(self.from8(at8) + at4)
        up2 = self.up2(self.from4(up4) + at2)
        change, logits = F.pixel_shuffle(self.tail(F.silu(up2)), 2).chunk(2, 1)
        return images + contrast * change, logits, [at2, at4, at8, up4, up2]
