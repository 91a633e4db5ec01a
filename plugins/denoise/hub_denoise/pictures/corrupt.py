"""What is done to pictures, so that it can be undone.

`noisy` is for photographs. The others are for digits, (batch, 1, 28, 28) in [0, 1], and each has an
amount of its own for every picture; `CORRUPTIONS` tells how far it may go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def noisy(
    images: Tensor, sigma: Tensor | float, generator: torch.Generator | None = None
) -> Tensor:
    """Return images with white Gaussian noise, not clipped and not rounded, as denoising papers
    have it: clipped noise is smaller and its mean is not 0.

    Args:
        images: (..., height, width) in [0, 1].
        sigma: the deviation of the noise in grey levels of 255: one number, or what can be
            broadcast to `images`.
    """
    return images + torch.randn(images.shape, generator=generator) * sigma / 255


@dataclass(frozen=True)
class Corruption:
    """One way of spoiling a digit."""

    largest: float  # amount
    unit: str
    apply: Callable[[Tensor, Tensor, torch.Generator | None], Tensor]


def gaussian(images: Tensor, amount: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return images with noise of deviation `amount`, (batch,), cut to [0, 1]."""
    noise = torch.randn(images.shape, generator=generator)
    return (images + each(amount) * noise).clamp(0, 1)


def salt_and_pepper(
    images: Tensor, amount: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Return images a share `amount`, (batch,), of whose pixels are black or white instead."""
    hit = torch.rand(images.shape, generator=generator) < each(amount)
    return torch.where(hit, torch.rand(images.shape, generator=generator).round(), images)


def masking(images: Tensor, amount: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return images a share `amount`, (batch,), of whose pixels are 0: Vincent et al., "Extracting
    and Composing Robust Features with Denoising Autoencoders", ICML 2008."""
    return images * (torch.rand(images.shape, generator=generator) >= each(amount))


def occlusion(images: Tensor, amount: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return images with a grey square of `amount`, (batch,), pixels a side somewhere on them."""
    batch, _, height, width = images.shape
    side = each(amount).round()
    corner = torch.rand(2, batch, 1, 1, 1, generator=generator)
    top = (corner[0] * (height - side)).round()
    left = (corner[1] * (width - side)).round()
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    down = (rows >= top) & (rows < top + side)
    across = (columns >= left) & (columns < left + side)
    return torch.where(down & across, 0.5, images)


def shift(images: Tensor, amount: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return images moved by up to `amount`, (batch,), pixels down or up and as many sideways, the
    more the likelier; what comes in is black."""
    batch, _, height, width = images.shape
    way = torch.rand(2, batch, generator=generator).sqrt()
    way = way * (2 * torch.rand(2, batch, generator=generator).round() - 1)
    down, right = (way * amount).round().long()
    rows = torch.arange(height)[None, :] - down[:, None]  # where each row comes from
    columns = torch.arange(width)[None, :] - right[:, None]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None, :
    ]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    which = torch.arange(batch)[:, None, None]
    moved = images[which, 0, rows[:, :, None], columns[:, None, :]] * inside
    return moved[:, None]


def downscale(images: Tensor, amount: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return images made smaller `amount`, (batch,), times by averaging, then as large as before by
    bilinear interpolation."""
    height, width = images.shape[2:]
    sizes = (height / amount.clamp_min(1)).round().long()
    found = images.clone()
    for size in sizes.unique().tolist():
        chosen = sizes == size
        small = F.adaptive_avg_pool2d(images[chosen], size)
        found[chosen] = F.interpolate(small, (height, width), mode="bilinear")
    return found


def each(amount: Tensor) -> Tensor:
    return amount[:, None, None, None]


CORRUPTIONS = {
    "gaussian": Corruption(1.0, "deviation", gaussian),
    "salt_and_pepper": Corruption(0.6, "share of pixels", salt_and_pepper),
    "masking": Corruption(0.9, "share of pixels", masking),
    "occlusion": Corruption(14.0, "pixels a side", occlusion),
    "shift": Corruption(6.0, "pixels", shift),
    "downscale": Corruption(4.0, "times", downscale),
}


def corrupted(
    images: Tensor, name: str, amount: float, generator: torch.Generator | None = None
) -> Tensor:
    """Return digits, (batch, 1, 28, 28) in [0, 1], spoilt in one way.

    Raises:
        ValueError: there is no such way, or it does not go so far.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"no corruption {name!r}; there are {', '.join(CORRUPTIONS)}")
    way = CORRUPTIONS[name]
    if not 0 <= amount <= way.largest:
        raise ValueError(f"{name} must be in [0, {way.largest:g}] ({way.unit}), got {amount:g}")
    return way.apply(images, torch.full((len(images),), float(amount)), generator)
