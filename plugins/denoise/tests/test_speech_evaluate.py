"""What is measured of cleaned speech."""

import numpy as np
import pytest

from hub.errors import HubError
from hub_denoise.speech import evaluate as evaluation
from hub_denoise.speech.evaluate import Case, Score, cases, evaluate_speech, judges, scores, table
from hub_denoise.speech.measures import si_sdr, wiener

RATE = 16_000


def sound(seconds=3.0):
    time = np.arange(int(seconds * RATE)) / RATE
    said = np.sin(2 * np.pi * time) < 0  # half a second, after as long a pause
    return (0.2 * said * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def noise(count, level=0.05):
    return (level * np.random.default_rng(0).standard_normal(count)).astype(np.float32)


def test_the_distortion_ratio_is_that_of_the_powers_whatever_the_scale():
    clean = np.random.default_rng(1).standard_normal(100_000)
    clean -= clean.mean()
    other = np.random.default_rng(2).standard_normal(100_000)
    other -= other.mean()
    other -= clean * (other @ clean) / (clean @ clean)
    other *= 0.1 * np.linalg.norm(clean) / np.linalg.norm(other)
    assert si_sdr(clean, clean + other) == pytest.approx(20, abs=1e-6)
    assert si_sdr(clean, -7 * (clean + other)) == pytest.approx(20, abs=1e-6)
    assert si_sdr(clean, clean) == pytest.approx(120, abs=1)
    assert si_sdr(clean, other) < -60


def test_the_classical_filter_takes_steady_noise_away_and_keeps_its_time():
    clean = sound()
    noisy = clean + noise(len(clean))
    found = wiener(noisy)
    assert found.shape == clean.shape and found.dtype == np.float32
    assert si_sdr(clean, found) > si_sdr(clean, noisy) + 5


@pytest.mark.parametrize("count", [0, 1, 255, 1000])
def test_the_classical_filter_takes_any_length(count):
    assert wiener(noise(count)).shape == (count,)
    assert not wiener(np.zeros(count, np.float32)).any()


def test_tables_are_means_of_what_is_asked_for():
    values = [(0.0, "rain", 1.0), (0.0, "wind", 2.0), (5.0, "rain", 6.0)]
    found = [
        Score("ours", snr, kind, {"pesq": x, "stoi": x / 10, "si_sdr": 2 * x})
        for snr, kind, x in values
    ]
    assert table(found)["all"]["ours"]["pesq"] == pytest.approx(3)
    assert table(found, "snr")["0"]["ours"]["si_sdr"] == pytest.approx(3)
    assert table(found, "noise")["rain"]["ours"]["pesq"] == pytest.approx(3.5)


def test_speech_without_noise_is_worth_the_most():
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    pytest.importorskip("librosa")
    clean = buzz()
    case = Case(0.0, "white", clean, clean + noise(len(clean), 0.1))
    found = scores([case], {"noisy": lambda x: x, "perfect": lambda x: clean})
    worse, best = (one.values for one in found)
    assert best["pesq"] > 4.5 and worse["pesq"] < best["pesq"] - 1
    assert best["stoi"] == pytest.approx(1, abs=1e-3) and worse["stoi"] < 0.99


def test_pesq_tells_where_there_is_nothing_to_judge():
    pytest.importorskip("pesq")
    from hub_denoise.speech.measures import pesq

    with pytest.raises(ValueError, match="quarter of a second at least, got 10"):
        pesq(noise(10), noise(10))
    with pytest.raises(ValueError, match="no speech to judge"):
        pesq(np.zeros(RATE, np.float32), np.zeros(RATE, np.float32))


def buzz():
    """Return what sounds a bit like vowels, three seconds."""
    time = np.arange(3 * RATE) / RATE
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * time)) / RATE
    voiced = sum(np.cos(k * pitch) / k for k in range(1, 25))
    return (0.1 * voiced * np.clip(np.sin(2 * np.pi * 2.5 * time), 0, 1)).astype(np.float32)


def test_the_test_has_noises_that_the_training_has_not():
    from hub import data
    from hub_denoise.speech.data import BOOKS, COMMANDS, LEARNERS, TIMIT, TRAINED

    if not all(data.available(name) for name in (BOOKS, COMMANDS, LEARNERS, TIMIT)):
        pytest.skip("needs the sets of speech under LATENTHUB_DATA")
    found = cases("test", each=1)
    assert {one.noise for one in found} - set(TRAINED) == {"siren", "engine"}
    for one in found:
        assert one.clean.shape == one.noisy.shape == (5 * RATE,)
        assert np.abs(one.noisy).max() < 1
    again = cases("test", each=1)
    assert all(np.array_equal(a.noisy, b.noisy) for a, b in zip(found, again, strict=True))


def test_gains_are_over_the_noisy_input_and_a_quick_evaluation_says_so(monkeypatch):
    values = {"noisy": 1.5, "wiener": 1.75, "ours": 2.0}
    monkeypatch.setattr(evaluation, "systems", lambda model: dict.fromkeys(values))
    monkeypatch.setattr(evaluation, "cases", lambda split, each: [(split, each)])
    monkeypatch.setattr(
        evaluation,
        "scores",
        lambda found, compared, measures: [
            Score(name, 0.0, "rain", dict.fromkeys(("pesq", "stoi", "si_sdr"), values[name]))
            for name in compared
        ],
    )
    found = evaluate_speech(None)
    assert found["pesq"].value == 2 and found["pesq_noisy"].value == 1.5
    assert found["pesq_gain"].value == 0.5 and found["pesq_gain_wiener"].value == 0.25
    assert found["si_sdr_gain_snr0"].unit == "dB" and "pesq_gain_wiener_snr0" not in found
    assert "96 mixtures of 5 s" in found["pesq"].protocol
    quick = evaluate_speech(None, quick=True)
    assert quick["pesq_gain_quick"].value == 0.5 and "pesq_wiener_quick" not in quick
    assert all(name.endswith("_quick") for name in quick)


def test_without_pesq_a_quick_evaluation_does_without_and_a_whole_one_tells(monkeypatch):
    monkeypatch.setattr(evaluation.importlib.util, "find_spec", lambda name: None)
    assert list(judges(quick=True)) == ["stoi", "si_sdr"]
    with pytest.raises(HubError, match="pesq is not installed"):
        judges(quick=False)
