import numpy as np
import pytest

from hub.errors import InputError
from hub.kinds import Boolean, Choice, Integer, ListOf, Maybe, Number, Text
from hub.media import File, Files, Image, Sound, Table
from hub.samples import limits, plain, voiced, wrong

KINDS = [
    Integer(),
    Integer(1, 5),
    Number(),
    Number(-1, 1),
    Text(),
    Text(2, 5),
    Boolean(),
    Choice(("a", "b")),
    ListOf(Integer(0, 3), 0, 4),
    ListOf(Text(), 2, 3),
    Image(),
    Image("RGB", size=(8, 8), max_side=512),
    Sound(),
    Sound(8000, min_seconds=0.1, max_seconds=0.4),
    Files(),
    Files(2, 2),
    Table(),
    Maybe(Integer(0, 3)),
    Maybe(Image()),
]


@pytest.mark.parametrize("kind", [*KINDS, File()], ids=str)
def test_limits_are_allowed(kind):
    values = list(limits(kind))
    assert values or kind in (Integer(), Number())
    for value in values:
        kind.check("it", value)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_plain_values_are_allowed(kind):
    assert kind.check("it", plain(kind)) is not None


def test_no_file_can_be_made_up():
    assert plain(File((".npz",))) is None


@pytest.mark.parametrize("kind", [*KINDS, File()], ids=str)
def test_wrong_values_are_refused(kind):
    values = list(wrong(kind))
    assert len(values) >= 3
    for value in values:
        with pytest.raises(InputError, match=r"^it(\[\d+\])? must be "):
            kind.check("it", value)


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_a_made_up_voice_has_pitch_formants_and_pauses(rate):
    heard = voiced(rate, 2.0)
    assert heard.shape == (2 * rate,) and np.abs(heard).max() == pytest.approx(0.5)
    frames = heard[: 2 * rate // 200 * 200].reshape(-1, rate // 100)
    loud = np.sqrt((frames**2).mean(axis=1))
    assert np.mean(loud < 0.1 * loud.max()) > 0.1  # it pauses
    vowel = heard[int(0.08 * rate) : int(0.2 * rate)]
    alike = np.correlate(vowel, vowel, "full")[len(vowel) - 1 :] / np.dot(vowel, vowel)
    pitch = rate / (rate // 300 + alike[rate // 300 : rate // 70].argmax())
    assert 90 <= pitch <= 240 and alike[rate // 300 : rate // 70].max() > 0.5
    assert not np.array_equal(heard, voiced(rate, 2.0, seed=1))
