"""Defects that are made up: what the auto-encoder of textures learns to undo.

White noise is undone by looking at a pixel's neighbours, and a network that does so puts a real
defect back, too. What is spoilt here is of the size and shape of defects: strokes, from a dot to a
long scratch, bands from a border, and clouds, each filled with another brightness, contrast or
another picture's texture. Zavrtanik et al., "DRAEM", ICCV 2021 (arXiv:2108.07610) and Schlüter et
al., "Natural Synthetic Anomalies", ECCV 2022 (arXiv:2109.15222) do the same with other shapes and
foreign pictures.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

MOST = 3  # defects of a picture
NONE = 0.15  # share of pictures that have none
SEEN = 0.02  # of the range of values: a weaker change is not called one
NOISE = 0.02  # largest deviation of the white noise on all of it
POINTS = 48  # of a curve


def spoilt(clean: Tensor, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return pictures with made-up defects, as large and in [0, 1], and where they were changed,
    (batch, 1, height, width) of 0 and 1.

    Args:
        clean: (batch, 1, height, width) in [0, 1].
    """
    made = clean
    for number in range(MOST):
        shape = shapes(len(clean), clean.shape[2:], generator)
        opacity = column(generator.uniform(0.4, 1, len(clean)))
        there = column(generator.random(len(clean)) < (1 - NONE if number == 0 else 0.4))
        made = made.lerp(filling(made, clean, generator), shape * opacity * there)
    made = made.clamp(0, 1)
    changed = F.avg_pool2d((made - clean).abs(), 5, stride=1, padding=2) > SEEN
    noise = torch.from_numpy(generator.standard_normal(clean.shape, np.float32))
    strength = column(generator.uniform(0, NOISE, len(clean)))
    return (made + strength * noise).clamp(0, 1), changed.float()


def column(values: np.ndarray) -> Tensor:
    """Return a number per picture, (batch,), as (batch, 1, 1, 1) float32."""
    return torch.from_numpy(values.astype(np.float32))[:, None, None, None]


# Shapes: how much of a pixel is covered, in [0, 1].


def shapes(count: int, size: tuple[int, ...], generator: np.random.Generator) -> Tensor:
    """Return a shape per picture, (count, 1, height, width)."""
    which = generator.choice(3, count, p=[0.6, 0.2, 0.2])
    found = torch.zeros(count, 1, *size)
    for kind, draw in enumerate((strokes, bands, clouds)):
        chosen = torch.from_numpy(which == kind)
        found[chosen] = draw(int(chosen.sum()), size, generator)
    return found


def grid(size: tuple[int, ...]) -> Tensor:
    """Return the pixels' places, (height, width, 2), in shares of the shorter side."""
    down, across = torch.meshgrid(*(torch.arange(one) + 0.5 for one in size), indexing="ij")
    return torch.stack([down, across], 2) / min(size)


def strokes(count: int, size: tuple[int, ...], generator: np.random.Generator) -> Tensor:
    """Return what lies within a radius of a bent curve: dots, ovals, scratches, cracks."""
    height, width = (one / min(size) for one in size)
    start = generator.uniform(0, 1, (count, 2)) * (height, width)
    length = np.exp(generator.uniform(np.log(0.02), np.log(1.2), count))
    turn = generator.uniform(0, 2 * np.pi, count)
    along = length[:, None] * np.stack([np.sin(turn), np.cos(turn)], 1)
    bend = 0.25 * length[:, None] * generator.standard_normal((count, 2))
    t = np.linspace(0, 1, POINTS)[:, None, None]  # a quadratic Bézier curve
    curve = start + 2 * t * (1 - t) * (along / 2 + bend) + t**2 * along  # (points, count, 2)
    wobble = generator.standard_normal(curve.shape).cumsum(0) * length[:, None] / POINTS
    curve = torch.from_numpy(curve + 0.3 * wobble * generator.random((count, 1))).float()
    places = grid(size).reshape(-1, 2)
    nearest = torch.cdist(curve.transpose(0, 1), places[None]).amin(1)  # (count, pixels)
    radius = np.exp(generator.uniform(np.log(0.006), np.log(0.13), count))
    return edge(nearest.view(count, 1, *size), column(radius), generator, min(size))


def edge(distance: Tensor, radius: Tensor, generator: np.random.Generator, side: int) -> Tensor:
    """Return 1 within the radius, 0 beyond, and something between over one to three pixels."""
    soft = column(generator.uniform(0.3, 1.0, len(distance))) / side
    return torch.sigmoid((radius - distance) / soft)


def bands(count: int, size: tuple[int, ...], generator: np.random.Generator) -> Tensor:
    """Return what lies on one side of a line, often within two others: steps and patches."""
    places = grid(size)  # (height, width, 2)
    covered = torch.ones(count, 1, *size)
    turn = generator.choice(4, count) * np.pi / 2 + 0.1 * generator.standard_normal(count)
    for number in range(3):
        normal = np.stack([np.sin(turn), np.cos(turn)], 1)
        through = generator.uniform(0.05, 0.95, (count, 2)) * np.array(size) / min(size)
        offset = column((normal * through).sum(1))
        height = torch.einsum("hwc,nc->nhw", places, torch.from_numpy(normal).float())[:, None]
        inside = edge(offset - height, torch.zeros(1), generator, min(size))
        kept = column(generator.random(count) < (1.0 if number == 0 else 0.5))
        covered = covered * (1 - kept * (1 - inside))
        turn = turn + np.pi / 2
    mostly = covered.mean((2, 3), keepdim=True) > 0.5
    return torch.where(mostly, 1 - covered, covered)  # what there is less of is the defect


def clouds(count: int, size: tuple[int, ...], generator: np.random.Generator) -> Tensor:
    """Return where smooth noise is high: spots without a form."""
    found = torch.zeros(count, 1, *size)
    for cloud in found:
        cells = int(generator.integers(3, 12))
        noise = torch.from_numpy(generator.standard_normal((1, 1, cells, cells), np.float32))
        cloud[:] = F.interpolate(noise, size=size, mode="bicubic", align_corners=False)[0]
    level = column(generator.uniform(1.0, 2.0, count))
    return torch.sigmoid((found - level) / 0.08)


# What they are filled with.


def filling(made: Tensor, clean: Tensor, generator: np.random.Generator) -> Tensor:
    """Return what stands in the place of pictures, where they are covered."""
    count = len(made)
    smooth = F.avg_pool2d(F.pad(made, (4, 4, 4, 4), mode="replicate"), 9, stride=1)
    detail = made - smooth
    sign = generator.choice([-1, 1], count, p=[0.65, 0.35])
    shift = column(sign * np.exp(generator.uniform(np.log(0.04), np.log(0.4), count)))
    other = elsewhere(clean, generator)
    level = smooth.mean((2, 3), keepdim=True)
    every = torch.stack(
        [
            made + shift,
            made * (1 + 2 * shift),
            smooth + shift,  # without structure
            smooth + column(generator.uniform(1.5, 3, count)) * detail + shift / 2,
            smooth + other - other.mean((2, 3), keepdim=True) + shift / 2,
            level + shift + 0.5 * detail,
        ]
    )
    which = torch.from_numpy(generator.integers(0, len(every), count))
    return every[which, torch.arange(count)]


def elsewhere(clean: Tensor, generator: np.random.Generator) -> Tensor:
    """Return each picture's neighbour in the batch, moved, and turned if it is square."""
    height, width = clean.shape[2:]
    moved = torch.roll(
        clean.roll(1, 0), (int(generator.integers(height)), int(generator.integers(width))), (2, 3)
    )
    if height == width and generator.random() < 0.5:
        moved = moved.transpose(2, 3)
    return moved.flip(3) if generator.random() < 0.5 else moved
