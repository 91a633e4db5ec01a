"""What is told of the speed; never how fast it must be."""

import pytest

from hub.errors import HubError
from hub_denoise import benchmark as bench
from hub_denoise.model import load


@pytest.fixture
def networks(untrained):
    return load(untrained / "denoise")


def test_photographs_are_compared_at_the_quality_of_both(networks, monkeypatch):
    pytest.importorskip("bm3d")
    clean, told = bench.some_pictures()
    small = [one[:, :40, :48] for one in clean]
    monkeypatch.setattr(bench, "some_pictures", lambda: (small, told))
    monkeypatch.setattr(bench, "RUNS", 1)
    speed, quality = bench.pictures(networks)
    assert speed.unit == "megapixels/s" and speed.ours > 0 and speed.peer > 0
    assert "BM3D, package bm3d" in speed.peer_is and "sigma 25" in speed.peer_is
    assert quality.unit == "dB" and quality.peer > 20


def test_a_peer_that_is_missing_is_told(networks, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bm3d", None)
    with pytest.raises(HubError, match="bm3d is not installed.*make bench"):
        next(bench.pictures(networks))


def test_the_page_s_photographs_stand_in_for_the_test_set(monkeypatch):
    monkeypatch.setattr(bench.data, "available", lambda name: False)
    clean, told = bench.some_pictures()
    assert "page" in told and all(one.shape[0] == 1 and one.max() <= 1 for one in clean)


def test_speech_and_words_are_told(networks, monkeypatch):
    monkeypatch.setattr(bench, "BLOCKS", (0.1,))
    monkeypatch.setattr(bench, "REPEATED", 1)
    factor, latency = bench.speech(networks)
    assert factor.unit == "of real time" and 0 < factor.ours
    assert latency.unit == "ms" and latency.ours > 32
    assert bench.text(networks.text, runs=1).ours > 0
