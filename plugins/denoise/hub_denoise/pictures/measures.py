"""How near a restored picture is to the clean one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

STRIP = 64  # rows whose similarity is measured at once


def psnr(restored: Tensor, clean: Tensor) -> float:
    """Return the peak signal-to-noise ratio of two pictures of values in [0, 1], in dB; higher is
    better, infinite where they are equal.

    Raises:
        ValueError: the pictures differ in size.
    """
    same_size(restored, clean)
    error = (restored.double() - clean.double()).square().mean().item()
    return -10 * math.log10(error) if error else math.inf


def ssim(restored: Tensor, clean: Tensor) -> float:
    """Return the structural similarity of two pictures, (channels, height, width) in [0, 1], the
    mean over channels; at most 1, higher is better.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", TIP
    2004: a Gaussian window of 11x11 pixels and a deviation of 1.5, only where it lies within.

    Raises:
        ValueError: the pictures differ in size, or are smaller than the window.
    """
    same_size(restored, clean)
    if min(clean.shape[1:]) < 11:
        raise ValueError(f"SSIM needs 11x11 pixels or more, got {tuple(clean.shape[1:])}")
    line = torch.exp(-(torch.arange(-5.0, 6.0).double() ** 2) / (2 * 1.5**2))
    line /= line.sum()

    def local(images: Tensor) -> Tensor:
        for axis in (-1, -2):  # the window is a product; shifted sums are faster than double conv2d
            size = images.shape[axis] - 10
            images = sum(
                (weight * images.narrow(axis, at, size) for at, weight in enumerate(line)),
                torch.zeros((), dtype=torch.float64),
            )
        return images

    total, count = 0.0, 0
    for top in range(0, clean.shape[1] - 10, STRIP):  # so that a large picture's maps fit
        x, y = (one[:, top : top + STRIP + 10].double() for one in (restored, clean))
        mean_x, mean_y = local(x), local(y)
        variances = local(x * x) - mean_x**2 + local(y * y) - mean_y**2
        covariance = local(x * y) - mean_x * mean_y
        c1, c2 = 0.01**2, 0.03**2
        similar = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        found = similar / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))
        total, count = total + float(found.sum()), count + found.numel()
    return total / count


def same_size(restored: Tensor, clean: Tensor) -> None:
    if restored.shape != clean.shape:
        raise ValueError(
            f"pictures to be compared must be of one size, got {tuple(restored.shape)} and "
            f"{tuple(clean.shape)}"
        )


def as_stored(picture: Tensor) -> Tensor:
    """Return a picture as a file of 8 bits would hold it, in [0, 1]."""
    return (255 * picture).round().clamp(0, 255) / 255


def luminance(picture: Tensor) -> Tensor:
    """Return the luminance, (1, height, width), of (1 or 3, height, width) in [0, 1]: ITU-R BT.601
    from 16/255 to 235/255, as super-resolution is measured on; a grey picture as it is."""
    if len(picture) == 1:
        return picture
    parts = torch.tensor([65.481, 128.553, 24.966]).to(picture) / 255
    return (parts[:, None, None] * picture).sum(0, keepdim=True) + 16 / 255
