"""How fast speech is cleaned: as a whole, and in the blocks that a microphone gives."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
import torch

from hub_denoise.speech.model import FFT, RATE, Masker
from hub_denoise.speech.stream import Stream

BLOCKS = (0.016, 0.032, 0.1, 0.5)  # seconds
SECONDS = 10.0  # of sound


@dataclass(frozen=True)
class Speed:
    """What blocks of one length take on one core."""

    block: float  # seconds of sound
    factor: float  # processor time by time of the sound; below 1 it keeps up
    milliseconds: float  # median of what a block takes
    latency: float  # seconds from a sound to its clean copy: its frames, its block, its work


def speeds(
    model: Masker,
    blocks: tuple[float, ...] = BLOCKS,
    rate: int = RATE,
    channels: int = 1,
    seconds: float = SECONDS,
) -> list[Speed]:
    """Return how fast noise of the given rate and channels goes through, by the blocks' lengths.

    Times are of this process's work, not of the clock, for a machine may have other work too.
    """
    generator = np.random.default_rng(0)
    sound = 0.1 * generator.standard_normal((int(seconds * rate), channels)).astype(np.float32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [speed(model, sound, rate, block) for block in blocks]
    finally:
        torch.set_num_threads(threads)


def speed(model: Masker, sound: np.ndarray, rate: int, block: float) -> Speed:
    size = max(1, round(block * rate))
    pieces = [sound[at : at + size] for at in range(0, len(sound), size)]
    warm = Stream(model, rate, sound.shape[1])
    for piece in pieces[:5]:
        warm.feed(piece)
    stream = Stream(model, rate, sound.shape[1])
    took = []
    for piece in pieces:
        began = time.process_time()
        stream.feed(piece)
        took.append(time.process_time() - began)
    median = statistics.median(took)
    filters = delay(rate)
    return Speed(
        block,
        sum(took) / (len(sound) / rate),
        1000 * median,
        FFT / RATE + max(0.0, block - 0.016) + filters + median,
    )


def delay(rate: int) -> float:
    """Return by how much at most resampling keeps sound back, seconds, there and back: measured on
    a second of it that comes in thousandths."""
    if rate == RATE:
        return 0.0
    import soxr

    late = 0.0
    for one, other in ((rate, RATE), (RATE, rate)):
        stream = soxr.ResampleStream(one, other, 1, dtype="float32")
        size = max(1, one // 1000)
        fed = given = 0
        most = 0.0
        while fed < one:
            given += len(stream.resample_chunk(np.zeros(size, np.float32)))
            fed += size
            most = max(most, fed / one - given / other)
        late += most
    return late
