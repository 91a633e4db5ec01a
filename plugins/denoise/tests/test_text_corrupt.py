"""Text that is spoilt on purpose."""

import numpy as np
import pytest

from hub_denoise.text.corrupt import HIDDEN, WAYS, Corrupted, corrupt, spoil, tokens

TEXT = "The council’s well-known plan, worth $1.5 billion, didn't pass on 3 May — 投票 again 🙂."


def test_words_numbers_and_other_characters_are_told_apart():
    found = tokens(TEXT)
    assert [TEXT[one.start : one.end] for one in found] == [one.text for one in found]
    words = [one.text for one in found if one.is_word]
    assert (
        words == "The council’s well known plan worth billion didn't pass on May 投票 again".split()
    )
    assert [one.is_hidden for one in tokens("a ____ el_ction _")] == [False, True, False, True]
    assert tokens("") == tokens(" \n") == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("edits", [1, 3])
def test_every_change_is_where_it_is_said_to_be(way, edits):
    for seed in range(20):
        found = corrupt(TEXT, 0.7, [way], edits, seed)
        assert found.changes and put_back(found) == TEXT
        for change in found.changes:
            assert found.text[change.start : change.end] == change.spoilt != change.original
            assert change.way == way
            assert tokens(change.spoilt)[0].text == change.spoilt  # one word still


def put_back(found: Corrupted) -> str:
    text = found.text
    for change in reversed(found.changes):
        text = text[: change.start] + change.original + text[change.end :]
    return text


def test_the_share_is_of_the_words_that_can_be_spoilt():
    text = "an ox " * 50 + "a longer word here " * 25
    assert len(corrupt(text, 0.2, ["hide"]).changes) == 40
    assert len(corrupt(text, 0.2, ["drop"]).changes) == 15
    assert corrupt(text, 0, ["hide"]) == Corrupted(text, ())
    assert corrupt(text, 1, ["hide"]).text.split() == [HIDDEN] * 200
    assert corrupt("", 1) == Corrupted("", ())


def test_the_seed_decides():
    text = "a sentence that is long enough to be spoilt in more than one way " * 3
    assert corrupt(text, 0.3, seed=5) == corrupt(text, 0.3, seed=5)
    assert len({corrupt(text, 0.3, seed=seed).text for seed in range(5)}) == 5


def test_letters_are_spoilt_as_their_ways_are_called():
    generator = np.random.default_rng(0)
    for _ in range(50):
        assert len(spoil("Letters", "drop", 1, generator)) == 6
        assert len(spoil("Letters", "insert", 1, generator)) == 8
        assert sorted(spoil("Letters", "swap", 1, generator)) == sorted("Letters")
        replaced = spoil("Letters", "replace", 1, generator)
        assert sum(a != b for a, b in zip(replaced, "Letters", strict=True)) == 1
        assert replaced[0].isupper()
        assert spoil("Letters", "blank", 1, generator).count("_") == 2
        assert spoil("aaaa", "swap", 1, generator) != "aaaa"


def test_what_is_already_blank_is_left_alone():
    assert corrupt("el_ction ____ el_ction", 1).changes == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"share": 1.5}, "share must be from 0 to 1, got 1.5"),
        ({"edits": 0}, "edits must be at least 1, got 0"),
        ({"ways": ["shout"]}, "ways must be some of hide, .*; got shout"),
        ({"ways": []}, "got none"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        corrupt(TEXT, **settings)
