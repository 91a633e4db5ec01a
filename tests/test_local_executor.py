import contextlib
import contextvars
import gc
import logging
import random
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hub.endpoints import Progress, endpoint, endpoints_of
from hub.errors import (
    BusyError,
    CallerGoneError,
    CallTimeoutError,
    CheckpointError,
    DeviceMemoryError,
    InputError,
    NotFoundError,
    PluginError,
    ServiceError,
    SettingsError,
)
from hub.executors import ServiceSource
from hub.executors.callers import Caller, calling_for
from hub.executors.local import LocalExecutor
from hub.executors.memory import resolve_device, tensor_bytes


class Waves:
    """A service whose calls can be watched and held up."""

    def __init__(self) -> None:
        self.gate = threading.Event()  # `hold` waits for it
        self.held = threading.Event()  # set when `hold` runs
        self.batches: list[list[int]] = []
        self.order: list[int] = []  # of the calls of `double`
        self.running = 0
        self.most_running = 0

    @endpoint
    def double(self, x: int) -> int:
        """Return twice x."""
        self.order.append(x)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        time.sleep(0.001)
        self.running -= 1
        return 2 * x

    @endpoint(timeout=10)
    def hold(self) -> str:
        """Run until the gate opens."""
        self.held.set()
        self.gate.wait(10)
        return "held"

    @endpoint(timeout=0.15)
    def hang(self) -> str:
        """Run until the gate opens, against a short limit."""
        self.held.set()
        self.gate.wait(10)
        return "late"

    @endpoint(max_batch=8)
    def doubles(self, x: list[int]) -> list[int]:
        """Return twice each x; 13 fails alone, 14 fails its batch, 15 is refused."""
        self.batches.append(x)
        if 14 in x:
            raise ZeroDivisionError("14")
        if 15 in x:
            raise InputError("x must not be 15", "x")
        return [ValueError("13") if one == 13 else 2 * one for one in x]

    @endpoint(max_batch=8, timeout=0.8)
    def slow(self, x: list[int]) -> list[int]:
        """Take half a second."""
        self.batches.append(x)
        time.sleep(0.5)
        return x

    @endpoint(max_batch=8)
    def short(self, x: list[int]) -> list[int]:
        """Return one item too few."""
        return x[1:]

    @endpoint
    def fail(self, kind: str) -> int:
        """Raise an error of that kind."""
        raise {"input": InputError("kind must be better", "kind"), "exit": SystemExit("out")}.get(
            kind, RuntimeError("secret /srv/models")
        )

    @endpoint(timeout=10)
    def steps(self, count: int, progress: Progress) -> int:
        """Report `count` steps of 20 ms."""
        for step in range(count):
            time.sleep(0.02)
            progress(step / count, f"step {step}")
        return count

    @endpoint(timeout=0.1)
    def endless(self, progress: Progress) -> int:
        """Report progress until the hub ends it."""
        while True:
            time.sleep(0.005)
            progress(0.5)


class Trees:
    """A second service."""

    @endpoint
    def grow(self, x: int = 1) -> int:
        """Return x + 1."""
        return x + 1


def source(demo, load, kind=None):
    described = endpoints_of(kind or load)
    return ServiceSource(demo, lambda device: load(), lambda: described)


@pytest.fixture
def waves():
    return Waves()


@pytest.fixture
def open_executor():
    """Return a function that makes executors, which are closed when the test ends."""
    opened = []

    def make(*sources, **settings):
        settings = {"device": "cpu", "grace": 0.02, **settings}
        opened.append(LocalExecutor({one.demo: one for one in sources}, **settings))
        return opened[-1]

    yield make
    for executor in opened:
        executor.close(timeout=1)


@pytest.fixture
def executor(open_executor, waves):
    return open_executor(source("waves", lambda: waves, Waves), source("trees", Trees))


def together(*calls):
    """Run functions at once, each in a thread; return what each returns or raises."""

    def outcome(call):
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


class Held:
    """Holds the device until the block ends, so that calls gather behind it."""

    def __init__(self, executor, waves):
        self.executor, self.waves = executor, waves

    def __enter__(self):
        self.waves.gate.clear()
        self.waves.held.clear()
        self.thread = threading.Thread(target=self.executor.call, args=("waves", "hold", {}))
        self.thread.start()
        assert self.waves.held.wait(5)

    def __exit__(self, *_):
        self.waves.gate.set()
        self.thread.join()


def wait_for(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.002)


def gathered(executor, waves, values, name="doubles"):
    """Return the outcomes of calls that gather while the device is held."""
    before = executor.status("waves").calls
    outcomes = []
    with ThreadPoolExecutor(1) as pool:
        with Held(executor, waves):
            calls = [lambda x=x: executor.call("waves", name, {"x": x}) for x in values]
            all_at_once = pool.submit(together, *calls)
            wait_for(lambda: executor.status("waves").calls == before + 1 + len(values))
        outcomes = all_at_once.result()
    return outcomes


# Loading.


def test_a_service_is_loaded_on_first_use_and_once(open_executor):
    loads = []

    def load():
        loads.append(1)
        time.sleep(0.05)
        return Trees()

    executor = open_executor(source("trees", load, Trees))
    assert executor.status("trees").state == "idle" and not loads
    answers = together(*[lambda x=x: executor.call("trees", "grow", {"x": x}) for x in range(20)])
    assert answers == list(range(1, 21)) and len(loads) == 1
    assert executor.status("trees").state == "ready"


def test_one_service_loads_while_another_answers(open_executor):
    gate = threading.Event()
    slow = source("slow", lambda: gate.wait(10) and Trees(), Trees)
    executor = open_executor(slow, source("trees", Trees))
    waiting = threading.Thread(target=executor.call, args=("slow", "grow", {"x": 1}))
    waiting.start()
    assert executor.call("trees", "grow", {"x": 1}) == 2
    assert executor.status("slow").state == "loading"
    gate.set()
    waiting.join()


def test_a_restored_checkpoint_is_loaded_by_the_next_call(open_executor):
    found = []

    def load():
        if not found:
            raise CheckpointError("checkpoints/trees has no model.safetensors")
        return Trees()

    executor = open_executor(source("trees", load, Trees))
    with pytest.raises(CheckpointError, match="has no model.safetensors"):
        executor.call("trees", "grow", {"x": 1})
    assert executor.status("trees").state == "failed"
    assert "has no model.safetensors" in executor.status("trees").reason
    found.append(1)
    assert executor.call("trees", "grow", {"x": 1}) == 2
    assert executor.status("trees").reason == ""


def test_a_service_that_cannot_be_made_fails_for_all_who_wait_and_for_a_while(
    open_executor, monkeypatch, caplog
):
    loads = []

    def load():
        loads.append(1)
        time.sleep(0.05)
        raise KeyError("secret /srv/models")

    executor = open_executor(source("trees", load, Trees))
    call = lambda: executor.call("trees", "grow", {"x": 1})  # noqa: E731
    errors = together(call, call, call)
    assert {type(error) for error in errors} == {ServiceError} and len(loads) == 1
    assert "its model could not be loaded; the log has the details (request" in str(errors[0])
    assert "secret" not in str(errors[0]) and "secret" in caplog.text
    together(call)
    assert len(loads) == 1
    monkeypatch.setattr("hub.executors.local.REMEMBERED", 0.0)
    together(call)
    assert len(loads) == 2


def test_a_plugins_error_at_load_is_told_as_a_service_error(open_executor):
    def load():
        raise PluginError("waves.service:Waves cannot be imported")

    with pytest.raises(ServiceError, match="cannot be imported"):
        open_executor(source("trees", load, Trees)).call("trees", "grow", {})


def test_an_unknown_demo_or_endpoint_is_named(executor):
    with pytest.raises(NotFoundError, match="no demo 'rocks'; installed: trees, waves"):
        executor.call("rocks", "grow", {})
    with pytest.raises(NotFoundError, match="trees has no endpoint 'fell'"):
        executor.call("trees", "fell", {})


# Turns.


def test_one_call_runs_at_a_time(executor, waves):
    together(*[lambda x=x: executor.call("waves", "double", {"x": x}) for x in range(20)])
    assert waves.most_running == 1


def test_calls_run_in_the_order_in_which_they_came(executor, waves):
    threads = []

    def call(number):
        executor.call("waves", "double", {"x": number})

    executor.call("waves", "double", {"x": 0})
    waves.order.clear()
    with Held(executor, waves):
        for number in range(5):
            threads.append(threading.Thread(target=call, args=(number,)))
            threads[-1].start()
            wait_for(lambda n=number: executor.status("waves").calls == n + 3)
    for thread in threads:
        thread.join()
    assert waves.order == [0, 1, 2, 3, 4]


def test_a_long_call_lets_short_ones_go_first_while_it_reports(executor):
    done = []

    def run(name, demo, method, **arguments):
        executor.call(demo, method, arguments)
        done.append(name)

    executor.call("trees", "grow", {})
    long = threading.Thread(target=run, args=("long", "waves", "steps"), kwargs={"count": 20})
    long.start()
    time.sleep(0.05)
    run("short", "trees", "grow", x=1)
    long.join()
    assert done == ["short", "long"]


def test_several_long_calls_all_end(executor):
    calls = [lambda: executor.call("waves", "steps", {"count": 5}) for _ in range(6)]
    assert together(*calls) == [5] * 6


def test_progress_reaches_the_caller_in_its_context(executor):
    event = contextvars.ContextVar("event")  # as gradio's progress bar finds its event
    event.set("mine")
    told = []
    executor.call("waves", "steps", {"count": 2}, lambda *what: told.append((*what, event.get())))
    assert told == [(0.0, "step 0", "mine"), (0.5, "step 1", "mine")]


def test_a_broken_progress_bar_does_not_break_the_call(executor):
    def broken(fraction, message=""):
        raise OSError("the browser went away")

    assert executor.call("waves", "steps", {"count": 2}, broken) == 2


def test_a_call_within_a_call_is_refused_and_does_not_wait_for_itself(executor):
    within = []

    def nested(fraction, message=""):
        try:
            executor.call("trees", "grow", {})
        except ServiceError as error:
            within.append(str(error))

    assert executor.call("waves", "steps", {"count": 1}, nested) == 1
    assert "trees.grow was called through the hub by a call that has the device" in within[0]


# Batches.


def test_calls_that_come_together_become_one(executor, waves):
    assert gathered(executor, waves, range(8)) == [2 * x for x in range(8)]
    assert [sorted(batch) for batch in waves.batches] == [list(range(8))]


def test_a_batch_is_no_larger_than_its_limit(executor, waves):
    assert gathered(executor, waves, range(12)) == [2 * x for x in range(12)]
    assert [len(batch) for batch in waves.batches] == [8, 4]


def test_a_lone_caller_does_not_wait_for_company(open_executor, waves):
    executor = open_executor(source("waves", lambda: waves, Waves), window=1.0)
    executor.call("waves", "doubles", {"x": 0})
    began = time.monotonic()
    for x in range(10):
        executor.call("waves", "doubles", {"x": x})
    assert time.monotonic() - began < 0.5


def test_where_many_came_the_next_batch_waits_a_moment_for_them(open_executor, waves):
    executor = open_executor(source("waves", lambda: waves, Waves), window=0.5)
    gathered(executor, waves, range(8))
    executor_calls = [lambda x=x: executor.call("waves", "doubles", {"x": x}) for x in range(8)]
    together(*executor_calls)
    assert [len(batch) for batch in waves.batches] == [8, 8]


def test_an_exception_in_the_list_fails_its_item_only(executor, waves):
    first, bad, last = gathered(executor, waves, [1, 13, 2])
    assert (first, last) == (2, 4)
    assert isinstance(bad, ServiceError) and isinstance(bad.__cause__, ValueError)
    assert len(waves.batches) == 1


def test_where_a_batch_raises_only_the_bad_item_fails(executor, waves):
    values = [1, 2, 14, 3, 15, 4]
    outcomes = gathered(executor, waves, values)
    assert [x for x in outcomes if isinstance(x, int)] == [2, 4, 6, 8]
    assert type(outcomes[2]) is ServiceError
    assert type(outcomes[4]) is InputError and outcomes[4].argument == "x"


def test_a_list_of_the_wrong_length_is_the_plugins_fault(executor, waves):
    outcomes = gathered(executor, waves, [1, 2], "short")
    assert all("waves.short must return a list of 1" in str(error) for error in outcomes)


# Errors.


def test_an_unexpected_error_is_named_in_the_log_by_its_request(executor, caplog):
    with pytest.raises(ServiceError, match="waves.fail failed inside the model") as error:
        executor.call("waves", "fail", {"kind": "other"})
    assert "secret" not in str(error.value)
    number = str(error.value).split("request ")[1].rstrip(")")
    assert number in caplog.text and "RuntimeError: secret /srv/models" in caplog.text


def test_a_refused_argument_passes_through_and_counts_as_no_error(executor):
    with pytest.raises(InputError, match="kind must be better"):
        executor.call("waves", "fail", {"kind": "input"})
    assert executor.status("waves").errors == 0


def test_a_service_that_exits_does_not_end_the_hub(executor):
    with pytest.raises(ServiceError):
        executor.call("waves", "fail", {"kind": "exit"})
    assert executor.call("waves", "double", {"x": 1}) == 2
    assert executor.status("waves").errors == 1


def test_more_callers_than_may_wait_are_told_so(open_executor, waves):
    executor = open_executor(source("waves", lambda: waves, Waves), max_waiting=2)
    executor.call("waves", "double", {"x": 0})
    outcomes = gathered_over_the_limit(executor, waves)
    assert sorted(type(one).__name__ for one in outcomes) == ["BusyError"] * 3 + ["int"] * 2
    assert "waves is busy: 2 calls are waiting; try again" in str(
        next(one for one in outcomes if isinstance(one, BusyError))
    )
    assert executor.call("waves", "double", {"x": 1}) == 2


def gathered_over_the_limit(executor, waves):
    with ThreadPoolExecutor(1) as pool:
        with Held(executor, waves):
            calls = [lambda: executor.call("waves", "double", {"x": 0})] * 5
            all_at_once = pool.submit(together, *calls)
            time.sleep(0.1)
        return all_at_once.result()


# Time limits.


def test_a_hanging_call_is_given_up_at_once_and_others_go_on(executor, waves, caplog):
    executor.call("waves", "double", {"x": 0})
    began = time.monotonic()
    with pytest.raises(CallTimeoutError, match="waves.hang took longer than 0.15 s and was given"):
        executor.call("waves", "hang", {})
    assert time.monotonic() - began < 1
    assert executor.call("trees", "grow", {"x": 1}) == 2  # although the first still hangs
    wait_for(lambda: "waves.hang still runs 0.02 s after its time limit" in caplog.text)
    waves.gate.set()


def test_a_service_that_hangs_again_and_again_is_refused_until_it_ends(executor, waves):
    executor.call("waves", "double", {"x": 0})
    for _ in range(2):
        waves.held.clear()
        with pytest.raises(CallTimeoutError):
            executor.call("waves", "hang", {})
        executor.call("trees", "grow", {})
    with pytest.raises(ServiceError, match="waves hangs: 2 calls ran over their time limit"):
        executor.call("waves", "double", {"x": 1})
    assert executor.status("waves").state == "failed"
    waves.gate.set()
    wait_for(lambda: executor.status("waves").state == "ready")
    assert executor.call("waves", "double", {"x": 1}) == 2


def test_waiting_counts_towards_the_time_limit(executor, waves):
    with Held(executor, waves):
        with pytest.raises(CallTimeoutError, match="did not start within 0.15 s because others"):
            executor.call("waves", "hang", {})
    waves.held.clear()
    assert executor.call("waves", "double", {"x": 1}) == 2
    assert not waves.held.is_set()  # nobody waits for it: it is not run


def test_so_does_loading(open_executor, waves):
    gate = threading.Event()
    executor = open_executor(source("waves", lambda: gate.wait(10) and waves, Waves))
    with pytest.raises(CallTimeoutError, match="because its model is loading"):
        executor.call("waves", "hang", {})
    gate.set()
    assert executor.call("waves", "double", {"x": 1}) == 2


def test_a_call_that_reports_ends_when_nobody_waits_for_it(executor):
    with pytest.raises(CallTimeoutError):
        executor.call("waves", "endless", {})
    began = time.monotonic()
    assert executor.call("trees", "grow", {"x": 1}) == 2
    assert time.monotonic() - began < 1
    assert executor.status("waves").errors == 1


def test_one_of_a_batch_may_give_up_alone(executor, waves):
    def slow(x, after):
        time.sleep(after)
        return executor.call("waves", "slow", {"x": x})

    executor.call("waves", "double", {"x": 0})
    with ThreadPoolExecutor(1) as pool:
        with Held(executor, waves):
            outcomes = pool.submit(together, lambda: slow(1, 0), lambda: slow(2, 0.4))
            time.sleep(0.5)
        first, second = outcomes.result()
    assert isinstance(first, CallTimeoutError) and second == 2
    assert waves.batches == [[1, 2]]


# Callers that hang up.


def calling(executor, caller, endpoint, **arguments):
    with calling_for(caller):
        return executor.call("waves", endpoint, arguments)


def test_a_call_whose_caller_hangs_up_ends_when_it_next_reports(executor):
    caller = Caller()
    executor.call("waves", "double", {"x": 0})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(calling, executor, caller, "steps", count=400)
        time.sleep(0.1)
        caller.hang_up()
        with pytest.raises(CallerGoneError, match="the caller hung up before the answer"):
            running.result(1)
    began = time.monotonic()
    assert executor.call("trees", "grow", {"x": 1}) == 2
    assert time.monotonic() - began < 1
    assert executor.status("waves").errors == 0


def test_a_call_whose_caller_hangs_up_before_its_turn_is_not_run(executor, waves):
    caller = Caller()
    with Held(executor, waves), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(calling, executor, caller, "double", x=7)
        wait_for(lambda: executor._slots["waves"].waiting == 1)
        caller.hang_up()
        with pytest.raises(CallerGoneError):
            waiting.result(1)
        assert executor._slots["waves"].waiting == 0
    assert executor.call("waves", "double", {"x": 1}) == 2
    assert waves.order == [1]


def test_who_has_hung_up_already_gets_no_answer(executor):
    caller = Caller()
    caller.hang_up(BusyError("we are closing"))
    with pytest.raises(BusyError, match="we are closing"):
        calling(executor, caller, "double", x=1)


def test_a_call_that_nobody_waits_for_keeps_the_device_until_its_time_limit(executor, waves):
    caller = Caller()
    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(calling, executor, caller, "hold")
        assert waves.held.wait(5)
        caller.hang_up()
        with pytest.raises(CallerGoneError):
            held.result(1)
        behind = pool.submit(executor.call, "trees", "grow", {"x": 1})
        time.sleep(0.2)
        assert not behind.done()
        waves.gate.set()
        assert behind.result(1) == 2


# What the system may refuse.


def test_an_error_of_the_hub_s_own_fails_the_call_and_not_the_device_s_thread(
    executor, monkeypatch
):
    executor.call("waves", "double", {"x": 0})
    with monkeypatch.context() as patch:
        patch.setattr(executor._answers, "answer", lambda *_: [][0])
        with pytest.raises(ServiceError, match="waves.doubles failed; the log has the details"):
            executor.call("waves", "doubles", {"x": 1})
    assert executor.call("waves", "doubles", {"x": 1}) == 2
    assert executor._slots["waves"].waiting == executor._slots["waves"].jobs == 0


@pytest.mark.parametrize("loaded", [False, True])
def test_a_call_is_told_to_come_back_where_no_thread_can_be_started(
    open_executor, waves, monkeypatch, loaded
):
    executor = open_executor(source("waves", lambda: waves, Waves))
    if loaded:  # then it is the device's thread that cannot be started, else the loader's
        executor._slots["waves"].service = waves

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(BusyError, match="no more threads; try again in a moment"):
            executor.call("waves", "doubles", {"x": 1})
    assert executor.call("waves", "doubles", {"x": 2}) == 4
    assert waves.batches == [[2]]
    wait_for(lambda: executor._slots["waves"].jobs == 0)
    assert executor._slots["waves"].waiting == 0


# Closing.


def test_closing_finishes_what_runs_and_refuses_the_rest(open_executor, waves):
    executor = open_executor(source("waves", lambda: waves, Waves))
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(executor.call, "waves", "hold", {})
        assert waves.held.wait(5)
        closing = pool.submit(executor.close)
        wait_for(lambda: executor._closing)
        with pytest.raises(BusyError, match="the hub is closing"):
            executor.call("waves", "double", {"x": 1})
        waves.gate.set()
        assert running.result() == "held"
        closing.result()
    assert executor.status("waves").state == "idle"
    executor.close()


def test_closing_waits_only_so_long(open_executor, waves):
    executor = open_executor(source("waves", lambda: waves, Waves))
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(executor.call, "waves", "hold", {})
        assert waves.held.wait(5)
        waiting = pool.submit(executor.call, "waves", "double", {"x": 1})
        wait_for(lambda: executor.status("waves").calls == 2)
        executor.close(timeout=0.05)
        waves.gate.set()
        assert running.result() == "held"
        assert isinstance(waiting.exception(5), BusyError)


def test_a_closed_executor_leaves_no_thread(open_executor):
    before = threading.active_count()
    executor = open_executor(source("trees", Trees))
    executor.call("trees", "grow", {})
    executor.close()
    wait_for(lambda: threading.active_count() == before)


# Memory.


class Weights:
    """A service of 1 MB."""

    alive: weakref.WeakSet["Weights"]

    def __init__(self) -> None:
        self.weight = np.zeros(1_000_000, np.uint8)
        self.alive.add(self)

    @endpoint
    def size(self) -> int:
        """Return the bytes."""
        return self.weight.nbytes

    @endpoint
    def fill(self, count: int) -> int:
        """Run out of memory while another service of 1 MB is loaded."""
        if len(self.alive) > 1:
            raise MemoryError("out of memory")
        if count > 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return count


@pytest.fixture(autouse=True)
def none_alive(monkeypatch):
    monkeypatch.setattr(Weights, "alive", weakref.WeakSet(), raising=False)


@pytest.fixture
def three(open_executor):
    """Three services of 1 MB, with a budget of 2.5 MB."""
    sources = [source(name, Weights) for name in ("one", "two", "three")]
    return open_executor(*sources, memory_budget=2_500_000)


def loaded(executor):
    return {name for name in ("one", "two", "three") if executor.status(name).loaded_bytes}


def test_the_least_recently_used_makes_room(three):
    for name in ("one", "two", "one", "three"):
        three.call(name, "size", {})
    wait_for(lambda: loaded(three) == {"one", "three"})
    assert three.status("two").state == "idle" and len(Weights.alive) == 2
    three.call("two", "size", {})
    wait_for(lambda: loaded(three) == {"three", "two"})


def test_what_runs_is_never_dropped(open_executor, waves):
    big = [source(name, Weights) for name in ("one", "two", "three")]
    held = source("waves", lambda: waves, Waves)
    waves.weight = np.zeros(1_000_000, np.uint8)
    executor = open_executor(held, *big, memory_budget=1)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(executor.call, "waves", "hold", {})
        assert waves.held.wait(5)
        waiting = [threading.Thread(target=executor.call, args=(n, "size", {})) for n in ("one",)]
        waiting[0].start()
        wait_for(lambda: executor.status("one").state == "ready")
        assert executor.status("waves").loaded_bytes == 1_000_000
        waves.gate.set()
        assert running.result() == "held"
        waiting[0].join()


def test_out_of_memory_drops_others_and_tries_again(three):
    three.call("two", "size", {})
    assert three.call("one", "fill", {"count": 1}) == 1
    assert loaded(three) == {"one"}


def test_out_of_memory_twice_says_what_to_do(three):
    with pytest.raises(DeviceMemoryError, match="cpu has no room for this call of one.fill; ask"):
        three.call("one", "fill", {"count": 2})
    assert three.call("one", "size", {}) == 1_000_000


def test_a_load_out_of_memory_drops_others_and_tries_again(open_executor):
    def load():
        if Weights.alive:
            raise MemoryError
        return Weights()

    executor = open_executor(source("one", Weights), source("two", load, Weights))
    executor.call("one", "size", {})
    assert executor.call("two", "size", {}) == 1_000_000
    assert loaded_of(executor, "one") == 0


def loaded_of(executor, name):
    return executor.status(name).loaded_bytes


def test_a_model_too_large_to_load_says_what_to_do(open_executor):
    def load():
        raise MemoryError

    with pytest.raises(DeviceMemoryError, match="no room for the model of one; use a larger one"):
        open_executor(source("one", load, Weights)).call("one", "size", {})


def test_a_batch_out_of_memory_goes_on_in_smaller_ones(open_executor, waves):
    class Narrow(Waves):
        @endpoint(max_batch=8)
        def doubles(self, x: list[int]) -> list[int]:
            """Return twice each x, with room for two."""
            self.batches.append(x)
            if len(x) > 2:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return [2 * one for one in x]

    service = Narrow()
    executor = open_executor(source("waves", lambda: service, Narrow))
    assert gathered(executor, service, range(8)) == [2 * x for x in range(8)]
    assert [len(batch) for batch in service.batches] == [8, 4, 2, 2, 4, 2, 2]


@pytest.mark.parametrize("fails", [False, True])
def test_arguments_are_let_go_after_the_call_without_the_garbage_collector(executor, fails):
    class Large:
        def __add__(self, other: int) -> int:
            if fails:
                raise InputError("x is refused", "x")
            return other

    def call_once():
        argument = Large()
        with contextlib.suppress(InputError):
            executor.call("trees", "grow", {"x": argument})
        return weakref.ref(argument)

    gc.disable()
    try:
        held = call_once()
        wait_for(lambda: held() is None)
    finally:
        gc.enable()


def test_tensor_bytes_counts_each_memory_once():
    torch = pytest.importorskip("torch")

    class Service:
        def __init__(self) -> None:
            self.model = torch.nn.Sequential(torch.nn.Linear(10, 10), torch.nn.BatchNorm1d(10))
            self.tied = [self.model[0].weight, {"view": self.model[0].weight.view(-1)}]
            self.codes = np.zeros((5, 8), np.float32)
            self.first = self.codes[:2]
            self.me = self

    linear, norm = 4 * (100 + 10), 4 * (10 + 10 + 10 + 10) + 8
    assert tensor_bytes(Service()) == linear + norm + 4 * 40


# Torch.


def test_calls_run_in_inference_mode(open_executor):
    torch = pytest.importorskip("torch")

    class Model:
        """A model."""

        def __init__(self) -> None:
            self.layer = torch.nn.Linear(2, 2)

        @endpoint
        def mode(self) -> bool:
            """Tell whether gradients are off, and can be had."""
            y = self.layer(torch.ones(2))
            with torch.inference_mode(False), torch.enable_grad():
                self.layer(torch.ones(2)).sum().backward()
            return y.is_inference() and self.layer.weight.grad is not None

    executor = open_executor(source("model", Model))
    assert executor.call("model", "mode", {}) is True
    assert executor.status("model").loaded_bytes >= 24


def test_seeded_calls_do_not_depend_on_others(open_executor):
    torch = pytest.importorskip("torch")

    class Noise:
        """Noise."""

        @endpoint
        def draw(self, seed: int) -> float:
            """Draw a number."""
            torch.rand(1)  # somebody else's use of the global generator
            return torch.rand(1, generator=torch.Generator().manual_seed(seed)).item()

    executor = open_executor(source("noise", Noise))
    draws = together(*[lambda: executor.call("noise", "draw", {"seed": 7}) for _ in range(20)])
    assert len(set(draws)) == 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_real_lack_of_memory_is_recognised(open_executor, device):
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")

    class Large:
        """Large."""

        @endpoint
        def fill(self, gigabytes: int) -> int:
            """Ask the device for that much."""
            return torch.empty(gigabytes * 10**9, dtype=torch.uint8, device=device).nbytes

    executor = open_executor(source("large", Large), device=device)
    with pytest.raises(DeviceMemoryError, match=f"device {device} has no room for this call"):
        executor.call("large", "fill", {"gigabytes": 10**6})
    assert executor.call("large", "fill", {"gigabytes": 0}) == 0


def test_auto_is_a_gpu_if_there_is_one():
    torch = pytest.importorskip("torch")
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


PLAIN = """
import sys
from hub.endpoints import endpoint, endpoints_of
from hub.executors import ServiceSource
from hub.executors.local import LocalExecutor

class Plain:
    @endpoint
    def one(self) -> int:
        "One."
        return 1

source = ServiceSource("plain", lambda device: Plain(), lambda: endpoints_of(Plain))
executor = LocalExecutor({"plain": source}, device="cpu")
assert executor.call("plain", "one", {}) == 1
"""


def test_a_service_without_torch_imports_none():
    code = PLAIN + "assert not {'torch', 'numpy', 'gradio'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_process_ends_although_its_executor_was_not_closed():
    subprocess.run([sys.executable, "-c", PLAIN], check=True, timeout=20)


# Settings.


@pytest.mark.parametrize("device", ["gpu", "cuda:x", ""])
def test_a_device_must_be_one(device):
    with pytest.raises(SettingsError, match="device must be auto, cpu, cuda"):
        LocalExecutor({}, device=device)


def test_a_device_that_is_not_there_is_named(open_executor):
    pytest.importorskip("torch")
    executor = open_executor(source("trees", Trees), device="cuda:99")
    with pytest.raises(ServiceError, match="there is no device 'cuda:99' here; start with"):
        executor.call("trees", "grow", {})


@pytest.mark.parametrize("variable", ["LATENTHUB_MEMORY_GB", "LATENTHUB_MAX_WAITING"])
@pytest.mark.parametrize("value", ["much", "-1", "0", "nan", "inf"])
def test_a_wrong_variable_is_named(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"{variable} must be a positive number, got '{value}'"):
        LocalExecutor({})


def test_variables_set_the_limits(monkeypatch):
    monkeypatch.setenv("LATENTHUB_MEMORY_GB", "1.5")
    monkeypatch.setenv("LATENTHUB_MAX_WAITING", "7")
    executor = LocalExecutor({}, device="cpu")
    assert executor._models.budget == 1_500_000_000 and executor._max_waiting == 7


# All at once.


class Chaos:
    """A service that fails in every way, at random."""

    def __init__(self) -> None:
        self.weight = np.zeros(1_000_000, np.uint8)

    @endpoint(timeout=5)
    def single(self, x: int) -> int:
        """Return x, or fail."""
        return misbehave(x)

    @endpoint(max_batch=16, timeout=5)
    def many(self, x: list[int]) -> list[int]:
        """Return each x, or fail."""
        return [ValueError("item") if one % 11 == 0 else misbehave(one) for one in x]

    @endpoint(timeout=5)
    def long(self, x: int, progress: Progress) -> int:
        """Report, and return x."""
        for step in range(3):
            time.sleep(0.0005)
            progress(step / 3)
        return misbehave(x)

    @endpoint(timeout=0.05)
    def late(self, x: int) -> int:
        """Return x, some of them too late."""
        time.sleep(0.08 if x % 29 == 0 else 0)
        return x


def misbehave(x):
    if x % 13 == 0:
        raise RuntimeError(f"{x}")
    if x % 17 == 0:
        raise InputError("x is refused", "x")
    if x % 53 == 0:
        raise MemoryError
    return x


def test_a_hundred_threads_of_mixed_calls_each_get_their_own_answer(open_executor):
    logging.getLogger("hub.executors").setLevel(logging.CRITICAL)
    gc.freeze()  # each dropped service collects garbage: of what this test makes is enough
    sources = [source(name, Chaos) for name in ("one", "two", "three")]
    executor = open_executor(*sources, memory_budget=2_500_000, window=0.001)

    def call(number):
        chance = random.Random(number)
        for _ in range(15):
            demo, method = chance.choice(["one", "two", "three"]), chance.choice(list(methods))
            x = chance.randrange(1, 1000)
            try:
                assert executor.call(demo, method, {"x": x}) == x
            except (ServiceError, InputError):
                pass

    methods = endpoints_of(Chaos)
    began = time.monotonic()
    try:
        assert together(*[lambda n=n: call(n) for n in range(100)]) == [None] * 100
    finally:
        logging.getLogger("hub.executors").setLevel(logging.NOTSET)
        gc.unfreeze()
    assert time.monotonic() - began < 30  # none hangs
    wait_for(lambda: all(not slot.jobs and not slot.waiting for slot in executor._slots.values()))
    assert sum(executor.status(name).calls for name in ("one", "two", "three")) <= 1500
    assert executor.call("one", "single", {"x": 1}) == 1
