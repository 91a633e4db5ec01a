from typing import Annotated

import pytest

from hub import Image, InputError, Progress, Range, endpoint
from hub.endpoints import endpoints_of
from hub.errors import PluginError


class Mixer:
    @endpoint
    def mix(
        self, amount: Annotated[float, Range(0, 1)], name: str = "red", *, progress: Progress
    ) -> dict:
        """Mix a colour.

        More of it.
        """

    @endpoint(max_batch=8, timeout=5)
    def invert(self, image: list[Annotated[object, Image()]]) -> list[Annotated[object, Image()]]:
        """Invert each picture."""

    @endpoint
    def both(self) -> tuple[int, Annotated[object, Image()]]:
        """Give two things."""

    def helper(self):
        return 1


def test_only_marked_methods_are_endpoints_in_the_order_written():
    assert list(endpoints_of(Mixer)) == ["mix", "invert", "both"]


def test_an_endpoint_knows_its_arguments_and_limits():
    mix = endpoints_of(Mixer)["mix"]
    assert mix.summary == "Mix a colour." and mix.takes_progress
    assert [parameter.name for parameter in mix.parameters] == ["amount", "name"]
    assert mix.parameters[0].required and mix.parameters[1].default == "red"


def test_an_endpoint_has_its_examples_else_its_defaults():
    class Service:
        @endpoint(examples=[{"amount": 2}, {"amount": 3, "name": "blue"}])
        def shown(self, amount: int, name: str = "red") -> int:
            """Take both."""

        @endpoint
        def plain(self, amount: int = 2) -> int:
            """Take one."""

        @endpoint
        def bare(self, amount: int) -> int:
            """Take one that must be given."""

    found = endpoints_of(Service)
    assert [one.examples for one in found.values()] == [
        ({"amount": 2}, {"amount": 3, "name": "blue"}),
        ({},),
        (),
    ]


def test_what_the_docstring_says_of_an_argument_may_have_several_lines():
    class Service:
        @endpoint
        def take(self, start: int, start_again: int = 0, silent: int = 0) -> int:
            """Take: three arguments.

            Args:
                start: where it begins,
                    and how: gently.
                start_again: twice.

            Returns:
                silent: no, this is the result.
            """

    take = endpoints_of(Service)["take"]
    assert take.about("start") == "where it begins, and how: gently."
    assert take.about("start_again") == "twice."
    assert take.about("silent") == ""


def test_a_batched_endpoint_is_described_for_one_call():
    invert = endpoints_of(Mixer)["invert"]
    assert isinstance(invert.parameters[0].kind, Image) and isinstance(invert.results[0], Image)
    assert invert.options.max_batch == 8 and invert.options.timeout == 5


def test_a_tuple_gives_several_results():
    assert len(endpoints_of(Mixer)["both"].results) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"amont": 1},
            "mix has no argument 'amont'; did you mean amount[?] It takes: amount, name",
        ),
        ({}, "mix needs amount: a number from 0 to 1"),
        ({"amount": 2}, "amount must be a number from 0 to 1; got 2"),
        ({"amount": 1, "name": 3}, "name must be a text of 0 to 20000 characters; got 3"),
    ],
)
def test_wrong_arguments_get_one_clear_error(arguments, message):
    with pytest.raises(InputError, match=message):
        endpoints_of(Mixer)["mix"].check(arguments)


def test_defaults_complete_a_call():
    assert endpoints_of(Mixer)["mix"].check({"amount": 1}) == {"amount": 1.0, "name": "red"}


def test_an_endpoint_without_docstring_or_kinds_is_the_authors_error():
    class Silent:
        @endpoint
        def hush(self) -> int: ...

    class Vague:
        @endpoint
        def guess(self, thing) -> int:
            """Guess."""

    class Single:
        @endpoint(max_batch=2)
        def one(self, number: int) -> int:
            """Take one."""

    for service, message in ((Silent, "docstring"), (Vague, "'thing'"), (Single, "lists")):
        with pytest.raises(PluginError, match=message):
            endpoints_of(service)


def test_limits_of_an_endpoint_must_be_positive():
    with pytest.raises(PluginError, match="positive"):
        endpoint(max_batch=0)
