"""Query by example: which spans answer, which are right, and what that is worth."""

import numpy as np
import pytest
import torch

from hub_search.data import Utterance, Word
from hub_search.spotting import (
    Answers,
    Occurrence,
    Recording,
    Windows,
    apart,
    by_both,
    by_vectors,
    by_warping,
    false_alarms_per_hour,
    hits,
    judged,
    mean_average_precision,
    recordings,
    windows,
)
from hub_search.words import Segment


def recording(speaker: str, *words: Occurrence, frames: int = 1_000) -> Recording:
    return Recording(speaker, torch.zeros(frames, 40), np.zeros(frames), words)


def query(word: str, speaker: str, frames: int = 40) -> Segment:
    return Segment(word, speaker, "u", 0, frames / 100, torch.zeros(frames, 40))


def test_an_utterance_follows_the_other_in_a_recording():
    def said(speaker: str, *words: Word) -> Utterance:
        return Utterance("u", speaker, torch.ones(300, 40), np.zeros(300), words)

    heard = recordings(
        [
            said("a", Word("that", 1, 2, True)),
            said("b"),
            said("a", Word("that", 0.5, 1, True), Word("the", 0, 0.1, True)),
        ]
    )
    assert [one.speaker for one in heard] == ["a", "b"]
    assert heard[0].frames.shape == (600, 40) and heard[0].loudness.shape == (600,)
    assert heard[0].hours == pytest.approx(6 / 3600)
    assert heard[0].words == (
        Occurrence("that", 100, 200, True),
        Occurrence("that", 350, 400, True),
        Occurrence("the", 300, 310, False),
    )


def test_spans_that_mostly_lie_in_better_ones_are_left_out():
    places = np.array([[10, 30], [12, 32], [28, 48], [40, 100], [10, 12]])
    assert apart(places, np.zeros(100, bool), 0.3).tolist() == [True, False, True, True, False]


def test_a_hit_overlaps_its_word_by_half():
    said = np.array([[100, 200, 1]])
    places = np.array([[100, 149], [100, 150], [0, 200], [0, 201], [150, 200], [90, 210]])
    assert [int(hits(one[None], said)[0]) for one in places] == [0, 1, 1, 0, 1, 1]


def test_a_word_is_found_once_and_a_doubtful_one_is_no_error():
    said = np.array([[100, 200, 1], [300, 400, 0]])
    places = np.array([[100, 200], [110, 200], [390, 450], [500, 600]])
    assert hits(places, said).tolist() == [1, 0, -1, 0]
    assert hits(places, np.zeros((0, 3), int)).tolist() == [0, 0, 0, 0]


def test_the_own_speaker_is_not_searched():
    heard = [
        recording("a", Occurrence("word", 100, 200, True)),
        recording("b", Occurrence("word", 300, 400, True), Occurrence("other", 500, 600, True)),
    ]
    places = np.array([[100, 200], [500, 600], [300, 400], [290, 410]])
    answers = judged(
        query("word", "a"), heard, np.array([0, 1, 1, 1]), places, np.array([4.0, 3, 2, 1])
    )
    assert answers.scores.tolist() == [3, 2]  # the last lies in a better one
    assert answers.hits.tolist() == [False, True]
    assert answers.wanted == 1 and answers.hours == pytest.approx(10 / 3600)
    assert answers.average_precision == 0.5


def test_mean_average_precision_counts_what_is_not_found():
    found = Answers(np.array([3.0, 2, 1]), np.array([True, False, True]), 4, 1.0)
    assert found.average_precision == pytest.approx((1 + 2 / 3) / 4)
    nothing = Answers(np.zeros(0), np.zeros(0, bool), 2, 1.0)
    assert nothing.average_precision == 0
    assert mean_average_precision([found, nothing]) == pytest.approx((1 + 2 / 3) / 8)


def test_false_alarms_are_counted_at_one_threshold_for_all_queries():
    one = Answers(np.array([9.0, 5, 1]), np.array([False, True, True]), 2, 0.5)
    two = Answers(np.array([8.0, 4, 3]), np.array([True, False, False]), 2, 0.5)
    # Half of the four sayings are found at a threshold of 5, with one false alarm in two halves.
    assert false_alarms_per_hour([one, two]) == pytest.approx(1)
    assert false_alarms_per_hour([one, two], recall=0.75) == pytest.approx(3)
    assert false_alarms_per_hour([one, two], recall=1) == float("inf")


def speech(count: int, seed: int) -> np.ndarray:
    """Return frames that change every tenth of a second, (count, 40)."""
    steps = np.random.default_rng(seed).normal(size=(count // 10 + 1, 40))
    return np.repeat(steps, 10, axis=0)[:count].astype(np.float32)


def test_a_word_that_comes_up_again_is_found_by_warping():
    word, other = speech(40, 0), speech(900, 1)
    slow = np.repeat(word, 2, axis=0)
    frames = np.concatenate([other[:300], slow, other[300:]])
    heard = [
        recording("a", frames=50),
        recording("b", Occurrence("word", 300, 380, True), frames=len(frames)),
    ]
    (found,) = by_warping([query("word", "a")], [word], heard, [speech(50, 2), frames])
    assert found.hits[0] and found.average_precision == 1
    assert found.scores[0] == pytest.approx(0, abs=1e-5)


def test_an_alignment_tells_which_of_two_windows_holds_the_word():
    """Vectors prefer the wrong one, and none has the word's ends."""
    word, other = speech(40, 0), speech(900, 1)
    frames = np.concatenate([other[:300], word, other[300:]])
    heard = [
        recording("a", frames=50),
        recording("b", Occurrence("word", 300, 340, True), frames=len(frames)),
    ]
    cut = Windows(np.array([0, 1, 1]), np.array([[0, 40], [600, 640], [280, 336]]), [])
    embedded = np.array([[1.0], [0.6], [0.5]])
    arguments = [query("word", "a")], np.ones((1, 1)), [word], heard, [speech(50, 2), frames]
    (found,) = by_both(*arguments, cut, embedded)
    assert found.hits.tolist() == [True, False] and found.average_precision == 1
    assert found.scores[0] == pytest.approx((0.5 + 0.8) / 1.8, abs=1e-4)
    (alone,) = by_vectors(arguments[0], arguments[1], heard, cut, embedded)
    assert alone.hits.tolist() == [False, True]


def test_windows_are_those_of_an_archive_and_are_compared_by_cosine():
    generator = np.random.default_rng(0)
    loud = np.full(400, -20.0) + generator.normal(size=400)
    loud[:60] = loud[200:240] = loud[360:] = -80
    heard = [
        Recording("a", torch.from_numpy(speech(400, 3)), loud, ()),
        Recording("b", torch.from_numpy(speech(400, 4)), loud, ()),
    ]
    cut = windows(heard)
    assert set(cut.recording.tolist()) == {0, 1}
    for index, (start, end), frames in zip(cut.recording, cut.spans, cut.frames, strict=True):
        assert torch.equal(frames, heard[index].frames[start:end])
    embedded = generator.normal(size=(len(cut.frames), 8)).astype(np.float32)
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    chosen = int(np.flatnonzero(cut.recording == 1)[3])
    start, end = cut.spans[chosen]
    heard[1] = Recording(
        "b", heard[1].frames, loud, (Occurrence("word", int(start), int(end), True),)
    )
    (found,) = by_vectors([query("word", "a")], embedded[[chosen]], heard, cut, embedded)
    assert found.hits[0] and found.scores[0] == pytest.approx(1)
    assert found.average_precision == 1
