"""Pictures that a program makes, for who has no data sets."""

from __future__ import annotations

import numpy as np

SIDE = 80  # pixels


def brushed_metal(scratched: bool = False, seed: int = 0) -> np.ndarray:
    """Return a plate of metal, brushed from top to bottom, (80, 80) uint8; with a scratch, or
    without."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:SIDE, :SIDE] / SIDE
    lines = smooth(rng.normal(0, 1, SIDE), 2.0) * 9 + rng.normal(0, 3, SIDE)
    grain = rng.normal(0, 4, (SIDE, SIDE))
    grain = np.stack([smooth(column, 3.0) for column in grain.T], 1) * 2
    light = 118 + 22 * np.exp(-(((across - 0.45) / 0.3) ** 2)) - 26 * (across - 0.5) ** 2
    plate = light + lines + grain + rng.normal(0, 2.5, (SIDE, SIDE))
    if scratched:
        line = 0.32 + 0.3 * down + 0.03 * np.sin(9 * down)
        near = np.exp(-(((across - line) * SIDE / 1.1) ** 2)) * ((0.25 < down) & (down < 0.7))
        plate = plate - 62 * near
    return plate.clip(0, 255).round().astype(np.uint8)


def smooth(values: np.ndarray, width: float) -> np.ndarray:
    """Return values, (count,), each the mean of those around it, in a bell of a deviation of
    `width`."""
    reach = round(3 * width)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    found: np.ndarray = np.convolve(np.pad(values, reach, mode="wrap"), bell / bell.sum(), "valid")
    return found
