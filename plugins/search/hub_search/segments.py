"""Where words may begin and end, without a transcript: the spans of a recording that are searched.

Nobody knows where the words are, so a recording is covered with windows that overlap. Windows at
every place would be too many, so they begin and end at likely boundaries only: where the voice sets
in or stops, where loudness has a minimum, and where the spectrum changes most (as landmarks in
Glass, "A probabilistic framework for segment-based speech recognition", 2003). Of the windows
between them the likeliest are kept, and those left out that lie almost where a kept one does.

Measured on words of at least 4 letters and 0.25 s whose times are trusted: the share that some span
overlaps by at least 0.5 and 0.7 (intersection over union), and spans an hour. The settings were
chosen on the first row.

| set | words | 0.5 | 0.7 | spans an hour |
|---|---|---|---|---|
| speechocean762_adults, validation | 448 | 99.6 % | 85.7 % | 33,600 |
| speechocean762_adults, test | 902 | 99.6 % | 85.7 % | 33,800 |
| librispeech_excerpt, test | 516 | 98.6 % | 82.8 % | 35,200 |

Noise without a pause has the most: 54,000 an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

RATE = 100  # frames a second


@dataclass(frozen=True)
class Cuts:
    """How spans are cut; times in frames of 10 ms."""

    shortest: int = 20
    longest: int = 120
    reach: int = 6  # frames on each side of a place whose means are compared for spectral change
    dip: float = 1.5  # how much a dip in loudness counts beside a change of the spectrum
    edge: float = 2.0  # how much it counts that the voice sets in or stops
    apart: int = 5  # boundaries are at least so far from each other
    a_second: float = 10.0  # boundaries a second of voice, at most
    alike: float = 0.62  # a window is left out that overlaps a better one by more (IoU)
    usual: float = 48.0  # the likeliest length
    spread: float = 0.45  # standard deviation of the logarithm of lengths
    weight: float = 2.0  # how much the length counts beside the strength of the boundaries
    silence: int = 16  # quieter for longer: no window goes across
    range: float = 36.0  # dB below the loud parts that still count as voice
    margin: float = 9.0  # dB above the background that count as voice


def spans(loudness: np.ndarray, frames: Tensor, cuts: Cuts | None = None) -> np.ndarray:
    """Return the windows of a recording that are worth looking into, silence left out.

    Args:
        loudness: (frames,), dB per frame, 100 frames a second.
        frames: (frames, bands), the log-mel spectrogram, normalised.

    Returns:
        (count, 2) int32, start and end in frames, the end not included; by start, then end.
    """
    cuts = cuts or Cuts()
    count = min(len(loudness), len(frames))
    if count < cuts.shortest:
        return np.zeros((0, 2), np.int32)
    level = smoothed(np.asarray(loudness[:count], np.float64), 3)
    change = spectral_change(frames[:count].double().cpu().numpy(), cuts.reach)
    found = [
        between(*boundaries(level, change, begin, end, cuts), cuts)
        for begin, end in voice(level, cuts)
    ]
    if not found:
        return np.zeros((0, 2), np.int32)
    every = np.concatenate(found)
    return every[np.lexsort((every[:, 1], every[:, 0]))].astype(np.int32)


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of `width` neighbours, an odd number, of each of (frames,) or (frames, n)."""
    half = width // 2
    padding = [(half, half)] + [(0, 0)] * (values.ndim - 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, padding, "edge"), width, 0)
    return windows.mean(-1)


def spectral_change(frames: np.ndarray, reach: int) -> np.ndarray:
    """Return how much the spectrum before each frame differs from that from it on, (frames,),
    averaged over `reach` frames each and divided by its median over the recording."""
    sums = np.cumsum(np.pad(frames, ((reach + 1, reach), (0, 0)), "edge"), 0)
    count = len(frames)
    before = sums[reach : reach + count] - sums[:count]
    after = sums[2 * reach :][:count] - sums[reach : reach + count]
    change = np.linalg.norm(after - before, axis=1) / reach
    return change / max(float(np.median(change)), 1e-9)


def voice(level: np.ndarray, cuts: Cuts) -> list[tuple[int, int]]:
    """Return the stretches, [begin, end), between silences.

    A frame is silent that is little louder than the background, or much quieter than the loud
    parts; the background is the level that a twentieth of the frames stay below.
    """
    low, high = np.quantile(level, (0.05, 0.95))
    if high < -70:  # dB of full scale: nothing but the noise of rounding
        return []
    threshold = max(high - cuts.range, min(low + cuts.margin, high - 12))
    loud = np.flatnonzero(level > threshold)
    if not len(loud):
        return []
    gaps = np.flatnonzero(np.diff(loud) > cuts.silence)
    begins = loud[np.r_[0, gaps + 1]]
    ends = loud[np.r_[gaps, len(loud) - 1]] + 1
    stretches = zip(begins.tolist(), ends.tolist(), strict=True)
    # A word's quiet ends are part of it.
    return [(max(0, a - 2), min(len(level), b + 2)) for a, b in stretches if b - a >= 8]


def boundaries(
    level: np.ndarray, change: np.ndarray, begin: int, end: int, cuts: Cuts
) -> tuple[np.ndarray, np.ndarray]:
    """Return likely boundaries of a stretch of voice and the strength of each, (boundaries,) both;
    its own ends are among them."""
    part = level[begin:end]
    dips = np.clip(smoothed(part, 21) - part, 0, 20) / 6  # 6 dB below what is around: 1
    strength = change[begin:end] + cuts.dip * dips
    inner = np.arange(1, len(part) - 1)
    peaks = inner[
        (strength[1:-1] >= strength[:-2]) & (strength[1:-1] > strength[2:])
        | (part[1:-1] < part[:-2]) & (part[1:-1] <= part[2:])
    ]
    most = max(1, round(cuts.a_second * len(part) / RATE))
    kept = {0: strength[0] + cuts.edge, len(part): strength[-1] + cuts.edge}
    taken = np.zeros(len(part) + cuts.apart, bool)  # too near to one that is kept
    taken[: cuts.apart] = taken[len(part) - cuts.apart + 1 :] = True
    for peak in peaks[np.argsort(-strength[peaks], kind="stable")].tolist():
        if len(kept) > most:
            break
        if not taken[peak]:
            kept[peak] = strength[peak]
            taken[max(0, peak - cuts.apart + 1) : peak + cuts.apart] = True
    places = np.array(sorted(kept))
    return places + begin, np.array([kept[place] for place in places.tolist()])


def between(places: np.ndarray, strength: np.ndarray, cuts: Cuts) -> np.ndarray:
    """Return the windows between boundaries, (count, 2): the likeliest first, each leaving out
    those that lie almost where it does.

    Every window of a fitting length between two boundaries is kept, or overlaps a kept one that
    is likelier by more than `cuts.alike`.
    """
    count = len(places)
    # Windows from a boundary to one of the next few: (boundaries, near).
    reached = np.searchsorted(places, places + cuts.longest, "right") - 1 - np.arange(count)
    near = max(1, int(reached.max()))
    last = np.minimum(np.arange(count)[:, None] + 1 + np.arange(near)[None], count - 1)
    starts, ends = places[:, None], places[last]
    lengths = ends - starts
    fits = (lengths >= cuts.shortest) & (lengths <= cuts.longest)
    fits &= np.arange(count)[:, None] + 1 + np.arange(near)[None] < count
    if not fits.any():
        whole = places[-1] - places[0]
        return places[None, [0, -1]] if 8 <= whole < cuts.shortest else np.zeros((0, 2), int)
    off = np.log(np.maximum(lengths, 1) / cuts.usual) / cuts.spread
    score = strength[:, None] + strength[last] - cuts.weight * off**2 / 2
    kept = []
    one, far = np.nonzero(fits)
    for at in np.argsort(-score[one, far], kind="stable").tolist():
        if not fits[one[at], far[at]]:
            continue
        start, end = places[one[at]], ends[one[at], far[at]]
        kept.append((start, end))
        some = slice(max(0, one[at] - near), one[at] + far[at] + 1)  # those that may overlap it
        both = np.minimum(ends[some], end) - np.maximum(starts[some], start)
        union = np.maximum(ends[some], end) - np.minimum(starts[some], start)
        fits[some] &= both <= cuts.alike * union
    return np.array(kept)
