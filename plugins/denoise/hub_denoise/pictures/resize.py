"""Bicubic resizing as in MATLAB's `imresize`, which super-resolution papers make their data with.

Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, with a = -0.5. Made
smaller, the kernel is stretched so that nothing aliases; beyond its border a picture is mirrored,
its outermost pixels included. Values are neither rounded nor clipped.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor


def resized(images: Tensor, height: int, width: int) -> Tensor:
    """Return (..., rows, columns) as (..., height, width)."""
    rows = weights(images.shape[-2], height).to(images)
    columns = weights(images.shape[-1], width).to(images)
    return rows @ images @ columns.T


def halved(images: Tensor) -> Tensor:
    """Return pictures of half the height and width, rounded up."""
    return resized(images, -(-images.shape[-2] // 2), -(-images.shape[-1] // 2))


def doubled(images: Tensor) -> Tensor:
    """Return pictures of twice the height and width."""
    return resized(images, 2 * images.shape[-2], 2 * images.shape[-1])


@functools.lru_cache(maxsize=32)
def weights(before: int, after: int) -> Tensor:
    """Return what each of `after` pixels takes of each of `before`, (after, before) float32."""
    scale = after / before
    stretch = min(1.0, scale)  # of the kernel: wider where the picture is made smaller
    centres = (torch.arange(after, dtype=torch.float64) + 0.5) / scale - 0.5
    reach = int(2 / stretch) + 2  # pixels on each side that a kernel could touch
    pixels = centres.floor()[:, None] + torch.arange(-reach, reach + 1)  # (after, 2 * reach + 1)
    share = cubic(stretch * (pixels - centres[:, None]))
    share = share / share.sum(1, keepdim=True)
    mirrored = pixels.long() % (2 * before)
    mirrored = torch.minimum(mirrored, 2 * before - 1 - mirrored)
    matrix = torch.zeros(after, before, dtype=torch.float64)
    return matrix.scatter_add_(1, mirrored, share).float()


def cubic(x: Tensor) -> Tensor:
    """Return Keys' kernel at distances `x`, in pixels."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
