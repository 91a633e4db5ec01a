"""A fuzz run over HTTP: whatever an endpoint is sent, it ends with what it declares or one error.

Needs hypothesis and httpx. `hub.contract` runs it for every plugin; a longer one:

    LATENTHUB_FUZZ_EXAMPLES=2000 pytest --latenthub-demo DEMO -k fuzz
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from hub import settings as variables
from hub.demo import Demo
from hub.endpoints import Endpoint
from hub.fuzz.client import Fuzzed
from hub.fuzz.files import as_sent
from hub.fuzz.values import arguments, bodies, junk

EXAMPLES = 50  # requests to an endpoint, unless LATENTHUB_FUZZ_EXAMPLES says another number
WAYS = ("call/v2", "call", "queue/join")
Known: TypeAlias = "dict[str, Any] | None"
TYPES = (
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)


def fuzz_demo(url: str, demo: Demo, endpoints: Mapping[str, Endpoint]) -> None:
    """Send a demo's endpoints and the events of its page whatever can be sent.

    Args:
        url: of the hub that serves it.

    Raises:
        AssertionError: a request did not end in time, with what the endpoint declares or with one
            clear error; or a call that was answered before no longer is.
    """
    with Fuzzed(url) as hub:
        for endpoint in endpoints.values():
            fuzz_endpoint(hub, f"{demo.prefix}_{endpoint.name}", endpoint, known_call(endpoint))
        first = next(iter(endpoints.values()))
        api, known = f"{demo.prefix}_{first.name}", known_call(first)
        fuzz_bodies(hub, api, first, known)
        fuzz_page(hub, demo.name, api, first, known)


def each(values: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Call `check` with many of `values`: always the same ones, unless a long run is asked for."""
    count = variables.FUZZ_EXAMPLES.whole(EXAMPLES)
    run = settings(
        max_examples=max(1, count),
        derandomize=not variables.FUZZ_EXAMPLES.text,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )

    @run
    @given(values)
    def checked(value: Any) -> None:
        check(value)

    checked()


def fuzz_endpoint(hub: Fuzzed, api: str, endpoint: Endpoint, known: Known) -> None:
    """Call one endpoint with all that arguments may be, in each of the ways there are.

    Args:
        api: its name in the API. known: arguments that are answered, if there are any.
    """
    calls = st.tuples(st.sampled_from(WAYS), arguments(endpoint, known or {}))

    def check(call: tuple[str, dict[str, Any]]) -> None:
        way, values = call
        note(f"{way}/{api} {reprlib.repr(values)}")
        hub.check(api, endpoint, way, values)

    each(calls, check)
    hub.check_answered(api, endpoint, known)


def fuzz_bodies(hub: Fuzzed, api: str, endpoint: Endpoint, known: Known) -> None:
    """Send one endpoint bodies that are no calls."""
    requests = st.tuples(st.sampled_from(WAYS), bodies(), st.sampled_from(TYPES), st.booleans())

    def check(request: tuple[str, bytes, str, bool]) -> None:
        hub.check_body(api, endpoint, *request)

    each(requests, check)
    hub.check_answered(api, endpoint, known)


def fuzz_page(hub: Fuzzed, demo: str, api: str, endpoint: Endpoint, known: Known) -> None:
    """Send the events of a demo's page what no browser would."""
    events = hub.events_of(demo)
    if not events:
        return

    def check(request: tuple[tuple[int, int], list[Any]]) -> None:
        (number, inputs), values = request
        hub.check_event(number, [values[i % len(values)] for i in range(inputs)])

    each(st.tuples(st.sampled_from(events), st.lists(junk(), min_size=1, max_size=4)), check)
    hub.check_answered(api, endpoint, known)


def known_call(endpoint: Endpoint) -> Known:
    """Return arguments that the endpoint answers, as they are sent; None where none are known."""
    call = next(iter(endpoint.examples), None)
    if call is None:
        return None
    kinds = {parameter.name: parameter.kind for parameter in endpoint.parameters}
    return {name: as_sent(kinds[name], value) for name, value in call.items()}
