"""The words that are measured by."""

import numpy as np
import pytest
import torch

from hub import data
from hub.errors import DataError
from hub_search.data import BOOKS, LEARNERS, TIMIT, Utterance, Word
from hub_search.words import counts, part, queries, segments, spoken

HERE = data.folder()  # before the other tests hide it
needs_data = pytest.mark.skipif(not data.available(LEARNERS), reason="the speech sets are not here")


def said(speaker: str, *words: Word) -> Utterance:
    frames = torch.arange(200.0)[:, None].expand(200, 40)
    return Utterance(f"{speaker}-1", speaker, frames, np.zeros(200), words)


def test_short_and_doubtful_words_do_not_count():
    assert counts(Word("that", 1, 1.25, True)) and counts(Word("that", 0.1, 0.35, True))
    assert not counts(Word("the", 1, 1.5, True))
    assert not counts(Word("that", 1, 1.24, True))
    assert not counts(Word("that", 1, 1.5, False))


def test_a_segment_has_the_frames_of_its_word():
    (one,) = segments([said("a", Word("the", 0, 1, True), Word("word", 1.004, 1.306, True))])
    assert (one.word, one.speaker, one.utterance) == ("word", "a", "a-1")
    assert one.frames[:, 0].tolist() == list(range(100, 131))


def test_a_query_is_a_word_that_somebody_else_says():
    that, twice = Word("that", 0, 1, True), Word("twice", 0, 1, True)
    words = segments([said("a", that, twice, twice), said("b", that)])
    assert queries(words).tolist() == [0, 3]
    assert queries([]).size == 0


@needs_data
@pytest.mark.parametrize(
    ("name", "splits", "expected"),
    [
        (LEARNERS, ["test"], (320, 902, 16, 583)),
        (LEARNERS, ["validation"], (160, 448, 8, 219)),
        (BOOKS, ["test"], (60, 516, 6, 79)),
        (TIMIT, ["train", "validation", "test"], (160, 711, 16, 220)),
    ],
)
def test_as_many_words_and_queries_as_the_protocol_tells(name, splits, expected, monkeypatch):
    monkeypatch.setenv("LATENTHUB_DATA", str(HERE))
    heard = spoken(name, splits)
    words = segments(heard)
    speakers = {word.speaker for word in words}
    assert (len(heard), len(words), len(speakers), len(queries(words))) == expected
    for word in words:  # none is cut short by the end of its recording
        assert len(word.frames) >= 100 * (word.end - word.start) - 4


def test_a_part_has_some_utterances_of_each_speaker():
    heard = [said("a"), said("a"), said("b"), said("a"), said("b")]
    assert part(heard, 2) == [heard[0], heard[2], heard[3]]
    assert part(heard, 1) == heard


def test_a_split_without_times_is_refused(monkeypatch):
    monkeypatch.setattr("hub_search.words.utterances", lambda *_: [said("a")])
    with pytest.raises(DataError, match="librispeech_excerpt, split train, has no times of words"):
        spoken(BOOKS, ["train"])
