"""A small denoising auto-encoder of 28x28 pictures.

Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders", ICML 2008:
the input is corrupted, the target is not. Departures: convolutions, and connections past the code
as in a U-Net, or the sharpness of a slightly spoilt picture would be lost; the code is of the whole
picture, so that one that was moved can be moved back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class DigitConfig:
    """What the weights depend on; saved beside them in config.json."""

    digit_width: int = 32  # channels at 28x28; twice as many at 14x14, three times at 7x7
    code: int = 256  # dimensions of the code

    def __post_init__(self) -> None:
        for name in ("digit_width", "code"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


class DigitAutoEncoder(nn.Module):
    """Takes a spoilt picture, returns the clean one it may have been."""

    def __init__(self, config: DigitConfig) -> None:
        super().__init__()
        self.config = config
        width = config.digit_width
        self.first = conv(1, width)
        self.second = conv(width, 2 * width, stride=2)
        self.third = conv(2 * width, 3 * width, stride=2)
        self.encoder = nn.Linear(3 * width * 49, config.code)
        self.decoder = nn.Linear(config.code, 3 * width * 49)
        self.at7 = conv(6 * width, 3 * width)
        self.to14 = nn.ConvTranspose2d(3 * width, 2 * width, 2, stride=2)
        self.at14 = conv(4 * width, 2 * width)
        self.to28 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.at28 = conv(2 * width, width)
        self.last = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of clean pixels, (batch, 1, 28, 28), of pictures as large, in [0, 1].

        Raises:
            ValueError: the pictures are of another shape.
        """
        if images.ndim != 4 or images.shape[1:] != (1, 28, 28):
            raise ValueError(f"images must be (batch, 1, 28, 28), got {tuple(images.shape)}")
        at28 = F.relu(self.first(2 * images - 1))  # (batch, width, 28, 28)
        at14 = F.relu(self.second(at28))  # (batch, 2 * width, 14, 14)
        at7 = F.relu(self.third(at14))  # (batch, 3 * width, 7, 7)
        code = F.relu(self.encoder(at7.flatten(1)))
        x = F.relu(self.decoder(code)).view_as(at7)
        x = F.relu(self.at7(torch.cat([x, at7], 1)))
        x = F.relu(self.at14(torch.cat([self.to14(x), at14], 1)))
        x = F.relu(self.at28(torch.cat([self.to28(x), at28], 1)))
        found: Tensor = self.last(x)
        return found

    def restored(self, images: Tensor) -> Tensor:
        """Return clean pictures, (batch, 1, 28, 28) in [0, 1], of spoilt ones."""
        found: Tensor = self(images).float().sigmoid()
        return found


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
