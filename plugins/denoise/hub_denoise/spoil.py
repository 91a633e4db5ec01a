"""Pictures of any size and sounds of any rate, spoilt on purpose as hub_denoise.ways names it."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import scipy.signal
import soxr
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.samples import voiced
from hub_denoise.pictures.corrupt import CORRUPTIONS
from hub_denoise.pictures.resize import halved
from hub_denoise.speech import data
from hub_denoise.speech.data import RATE, speech_level

QUIET = 10 ** (-26 / 20)  # the level of speech that a silent sound's noise is made for
BABBLE = 10.0  # seconds after which a made-up voice repeats itself

SIDES = ("occlusion", "shift")  # whose amount is a share of the shorter side, not of the pixels


def spoilt_picture(planes: Tensor, way: str, amount: float, seed: int) -> Tensor:
    """Return a picture, (channels, height, width) in [0, 1], spoilt in a way, all its channels at
    the same places; noise alone is another one in each.

    Raises:
        ValueError: a picture to be halved has one row or one column.
    """
    _, height, width = planes.shape
    if way == "halve":
        if min(height, width) < 2:
            raise ValueError(f"{width}x{height} pixels")
        return halved(planes[:, : height - height % 2, : width - width % 2]).clamp(0, 1)
    if way == "downscale":
        size = max(1, round(height / amount)), max(1, round(width / amount))
        small = F.adaptive_avg_pool2d(planes[None], size)
        return F.interpolate(small, (height, width), mode="bilinear")[0]
    if way == "gaussian":
        amounts = torch.full((1,), amount / 255)
        generator = torch.Generator().manual_seed(seed)
        return CORRUPTIONS[way].apply(planes[None], amounts, generator)[0]
    amounts = torch.tensor([amount * (min(height, width) if way in SIDES else 1)])
    parts = [
        CORRUPTIONS[way].apply(plane[None, None], amounts, torch.Generator().manual_seed(seed))[0]
        for plane in planes
    ]
    return torch.cat(parts)


def spoilt_sound(samples: np.ndarray, rate: int, kind: str, snr: float, seed: int) -> np.ndarray:
    """Return a sound with noise of a kind, the same in all channels, made quieter where it would be
    clipped.

    Args:
        samples: (samples, channels) float32 in [-1, 1].
        rate: Hz.
        snr: dB from the noise to speech, where somebody speaks.
    """
    mono = soxr.resample(samples.mean(axis=1), rate, RATE)
    level = speech_level(mono) or QUIET
    noise = NOISES[kind](max(len(mono), RATE), np.random.default_rng(seed))
    noise = soxr.resample(noise[: len(mono) + RATE // 100], RATE, rate)
    noise = np.pad(noise, (0, max(0, len(samples) - len(noise))))[: len(samples)]
    noisy = samples + np.float32(level * 10 ** (-snr / 20)) * noise[:, None]
    return (noisy / max(1.0, float(np.abs(noisy).max(initial=0)))).astype(np.float32)


def white(count: int, generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal(count, dtype=np.float32)


def babble(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return voices that say vowels, all at once: words for nobody."""
    total = np.zeros(count, np.float32)
    for _ in range(int(generator.integers(4, 9))):
        voice = made_up(int(generator.integers(2**31)))
        total += np.resize(np.roll(voice, int(generator.integers(len(voice)))), count)
    rumble = scipy.signal.lfilter([0.05], [1, -0.95], white(count, generator))  # of the room
    return data.scaled(total + 0.2 * np.float32(total.std()) * rumble.astype(np.float32))


@functools.lru_cache(maxsize=16)  # dragging a slider asks for the same ones again and again
def made_up(seed: int) -> np.ndarray:
    """Return a voice that says vowels, (samples,); it is not to be written to."""
    return voiced(RATE, BABBLE, seed)


NOISES: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "white": white,
    "coloured": data.coloured,
    "hum": data.hum,
    "clicks": data.clicks,
    "band": data.band,
    "babble": babble,
    "siren": data.siren,
    "engine": data.engine,
}
