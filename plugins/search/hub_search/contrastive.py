"""The contrastive loss, and the batches it learns from."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hub_search.augment import Corpus
from hub_search.model import Encoder

LENGTHS = (22, 40, 90)  # frames of a random segment: least, most likely, most
SPOKEN = 0.85  # of its frames, at least
PARTS = 4  # of a batch, by length, so that little is computed for padding
FORBIDDEN = -1e4  # a similarity that no softmax sees


def encoded(encoder: Encoder, frames: Tensor, lengths: Tensor) -> Tensor:
    """Return the vectors of a batch, (batch, dimensions) float32, like lengths done together."""
    order = lengths.argsort()
    parts = [
        encoder(frames[some, : int(lengths[some].max())], lengths[some])
        for some in order.chunk(PARTS)
    ]
    return torch.cat(parts)[order.argsort()].float()


def nt_xent(first: Tensor, second: Tensor, temperature: float, alike: Tensor) -> Tensor:
    """Return the normalised temperature-scaled cross-entropy, in nats: each vector is to pick the
    other one of its pair among all vectors of the batch.

    Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020
    (arXiv:2002.05709), equation 1.

    Args:
        first, second: (pairs, dimensions), the two of each pair.
        alike: (pairs, pairs) bool, pairs that must not count as different from each other.
    """
    count = len(first)
    vectors = F.normalize(torch.cat([first, second]), dim=1)
    with torch.autocast(vectors.device.type, enabled=False):  # bfloat16 is too coarse for scores
        scores = vectors @ vectors.T / temperature
    index = torch.arange(count, device=scores.device)
    partner = torch.cat([index + count, index])
    hidden = alike.to(scores.device).repeat(2, 2)
    hidden[torch.arange(2 * count), partner] = False  # what is to be picked
    hidden.fill_diagonal_(True)
    return F.cross_entropy(scores.masked_fill(hidden, FORBIDDEN), partner)


class Segments:
    """Random segments of a corpus in which somebody speaks, many of each speaker."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.spoken = F.pad(corpus.voiced.long().cumsum(0), (1, 0))  # before each frame
        self.of_speaker = [
            torch.nonzero(corpus.speaker == one)[:, 0]
            for one in range(int(corpus.speaker.max()) + 1)
        ]
        self.speakers = np.array([index for index, one in enumerate(self.of_speaker) if len(one)])

    def draw(
        self, count: int, speakers: int, generator: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return first frames and ends of `count` segments, as many of each of `speakers` drawn."""
        chosen = generator.choice(self.speakers, min(speakers, len(self.speakers)), replace=False)
        starts, ends, wanted = [], [], count
        while wanted > 0:
            who = chosen[np.arange(4 * wanted) % len(chosen)]
            length = generator.triangular(*LENGTHS, 4 * wanted).round().astype(np.int64)
            share = generator.random(4 * wanted)
            place = generator.random(4 * wanted)
            utterance = torch.stack(
                [
                    self.of_speaker[one][int(s * len(self.of_speaker[one]))]
                    for one, s in zip(who, share, strict=True)
                ]
            )
            low, high = self.corpus.start[utterance], self.corpus.end[utterance]
            lengths = torch.from_numpy(length)
            room = (high - low - lengths).clamp_min(0)
            start = low + (torch.from_numpy(place) * (room + 1)).long()
            end = torch.minimum(start + lengths, high)
            spoken = self.spoken[end] - self.spoken[start]
            good = torch.nonzero((spoken >= SPOKEN * (end - start)) & (end - start >= LENGTHS[0]))[
                :wanted, 0
            ]
            starts.append(start[good])
            ends.append(end[good])
            wanted -= len(good)
        return torch.cat(starts), torch.cat(ends)


def overlapping(start: Tensor, end: Tensor, others: Tensor, other_ends: Tensor) -> Tensor:
    """Return which spans, (count,), share frames with which others, (count, others) bool."""
    return (start[:, None] < other_ends) & (others < end[:, None])
