"""Views: nothing asked for changes nothing; each change is of the kind and size it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hub_search.augment import MOST, Augmentation, Corpus, view, warped
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
    marked = replace(corpus, frames=ones)
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


def test_a_voice_is_one_of_the_corpus(corpus):
    levels = torch.arange(3.0)[None, :, None].expand(len(corpus.frames), 3, 40)
    several = replace(corpus, voices=levels.half())
    how = replace(PLAIN, tracts=True)
    frames, _ = view(several, torch.full((50,), 220), torch.full((50,), 280), how)
    assert set(frames.mean((1, 2)).tolist()) == {0.0, 1.0, 2.0}
    assert torch.equal(frames[:, 0, 0], frames[:, -1, -1]), "it is the same throughout"
