import pytest

from hub.errors import InputError
from hub.kinds import Boolean, Choice, Integer, ListOf, Maybe, Number, Text
from hub.media import File, Image, Sound, Table
from hub.samples import limits, plain, wrong

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
