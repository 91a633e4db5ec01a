"""A fuzz run over HTTP: whatever an endpoint is sent, it ends with what it declares or one error.

Needs hypothesis and httpx. `hub.contract` runs it for every plugin; a longer one:

    LATENTHUB_FUZZ_EXAMPLES=2000 pytest --latenthub-demo DEMO -k fuzz
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from hub import settings as variables
from hub.endpoints import Endpoint
from hub.fuzz.client import Fuzzed
from hub.fuzz.values import arguments, bodies, junk

EXAMPLES = 25  # requests to an endpoint, unless LATENTHUB_FUZZ_EXAMPLES says another number
WAYS = ("call/v2", "call", "queue/join")
TYPES = (
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)


def each(values: st.SearchStrategy[Any], check: Callable[[Any], None], share: float = 1.0) -> None:
    """Call `check` with many of `values`: always the same ones, unless a long run is asked for."""
    count = variables.FUZZ_EXAMPLES.whole(EXAMPLES)
    run = settings(
        max_examples=max(1, int(share * count)),
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


def fuzz_endpoint(hub: Fuzzed, api: str, endpoint: Endpoint, plain: dict[str, Any]) -> None:
    """Call one endpoint with all that arguments may be, in each of the ways there are.

    Args:
        api: its name in the API. plain: arguments that are known to be answered.
    """
    ways = st.sampled_from(WAYS)
    calls = st.tuples(ways, arguments(endpoint, plain))

    def check(call: tuple[str, dict[str, Any]]) -> None:
        way, values = call
        note(f"{way}/{api} {values!r}")
        hub.check(api, endpoint, way, values)

    each(calls, check)
    hub.check_answered(api, endpoint, plain)


def fuzz_bodies(hub: Fuzzed, api: str, endpoint: Endpoint, plain: dict[str, Any]) -> None:
    """Send one endpoint bodies that are no calls."""
    requests = st.tuples(st.sampled_from(WAYS), bodies(), st.sampled_from(TYPES), st.booleans())

    def check(request: tuple[str, bytes, str, bool]) -> None:
        hub.check_body(api, endpoint, *request)

    each(requests, check)
    hub.check_answered(api, endpoint, plain)


def fuzz_page(hub: Fuzzed, demo: str, api: str, endpoint: Endpoint, plain: dict[str, Any]) -> None:
    """Send the events of a demo's page what no browser would."""
    events = hub.events_of(demo)
    if not events:
        return

    def check(request: tuple[tuple[int, int], list[Any]]) -> None:
        (number, inputs), values = request
        hub.check_event(number, [values[i % len(values)] for i in range(inputs)])

    each(st.tuples(st.sampled_from(events), st.lists(junk(), min_size=1, max_size=4)), check)
    hub.check_answered(api, endpoint, plain)
