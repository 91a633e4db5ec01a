"""The recipe: its losses, and a small run that is stopped and goes on."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import hub_search.train as recipe
from hub_search.augment import Corpus
from hub_search.contrastive import LENGTHS, SPOKEN, Segments, encoded, nt_xent, overlapping
from hub_search.data import Utterance, Word
from hub_search.model import Encoder, ModelConfig, load
from hub_search.train import AutoEncoder, TrainConfig, train

SMALL = ModelConfig(width=16, hidden=8, dimensions=12, decoder=10)
SHORT = TrainConfig(steps=4, round_steps=3, rebuild_steps=4, pair_steps=3, batch=8, speakers=4)


def said(count: int = 12) -> list[Utterance]:
    generator = torch.Generator().manual_seed(0)
    word = torch.randn(50, 40, generator=generator)
    found = []
    for index in range(count):
        frames = torch.cat([torch.randn(100, 40, generator=generator), word, word.flip(0)])
        words = (Word("first", 1.0, 1.5, True), Word("second", 1.5, 2.0, True))
        found.append(Utterance(f"u{index}", f"s{index}", frames, np.full(200, -20.0), words))
    return found


@pytest.fixture
def spoken(monkeypatch):
    monkeypatch.setattr(recipe, "utterances", lambda name, split, **how: said())
    monkeypatch.setattr(recipe, "ROUNDS", ((12, 0.5, 0.1, False), (12, 0.5, 0.07, True)))


def test_the_contrastive_loss_is_the_papers():
    torch.manual_seed(0)
    first, second = torch.randn(3, 5), torch.randn(3, 5)
    vectors = torch.nn.functional.normalize(torch.cat([first, second]), dim=1).double()
    total = 0.0
    for i in range(6):
        scores = [float(vectors[i] @ vectors[j]) / 0.2 for j in range(6)]
        others = sum(np.exp(scores[j]) for j in range(6) if j != i)
        total -= np.log(np.exp(scores[(i + 3) % 6]) / others)
    none = torch.zeros(3, 3, dtype=torch.bool)
    assert nt_xent(first, second, 0.2, none).item() == pytest.approx(total / 6, rel=1e-4)


def test_segments_that_overlap_are_no_negatives():
    first = torch.eye(4)[[0, 0, 2]]
    alike = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    easy = nt_xent(first, first, 0.1, alike)
    hard = nt_xent(first, first, 0.1, torch.zeros(3, 3, dtype=torch.bool))
    assert easy < 0.01 < 0.3 < hard


def test_spans_that_touch_do_not_overlap():
    start, end = torch.tensor([0, 10, 5]), torch.tensor([10, 20, 12])
    found = overlapping(start, end, start, end)
    assert found.tolist() == [[True, False, True], [False, True, True], [True, True, True]]


def test_random_segments_are_spoken_and_of_the_asked_lengths():
    found = said()
    for one in found:
        one.loudness[:60] = -90
    corpus = Corpus.of(found)
    start, end = Segments(corpus).draw(64, 4, np.random.default_rng(0))
    assert len(start) == 64
    for a, b in zip(start.tolist(), end.tolist(), strict=True):
        assert LENGTHS[0] <= b - a <= LENGTHS[2]
        assert corpus.voiced[a:b].float().mean() >= SPOKEN
    assert len(set(corpus.utterance_at(start).tolist())) <= 4
    assert (corpus.utterance_at(start) == corpus.utterance_at(end - 1)).all()


def test_a_batch_in_parts_is_the_whole_batch():
    encoder = Encoder(SMALL).eval()
    frames, lengths = torch.randn(9, 50, 40), torch.randint(10, 51, (9,))
    whole = encoder(frames, lengths)
    assert torch.allclose(encoded(encoder, frames, lengths), whole, atol=1e-5)


def test_an_auto_encoder_learns_to_rebuild_a_segment():
    torch.manual_seed(0)
    network = AutoEncoder(replace(SMALL, dropout=0, dimensions=32, decoder=64))
    frames = torch.randn(4, 6, 40).repeat_interleave(4, 1)
    lengths = torch.full((4,), 24)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss = network(frames, lengths, frames, lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_short_run_writes_a_checkpoint_that_loads(spoken, tmp_path):
    train(tmp_path, SMALL, SHORT)
    networks = load(tmp_path)
    assert networks.systems == recipe.SYSTEMS
    vectors = networks.embed([torch.randn(30, 40)], "cae")
    assert vectors.shape == (1, 12)
    deviation, mean = networks.usual
    frames = torch.cat([one.frames for one in said()])
    assert torch.allclose(mean, frames.mean(0), atol=0.05)
    assert torch.allclose(deviation, frames.std(0), atol=0.1)
    training = json.loads((tmp_path / "config.json").read_text())["training"]
    assert training["contrastive"]["steps"] == 4 + 2 * 3
    assert training["contrastive"]["pairs"] == [12, 12]
    assert training["cae"]["steps"] == 4 + 3
    assert training["all"]["settings"]["batch"] == 8


def test_a_killed_run_goes_on_as_if_it_had_not_been(spoken, survives_a_kill):
    def weights(folder):
        train(folder, SMALL, replace(SHORT, system="contrastive"))
        assert load(folder).systems == ("contrastive",)
        return recipe.load_file(folder / ".parts" / "contrastive-2.safetensors")

    survives_a_kill(weights, step=1, run="contrastive-1")
