"""A small masked language model that restores whole words.

ModernBERT (Warner et al., "Smarter, Better, Faster, Longer", arXiv:2412.13663) as transformers has
it, small, with all its attention global. What departs from it: a hidden word is one mask, however
many pieces it has, so that the input does not tell its length; and its pieces are predicted there
all at once, by a layer each, with the embedding's own matrix. A word's score is the sum of those of
its pieces, and only words of the vocabulary are scored, so pieces that do not go together are no
answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ModernBertConfig, ModernBertModel

from hub_denoise.text.data import PAD, SLOTS, START


@dataclass(frozen=True)
class ModelConfig:
    """What the weights depend on; saved beside them."""

    vocabulary: int = 6000  # pieces; of a small text there are fewer
    width: int = 256
    layers: int = 4
    heads: int = 4
    inner: int = 512  # of the gated layer between two attentions
    dropout: float = 0.0  # a run sees each text but a few times

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width must be a multiple of twice the heads, got {self.width} and {self.heads}"
            )
        if min(self.vocabulary, self.layers, self.inner) < 1:
            raise ValueError("vocabulary, layers and inner must be at least 1")


class Filler(nn.Module):
    """From pieces and masks to what the masks hide."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ModernBertModel(
            ModernBertConfig(
                vocab_size=config.vocabulary,
                hidden_size=config.width,
                intermediate_size=config.inner,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                layer_types=["full_attention"] * config.layers,
                max_position_embeddings=512,
                attention_dropout=config.dropout,
                mlp_dropout=config.dropout,
                embedding_dropout=config.dropout,
                pad_token_id=PAD,
                bos_token_id=START,
                cls_token_id=START,
                eos_token_id=None,
                sep_token_id=None,
            )
        )
        self.slots = nn.Linear(config.width, SLOTS * config.width)
        self.norm = nn.LayerNorm(config.width)
        self.bias = nn.Parameter(torch.zeros(SLOTS, config.vocabulary))

    def forward(self, pieces: Tensor, places: Tensor) -> Tensor:
        """Return what is known of the word at each of `places`, (places, SLOTS, width).

        Args:
            pieces: (batch, length) int64, PAD at the ends of short ones.
            places: (places, 2) int64, row and column in `pieces`, of masks.

        Raises:
            ValueError: another shape.
        """
        if pieces.ndim != 2 or places.ndim != 2 or places.shape[1] != 2:
            raise ValueError(
                "pieces must be (batch, length) and places (places, 2), got "
                f"{tuple(pieces.shape)} and {tuple(places.shape)}"
            )
        hidden = self.encoder(pieces, attention_mask=(pieces != PAD).long()).last_hidden_state
        chosen = hidden[places[:, 0], places[:, 1]]  # (places, width)
        return self.norm(F.gelu(self.slots(chosen)).unflatten(1, (SLOTS, -1)))

    def logits(self, states: Tensor, slots: Tensor) -> Tensor:
        """Return the scores of all pieces, (some, vocabulary), of states (some, width) in `slots`,
        (some,) int64."""
        return states @ self.encoder.embeddings.tok_embeddings.weight.t() + self.bias[slots]

    def loss(self, states: Tensor, spelled: Tensor) -> Tensor:
        """Return the negative log-likelihood of words, in nats per word.

        Args:
            states: (words, SLOTS, width), of `forward`.
            spelled: (words, SLOTS) int64: pieces, END after the last, then PAD.
        """
        told = spelled != PAD
        slots = torch.arange(SLOTS, device=states.device).expand_as(spelled)[told]
        scores = self.logits(states[told], slots).float()
        return F.cross_entropy(scores, spelled[told], reduction="sum") / max(1, len(spelled))

    def word_scores(self, states: Tensor, spelled: Tensor) -> Tensor:
        """Return log-probabilities of words, (places, words) float32, those of a place summing to
        one in probability: words that are not among `spelled`, (words, SLOTS), have none."""
        slots = torch.arange(SLOTS, device=states.device).repeat(len(states))
        pieces = self.logits(states.flatten(0, 1), slots).float().log_softmax(1)
        pieces = pieces.view(len(states), SLOTS, -1)
        pieces[..., PAD] = 0.0  # what comes after a word's end says nothing of it
        scores = states.new_zeros((len(states), len(spelled)), dtype=torch.float32)
        for slot in range(SLOTS):
            scores += pieces[:, slot].index_select(1, spelled[:, slot])
        return scores.log_softmax(1)
