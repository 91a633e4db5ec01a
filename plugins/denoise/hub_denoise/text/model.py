"""A small masked language model that tells which words may stand at a place.

What is learned at a place never sees the word there, so every word of a text is one to learn from,
not only those that are hidden: the text auto-encoder of Shin, Lee, Yoon and Jung, "Fast and
Accurate Deep Bidirectional Language Representations for Unsupervised Learning", ACL 2020
(arXiv:2004.08097), which masks the diagonal of its attention. The five words on either side are
also read by their position, as in Bengio et al., "A Neural Probabilistic Language Model", JMLR
2003. A word's vector is the sum of its pieces' and, of a frequent one, its own; the same vectors
are read and told (Press and Wolf, arXiv:1608.05859).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub_denoise.text.data import PAD, PIECES

REACH = 128  # words to either side whose distance is told; all beyond are as far
FREQUENT = 2000  # words, all of which every right one is compared with
CHUNK = 192  # places whose scores are in memory at a time: they should stay in the cache
NEVER = -1e4  # a score, small enough to be none and not so small that it has no logarithm


@dataclass(frozen=True)
class ModelConfig:
    """What the weights depend on; saved beside them."""

    vocabulary: int = 6000  # pieces; of a small text there are fewer
    words: int = 60_000  # that can be told, the most frequent first; of a small text fewer
    own: int = 10_000  # of these with a vector of their own
    embedding: int = 128
    width: int = 384
    heads: int = 8
    window: int = 5  # words on either side that are read by their position
    blocks: int = 2

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(
                f"width must be a multiple of heads, got {self.width} and {self.heads}"
            )
        if min(self.vocabulary, self.words, self.embedding, self.window, self.blocks) < 1:
            raise ValueError("vocabulary, words, embedding, window and blocks must be at least 1")


class Block(nn.Module):
    """Two layers, added to what they read."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, 2 * width)
        self.second = nn.Linear(2 * width, width)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x + self.second(F.gelu(self.first(normed(x))))
        return found


class Filler(nn.Module):
    """From a text to what may stand at each of its places, whatever stands there."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width, embedding = config.width, config.embedding
        self.pieces = nn.Embedding(config.vocabulary, embedding, padding_idx=PAD)
        self.own = nn.Embedding(1 + min(config.own, config.words), embedding, padding_idx=0)
        for vectors in (self.pieces, self.own):
            nn.init.normal_(vectors.weight, std=0.05)
            with torch.no_grad():
                vectors.weight[vectors.padding_idx] = 0.0
        self.beside = nn.Linear(2 * config.window * embedding, width)
        self.asks = nn.Linear(width, width)
        self.answers = nn.Linear(embedding, 2 * width)  # keys and values
        self.heard = nn.Linear(width, width)
        self.distance = nn.Parameter(torch.zeros(config.heads, 2 * REACH + 1))
        self.blocks = nn.ModuleList(Block(width) for _ in range(config.blocks))
        self.last = nn.Linear(width, embedding)
        self.bias = nn.Parameter(torch.zeros(config.words))

    def vectors(self, tokens: Tensor) -> Tensor:
        """Return the vectors, (tokens, embedding) float32, of rows of `Vocabulary.rows`."""
        number = tokens[:, 0]
        own = self.own(torch.where(number < self.own.num_embeddings, number, 0))
        summed = F.embedding_bag(
            tokens[:, 1:], self.pieces.weight, mode="sum", padding_idx=self.pieces.padding_idx
        )
        found: Tensor = own + summed
        return found

    def forward(self, tokens: Tensor, text: Tensor) -> Tensor:
        """Return what is known of each place but by the word there, (batch, length, embedding).

        Args:
            tokens: (kinds, 1 + PIECES) int64, the rows of the tokens that texts are made of.
            text: (batch, length) int64, places in `tokens`; where a row's first piece is PAD, the
                text is over.

        Raises:
            ValueError: another shape.
        """
        if text.ndim != 2 or tokens.ndim != 2 or tokens.shape[1] != 1 + PIECES:
            raise ValueError(
                f"tokens must be (kinds, {1 + PIECES}) and text (batch, length), got "
                f"{tuple(tokens.shape)} and {tuple(text.shape)}"
            )
        over = (tokens[:, 1] == PAD)[text]
        read = F.embedding(text, normed(self.vectors(tokens))).masked_fill(over[..., None], 0.0)
        x = F.gelu(self.beside(neighbours(read, self.config.window)))
        x = x + self.heard(self.attention(x, read, over))
        for block in self.blocks:
            x = block(x)
        found: Tensor = self.last(normed(x))
        return found

    def attention(self, x: Tensor, read: Tensor, over: Tensor) -> Tensor:
        """Return what all words but the one there tell each place, (batch, length, width)."""
        batch, length, width = x.shape
        heads = self.config.heads
        asked = self.asks(normed(x)).view(batch, length, heads, -1).transpose(1, 2)
        keys, values = (
            self.answers(read).view(batch, length, 2, heads, -1).permute(2, 0, 3, 1, 4).unbind()
        )
        places = torch.arange(length, device=x.device)
        away = (places[:, None] - places).clamp(-REACH, REACH)
        hidden = (away == 0) | over[:, None, None]
        scores = asked @ keys.transpose(-1, -2) / math.sqrt(width / heads)
        scores = (scores + self.distance[:, away + REACH]).masked_fill(hidden, NEVER)
        found: Tensor = scores.softmax(-1).to(values.dtype) @ values
        return found.transpose(1, 2).reshape(batch, length, width)

    def loss(self, states: Tensor, wanted: Tensor, words: Tensor, others: Tensor) -> Tensor:
        """Return the negative log-likelihood of words, in nats per word.

        Not all words are compared: the most frequent ones are, and of the rest some that were drawn
        evenly, each of which stands for as many as it is one of.

        Args:
            states: (places, embedding), of `forward`.
            wanted: (places,) int64, the word there.
            words: (words, 1 + PIECES) int64, the rows of all words.
            others: (some,) int64, drawn evenly of the words from FREQUENT on.
        """
        first = min(FREQUENT, len(words))
        frequent = torch.arange(first, device=others.device)
        compared = torch.cat([frequent, others])
        bias = self.bias[compared].clone()
        if len(others):
            bias[first:] += math.log((len(words) - first) / len(others))
        place = torch.full((len(words),), -1, device=others.device)
        place[compared] = torch.arange(len(compared), device=others.device)
        kinds, which = wanted.unique(return_inverse=True)
        states = states.float()
        right = (states * self.vectors(words[kinds])[which]).sum(1) + self.bias[wanted]
        value: Tensor = SampledSoftmax.apply(  # type: ignore[no-untyped-call]
            states, self.vectors(words[compared]), bias, right, place[wanted]
        )
        return value

    def word_scores(self, states: Tensor, vectors: Tensor) -> Tensor:
        """Return log-probabilities, (places, words) float32, of words that have `vectors`."""
        return (states.float() @ vectors.t() + self.bias).log_softmax(1)


def normed(x: Tensor) -> Tensor:
    """Return `x` with its last dimension brought to a root mean square of one."""
    return F.rms_norm(x, x.shape[-1:])


def neighbours(read: Tensor, window: int) -> Tensor:
    """Return what stands up to `window` places before and after each place, but not there,
    (batch, length, 2 * window * embedding), of (batch, length, embedding)."""
    length = read.shape[1]
    wide = F.pad(read, (0, 0, window, window))
    beside = (place for place in range(2 * window + 1) if place != window)
    return torch.cat([wide[:, place : place + length] for place in beside], -1)


class SampledSoftmax(torch.autograd.Function):
    """The mean cross entropy of a softmax over some words and the right one.

    It is computed, with its gradient, CHUNK places at a time: that is twice as fast as over all at
    once, whose scores do not fit into a cache.
    """

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, vectors: Tensor, bias: Tensor, right: Tensor, place: Tensor
    ) -> Tensor:
        """Return the mean, a scalar.

        Args:
            states: (places, embedding).
            vectors, bias: (some, embedding) and (some,), of the words compared.
            right: (places,) the score of the right word.
            place: (places,) where the right word is among those compared, which then is left out
                there; -1: nowhere.
        """
        half = torch.bfloat16 if torch.is_autocast_enabled(states.device.type) else states.dtype
        states, vectors = states.to(half), vectors.to(half)
        count = max(1, len(states))
        by_state = torch.empty_like(states)
        by_right = torch.empty_like(right)
        by_vector = torch.zeros_like(vectors, dtype=torch.float32)
        by_bias = torch.zeros_like(bias)
        total = right.new_zeros(())
        for start in range(0, len(states), CHUNK):
            here = slice(start, start + CHUNK)
            some, own, among = states[here], right[here], place[here]
            scores = (some @ vectors.t()).float().add_(bias)
            known = torch.nonzero(among >= 0).squeeze(1)
            scores[known, among[known]] = NEVER
            highest = torch.maximum(scores.amax(1), own)
            scores = scores.sub_(highest[:, None]).exp_()
            of_own = (own - highest).exp()
            whole = scores.sum(1) + of_own
            total += (whole.log() - (own - highest)).sum()
            scores *= (1 / (whole * count))[:, None]
            by_right[here] = (of_own / whole - 1) / count
            by_bias += scores.sum(0)
            shares = scores.to(half)
            by_state[here] = shares @ vectors
            by_vector += (shares.t() @ some).float()
        ctx.save_for_backward(by_state, by_vector, by_bias, by_right)
        return total / count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of `states`, `vectors`, `bias` and `right`."""
        (gradient,) = gradients
        by_state, by_vector, by_bias, by_right = ctx.saved_tensors
        return (
            by_state.float() * gradient,
            by_vector * gradient,
            by_bias * gradient,
            by_right * gradient,
            None,
        )
