"""The speech that recipe and evaluation read: utterances of the named data sets, as log-mel."""

from __future__ import annotations

from dataclasses import dataclass

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


def utterances(name: str, split: str, normalised: bool = True) -> list[Utterance]:
    """Return the utterances of a split.

    Args:
        normalised: bring each band to mean 0 and variance 1 over all that its speaker says.

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
        frames, loud = audio.log_mel(samples), audio.loudness(samples)
        found.append(Utterance(row["id"], row["speaker"], frames, loud, words))
    return by_speaker(found) if normalised else found


def by_speaker(found: list[Utterance]) -> list[Utterance]:
    """Return the utterances with each band at mean 0 and variance 1 over its speaker's frames."""
    spoken: dict[str, list[Tensor]] = {}
    for one in found:
        spoken.setdefault(one.speaker, []).append(one.frames)
    scales = {
        speaker: torch.std_mean(torch.cat(frames), dim=0) for speaker, frames in spoken.items()
    }
    return [
        Utterance(
            one.id,
            one.speaker,
            (one.frames - scales[one.speaker][1]) / scales[one.speaker][0].clamp_min(1e-3),
            one.loudness,
            one.words,
        )
        for one in found
    ]
