"""The masked language model of words."""

import math

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("sentencepiece")

from hub_denoise.text import model as module
from hub_denoise.text.data import MASK, PAD, PIECES, START, mark
from hub_denoise.text.model import Filler, ModelConfig, SampledSoftmax

SMALL = ModelConfig(
    vocabulary=20, words=12, own=4, embedding=8, width=16, heads=2, window=2, blocks=1
)
WORDS = torch.tensor([[1 + k, 4 + k, 5 + k % 3, *[PAD] * (PIECES - 2)] for k in range(12)])
TOKENS = torch.cat([torch.tensor([mark(PAD), mark(START), mark(MASK)]), WORDS])
TEXT = torch.tensor([[1, 3, 4, 5, 2, 7, 8, 9]])


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Filler(SMALL).eval()
    for parameter in model.parameters():  # some layers start as zeros
        torch.nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():
        model.own.weight[0] = model.pieces.weight[PAD] = 0.0
    return model


def test_no_place_sees_its_own_word_and_all_see_every_other(model):
    known = model(TOKENS, TEXT)
    for place in range(TEXT.shape[1]):
        other = TEXT.clone()
        other[0, place] = 12
        changed = (model(TOKENS, other) - known).abs().amax(2)[0]
        assert changed[place] == 0
        assert (changed[torch.arange(8) != place] > 1e-4).all()


def test_the_padding_of_others_changes_nothing(model):
    padded = torch.cat([F.pad(TEXT, (0, 3)), torch.full((1, 11), 9)])
    torch.testing.assert_close(model(TOKENS, padded)[:1, :8], model(TOKENS, TEXT))


def test_rare_words_are_the_sum_of_their_pieces(model):
    vectors = model.vectors(WORDS)
    pieces = model.pieces.weight
    torch.testing.assert_close(vectors[9], pieces[13] + pieces[5])
    torch.testing.assert_close(vectors[1], pieces[5] + pieces[6] + model.own.weight[2])


def test_the_loss_is_that_of_all_words_where_all_are_compared(model):
    states, wanted = torch.randn(300, 8), torch.randint(12, (300,))
    loss = model.loss(states, wanted, WORDS, torch.zeros(0, dtype=torch.long))
    scores = model.word_scores(states, model.vectors(WORDS))
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(300))
    torch.testing.assert_close(loss, F.nll_loss(scores, wanted))


def test_gradients_are_those_of_the_loss(model):
    states = torch.randn(7, 8, requires_grad=True)
    wanted = torch.randint(12, (7,))
    none = torch.zeros(0, dtype=torch.long)
    parameters = [states, model.bias, model.own.weight, model.pieces.weight]
    by_hand = torch.autograd.grad(model.loss(states, wanted, WORDS, none), parameters)
    whole = F.cross_entropy(states @ model.vectors(WORDS).t() + model.bias, wanted)
    for one, other in zip(by_hand, torch.autograd.grad(whole, parameters), strict=True):
        torch.testing.assert_close(one, other)


def test_some_words_stand_for_all(model, monkeypatch):
    monkeypatch.setattr(module, "FREQUENT", 5)
    states, wanted = torch.randn(40, 8), torch.randint(12, (40,))
    whole = -model.word_scores(states, model.vectors(WORDS)).gather(1, wanted[:, None]).mean()
    drawn = [
        model.loss(states, wanted, WORDS, 5 + torch.randperm(7)[:5]).detach() for _ in range(200)
    ]
    assert torch.stack(drawn).mean().item() == pytest.approx(whole.item(), abs=0.05)


def test_half_precision_is_as_good():
    states, vectors = torch.randn(50, 16), torch.randn(30, 16)
    bias, right, place = torch.randn(30), torch.randn(50), torch.full((50,), -1)
    exact = SampledSoftmax.apply(states, vectors, bias, right, place)
    with torch.autocast("cpu", torch.bfloat16):
        rough = SampledSoftmax.apply(states, vectors, bias, right, place)
    assert rough.item() == pytest.approx(exact.item(), rel=0.01) and rough != exact


def test_an_untrained_network_knows_nothing():
    torch.manual_seed(0)
    model = Filler(SMALL)
    scores = model.word_scores(model(TOKENS, TEXT)[0], model.vectors(WORDS))
    assert -scores.mean().item() == pytest.approx(math.log(12), rel=0.05)


def test_the_default_network_fits_into_four_megabytes():
    count = sum(one.numel() for one in Filler(ModelConfig()).parameters())
    assert count < 4_300_000  # a byte each, and the vocabulary and trigrams beside them


def test_wrong_shapes_and_settings_are_refused(model):
    with pytest.raises(ValueError, match=r"text \(batch, length\), got"):
        model(TOKENS[:, :3], TEXT)
    with pytest.raises(ValueError, match="multiple of heads, got 10 and 4"):
        ModelConfig(width=10, heads=4)
    with pytest.raises(ValueError, match="at least 1"):
        ModelConfig(blocks=0)
