"""Views: nothing asked for changes nothing; each change is of the kind and size it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hub_search.augment import MOST, Augmentation, Corpus, tracts, view, warped
from hub_search.data import Utterance
from hub_search.train import PLAIN


@pytest.fixture
def corpus():
    torch.manual_seed(0)
    return Corpus.of(
        [
            Utterance(f"u{index}", speaker, torch.randn(length, 40), np.full(length, -20.0))
            for index, (speaker, length) in enumerate([("b", 120), ("a", 90), ("b", 200)])
        ]
    )


def test_a_corpus_knows_where_its_utterances_are(corpus):
    assert corpus.start.tolist() == [0, 120, 210]
    assert corpus.end.tolist() == [120, 210, 410]
    assert corpus.speaker.tolist() == [1, 0, 1]
    assert corpus.utterance_at(torch.tensor([0, 119, 120, 409])).tolist() == [0, 0, 1, 2]


def test_a_plain_view_is_what_was_said(corpus):
    start, end = torch.tensor([3, 130]), torch.tensor([40, 200])
    frames, lengths = view(corpus, start, end, PLAIN)
    assert lengths.tolist() == [37, 70]
    assert torch.allclose(frames[0, :37], corpus.frames[3:40], atol=1e-4)
    assert torch.allclose(frames[1], corpus.frames[130:200], atol=1e-4)


def test_views_of_one_segment_differ_in_length_and_content(corpus):
    start, end = torch.full((64,), 220), torch.full((64,), 280)
    frames, lengths = view(corpus, start, end, Augmentation())
    assert torch.isfinite(frames).all()
    assert lengths.max() <= min(MOST, 67 * np.exp(0.3))
    assert lengths.min() >= 53 * np.exp(-0.3) - 1
    assert len(set(lengths.tolist())) > 10


def test_jitter_stays_inside_the_utterance(corpus):
    jumpy = replace(PLAIN, jitter=30)
    ones = torch.zeros_like(corpus.frames)
    ones[corpus.start[1] : corpus.end[1]] = 1
    marked = Corpus(ones, corpus.voiced, corpus.speaker, corpus.start, corpus.end)
    start, end = torch.full((200,), 122), torch.full((200,), 208)
    frames, lengths = view(marked, start, end, jumpy)
    inside = torch.arange(frames.shape[1]) < lengths[:, None]
    assert (frames[inside] > 0.999).all()


def test_warping_starts_and_ends_with_the_segment_and_never_goes_back():
    torch.manual_seed(1)
    lengths = torch.tensor([10, 60, 33])
    places = warped(lengths, Augmentation())
    for row, length in zip(places, lengths.tolist(), strict=True):
        assert row[0] == 0
        assert row[length - 1] == pytest.approx(1, abs=1e-5)
        assert (row[:length].diff() > 0).all()


def test_a_vocal_tract_of_the_same_length_changes_nothing():
    assert torch.allclose(tracts(torch.ones(1))[0], torch.eye(40), atol=1e-4)


def test_a_shorter_vocal_tract_moves_a_peak_up():
    frame = torch.zeros(1, 40)
    frame[0, 15] = 1
    up = frame @ tracts(torch.tensor([1.15]))[0]
    down = frame @ tracts(torch.tensor([0.87]))[0]
    assert up.argmax() > 15 > down.argmax()
