"""The speech that recipe and evaluation read: utterances of the named data sets, as log-mel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hub import audio, data

LEARNERS = "speech/speechocean762_adults"
BOOKS = "speech/librispeech_excerpt"
TIMIT = "speech/timit_sample"  # non-commercial: to evaluate on, never to train on


@dataclass(frozen=True)
class Word:
    """A word of an utterance, where it is known to be said."""

    text: str
    start: float  # seconds
    end: float
    trusted: bool  # the alignment is made by hand, or its aligner was sure


@dataclass(frozen=True)
class Utterance:
    """A recorded sentence."""

    id: str
    speaker: str
    frames: Tensor  # (frames, 40), log-mel, 100 frames a second; normalised as the caller asked
    loudness: np.ndarray  # (frames,), dB of full scale
    words: tuple[Word, ...] = ()  # empty: no alignment
    voices: Tensor | None = None  # (frames, tracts, 40) float16, as other vocal tracts would say it


def utterances(
    name: str, split: str, normalised: bool = True, tracts: Sequence[float] = ()
) -> list[Utterance]:
    """Return the utterances of a split.

    Args:
        normalised: bring each band to mean 0 and variance 1 over all that its speaker says.
        tracts: vocal tracts, as `hub.audio.log_mel` takes them, to give `voices` of.

    Raises:
        DataError: the set or the split is not there.
    """
    found = []
    for row in data.table(name, split).to_pylist():
        samples = audio.read(row["audio"]["bytes"])
        words = tuple(
            Word(one["word"], one["start"], one["end"], one.get("ok", True))
            for one in row.get("words") or ()
        )
        frames = audio.log_mel(samples, tracts=(1.0, *tracts))
        first, voices = (frames[:, 0], frames[:, 1:]) if tracts else (frames, None)
        loud = audio.loudness(samples)
        found.append(Utterance(row["id"], row["speaker"], first, loud, words, voices))
    return by_speaker(found) if normalised else found


def by_speaker(found: list[Utterance]) -> list[Utterance]:
    """Return the utterances with each band at mean 0 and variance 1 over its speaker's frames."""
    spoken: dict[str, list[Utterance]] = {}
    for one in found:
        spoken.setdefault(one.speaker, []).append(one)
    frames = {who: scale([one.frames for one in some]) for who, some in spoken.items()}
    voices = {
        who: scale([one.voices for one in some if one.voices is not None])
        for who, some in spoken.items()
    }
    return [
        replace(
            one,
            frames=frames[one.speaker](one.frames),
            voices=None if one.voices is None else voices[one.speaker](one.voices).half(),
        )
        for one in found
    ]


def scale(frames: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """Return what brings `frames` together to mean 0 and variance 1."""
    if not frames:
        return lambda one: one
    deviation, mean = torch.std_mean(torch.cat(frames), dim=0)
    return lambda one: (one - mean) / deviation.clamp_min(1e-3)
