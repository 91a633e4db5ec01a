"""A small bias-free U-Net that restores photographs: noise out, or detail in.

Zhang et al., "Plug-and-Play Image Restoration with Deep Denoiser Prior" (DRUNet), TPAMI 2021
(arXiv:2008.13751), a thirtieth as large: the picture's pixels go by fours into channels at once, as
in Zhang et al., "FFDNet", TIP 2018 (arXiv:1710.04026), so that no convolution is at full size.
Without biases and with ReLU alone the network is homogeneous of degree 1, f(ax) = af(x) for a > 0,
and so removes noise of levels that it was not trained on: Mohan et al., "Robust and Interpretable
Blind Image Denoising via Bias-Free Convolutional Neural Networks", ICLR 2020 (arXiv:1906.05478).
Departure from both: the noise level is told or not told, to the same network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ModelConfig:
    """What a network's weights depend on; saved beside them in config.json."""

    channels: int = 1  # of a picture: 1 grey, 3 red, green, blue
    told: bool = True  # there is an input for the noise level
    width: int = 64  # channels at half the picture's size
    growth: int = 32  # channels more at each further halving
    depth: int = 3  # sizes: a half, a quarter, an eighth
    blocks: int = 2  # residual blocks at each size, down and up

    def __post_init__(self) -> None:
        for name in ("channels", "width", "depth", "blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


class Block(nn.Module):
    """A residual block, (batch, width, height, width) to the same; the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv(width, width)
        self.second = conv(width, width)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


class Restorer(nn.Module):
    """Takes a spoilt picture and returns what is left without what it holds for spoilt."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width + level * config.growth for level in range(config.depth)]
        self.head = conv(4 * config.channels + config.told, widths[0])
        self.down = nn.ModuleList(blocks(width, config.blocks) for width in widths[:-1])
        self.middle = blocks(widths[-1], config.blocks)
        self.up = nn.ModuleList(blocks(width, config.blocks) for width in widths[:-1])
        self.shrink = nn.ModuleList(
            nn.Conv2d(wide, wider, 2, stride=2, bias=False)
            for wide, wider in zip(widths[:-1], widths[1:], strict=True)
        )
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(wider, wide, 2, stride=2, bias=False)
            for wide, wider in zip(widths[:-1], widths[1:], strict=True)
        )
        self.tail = conv(widths[0], 4 * config.channels)
        nn.init.zeros_(self.tail.weight)
        self.to(memory_format=torch.channels_last)

    @property
    def multiple(self) -> int:
        """What height and width are filled up to a multiple of."""
        return 2**self.config.depth

    def forward(self, images: Tensor, level: Tensor | None = None) -> Tensor:
        """Return restored pictures, as large as `images`, not clipped.

        Args:
            images: (batch, channels, height, width), any size, clean values in [0, 1].
            level: (batch,), the noise's deviation on the same scale; 0, or no `level`: not known.
        """
        height, width = images.shape[2:]
        right, below = -width % self.multiple, -height % self.multiple
        # Mirrored noise looks like noise; a repeated edge's is stripes, which would be left there.
        mode = "reflect" if right < width and below < height else "replicate"
        filled = F.pad(images, (0, right, 0, below), mode=mode)
        x = F.pixel_unshuffle(filled, 2)  # (batch, 4 * channels, height / 2, width / 2)
        if self.config.told:
            level = images.new_zeros(len(images)) if level is None else level.to(images)
            plane = level[:, None, None, None].expand(-1, 1, *x.shape[2:])
            x = torch.cat([x, plane], 1)
        x = self.head(x.contiguous(memory_format=torch.channels_last))
        kept = []
        for refine, shrink in zip(self.down, self.shrink, strict=True):
            x = refine(x)
            kept.append(x)
            x = shrink(x)
        x = self.middle(x)
        for refine, grow, beside in zip(
            reversed(self.up), reversed(self.grow), reversed(kept), strict=True
        ):
            x = refine(grow(x) + beside)
        spoilt = F.pixel_shuffle(self.tail(x).to(images.dtype), 2)
        return images - spoilt[:, :, :height, :width]


def blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(count)))
