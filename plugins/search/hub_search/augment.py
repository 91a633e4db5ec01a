"""Other sayings of the same segment, made by a program: another voice, tempo, rhythm, channel.

All of a batch at once, on the whole corpus of frames: a view costs no more than reading it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hub.audio import BANDS
from hub_search.data import Utterance
from hub_search.model import voiced

MOST = 160  # frames of a view
TRACTS = tuple(math.exp(0.045 * step) for step in range(-4, 5))  # 0.84 to 1.2


@dataclass(frozen=True)
class Corpus:
    """Utterances, end to end."""

    frames: Tensor  # (frames, 40), normalised log-mel
    voices: Tensor | None  # (frames, tracts, 40), the same as other vocal tracts would say it
    voiced: Tensor  # (frames,) bool
    speaker: Tensor  # (utterances,) int64
    start: Tensor  # (utterances,) int64, first frame of each
    end: Tensor  # (utterances,) int64, behind the last

    @classmethod
    def of(cls, utterances: list[Utterance]) -> Corpus:
        names = {name: index for index, name in enumerate(sorted({u.speaker for u in utterances}))}
        end = torch.tensor([len(one.frames) for one in utterances]).cumsum(0)
        return cls(
            torch.cat([one.frames for one in utterances]),
            torch.cat([one.voices for one in utterances if one.voices is not None])
            if all(one.voices is not None for one in utterances)
            else None,
            torch.from_numpy(np.concatenate([voiced(one.loudness) for one in utterances])),
            torch.tensor([names[one.speaker] for one in utterances]),
            torch.cat([torch.zeros(1, dtype=torch.long), end[:-1]]),
            end,
        )

    def utterance_at(self, frame: Tensor) -> Tensor:
        """Return in which utterance each frame is."""
        return torch.searchsorted(self.end, frame.contiguous(), right=True)


@dataclass(frozen=True)
class Augmentation:
    """How far a view may be from what was said."""

    tracts: bool = True  # one of the corpus's vocal tracts, by lot, where it has some
    jitter: int = 3  # frames by which either end moves
    stretch: float = 0.3  # length times exp(±this)
    knots: int = 6  # of the time warp
    rhythm: float = 0.35  # log-normal deviation of the tempo between knots
    channel: float = 0.1  # deviation of each of the smooth curves added over the bands
    louder: bool = True  # a random floor under the bands, as a louder background would
    noise: float = 0.05  # deviation, beside bands of variance 1
    masked: int = 2  # bands of the one mask, at most


def view(corpus: Corpus, start: Tensor, end: Tensor, how: Augmentation) -> tuple[Tensor, Tensor]:
    """Return a new saying of each segment, (batch, longest, 40), and its lengths, (batch,).

    Args:
        start: (batch,), first frame of each, in the corpus.
        end: (batch,), behind its last.
    """
    count = len(start)
    within = corpus.utterance_at(start)
    low, high = corpus.start[within], corpus.end[within]
    jitter = torch.randint(-how.jitter, how.jitter + 1, (2, count))
    start = torch.maximum(start + jitter[0], low)
    end = torch.minimum(end + jitter[1], high)
    span = (end - start).clamp_min(2).float()
    lengths = (span * torch.exp(how.stretch * (2 * torch.rand(count) - 1))).round()
    lengths = lengths.clamp(8, MOST).long()
    places = warped(lengths, how) * (span - 1)[:, None] + start[:, None]
    before = places.floor().long().clamp(max=len(corpus.frames) - 2)
    share = (places - before)[..., None]
    after = before + 1
    if corpus.voices is not None and how.tracts:
        voice = torch.randint(0, corpus.voices.shape[1], (count, 1))
        pair = corpus.voices[before, voice].float(), corpus.voices[after, voice].float()
    else:
        pair = corpus.frames[before], corpus.frames[after]
    frames = torch.lerp(*pair, share)
    frames = frames + smooth_curves(count, how.channel)[:, None]
    if how.louder:
        frames = torch.maximum(frames, -0.5 - 1.5 * torch.rand(count, 1, 1))
    frames = frames + how.noise * torch.randn_like(frames)
    width = torch.randint(0, how.masked + 1, (count, 1))
    first = (torch.rand(count, 1) * (BANDS - width + 1)).long()
    band = torch.arange(BANDS)
    hidden = (band >= first) & (band < first + width)
    return frames.masked_fill(hidden[:, None], 0), lengths


def warped(lengths: Tensor, how: Augmentation) -> Tensor:
    """Return where each output frame lies in its segment, (batch, longest), from 0 to 1."""
    tempo = torch.exp(how.rhythm * torch.randn(len(lengths), how.knots))
    ends = torch.cat([torch.zeros(len(lengths), 1), tempo.cumsum(1)], dim=1)
    ends = ends / ends[:, -1:]
    steps = torch.arange(int(lengths.max()))
    at = (steps / (lengths[:, None] - 1).clamp_min(1)).clamp(max=1) * how.knots
    knot = at.long().clamp(max=how.knots - 1)
    return torch.lerp(ends.gather(1, knot), ends.gather(1, knot + 1), at - knot)


def smooth_curves(count: int, deviation: float, terms: int = 4) -> Tensor:
    """Return smooth random curves over the bands, (count, 40), as microphones and rooms add."""
    order = torch.arange(1, terms + 1)[:, None]
    cosines = torch.cos(torch.pi * order * (torch.arange(BANDS) + 0.5) / BANDS)
    return deviation * torch.randn(count, terms) @ (cosines / order.sqrt())
