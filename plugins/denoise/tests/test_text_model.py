"""The masked language model of words."""

import math

import pytest
import torch

pytest.importorskip("sentencepiece")

from hub_denoise.text.data import END, MASK, PAD, SLOTS, START
from hub_denoise.text.model import Filler, ModelConfig

SMALL = ModelConfig(vocabulary=20, width=16, layers=2, heads=2, inner=16)
SPELLED = torch.tensor([[7, END, PAD, PAD], [8, 9, END, PAD], [10, 11, 12, 13]])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Filler(SMALL).eval()


def test_the_padding_of_others_changes_nothing(model):
    row = torch.tensor([[START, 7, MASK, 8]])
    places = torch.tensor([[0, 2]])
    alone = model(row, places)
    padded = torch.cat([torch.nn.functional.pad(row, (0, 3), value=PAD), torch.full((1, 7), 9)])
    assert alone.shape == (1, SLOTS, 16)
    torch.testing.assert_close(model(padded, places), alone, atol=1e-5, rtol=1e-4)


def test_a_words_score_is_the_sum_of_its_pieces(model):
    states = torch.randn(2, SLOTS, 16)
    found = model.word_scores(states, SPELLED)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(2))
    by_hand = torch.zeros(2, 3)
    for place in range(2):
        for word in range(3):
            for slot in range(SLOTS):
                piece = int(SPELLED[word, slot])
                if piece != PAD:
                    scores = model.logits(states[place, slot][None], torch.tensor([slot]))
                    by_hand[place, word] += scores.log_softmax(1)[0, piece]
    torch.testing.assert_close(found, by_hand.log_softmax(1), atol=1e-5, rtol=1e-4)
    losses = [model.loss(states[:1], SPELLED[word][None]) for word in range(3)]
    torch.testing.assert_close(torch.stack(losses), -by_hand[0], atol=1e-5, rtol=1e-4)


def test_an_untrained_network_knows_nothing(model):
    pieces = torch.randint(5, 20, (4, 9))
    pieces[:, 3] = MASK
    places = torch.tensor([[row, 3] for row in range(4)])
    with torch.no_grad():
        loss = model.loss(model(pieces, places), SPELLED[torch.tensor([0, 0, 0, 0])])
    assert loss.item() == pytest.approx(2 * math.log(20), rel=0.2)


def test_the_default_network_fits_into_twelve_megabytes():
    count = sum(one.numel() for one in Filler(ModelConfig()).parameters())
    assert count < 5_600_000  # 2 bytes each, and the vocabulary beside them


def test_wrong_shapes_and_settings_are_refused(model):
    with pytest.raises(ValueError, match=r"places must be|places \(places, 2\)"):
        model(torch.zeros(1, 4, dtype=torch.long), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="multiple of twice the heads, got 10 and 4"):
        ModelConfig(width=10)
    with pytest.raises(ValueError, match="at least 1"):
        ModelConfig(layers=0)
