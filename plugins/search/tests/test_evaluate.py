"""The metrics, on speech by lot. That the model card tells what they find, the contract tests."""

import numpy as np
import pytest
import torch

from hub_search import dtw
from hub_search import evaluate as evaluation
from hub_search.data import LEARNERS, Utterance, Word
from hub_search.evaluate import compare, downsampled, evaluate, featured, table

WORDS = ["alpha", "bravo", "charlie", "delta", "echo"]


def sounding(word: str) -> np.ndarray:
    """Return how a word sounds, (frames, 40): of ten parts, each of a band of its own."""
    generator = np.random.default_rng(sum(map(ord, word)))
    parts = generator.normal(size=(10, 40)) * 3
    return np.repeat(parts, 5 + len(word) % 3, axis=0)


def said(name: str, splits=("test",)) -> list[Utterance]:
    """Return four speakers who say every word, each at a length of their own."""
    heard = []
    for index in range(4):
        generator = np.random.default_rng(index)
        for take in range(2):
            frames, words, at = [generator.normal(size=(40, 40))], [], 40
            for word in generator.permutation(WORDS):
                sound = sounding(word)
                length = int(len(sound) * generator.uniform(0.8, 1.3))
                picked = sound[np.linspace(0, len(sound) - 1, length).astype(int)]
                words.append(Word(word, at / 100, (at + length) / 100, True))
                frames += [picked, generator.normal(size=(30, 40)) / 4]
                at += length + 30
            stacked = np.concatenate(frames) + generator.normal(size=(at, 40))
            loud = np.full(at, -20.0) + generator.normal(size=at)
            loud[:40] = -80
            tensor = torch.from_numpy(stacked).float()
            heard.append(Utterance(f"{index}-{take}", f"s{index}", tensor, loud, tuple(words)))
    return heard


@pytest.fixture
def made_up(monkeypatch):
    monkeypatch.setattr(evaluation, "spoken", said)


def test_every_metric_is_measured_and_named_quick(untrained, made_up):
    found = evaluate(untrained / "search", "cpu", quick=True)
    assert all(name.endswith("_quick") for name in found.metrics)
    metrics = {name.removesuffix("_quick"): one for name, one in found.metrics.items()}
    systems = ["", "_true_pairs", "_cae_discovered", "_cae_true_pairs", "_dsa", "_sa", "_dtw"]
    expected = {f"{measure}{system}" for measure in ("map", "ap", "qbe_map") for system in systems}
    expected |= {"p_at_n", "p_at_n_dtw", "map_dtw_euclidean", "map_dtw_mfcc39", "map_dtw_mfcc13"}
    expected |= {"map_downsampled_mfcc", "map_centred", "qbe_false_alarms_per_hour"}
    expected |= {"qbe_map_aligned", "ap_aligned", "map_aligned_minus_dtw_low"}
    for name in ("map", "map_timit", "map_librispeech"):
        expected |= {f"{name}{end}" for end in ("", "_aligned", "_dtw", "_sa", "_minus_dtw")}
        expected |= {f"{name}_minus_dtw_low", f"{name}_minus_dtw_high"}
    expected |= {f"map_dsa_minus_sa{end}" for end in ("", "_low", "_high")}
    assert expected <= set(metrics)
    assert all(0 <= metrics[name].value <= 1 for name in metrics if name.startswith("map_dtw"))
    assert metrics["map_dtw"].value > 0.95  # the words are easy to tell apart
    assert metrics["map_minus_dtw"].value == pytest.approx(
        metrics["map"].value - metrics["map_dtw"].value
    )
    low, high = (metrics[f"map_minus_dtw_{end}"].value for end in ("low", "high"))
    assert low <= metrics["map_minus_dtw"].value <= high
    assert "speechocean762_adults test: 20 words" in metrics["map"].protocol
    assert "by chance" in metrics["map"].protocol and "diagonal" in metrics["map_dtw"].protocol
    assert metrics["qbe_map_dtw"].value > 0.5
    assert metrics["qbe_map_aligned"].value > metrics["qbe_map"].value  # of what learned nothing
    assert "5 % of windows, 300 to 1000, nearest" in metrics["qbe_map_aligned"].protocol
    assert not metrics["qbe_false_alarms_per_hour_dtw"].higher_is_better


def test_seeds_are_compared_by_mean_and_spread(untrained, made_up):
    found = compare([untrained / "search", untrained / "search"])
    mean, spread = found["map"]
    assert 0 < mean < 1 and spread == 0
    assert f"{mean:.4f} ± 0.0000" in table(found)


def test_downsampled_words_keep_their_order_and_their_ends():
    words = [np.arange(length, dtype=np.float32)[:, None].repeat(2, 1) for length in (5, 15, 29)]
    vectors = downsampled(words)
    assert vectors.shape == (3, 30)
    assert vectors[1, ::2].tolist() == list(range(15))
    assert vectors[2, ::2].tolist() == list(range(0, 29, 2))
    assert vectors[0, 0] == 0 and vectors[0, -1] == 4


def test_scaled_features_have_the_same_mean_and_variance():
    heard = said(LEARNERS)
    first = torch.cat([one.frames for one in featured(heard, 13, 1.0, True)[:2]])
    assert first.mean(0).abs().max() < 1e-4
    assert first.std(0) == pytest.approx(np.ones(39), abs=1e-3)
    plain = featured(heard, 8, 3.0, False)[0]
    assert np.array_equal(plain.frames.numpy(), dtw.features(heard[0].frames, 8, 3.0))
    assert plain.words == heard[0].words
