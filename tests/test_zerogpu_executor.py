"""The ZeroGPU executor with the real `spaces` package: where no GPU is lent, and where one is.

There is no GPU here. What lends them is a server of the tests (tests/zerogpu), and torch is hidden,
so that `spaces` forks its processes and moves no tensors; the rest is as on a Space.
"""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub import logs
from hub.endpoints import endpoint, endpoints_of
from hub.errors import (
    BusyError,
    CallerGoneError,
    CallTimeoutError,
    HubError,
    ServiceError,
    SettingsError,
)
from hub.executors import ServiceSource
from hub.executors.callers import Caller, calling_for
from hub.executors.registry import executor_factory
from hub.executors.zerogpu import ZeroGpuExecutor

pytest.importorskip("spaces")
HERE = Path(__file__).parent


class Clerk:
    """A process that makes calls through the executor."""

    def __init__(self, folder, **environment):
        self.late = folder / "late"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zerogpu.clerk"],
            cwd=folder,
            env={
                **os.environ,
                "HOME": str(folder),
                "PYTHONPATH": str(HERE),
                "TORCH": "hidden",
                "LATE": str(self.late),
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("w"),
            text=True,
        )
        self.log = folder / "log"
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.first = json.loads(line)

    def call(self, endpoint, demo="clock", **arguments):
        asked = {"demo": demo, "endpoint": endpoint, "arguments": arguments}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def lender():
    sys.path.insert(0, str(HERE))
    from zerogpu import Lender

    with Lender() as server:
        yield server
    sys.path.remove(str(HERE))


@pytest.fixture(scope="module")
def lent_clerk(lender, tmp_path_factory):
    clerk = Clerk(
        tmp_path_factory.mktemp("zero"),
        SPACES_ZERO_GPU="true",
        SPACES_ZERO_DEVICE_API_URL=lender.url,
    )
    yield clerk
    clerk.close()


@pytest.fixture(scope="module")
def plain_clerk(tmp_path_factory):
    clerk = Clerk(tmp_path_factory.mktemp("plain"), SPACES_ZERO_GPU="")
    yield clerk
    clerk.close()


@pytest.fixture(params=["lent", "plain"])
def clerk(request, lender):
    """A clerk where GPUs are lent, and one where none is."""
    lender.mood = "lends"
    return request.getfixturevalue(f"{request.param}_clerk")


# What holds in both places.


def test_an_endpoint_answers(clerk):
    assert clerk.call("add", a=2, b=3)["value"] == 5


def test_a_batched_endpoint_gets_a_list_of_one(clerk):
    assert clerk.call("doubles", x=4)["value"] == 8
    told = clerk.call("doubles", x=13)
    assert told["kind"] == "ServiceError" and "failed inside the model" in told["error"]
    assert "must return a list of 1" in clerk.call("short", x=4)["error"]


def test_progress_arrives_in_order(clerk):
    told = clerk.call("steps", count=3)
    assert told["value"] == 3
    assert told["progress"] == [[0.0, "step 0"], [1 / 3, "step 1"], [2 / 3, "step 2"]]


def test_errors_come_back_as_what_they_are(clerk):
    told = clerk.call("fail", kind="input")
    assert (told["kind"], told["error"], told["argument"]) == (
        "InputError",
        "kind must be better",
        "kind",
    )
    told = clerk.call("fail", kind="memory")
    assert told["kind"] == "DeviceMemoryError" and "no room for this call" in told["error"]


def test_a_fault_inside_is_told_without_its_details(clerk):
    told = clerk.call("fail", kind="fault")
    assert told["kind"] == "ServiceError" and "clock.fail failed inside the model" in told["error"]
    assert "secret" not in told["error"]
    assert "secret /srv/models" in clerk.log.read_text()


def test_a_service_that_exits_fails_its_call_only(clerk):
    for name, arguments in (("fail", {"kind": "exit"}), ("leave", {})):
        told = clerk.call(name, **arguments)
        assert f"clock.{name} failed inside the model" in told["error"]
    assert clerk.call("add", a=1)["value"] == 2


def test_what_cannot_leave_the_process_is_told(clerk):
    told = clerk.call("fail", kind="lambda")
    assert "what clock.fail returned cannot go to another process" in told["error"]


def test_a_call_is_given_up_at_its_time_limit(clerk):
    for name, arguments in (("endless", {}), ("sleep", {"seconds": 1.6})):
        told = clerk.call(name, **arguments)
        assert told["kind"] == "CallTimeoutError", told
        assert told["error"] == f"clock.{name} took longer than 0.8 s and was given up"
        assert told["seconds"] < 5
    assert clerk.call("add", a=1)["value"] == 2


def test_a_checkpoint_that_comes_later_is_loaded_later(clerk):
    assert clerk.first["status"]["late"]["state"] == "failed"
    told = clerk.call("add", demo="late", a=1)
    assert (told["kind"], told["error"]) == (
        "CheckpointError",
        "there is no checkpoint of 'late'",
    )
    clerk.late.touch()
    assert clerk.call("add", demo="late", a=1)["value"] == 2


def test_names_that_do_not_exist_are_told(clerk):
    assert clerk.call("add", demo="clok", a=1)["error"] == "no demo 'clok'; installed: clock, late"
    assert clerk.call("sub")["error"] == "clock has no endpoint 'sub'"


# Where none is lent.


def test_without_a_lender_calls_run_here_on_the_device_there_is(plain_clerk, lender):
    lender.asked.clear()
    assert plain_clerk.first["device"] == "cpu"
    here = str(plain_clerk.first["pid"])
    assert plain_clerk.call("where")["value"] == ["cpu", here, here]
    assert lender.asked == []


# Where a GPU is lent by the call.


def test_a_call_runs_in_a_process_of_its_own_with_the_model_from_the_start(lent_clerk, lender):
    lender.mood = "lends"
    hub = str(lent_clerk.first["pid"])
    assert lent_clerk.first["device"] == "cuda"
    assert lent_clerk.first["status"]["clock"]["loaded_bytes"] == 4000
    device, loaded_by, answered_by = lent_clerk.call("where")["value"]
    assert (device, loaded_by) == ("cuda", hub) and answered_by != hub
    assert answered_by in lender.processes


def test_a_call_asks_for_the_seconds_its_endpoint_states_and_gives_the_gpu_back(lent_clerk, lender):
    lender.mood = "lends"
    lent_clerk.call("add", a=1)  # those that were given up before are over
    lender.asked.clear()
    lent_clerk.call("add", a=1)
    lent_clerk.call("where")
    assert [one["durationSeconds"] for one in lender.of("/schedule")] == ["8", "60"]
    assert len(lender.of("/release")) == 2


def test_a_call_waits_in_the_lenders_queue(lent_clerk, lender):
    lender.mood = "queues"
    assert lent_clerk.call("add", a=1)["value"] == 2


@pytest.mark.parametrize(
    ("mood", "kind", "words"),
    [
        ("quota", "BusyError", "clock.add got no GPU: Space app has reached its GPU limit"),
        ("full", "BusyError", "clock.add got no GPU: No GPU was available after 60s"),
        ("busy", "BusyError", "clock.add got no GPU: No GPU was available"),
        ("broken", "ServiceError", "clock.add could not run on ZeroGPU; the log has the details"),
    ],
)
def test_a_lender_that_refuses_is_told(lent_clerk, lender, mood, kind, words):
    lender.mood = mood
    told = lent_clerk.call("add", a=1)
    assert told["kind"] == kind and words in told["error"]


def test_a_process_that_is_killed_fails_its_call_only(lent_clerk, lender):
    lender.mood = "lends"
    told = lent_clerk.call("fail", kind="killed")
    assert told["kind"] == "ServiceError"
    assert "clock.fail ended half-way: its process was killed" in told["error"]
    assert lent_clerk.call("add", a=1)["value"] == 2


@pytest.mark.slow
def test_models_of_torch_are_put_aside_for_the_gpu(lender, tmp_path):
    """As far as it goes without a GPU: `spaces` stands in for CUDA until a process wants it."""
    pytest.importorskip("torch")
    lender.mood = "lends"
    environment = {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": lender.url}
    clerk = Clerk(tmp_path, TORCH="for cuda", **environment)
    try:
        assert clerk.first["device"] == "cuda"
        assert clerk.first["status"]["clock"]["state"] == "ready"
        assert clerk.first["status"]["clock"]["loaded_bytes"] == 4000
        told = clerk.call("where")
        assert told["kind"] == "ServiceError"
        assert "clock.where could not run on ZeroGPU" in told["error"]
        assert "in init" in clerk.log.read_text()  # the first thing that asks for the GPU
    finally:
        clerk.close()


@pytest.fixture
def site(lender, small, checkpoints, port, tmp_path):
    """The small plugin, served as on a ZeroGPU Space; its address, and its log."""
    lender.mood = "lends"
    log = tmp_path / "site.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub", "serve", "--only", "small", "--port", str(port)],
            env={
                **os.environ,
                "HOME": str(tmp_path),
                "PYTHONPATH": os.pathsep.join([str(HERE / "zerogpu/without_torch"), str(small)]),
                "SPACES_ZERO_GPU": "true",
                "SPACES_ZERO_DEVICE_API_URL": lender.url,
            },
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    while "Latenthub is on" not in log.read_text():
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/", log
    process.terminate()
    assert process.wait(30) == 0, log.read_text()


def test_a_site_answers_on_lent_gpus(site, lender):
    """Through the whole way: Gradio's queue, a forked process, its progress, files, and errors."""
    from gradio_client import Client

    url, log = site
    lender.asked.clear()
    client = Client(url, headers={"X-IP-Token": "who.e30.asks"}, verbose=False)
    assert client.predict(2, 3, api_name="/small_add") == 5
    [asked] = lender.of("/schedule")
    assert asked["token"] == "who.e30.asks"  # by which ZeroGPU counts a visitor's seconds
    pictures = client.predict(count=2, api_name="/small_draw")
    assert len(pictures) == 2
    job = client.submit(3, api_name="/small_count_down")
    assert job.result() == 0
    with pytest.raises(Exception, match="text must not be 'quiet'"):
        client.predict("quiet", api_name="/small_shout")
    with pytest.raises(Exception, match=r"small.fail failed inside the model; the log has"):
        client.predict(api_name="/small_fail")
    assert "a fault, with /a/path" in log.read_text()
    lender.mood = "quota"
    with pytest.raises(Exception, match="small.add got no GPU: You have exceeded your"):
        client.predict(2, 3, api_name="/small_add")


# In this process.


@pytest.fixture
def executor(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("TORCH", "shown")
    from zerogpu.clerk import Clock, source

    executor = ZeroGpuExecutor({"clock": source("clock", Clock)}, "cpu")
    yield executor
    executor.close()


class Door:
    """A service whose calls wait until it opens."""

    def __init__(self) -> None:
        self.open = threading.Event()

    @endpoint(timeout=20)
    def wait(self) -> str:
        """Wait."""
        assert self.open.wait(20)
        return "through"

    @endpoint(timeout=0.2)
    def hurry(self) -> str:
        """Return at once."""
        return "through"


@pytest.fixture
def door(monkeypatch):
    monkeypatch.setenv("LATENTHUB_MAX_WAITING", "2")
    door = Door()
    source = ServiceSource("door", lambda device: door, lambda: endpoints_of(Door))
    executor = ZeroGpuExecutor({"door": source}, "cpu")
    yield door, executor
    door.open.set()
    executor.close()


def until(wanted, executor):
    """Wait until so many calls have come, and so many of them wait."""
    while (executor.status("door").calls, executor.status("door").waiting) != wanted:
        time.sleep(0.005)


def test_more_calls_than_may_wait_are_refused(door):
    service, executor = door
    with ThreadPoolExecutor(3) as pool:
        slow = []
        for waiting in (0, 1, 2):
            slow.append(pool.submit(executor.call, "door", "wait", {}))
            until((len(slow), waiting), executor)
        with pytest.raises(BusyError, match="door is busy: 2 calls are waiting; try again"):
            executor.call("door", "wait", {})
        service.open.set()
        assert [one.result() for one in slow] == ["through"] * 3
    assert executor.call("door", "hurry", {}) == "through"


def test_a_call_that_does_not_start_in_time_is_told_and_never_runs(door):
    service, executor = door
    heard = []
    executor.observer.ran = lambda *values: heard.append(values[1])
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(executor.call, "door", "wait", {})
        until((1, 0), executor)
        with pytest.raises(CallTimeoutError, match="door.hurry did not start within 0.2 s"):
            executor.call("door", "hurry", {})
        service.open.set()
        assert first.result() == "through"
    executor.close()
    assert heard == ["wait"]


def test_closing_ends_what_runs_and_refuses_the_rest(door):
    service, executor = door
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(executor.call, "door", "wait", {})
        until((1, 0), executor)
        threading.Timer(0.1, service.open.set).start()
        executor.close()
        assert running.result(5) == "through"
    with pytest.raises(BusyError, match="the hub is closing"):
        executor.call("door", "wait", {})


def test_calls_and_errors_are_counted(executor):
    executor.call("clock", "add", {"a": 1, "b": 1})
    for kind in ("input", "fault"):
        with pytest.raises(HubError):
            executor.call("clock", "fail", {"kind": kind})
    status = executor.status("clock")
    assert (status.state, status.calls, status.errors) == ("ready", 3, 1)


def test_an_argument_that_cannot_leave_is_told(executor):
    with pytest.raises(ServiceError, match="an argument of clock.add cannot go to another process"):
        executor.call("clock", "add", {"a": threading.Lock(), "b": 1})
    assert executor.call("clock", "add", {"a": 1, "b": 1}) == 2


def test_a_callers_own_error_in_progress_ends_the_call(executor):
    def stop(fraction, message=""):
        raise BusyError("enough")

    with pytest.raises(BusyError, match="enough"):
        executor.call("clock", "steps", {"count": 3}, stop)


def test_an_observer_hears_how_long_the_device_worked(executor):
    heard = []
    executor.observer.ran = lambda *values: heard.append(values)
    executor.call("clock", "sleep", {"seconds": 0.05})
    [(demo, name, calls, seconds)] = heard
    assert (demo, name, calls) == ("clock", "sleep", 1) and 0.05 <= seconds


def test_the_log_of_a_call_names_its_request(executor, caplog):
    with logs.during(logs.Request("request-of-mine")), pytest.raises(HubError, match="of-mine"):
        executor.call("clock", "fail", {"kind": "fault"})


def test_a_call_is_given_up_when_its_caller_hangs_up(door):
    _, executor = door
    caller = Caller()
    threading.Timer(0.05, caller.hang_up).start()
    with calling_for(caller), pytest.raises(CallerGoneError, match="the caller hung up"):
        executor.call("door", "wait", {})


# Which executor is taken.


def test_a_zerogpu_space_is_found_out(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert executor_factory() is executor_factory("local")
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert executor_factory() is ZeroGpuExecutor
    assert executor_factory("zerogpu") is ZeroGpuExecutor


def test_an_executor_that_is_not_there_is_told(monkeypatch):
    with pytest.raises(SettingsError, match="executor must be auto, local or zerogpu; got 'cloud'"):
        executor_factory("cloud")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'latenthub\[spaces\]'"):
        executor_factory("zerogpu")
