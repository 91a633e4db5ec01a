"""Spans: where they begin and end, how many there are."""

import numpy as np
import pytest
import torch

from hub_search.segments import Cuts, smoothed, spans, spectral_change, voice


def speech(bursts, frames):
    """Return loudness and frames of a recording with a syllable of its own spectrum per (begin,
    end) of `bursts`."""
    rng = np.random.default_rng(0)
    loud = rng.normal(-70, 1, frames)
    spectrum = torch.from_numpy(rng.normal(0, 0.1, (frames, 40))).float()
    for begin, end in bursts:
        loud[begin:end] = -20 + rng.normal(0, 1, end - begin)
        spectrum[begin:end] += torch.from_numpy(rng.normal(0, 1, 40)).float()
    return loud, spectrum


def overlap(one, other):
    both = min(one[1], other[1]) - max(one[0], other[0])
    return max(0, both) / (max(one[1], other[1]) - min(one[0], other[0]))


def test_a_word_between_silences_is_a_span_and_the_silence_is_none():
    found = spans(*speech([(100, 150)], 300))
    assert max(overlap(span, (100, 150)) for span in found.tolist()) > 0.85
    assert found.min() > 90 and found.max() < 160


def test_words_that_touch_are_parted_where_the_spectrum_changes():
    words = [(50, 95), (95, 130), (130, 190)]
    found = spans(*speech(words, 250)).tolist()
    for word in words:
        assert max(overlap(span, word) for span in found) > 0.8


def test_no_span_goes_across_a_long_silence():
    found = spans(*speech([(50, 90), (130, 180)], 250))
    assert not ((found[:, 0] < 100) & (found[:, 1] > 120)).any()


def test_spans_are_in_order_within_the_limits_and_always_the_same():
    sound = speech([(10 * i, 10 * i + 10) for i in range(1, 90)], 1000)
    found = spans(*sound)
    lengths = found[:, 1] - found[:, 0]
    assert found.dtype == np.int32 and (lengths >= 20).all() and (lengths <= 120).all()
    assert found.tolist() == sorted(found.tolist()) == spans(*sound).tolist()


def test_no_two_spans_are_almost_the_same():
    found = spans(*speech([(10 * i, 10 * i + 10) for i in range(1, 60)], 700)).tolist()
    alike = [overlap(a, b) for i, a in enumerate(found) for b in found[:i]]
    assert max(alike) <= Cuts().alike


def test_an_hour_has_a_bounded_number_of_spans_though_nobody_pauses():
    rng = np.random.default_rng(0)
    minute = rng.normal(-20, 1, 6000), torch.from_numpy(rng.normal(0, 1, (6000, 40))).float()
    assert 60 * len(spans(*minute)) < 70_000


@pytest.mark.parametrize("frames", [0, 1, 7, 19])
def test_what_is_too_short_has_none(frames):
    assert spans(np.full(frames, -20.0), torch.zeros(frames, 40)).shape == (0, 2)


def test_silence_has_none():
    assert len(spans(np.full(500, -100.0), torch.zeros(500, 40))) == 0


def test_a_short_word_alone_is_one_span():
    found = spans(*speech([(50, 64)], 120))
    assert len(found) == 1 and overlap(found[0].tolist(), (50, 64)) > 0.6


def test_spectral_change_is_its_definition():
    frames = np.random.default_rng(0).normal(size=(30, 4))
    found = spectral_change(frames, 3)
    padded = np.pad(frames, ((3, 3), (0, 0)), "edge")
    slow = [
        np.linalg.norm(padded[t + 3 : t + 6].mean(0) - padded[t : t + 3].mean(0)) for t in range(30)
    ]
    assert found == pytest.approx(np.array(slow) / np.median(slow))


def test_smoothed_is_the_mean_of_neighbours():
    values = np.arange(10.0) ** 2
    assert smoothed(values, 3)[4] == pytest.approx((9 + 16 + 25) / 3)
    assert smoothed(values, 3)[0] == pytest.approx(1 / 3)


def test_voice_is_told_by_the_level_of_the_recording_itself():
    for gain in (0, -20, -40):
        loud, _ = speech([(100, 200)], 400)
        (begin, end) = voice(loud + gain, Cuts())[0]
        assert abs(begin - 98) <= 1 and abs(end - 202) <= 1
