"""Clean speech out of noisy speech, block by block, at any sampling rate.

The network hears 16 kHz: other rates are brought there and back, and what is above 8 kHz is not in
the answer. A sample comes out when the frames that it lies in are whole, 32 ms after it went in
and with the block that made them so; at other rates the two filters keep it for another 70 to 230
ms (hub_denoise.speech.benchmark tells what of which rate).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import soxr
import torch
from torch import Tensor

from hub_denoise.speech.model import FFT, HOP, RATE, Masker, analyse, window

RATES = (4000, 384_000)  # Hz
MOST = 8  # channels
PIECE = 2**17  # samples at 16 kHz that go through the network at once: 8 s


class Stream:
    """One sound that comes in blocks.

        stream = Stream(model, rate=48_000, channels=2)
        for block in blocks:
            play(stream.feed(block))
        play(stream.finish())

    What comes out is, all together, as long as what went in, and in time with it. It does not
    depend on where the blocks end.
    """

    def __init__(
        self, model: Masker, rate: int = RATE, channels: int = 1, strength: float = 1.0
    ) -> None:
        """
        Args:
            rate: Hz, 4,000 to 384,000.
            channels: 1 to 8; each is cleaned by itself.
            strength: how much of what the network would remove is removed, 0 to 1.

        Raises:
            ValueError: one of them is out of range.
        """
        if not RATES[0] <= rate <= RATES[1]:
            raise ValueError(f"rate must be {RATES[0]} to {RATES[1]} Hz, got {rate}")
        if not 1 <= channels <= MOST:
            raise ValueError(f"channels must be 1 to {MOST}, got {channels}")
        if not 0 <= strength <= 1:
            raise ValueError(f"strength must be 0 to 1, got {strength}")
        self.model, self.rate, self.channels, self.strength = model, rate, channels, strength
        self.state = model.start(channels)
        # The first frame is half before the beginning.
        self.waiting = torch.zeros(channels, HOP)
        self.half = torch.zeros(channels, HOP)  # of the last frame, to be added to the next
        self.early = HOP  # samples to come out that lie before the beginning
        self.fed = self.given = 0  # samples at `rate`
        self.there: Any = None
        self.back: Any = None
        if rate != RATE:
            resampler = functools.partial(
                soxr.ResampleStream, num_channels=channels, dtype="float32"
            )
            self.there, self.back = resampler(rate, RATE), resampler(RATE, rate)

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Return what is clean by now, in the block's shape but for its length.

        Args:
            block: (samples,) or (samples, channels), float in [-1, 1]; of any length, 0 too.

        Raises:
            ValueError: another shape, or a value that is no number.
        """
        samples = self.checked(block)
        self.fed += len(samples)
        if self.there is not None:
            samples = self.there.resample_chunk(samples)
        return self.shaped(self.through(samples), block.ndim)

    def finish(self) -> np.ndarray:
        """Return what is left, (samples, channels), or (samples,) of one channel."""
        rest = np.zeros((0, self.channels), np.float32)
        if self.there is not None:
            rest = self.there.resample_chunk(rest, last=True)
        tail = np.zeros((2 * FFT, self.channels), np.float32)  # moves all out that is within
        clean = self.through(np.concatenate([rest, tail]), last=True)
        short = self.fed - self.given - len(clean)
        clean = np.pad(clean, ((0, max(0, short)), (0, 0)))[: self.fed - self.given]
        return self.shaped(clean, 1 if self.channels == 1 else 2)

    def checked(self, block: np.ndarray) -> np.ndarray:
        samples = block[:, None] if block.ndim == 1 else block
        if samples.ndim != 2 or samples.shape[1] != self.channels:
            raise ValueError(
                f"a block must be (samples, {self.channels})"
                + (" or (samples,)" if self.channels == 1 else "")
                + f", got {block.shape}"
            )
        samples = np.ascontiguousarray(samples, np.float32)
        if not np.isfinite(samples).all():
            raise ValueError("a block must hold finite numbers only")
        return samples

    def shaped(self, samples: np.ndarray, dimensions: int) -> np.ndarray:
        self.given += len(samples)
        return samples[:, 0] if dimensions == 1 else samples

    def through(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        """Return clean samples at `rate` for some at 16 kHz, each (samples, channels)."""
        parts = [self.cleaned(torch.from_numpy(one.T.copy())) for one in pieces(samples)]
        clean = torch.cat(parts, 1).T.numpy()
        early = min(self.early, len(clean))
        self.early -= early
        clean = np.ascontiguousarray(clean[early:])
        return clean if self.back is None else self.back.resample_chunk(clean, last=last)

    @torch.inference_mode()
    def cleaned(self, samples: Tensor) -> Tensor:
        """Return the samples, (channels, samples), that the frames that are whole by now tell."""
        self.waiting = torch.cat([self.waiting, samples], 1)
        frames = (self.waiting.shape[1] - HOP) // HOP
        if frames < 1:
            return torch.zeros(self.channels, 0)
        spectrum = analyse(self.waiting[:, : HOP * (frames + 1)])
        self.waiting = self.waiting[:, HOP * frames :]
        clean, self.state = self.model(spectrum, self.state)
        clean = torch.lerp(spectrum, clean, self.strength)
        framed = torch.fft.irfft(clean, FFT) * window()  # (channels, frames, 512)
        halves = torch.cat([self.half[:, None], framed[:, :, HOP:]], 1)
        self.half = halves[:, -1]
        return (framed[:, :, :HOP] + halves[:, :-1]).flatten(1)


def pieces(samples: np.ndarray) -> list[np.ndarray]:
    """Return samples in pieces that fit into memory once they are a network's."""
    return [samples[at : at + PIECE] for at in range(0, max(1, len(samples)), PIECE)]


def denoise(
    model: Masker, samples: np.ndarray, rate: int = RATE, strength: float = 1.0
) -> np.ndarray:
    """Return the sound without its noise, in its shape and in time with it.

    Args:
        samples: (samples,) or (samples, channels), float in [-1, 1].
        rate, strength: as `Stream` takes them.

    Raises:
        ValueError: another shape, a value that is no number, or a rate out of range.
    """
    if samples.ndim not in (1, 2):
        raise ValueError(f"samples must be (samples,) or (samples, channels), got {samples.shape}")
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    stream = Stream(model, rate, channels, strength)
    return np.concatenate([stream.feed(samples), stream.finish().reshape(-1, *samples.shape[1:])])
