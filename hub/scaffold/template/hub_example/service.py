"""What can be asked of the model.

Pictures go in and out as uint8, white on black. torch is imported when the model is loaded: the hub
reads the annotations below when it starts, and has no use for torch then.
"""

from pathlib import Path
from typing import Annotated

import numpy as np

from hub import Image, Images, Range, endpoint

SEVEN = np.zeros((8, 8), np.uint8)
SEVEN[1, 1:7] = 255
SEVEN[range(2, 8), [6, 5, 5, 4, 4, 3]] = 255


class Example:
    def __init__(self, checkpoint: Path, device: str) -> None:
        import torch

        from hub_example.model import load

        self.torch = torch
        self.device = device
        self.model = load(checkpoint).to(device)

    @endpoint(max_batch=64, examples=[{"image": SEVEN}])
    def rebuild(
        self, image: list[Annotated[np.ndarray, Image("L", size=(8, 8))]]
    ) -> list[Annotated[np.ndarray, Image()]]:
        """Encode a picture and decode it again: what the code keeps of it.

        Args:
            image: a light digit on a dark ground; it is brought to 8x8 pixels.

        Returns:
            The picture, 8x8.
        """
        pixels = self.torch.from_numpy(np.stack(image)).to(self.device).float() / 255
        return list(as_pictures(self.model(pixels.flatten(1))))

    @endpoint
    def draw(
        self,
        count: Annotated[int, Range(1, 64)] = 12,
        seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    ) -> Annotated[np.ndarray, Images()]:
        """Draw new digits.

        Args:
            count: how many pictures.
            seed: another seed gives other digits, the same seed the same.

        Returns:
            The pictures, each 8x8.
        """
        chance = self.torch.Generator().manual_seed(seed)  # the call's own: others run in between
        noise = self.torch.randn(count, self.model.config.code, generator=chance)
        return as_pictures(self.model.sample(noise.to(self.device)))


def as_pictures(images) -> np.ndarray:
    """Return a tensor (batch, 64) in [0, 1] as (batch, 8, 8) uint8."""
    return (images.reshape(-1, 8, 8) * 255).round().byte().cpu().numpy()
