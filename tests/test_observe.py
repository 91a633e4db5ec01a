"""What an observer hears of the executor, and whose request a line of the log names."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub import logs
from hub.endpoints import endpoint, endpoints_of
from hub.errors import (
    BusyError,
    CallerGoneError,
    CallTimeoutError,
    CheckpointError,
    InputError,
    ServiceError,
)
from hub.executors import ServiceSource
from hub.executors.local import LocalExecutor
from hub.observe import Observer, outcome_of

log = logging.getLogger("plugin")


class Talker:
    """A service that writes into the log."""

    held = threading.Event()

    @endpoint
    def say(self, x: int) -> int:
        """Log x."""
        log.warning("single %d", x)
        return x

    @endpoint(max_batch=8)
    def says(self, x: list[int]) -> list[int]:
        """Log all x; those over 100 fail."""
        log.warning("batch %s", sorted(x))
        return [ValueError(f"over {one}") if one > 100 else one for one in x]

    @endpoint
    def hold(self) -> int:
        """Wait until it is let go."""
        self.held.wait(10)
        return 0


class Ears(Observer):
    def __init__(self):
        self.heard = []

    def ran(self, demo, endpoint, calls, seconds):
        self.heard.append((demo, endpoint, calls))

    def loaded(self, demo, ok, seconds):
        self.heard.append((demo, ok))


@pytest.fixture
def executor():
    Talker.held.clear()
    described = endpoints_of(Talker)
    source = ServiceSource("talker", lambda device: Talker(), lambda: described)
    executor = LocalExecutor({"talker": source}, device="cpu")
    yield executor
    Talker.held.set()
    executor.close()


@pytest.fixture
def lines(caplog):
    """Return a function that returns (request, message) of each line of the plugin and executor."""
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(logs.add_request)
    return lambda: [(one.request, one.getMessage()) for one in caplog.records]


def ask(executor, endpoint, request, **arguments):
    with logs.during(logs.Request(request)):
        return executor.call("talker", endpoint, arguments)


def test_what_a_service_logs_names_the_request_it_answers(executor, lines):
    ask(executor, "say", "request-1", x=1)
    ask(executor, "say", "request-2", x=2)
    assert [one for one in lines() if one[1].startswith("single")] == [
        ("request-1", "single 1"),
        ("request-2", "single 2"),
    ]
    assert [request for request, text in lines() if " loaded in " in text] == ["request-1"]


def test_what_a_batch_logs_names_all_its_requests_and_a_failure_its_own(executor, lines):
    executor.observer = ears = Ears()
    with ThreadPoolExecutor(5) as pool:
        pool.submit(ask, executor, "hold", "request-0")
        while not executor.status("talker").state == "ready":
            time.sleep(0.001)
        asked = {x: pool.submit(ask, executor, "says", f"request-{x}", x=x) for x in (1, 2, 101)}
        while executor.status("talker").waiting < 3:
            time.sleep(0.001)
        Talker.held.set()
        with pytest.raises(ServiceError, match=r"the log has the details \(request request-101\)"):
            asked.pop(101).result()
        assert [one.result() for one in asked.values()] == [1, 2]
    [together] = [request for request, text in lines() if text == "batch [1, 2, 101]"]
    assert sorted(together.split(",")) == ["request-1", "request-101", "request-2"]
    [failed] = [request for request, text in lines() if "talker.says failed" in text]
    assert failed == "request-101"
    assert ("talker", "says", 3) in ears.heard


def test_an_observer_hears_of_loads_and_of_calls_on_the_device(executor):
    executor.observer = ears = Ears()
    ask(executor, "say", "", x=1)
    executor.close()
    assert ears.heard == [("talker", True), ("talker", "say", 1)]


def test_an_observer_that_fails_fails_no_call(executor):
    class Deaf(Observer):
        def ran(self, *_):
            raise RuntimeError("deaf")

        loaded = ran

    executor.observer = Deaf()
    assert ask(executor, "say", "", x=1) == 1


def test_a_call_outside_of_requests_gets_an_id_when_it_fails(executor, lines):
    with pytest.raises(ServiceError) as error:
        executor.call("talker", "says", {"x": 101})
    [failed] = [request for request, text in lines() if "talker.says failed" in text]
    assert f"(request {failed})" in str(error.value)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InputError("x"), "input_error"),
        (BusyError("x"), "busy"),
        (CallTimeoutError("x"), "timeout"),
        (CallerGoneError("x"), "cancelled"),
        (CheckpointError("x"), "error"),
        (ZeroDivisionError("x"), "error"),
    ],
)
def test_each_error_has_its_word(error, outcome):
    assert outcome_of(error) == outcome
