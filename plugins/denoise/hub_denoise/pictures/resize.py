"""Bicubic resizing as in MATLAB's `imresize`, which super-resolution papers make their data with.

Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, with a = -0.5. Made
smaller, the kernel is stretched so that nothing aliases; beyond its border a picture is mirrored,
its outermost pixels included. Values are neither rounded nor clipped.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def resized(images: Tensor, height: int, width: int) -> Tensor:
    """Return (..., rows, columns) as (..., height, width)."""
    return along_rows(along_rows(images, width).transpose(-1, -2), height).transpose(-1, -2)


def along_rows(images: Tensor, width: int) -> Tensor:
    """Return (..., columns) as (..., width)."""
    made = images.new_zeros(*images.shape[:-1], width)
    for pixels, share in taps(images.shape[-1], width):
        made += images.index_select(-1, pixels.to(images.device)) * share.to(images)
    return made


def halved(images: Tensor) -> Tensor:
    """Return pictures of half the height and width, rounded up."""
    return resized(images, -(-images.shape[-2] // 2), -(-images.shape[-1] // 2))


def doubled(images: Tensor) -> Tensor:
    """Return pictures of twice the height and width."""
    return resized(images, 2 * images.shape[-2], 2 * images.shape[-1])


def taps(before: int, after: int) -> list[tuple[Tensor, Tensor]]:
    """Return, for each place under the kernel, which of `before` pixels is there for each of
    `after`, (after,) int64, and its share in it, (after,) float32."""
    scale = after / before
    stretch = min(1.0, scale)  # of the kernel: wider where the picture is made smaller
    centres = (torch.arange(after, dtype=torch.float64) + 0.5) / scale - 0.5
    reach = math.ceil(2 / stretch)  # pixels on each side that a kernel touches
    pixels = centres.floor() + torch.arange(-reach, reach + 1)[:, None]  # (places, after)
    share = cubic(stretch * (pixels - centres))
    share = share / share.sum(0)
    mirrored = pixels.long() % (2 * before)
    mirrored = torch.minimum(mirrored, 2 * before - 1 - mirrored)
    return [(one, part) for one, part in zip(mirrored, share.float(), strict=True) if part.any()]


def cubic(x: Tensor) -> Tensor:
    """Return Keys' kernel at distances `x`, in pixels."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
