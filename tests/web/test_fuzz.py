"""A fuzz run over the sample's endpoints, and that the run finds what is wrong."""

import pytest

from hub.fuzz import fuzz_bodies, fuzz_endpoint, fuzz_page
from hub.fuzz.client import Fuzzed, check_message
from hub.fuzz.files import Upload, as_sent
from hub.kinds import Choice, Integer, Json, ListOf, Maybe, Number, Text
from hub.media import Image
from hub.samples import plain_call

API = ("generate", "invert", "reverse", "describe", "greet", "measure", "collect", "mean")


@pytest.fixture(scope="module")
def fuzzed(url):
    with Fuzzed(url) as client:
        yield client


def known(site, name):
    endpoint = site.site.hub.endpoint("sample", name)
    call = plain_call(endpoint)
    if call is None:
        return endpoint, {"file": Upload("a.txt", b"text")}
    kinds = {parameter.name: parameter.kind for parameter in endpoint.parameters}
    return endpoint, {key: as_sent(kinds[key], value) for key, value in call.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", API)
def test_an_endpoint_ends_with_what_it_declares_or_one_clear_error(site, fuzzed, name):
    endpoint, answered = known(site, name)
    fuzz_endpoint(fuzzed, f"sample_{name}", endpoint, answered)


@pytest.mark.slow
def test_a_request_that_is_no_call_ends_with_one_clear_error(site, fuzzed):
    endpoint, answered = known(site, "greet")
    fuzz_bodies(fuzzed, "sample_greet", endpoint, answered)


@pytest.mark.slow
def test_a_page_s_events_end_whatever_they_are_sent(site, fuzzed):
    endpoint, answered = known(site, "greet")
    fuzz_page(fuzzed, "sample", "sample_greet", endpoint, answered)


# What the run must find.


@pytest.mark.parametrize(
    "message",
    ["", None, "x" * 601, "Something failed inside.", "in /tmp/a.png", 'File "a"', "a.py:3"],
)
def test_a_message_that_is_not_clear_is_found(message):
    with pytest.raises(AssertionError):
        check_message(message)


def test_an_endpoint_that_fails_inside_is_found(site, fuzzed):
    with pytest.raises(AssertionError, match="it fails inside: sample.fail failed inside"):
        fuzz_endpoint(fuzzed, "sample_fail", site.site.hub.endpoint("sample", "fail"), {})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Integer(), 0.5),
        (Integer(), True),
        (Number(), "1"),
        (Text(), 5),
        (Choice(("a", "b")), "c"),
        (ListOf(Integer()), [1, "2"]),
        (Maybe(Text()), 3),
        (Json({"text": "a greeting"}), {"txt": 1}),
        (Image(), "a.png"),
    ],
    ids=repr,
)
def test_a_result_of_another_kind_is_found(fuzzed, kind, value):
    with pytest.raises(AssertionError):
        fuzzed.check_result(kind, value)
