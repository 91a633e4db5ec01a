"""What is measured of restored words, and the peers."""

import numpy as np
import pytest

pytest.importorskip("sentencepiece")

from hub_denoise.text import evaluate
from hub_denoise.text.corrupt import tokens
from hub_denoise.text.data import Corpus, Vocabulary, counted
from hub_denoise.text.evaluate import Count, cases, evaluate_text, named, peers, restored
from hub_denoise.text.restore import Restorer
from hub_denoise.text.trigram import BITS, STEPS, Trigrams, TrigramScorer

TEXTS = [
    "The green frogs sing at night in the pond.",
    "The yellow birds sing in the morning, high in the trees.",
] * 5


@pytest.fixture(scope="module")
def scorer():
    counts = counted(TEXTS)
    words = Vocabulary.learned(counts, 80).words
    return TrigramScorer(Trigrams.of(Corpus.of(TEXTS, counts), counts, words), len(words)), words


class Knows:
    """Scores as right what TEXTS say, whatever is hidden."""

    def __init__(self, words):
        self.words = words

    def word_scores(self, found, looked):
        for text in TEXTS:
            original = tokens(text)
            if len(original) == len(found) and all(
                place in looked or one.text == other.text
                for place, (one, other) in enumerate(zip(original, found, strict=True))
            ):
                return [
                    np.log([0.9 if word == original[place].text else 1e-3 for word in self.words])
                    for place in looked
                ]
        raise AssertionError("no such text")


def test_probabilities_sum_to_one_whatever_comes_before():
    tokens = np.random.default_rng(0).integers(0, 12, 400)
    whole = Trigrams.counted(np.minimum(tokens, 9), 11)  # kind 10 is nowhere
    pruned = Trigrams.counted(np.minimum(tokens, 9), 11, 3.0, 5.0)
    assert 0 < len(pruned.triples) < len(whole.triples) and len(pruned.pairs) < len(whole.pairs)
    every = np.arange(11)
    for model in (whole, pruned):
        for u in (-1, 0, 3, 10):
            for v in (-1, 0, 3, 10):
                assert model.given_two(u, v, every).sum() == pytest.approx(1)
                assert (model.given_two(u, v, every) > 0).all()
    # Its own pairs and triples, where they are kept, are as likely as they were.
    u, v = pruned.triples >> 2 * BITS, pruned.triples >> BITS & ((1 << BITS) - 1)
    w = pruned.triples & ((1 << BITS) - 1)
    assert np.all(np.abs(np.log(pruned.given_two(u, v, w) / whole.given_two(u, v, w))) < 0.3)


def test_what_is_kept_of_counts_is_what_they_were_but_for_rounding(scorer):
    model = scorer[0].trigrams
    again = Trigrams.from_tensors(model.tensors(len(scorer[1])), scorer[1])
    assert again.kinds == model.kinds and again.kinds[0] == "" and "," in again.kinds
    assert np.array_equal(again.contexts, model.contexts)
    assert np.array_equal(again.triples, model.triples) and np.array_equal(again.pairs, model.pairs)
    every = np.arange(1, 1 + len(scorer[1]))
    ratio = again.given_two(0, every[:, None], every) / model.given_two(0, every[:, None], every)
    assert np.all(np.abs(np.log(ratio)) < 1.5 / STEPS)


def test_the_trigram_is_kneser_neys_by_hand():
    tokens = np.array([1, 2, 3, 1, 2, 4, 1, 2, 3, 4])
    model = Trigrams.counted(tokens, 5)
    # Trigrams 123 x2, 231, 312, 124, 241, 412, 234: n1 = 6, n2 = 1, so the discount is 6/8.
    # Of 3 after 2 continues one kind of word, as 4 does: 1 (12 3), 1 (12 4); 3 after 2 of 1 only.
    lower = model.given_one(2, 3)
    assert model.given_two(1, 2, 3) == pytest.approx((2 - 0.75) / 3 + 0.75 * 2 / 3 * lower)


def test_the_peer_reads_both_sides(scorer):
    peer, words = scorer
    for text, word in (("The green ____ sing", "frogs"), ("____ birds sing", "yellow")):
        found = tokens(text)
        place = [one.is_hidden for one in found].index(True)
        (scores,) = peer.word_scores(found, [place])
        assert words[int(scores.argmax())] == word
        assert np.exp(scores).sum() == pytest.approx(1)


def test_words_that_the_peer_never_saw_are_not_likelier_than_others():
    counts = counted(TEXTS)
    trigrams = Trigrams.of(Corpus.of(TEXTS, counts), counts, ["frogs", "newts", "toads"])
    peer = TrigramScorer(trigrams, 3)
    (scores,) = peer.word_scores(tokens("The green ____ sing"), [2])
    assert scores.argmax() == 0 and scores[1] == scores[2] > -np.inf


def test_what_is_spoilt_is_the_same_for_all():
    assert cases(TEXTS, ["hide"]) == cases(TEXTS, ["hide"])
    assert len({case.text for case in cases(TEXTS, ["hide"])}) > 2  # each text by its own seed


def test_who_knows_all_restores_all_and_who_knows_nothing_none(scorer):
    words = scorer[1]
    vocabulary = Vocabulary(b"", words)
    spoilt = cases(TEXTS, ["hide"])
    known = sum(change.original in words for case in spoilt for change in case.changes)
    found = restored(Restorer(Knows(words), vocabulary), spoilt)
    assert found.right == known > 5 and found.words >= known

    class Wrong:
        def word_scores(self, found, looked):
            return [np.log([1.0, *[1e-9] * (len(words) - 1)])] * len(looked)

    poor = restored(Restorer(Wrong(), vocabulary), spoilt)
    assert poor.right < known and poor.words == found.words


def test_words_of_all_runs_are_counted_together():
    found = named({"hidden": Count(10, 5, 6), "slipped": Count(30, 30, 30)}, "_x", "documents")
    assert found["restored_word_accuracy_x"].value == pytest.approx(87.5)
    assert found["restored_word_accuracy_hidden_x"].value == pytest.approx(50)
    assert found["restored_word_among_five_x"].value == pytest.approx(90)


def test_every_system_is_measured(scorer, monkeypatch):
    words = scorer[1]
    monkeypatch.setattr(evaluate, "texts", lambda split: TEXTS)
    restorer = Restorer(scorer[0], Vocabulary(b"", words))
    assert set(peers(restorer)) == {"_trigram", "_frequency"}
    found = evaluate_text(restorer)
    assert all(0 <= one.value <= 100 for one in found.values())
    ours, peer = (f"restored_word_accuracy{name}" for name in ("", "_trigram"))
    assert found[ours].value == found[peer].value
    assert found["mended_slips"].higher_is_better
    assert not found["altered_intact_words_frequency"].higher_is_better
    quick = evaluate_text(restorer, quick=True)
    assert {"restored_word_accuracy_quick", "mended_slips_quick"} <= set(quick)
    assert not any("trigram" in name for name in quick)
    assert all(name.endswith("_quick") for name in quick)
