"""The trained networks for pictures, and what can be asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.errors import CheckpointError
from hub.training import has_bf16
from hub_denoise.pictures.digits import DigitAutoEncoder, DigitConfig
from hub_denoise.pictures.model import ModelConfig, Restorer
from hub_denoise.pictures.resize import doubled
from hub_denoise.pictures.tiles import Network, eightfold, in_tiles

PARTS = ("grey", "upscale", "digits", "colour")


def built(part: str, model: dict[str, Any]) -> nn.Module:
    """Return the network of a part with the settings `model`, its weights random."""
    if part == "digits":
        return DigitAutoEncoder(DigitConfig(**model))
    return Restorer(ModelConfig(**model))


# Rows of length one, at right angles: noise that is alike and independent in red, green and blue is
# so in what they make. As CBM3D does: Dabov et al., "Color Image Denoising via Sparse 3D
# Collaborative Filtering with Grouping Constraint in Luminance-Chrominance Space", ICIP 2007.
OPPONENT = F.normalize(torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]))


@dataclass(frozen=True)
class Networks:
    """Networks by part, on a device; each picture goes in and comes out on the CPU, in float32.

    Convolutions are of bfloat16 where that is fast; what is taken from a picture is so small that
    its rounding is not seen.
    """

    parts: dict[str, nn.Module]
    device: str = "cpu"

    def part(self, name: str) -> Any:  # the network; digits have a method of their own
        if name not in self.parts:
            raise CheckpointError(
                f"this checkpoint has no part {name!r}; it has {', '.join(self.parts)}"
            )
        return self.parts[name]

    @torch.inference_mode()
    def denoise(self, picture: Tensor, sigma: float = 0.0, ensemble: bool = False) -> Tensor:
        """Return a picture without its noise, not clipped; where there is no network for colours,
        its luminance and its two differences of colours one by one.

        Args:
            picture: (1 or 3, height, width) of any size, clean values in [0, 1].
            sigma: the noise's deviation in grey levels of 255; 0: not known.
            ensemble: take the mean over 8 turns and reflections.
        """
        if len(picture) == 3 and "colour" not in self.parts:
            opposed = (OPPONENT.to(picture) @ picture.flatten(1)).view_as(picture)
            # The network takes a grey picture's values: the sum of three is brought to their mean,
            # which lowers its noise as well, and differences are moved to the middle of the range.
            light = 3**0.5 * self.denoise(opposed[:1] / 3**0.5, sigma / 3**0.5, ensemble)
            others = [self.denoise(one[None] + 0.5, sigma, ensemble) - 0.5 for one in opposed[1:]]
            clean = torch.cat([light, *others]).flatten(1)
            return (OPPONENT.to(picture).t() @ clean).view_as(picture)
        network = self.part("grey" if len(picture) == 1 else "colour")
        level = torch.tensor([sigma / 255], device=self.device)

        def restore(images: Tensor) -> Tensor:
            found: Tensor = network(images, level)
            return found

        return self.apply(restore, picture, ensemble)

    @torch.inference_mode()
    def upscale(self, picture: Tensor, ensemble: bool = False) -> Tensor:
        """Return a picture of twice the height and width, not clipped.

        Detail is put into the luminance alone, of which the eye sees most; colours are doubled
        bicubically, as in super-resolution papers.

        Args:
            picture: (1 or 3, height, width) of any size, in [0, 1].
        """
        large = doubled(picture)
        light = large.mean(0, keepdim=True) if len(large) == 1 else brightness(large)
        better = self.apply(self.part("upscale"), light, ensemble)
        return large + (better - light)

    def apply(self, restore: Network, picture: Tensor, ensemble: bool) -> Tensor:
        restore = eightfold(restore) if ensemble else restore
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=has_bf16()):
            return in_tiles(restore, picture.to(self.device)).cpu()

    @torch.inference_mode()
    def restore_digits(self, images: Tensor) -> Tensor:
        """Return what spoilt digits may have been, (batch, 1, 28, 28), both in [0, 1]."""
        found: Tensor = self.part("digits").restored(images.to(self.device)).cpu()
        return found


def brightness(picture: Tensor) -> Tensor:
    """Return the luma, (1, height, width) in [0, 1], of red, green, blue: ITU-R BT.601.

    A change of luma that is added to red, green and blue alike leaves both colour differences.
    """
    parts = torch.tensor([0.299, 0.587, 0.114]).to(picture)
    return (parts[:, None, None] * picture).sum(0, keepdim=True)
