"""The example archive: what is in the package, and that a program makes it."""

import ctypes.util
import json
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from hub import data
from hub.audio import read
from hub_search import example

HERE = example.HERE
REAL = data.folder()  # other tests are told that there is none


def test_it_is_small_and_nothing_is_missing_or_left_over():
    named = {f"{one['id']}.opus" for one in example.manifest()["recordings"]}
    named |= {one["file"] for one in example.manifest()["queries"]}
    assert {one.name for one in HERE.glob("*.opus")} == named
    assert sum(one.stat().st_size for one in HERE.glob("*")) < 1_500_000


def test_recordings_are_as_told_loud_enough_and_not_clipped():
    for (id, _, samples), told in zip(  # noqa: B905
        example.synthetic(), example.manifest()["recordings"]
    ):
        assert id == told["id"] and len(samples) == pytest.approx(
            16_000 * told["seconds"], abs=9
        )  # told in ms
        assert 0.05 < np.sqrt(np.mean(samples**2)) < 0.12 and np.abs(samples).max() < 0.99


def test_words_lie_within_their_recordings_where_something_is_said():
    sounds = {id: samples for id, _, samples in example.synthetic()}
    words = example.words("example")
    assert len(words) > 350 and {"three", "free", "tree", "ship", "sheep"} <= {
        one.word for one in example.words("example", letters=3)
    }
    for one in words:
        said = sounds[one.recording][round(16_000 * one.start) : round(16_000 * one.end)]
        assert np.sqrt(np.mean(said**2)) > 0.005, one
    assert example.words("another") == []


def test_the_words_of_a_sentence_are_all_that_it_says():
    for recording in example.manifest()["recordings"]:
        for sentence in recording["sentences"]:
            words = " ".join(word for word, _, _ in sentence["words"])
            assert words == re.sub("[.,]", "", sentence["text"]).lower()


def test_words_come_again_in_other_voices():
    voices = {}
    for one in example.words("example"):
        voices.setdefault(one.word, set()).add(one.voice)
    for word in ("morning", "night", "water", "weather", "letter", "brother", "light"):
        assert len(voices[word]) >= 3, word


def test_queries_are_short_and_of_words_that_are_said():
    said = " ".join(
        sentence["text"].lower()
        for one in example.manifest()["recordings"]
        for sentence in one["sentences"]
    )
    for name, samples in example.queries().items():
        assert name in said
        assert 0.5 < len(samples) / 16_000 < 2 and np.sqrt(np.mean(samples**2)) > 0.03


@pytest.mark.skipif(not ctypes.util.find_library("espeak-ng"), reason="needs espeak-ng")
def test_the_program_makes_it_again(tmp_path):
    script = """
        import sys
        from pathlib import Path
        from hub_search.example import make

        make.HERE = Path(sys.argv[1])
        make.THEMES = dict(list(make.THEMES.items())[:1])
        make.QUERIES = make.PHRASES = ()
        make.main()
    """
    made = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    subprocess.run(made, check=True, capture_output=True)
    told = json.loads((tmp_path / "manifest.json").read_text())
    assert told["recordings"] == example.manifest()["recordings"][:1]
    first = f"{told['recordings'][0]['id']}.opus"
    again, samples = read((tmp_path / first).read_bytes()), read((HERE / first).read_bytes())
    assert np.abs(again - samples).max() < 1e-3


@pytest.mark.skipif(example.real_set() is None, reason="needs real speech")
def test_real_speakers_are_those_of_the_test_split(monkeypatch):
    monkeypatch.setenv("LATENTHUB_DATA", str(REAL))
    name = example.real_set()
    rows = data.table(name, "test").to_pylist()
    found = list(example.real_speakers(name))
    assert len(found) == len({row["speaker"] for row in rows})
    assert sum(len(samples) for _, _, samples in found) / 16_000 < 1.2 * example.MOST_REAL
    assert not any(row["speaker"] in title for _, title, _ in found for row in rows)
