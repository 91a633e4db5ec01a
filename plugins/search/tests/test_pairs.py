"""Pairs: discovery finds what was planted, never pairs a speaker with itself, never repeats."""

import numpy as np
import pytest
import torch

from hub_search.augment import Corpus
from hub_search.data import Utterance, Word
from hub_search.pairs import agreement, discover, distinct, neighbours, told, whitened, windows


class Means:
    """Embeds a segment as its mean frames in three parts: enough for what is planted here."""

    def embed(self, segments, system=None):
        parts = [torch.stack([part.mean(0) for part in one.chunk(3)]).flatten() for one in segments]
        return torch.nn.functional.normalize(torch.stack(parts), dim=1).numpy()


@pytest.fixture
def spoken():
    """Six speakers who each say three words, in their own order, between random frames."""
    generator = torch.Generator().manual_seed(0)
    patterns = {name: 2 * torch.randn(60, 40, generator=generator) for name in ("aa", "bb", "cc")}
    smooth = {name: one.unfold(0, 15, 1).mean(2) * 4 for name, one in patterns.items()}  # 46 frames
    found = []
    for speaker in range(6):
        pieces, words, at = [], [], 0
        for turn in range(3):
            name = ("aa", "bb", "cc")[(speaker + turn) % 3]
            filler = torch.randn(70, 40, generator=generator)
            said = smooth[name] + 0.2 * torch.randn(46, 40, generator=generator)
            pieces += [filler, said]
            words.append(Word(name * 2, (at + 70) / 100, (at + 116) / 100, True))
            at += 116
        frames = torch.cat(pieces)
        loud = np.full(len(frames), -20.0)
        found.append(Utterance(f"u{speaker}", f"s{speaker}", frames, loud, tuple(words)))
    return found


def test_discovery_finds_planted_words_of_two_speakers(spoken):
    corpus = Corpus.of(spoken)
    pairs = discover(corpus, Means(), 20, csls=True)
    speakers = corpus.speaker[corpus.utterance_at(pairs.start)]
    assert len(pairs) == 20
    assert (speakers[:, 0] != speakers[:, 1]).all()
    assert agreement(pairs, corpus, spoken) > 0.8


def test_windows_lie_in_one_utterance_where_somebody_speaks(spoken):
    quiet = Utterance("q", "s9", torch.randn(200, 40), np.r_[np.full(60, -20.0), np.full(140, -90)])
    corpus = Corpus.of([*spoken, quiet])
    start, end = windows(corpus)
    assert (corpus.utterance_at(start) == corpus.utterance_at(end - 1)).all()
    last = start[corpus.utterance_at(start) == len(spoken)] - corpus.start[-1]
    assert len(last)
    assert last.max() < 40, "nothing is cut from the silence"


def test_neighbours_are_the_most_similar_pairs_of_two_speakers():
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(60, 4), dim=1)
    speaker = torch.randint(0, 5, (60,))
    first, second = neighbours(vectors, speaker, csls=False, count=15)
    scores = vectors @ vectors.T
    allowed = torch.triu(speaker[:, None] != speaker, 1)
    best = scores[allowed].sort(descending=True).values[:15]
    assert torch.allclose(scores[first, second], best, atol=0.01)


def test_a_speaker_alone_has_no_neighbours():
    first, second = neighbours(torch.eye(5), torch.zeros(5, dtype=torch.long), csls=True, count=30)
    assert len(first) == len(second) == 0


def test_whitening_takes_out_speakers_and_correlations():
    torch.manual_seed(0)
    speaker = torch.arange(400) % 4
    mixed = torch.randn(400, 6) @ torch.randn(6, 6) + 5 * torch.randn(4, 6)[speaker]
    found = whitened(mixed, speaker)
    assert torch.allclose(found.norm(dim=1), torch.ones(400), atol=1e-5)
    before, after = torch.corrcoef(mixed.T), torch.corrcoef(found.T)
    assert (after - torch.eye(6)).abs().mean() < (before - torch.eye(6)).abs().mean()


def test_no_pair_comes_twice_and_no_window_too_often():
    start, end = torch.arange(0, 1000, 100), torch.arange(0, 1000, 100) + 45
    first = torch.tensor([0, 0, 0, 0, 0, 1])
    second = torch.tensor([1, 1, 2, 3, 4, 5])
    assert distinct(start, end, first, second, 10) == [0, 2, 3, 5]


def test_told_pairs_are_the_same_word_by_two_speakers(spoken):
    corpus = Corpus.of(spoken)
    pairs = told(corpus, spoken, np.random.default_rng(0))
    speakers = corpus.speaker[corpus.utterance_at(pairs.start)]
    assert len(pairs) == 6 * 3 * 4
    assert (speakers[:, 0] != speakers[:, 1]).all()
    assert agreement(pairs, corpus, spoken) == 1
