"""A network on a picture of any size, a tile at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hub_denoise.pictures.data import turned, turned_back

TILE = 512  # pixels of a side: the network's maps of it take less than 200 MB
OVERLAP = 64  # pixels that neighbours share; what a tile knows of its surroundings

Network = Callable[[Tensor], Tensor]  # (1, channels, height, width) to the same


def in_tiles(network: Network, picture: Tensor, tile: int = TILE, overlap: int = OVERLAP) -> Tensor:
    """Return what `network` makes of a picture, (channels, height, width), whatever its size.

    Neighbouring tiles fade into one another: a pixel's weight falls to nothing where its tile ends
    and the network saw nothing beyond. Tiles start at multiples of `tile - overlap`; let both be
    multiples of what the network halves by, so that its grid is that of the whole picture.

    Raises:
        ValueError: tiles would not get on.
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"overlap must be in [0, {tile}), the tile; got {overlap}")
    height, width = picture.shape[1:]
    if height <= tile and width <= tile:
        return network(picture[None])[0]
    total, weights = torch.zeros_like(picture), torch.zeros_like(picture[:1])
    for top, bottom in spans(height, tile, overlap):
        for left, right in spans(width, tile, overlap):
            weight = (
                fade(top, bottom, height, overlap)[:, None]
                * fade(left, right, width, overlap)[None, :]
            ).to(picture)
            made = network(picture[None, :, top:bottom, left:right])[0]
            total[:, top:bottom, left:right] += weight * made
            weights[:, top:bottom, left:right] += weight
    return total / weights


def spans(size: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Return where tiles start and end along a side of `size` pixels."""
    starts = range(0, max(1, size - overlap), tile - overlap)
    return [(start, min(start + tile, size)) for start in starts]


def fade(start: int, end: int, size: int, overlap: int) -> Tensor:
    """Return weights of a tile's pixels along a side, which fall over `overlap` of them towards
    another tile; 1 elsewhere."""
    weights = torch.ones(end - start)
    ramp = (torch.arange(overlap) + 0.5) / max(1, overlap)
    if start > 0:
        weights[:overlap] *= ramp[: len(weights)]
    if end < size:
        weights[len(weights) - overlap :] *= ramp.flip(0)
    return weights


def eightfold(network: Network) -> Network:
    """Return the network's mean over the 8 turns and reflections: a little better, 8 times as
    long."""

    def mean(images: Tensor) -> Tensor:
        made = (turned_back(network(turned(images, way)), way) for way in range(8))
        return sum(made, torch.zeros_like(images)) / 8

    return mean
