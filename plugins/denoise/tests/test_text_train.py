"""The recipe of the language model, and texts restored by what it makes."""

from dataclasses import replace
from itertools import repeat

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("sentencepiece")
pytest.importorskip("accelerate")

from hub.training import Run, part_facts
from hub_denoise.text import restore
from hub_denoise.text import train as recipe
from hub_denoise.text.corrupt import tokens
from hub_denoise.text.data import MASK, Corpus, Vocabulary, counted
from hub_denoise.text.model import Filler, ModelConfig
from hub_denoise.text.restore import CORE, Mixture, Network, Restorer, restorer
from hub_denoise.text.train import (
    FILE,
    Masker,
    TrainConfig,
    filling,
    train_text,
    validated,
)

SMALL = ModelConfig(vocabulary=80, own=8, embedding=16, width=16, heads=2, blocks=1)
SHORT = TrainConfig(steps=6, batch=4, row=12, hidden=0.2, slips=0.1, validate=3, warmup=2)
TEXTS = [
    "The green frogs sing at night in the pond.",
    "The yellow birds sing in the morning, high in the trees.",
    "At night the yellow moon shines, and green frogs sing.",
    "In the morning the trees shine, and birds sing 12 songs.",
] * 8


@pytest.fixture(scope="module")
def masker():
    counts = counted(TEXTS)
    return Masker(Corpus.of(TEXTS, counts), Vocabulary.learned(counts, 80), SHORT)


@pytest.fixture
def data(monkeypatch):
    """Let the recipe train on TEXTS."""
    monkeypatch.setattr(recipe, "texts", lambda split: TEXTS if split == "train" else TEXTS[:8])


@pytest.fixture(scope="module")
def by_heart(masker):
    """Has learned TEXTS by heart."""
    torch.manual_seed(0)
    words = len(masker.vocabulary.words)
    config = replace(SMALL, vocabulary=masker.vocabulary.size, words=words, width=64, embedding=32)
    model = Filler(config)
    run = Run("text", model, torch.optim.AdamW(model.parameters(), 5e-3), steps=150, decay=0.9)
    generator = np.random.default_rng(0)
    batches = (masker.batch(rows, generator) for rows in repeat(masker.rows[:24]))
    losses = run.fit(filling(run, batches, masker.words), lr=5e-3, warmup=5, clip=1.0)
    assert losses[-1] < 0.3 * losses[0]
    held = [masker.batch(masker.rows[:24], np.random.default_rng(1))]
    assert validated(run.average.model, held, masker.words)[1] > 0.6
    return Restorer(Network(run.average.model, masker.vocabulary), masker.vocabulary)


def test_a_batch_hides_words_and_tells_all(masker):
    rows = masker.rows[:20]
    batch = masker.batch(rows, np.random.default_rng(0))
    read = batch.tokens[batch.text]  # (rows, row, 1 + PIECES)
    assert (read[batch.hidden][:, 1] == MASK).all() and (batch.wanted[batch.hidden] >= 0).all()
    words = masker.vocabulary.words
    spoilt = 0
    for row in range(20):
        for column, kind in enumerate(rows[row].tolist()):
            name = masker.corpus.kinds[kind]
            wanted = int(batch.wanted[row, column])
            assert (words[wanted] if wanted >= 0 else name) == name
            same = read[row, column].equal(torch.from_numpy(masker.tokens[kind]).long())
            spoilt += not same and not batch.hidden[row, column]
    told = batch.wanted >= 0
    assert 0.1 < float(batch.hidden[told].float().mean()) < 0.3
    assert 0 < spoilt < 0.2 * int(told.sum())  # the slips
    again = masker.batch(rows, np.random.default_rng(0))
    assert all(a.equal(b) for a, b in zip(again, batch, strict=True))


def test_nothing_to_hide_is_no_error(masker):
    batch = masker.batch(torch.zeros(2, 5, dtype=torch.int32), np.random.default_rng(0))
    assert not batch.hidden.any() and (batch.wanted == -1).all()
    words = len(masker.vocabulary.words)
    model = Filler(replace(SMALL, vocabulary=masker.vocabulary.size, words=words))
    assert validated(model, [batch], masker.words) == (0, 0)


def test_a_killed_run_goes_on_as_if_it_had_not_been(data, survives_a_kill):
    def weights(folder):
        return load_file(train_text(folder, SMALL, SHORT))

    survives_a_kill(weights, step=3)


def test_what_is_kept_tells_how_it_was_trained(data, tmp_path, capsys):
    file = train_text(tmp_path, SMALL, SHORT)
    facts = part_facts(file)
    assert file == tmp_path / FILE and facts["steps"] == 6
    assert "nats per hidden word" in capsys.readouterr().out
    found = restorer(ModelConfig(**facts["model"]), load_file(file))
    assert isinstance(found.scorer, Mixture)
    (network, _), (trigrams, _) = found.scorer.scorers
    held = recipe.held_out(found.vocabulary, SHORT)
    words = torch.from_numpy(found.vocabulary.rows(found.vocabulary.words))
    assert facts["validation_loss"] == pytest.approx(
        validated(network.model, held, words)[0], abs=1e-3
    )
    looked = tokens("The green ____ sing")
    for scorer in (network, trigrams, found.scorer):
        (scores,) = scorer.word_scores(looked, [2])
        assert np.exp(scores).sum() == pytest.approx(1, abs=1e-4)
    assert found.vocabulary.words[int(scores.argmax())] == "frogs"
    time = file.stat().st_mtime_ns
    train_text(tmp_path, SMALL, SHORT)  # done: nothing is read or trained
    assert file.stat().st_mtime_ns == time


def test_hidden_and_misspelt_words_come_back(by_heart):
    text, found = by_heart.restore("The ____ birds sing in the mornnig, high in the tr_es.")
    assert text == "The yellow birds sing in the morning, high in the trees."
    assert [one.word for one in found] == ["yellow", "morning", "trees"]
    for one in found:
        assert one.changed and one.alternatives[0] == (one.word, one.probability)
        assert 0 < one.probability <= 1 + 1e-6
        assert len(one.alternatives) <= 5
        assert sum(share for _, share in one.alternatives) <= 1 + 1e-6


def test_what_is_told_to_be_spoilt_is_changed_and_nothing_else(by_heart):
    text = "At night the yellow trees shines"
    found, changes = by_heart.restore(text, [text.index("shines")])
    assert found.startswith("At night the yellow trees ") and len(changes) == 1
    assert changes[0].word != "shines"
    with pytest.raises(ValueError, match="no word starts at 1"):
        by_heart.restore(text, [1])


@pytest.mark.parametrize("text", ["", "  ", "12, 13!", "🙂 投票", "The green frogs sing."])
def test_what_needs_no_restoring_stays(by_heart, text):
    assert by_heart.restore(text)[0] == text


def test_an_unknown_name_that_nothing_explains_stays(by_heart):
    text, found = by_heart.restore("The green Xyloquartz sing at night")
    assert "Xyloquartz" in text and not found[0].changed


def test_long_texts_are_restored_as_their_parts(by_heart):
    part = "The green frogs ____ at night in the pond. "
    text, found = by_heart.restore(part * CORE)
    assert [one.start for one in found] == [len(part) * k + 16 for k in range(CORE)]
    # More than one in 21 words, though no text of the training is as long as a window.
    assert [one.word for one in found].count("sing") > 0.3 * CORE
    assert text.startswith(part.replace("____", found[0].word))


def test_windows_that_are_read_together_change_nothing(by_heart, monkeypatch):
    text = "The yellow birds sing in the ____. " * 50 + "漢 " * CORE * 3 + "In the ____ birds sing."
    together = by_heart.restore(text)[1]
    monkeypatch.setattr(restore, "TOGETHER", 1)
    for one, other in zip(by_heart.restore(text)[1], together, strict=True):
        assert (one.start, one.word) == (other.start, other.word)
        assert one.probability == pytest.approx(other.probability, abs=1e-4)
