"""What must not take a hub down: over real HTTP, against a hub in a process of its own."""

import asyncio
import collections
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from gradio_client.utils import QueueError

FAULTY = Path(__file__).parent / "faulty"
GIGABYTE = 10**9
pytestmark = pytest.mark.slow


class Served:
    """A hub of the plugins in `faulty`, served by the command line in its own process."""

    def __init__(self, folder, port, memory=0, files=0, **settings):
        self.url = f"http://127.0.0.1:{port}/"
        self.folder = folder
        self.log = folder / f"log-{port}.txt"
        environment = {
            **os.environ,
            "PYTHONPATH": str(FAULTY),
            "LATENTHUB_CHECKPOINTS": str(folder),
            "GRADIO_TEMP_DIR": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
            **settings,
        }

        def limit():
            if memory:
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, 20_000))

        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hub", "serve", "--only", "faulty", "--only", "greedy"]
                + ["--port", str(port)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=limit,
            )
        assert "Latenthub is on" in self.process.stdout.readline(), self.log.read_text()
        self.http = httpx.Client(base_url=f"{self.url}gradio_api/", timeout=60)

    def post(self, api, **arguments):
        """Start a call as curl does; return its event id."""
        answer = self.http.post(f"call/v2/{api}", json=arguments)
        assert answer.status_code == 200, answer.text
        return answer.json()["event_id"]

    def read(self, api, event):
        """Return how a call's stream ends: ("complete", data) or ("error", message)."""
        lines = self.http.get(f"call/v2/{api}/{event}").text.split("\n")
        kind, data = lines[-4].removeprefix("event: "), json.loads(lines[-3].removeprefix("data: "))
        return kind, data if kind == "complete" else data["error"]

    def call(self, api, **arguments):
        return self.read(api, self.post(api, **arguments))

    def seen(self):
        return self.call("faulty_seen")[1][0]

    def works(self):
        """Tell whether a call is answered at once."""
        began = time.monotonic()
        assert self.call("faulty_add", x=1) == ("complete", [2])
        return time.monotonic() - began < 10

    def close(self):
        self.http.close()
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory, unused_port):
    """Return a function that serves a hub of its own; all end with the tests."""
    folder = tmp_path_factory.mktemp("faults")
    for name in ("faulty", "greedy"):
        write_checkpoint(folder / name)
    served = []

    def start(**settings):
        served.append(Served(folder, unused_port(), **settings))
        return served[-1]

    yield start
    for one in served:
        one.close()


def write_checkpoint(folder):
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"demo": folder.name, "format": 1}))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    save_file({"weights": np.zeros(4, np.float32)}, folder / "model.safetensors")


@pytest.fixture(scope="module")
def hub(serve):
    return serve()


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


# A client that hangs up.


@contextlib.contextmanager
def reading(hub, path):
    """Open a stream of answers, and hang up without a word when the block ends."""
    host, port = hub.url[7:-1].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET /gradio_api/{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert b"200 OK" in connection.recv(4096)
        yield


def test_a_running_call_ends_when_its_reader_hangs_up(hub):
    event = hub.post("faulty_work", seconds=20, name="lost")
    with reading(hub, f"call/v2/faulty_work/{event}"):
        time.sleep(0.5)
    assert hub.works()
    assert "lost" in hub.seen()["ended"]
    assert hub.http.get(f"call/v2/faulty_work/{event}").status_code == 404


def test_a_waiting_call_never_starts_when_its_reader_hangs_up(hub):
    first = hub.post("faulty_hold", seconds=1.5, name="first")
    second = hub.post("faulty_work", seconds=1, name="second")
    with reading(hub, f"call/v2/faulty_work/{second}"):
        time.sleep(0.3)
    assert hub.read("faulty_hold", first) == ("complete", [1.5])
    assert "second" not in hub.seen()["started"]


def join(hub, session, **arguments):
    """Start a call as a browser does; return its event id."""
    config = hub.http.get(f"{hub.url}config").json()
    number = next(d["id"] for d in config["dependencies"] if d["api_name"] == "faulty_work")
    body = {"fn_index": number, "session_hash": session, "data": list(arguments.values())}
    return hub.http.post("queue/join", json=body).json()["event_id"]


def test_the_calls_of_a_closed_page_end(hub):
    for name in ("one", "two"):
        join(hub, "a-tab", seconds=20, name=name)
    with reading(hub, "queue/data?session_hash=a-tab"):
        wait_for(lambda: {"one", "two"} <= set(hub.seen()["started"]))
    assert hub.works()
    assert {"one", "two"} <= set(hub.seen()["ended"])


def test_a_cancelled_job_ends_and_its_sibling_is_answered(hub):
    client = Client(hub.url, verbose=False)
    first = client.submit(seconds=20, name="cancelled", api_name="/faulty_work")
    sibling = client.submit(seconds=1, name="sibling", api_name="/faulty_work")
    wait_for(lambda: {"cancelled", "sibling"} <= set(hub.seen()["started"]))
    first.cancel()
    assert sibling.result(timeout=15) == 1
    assert hub.works()
    assert "cancelled" in hub.seen()["ended"]


@pytest.mark.browser
def test_the_call_of_a_closed_tab_ends(hub):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        page = browser.new_page()
        page.goto(f"{hub.url}faulty")
        page.get_by_role("button", name="Work").click()
        wait_for(lambda: "page" in hub.seen()["started"])
        assert "page" not in hub.seen()["ended"]
        page.close()
        wait_for(lambda: "page" in hub.seen()["ended"])
        browser.close()
    assert hub.works()


# More calls than may wait.


async def burst(hub, count, meanwhile=lambda: None):
    """Make calls all at once, and do something else when the first one was refused.

    Return how often each ending was seen, and what else was done.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    base = f"{hub.url}gradio_api/"
    refused = asyncio.Event()
    async with httpx.AsyncClient(base_url=base, timeout=90, limits=limits) as http:

        async def one():
            answer = await http.post("call/v2/faulty_work", json={"seconds": 0})
            if answer.status_code != 200:
                refused.set()
                return answer.status_code, answer.json()["error"]
            stream = await http.get(f"call/v2/faulty_work/{answer.json()['event_id']}")
            refused.set()
            lines = stream.text.split("\n")
            if lines[-4] == "event: complete":
                return "complete"
            return json.loads(lines[-3].removeprefix("data: "))["error"].partition(" (request")[0]

        async def other():
            await refused.wait()
            return await asyncio.to_thread(meanwhile)

        done, *endings = await asyncio.gather(other(), *[one() for _ in range(count)])
    return collections.Counter(endings), done


def test_who_comes_when_too_many_wait_is_told_so_at_once(hub):
    client = Client(hub.url, verbose=False)

    def meanwhile():
        began = time.monotonic()
        assert hub.http.get(hub.url).status_code == 200
        answers = (hub.http.post("call/v2/faulty_add", json={"x": 1}) for _ in range(400))
        assert any(answer.status_code == 503 for answer in answers)  # some had their turn
        with pytest.raises(QueueError, match="Queue is full! Please try again."):
            client.predict(x=1, api_name="/faulty_add")
        release.touch()
        return time.monotonic() - began

    release = hub.folder / "faulty" / "release"
    hub.post("faulty_hold", seconds=30)
    began = time.monotonic()
    endings, seconds = asyncio.run(burst(hub, 600, meanwhile))
    release.unlink()
    busy = (503, "The hub is busy: 200 calls are waiting. Try again in a moment.")
    assert set(endings) == {"complete", busy}
    assert endings["complete"] >= 200 and endings[busy] >= 200
    assert seconds < 20 and time.monotonic() - began < 60
    assert hub.works()
    assert client.predict(x=1, api_name="/faulty_add") == 2


def test_a_demo_with_too_many_waiting_says_so_while_others_answer(serve):
    hub = serve(LATENTHUB_MAX_WAITING="5")
    assert hub.works()
    held = hub.post("faulty_hold", seconds=8)
    time.sleep(0.5)
    endings, _ = asyncio.run(burst(hub, 30))
    assert endings == {
        "complete": 5,
        "faulty is busy: 5 calls are waiting; try again in a moment": 25,
    }
    assert hub.read("faulty_hold", held) == ("complete", [8])
    assert hub.works()


# The end.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_calls_end_and_refuses_new_ones(serve, number):
    hub = serve()
    client = Client(hub.url, verbose=False)
    work = client.submit(seconds=3, name="client", api_name="/faulty_work")
    with ThreadPoolExecutor(1) as pool, reading(hub, "heartbeat/an-open-page"):
        curl = pool.submit(hub.call, "faulty_hold", seconds=2)
        unread = hub.post("faulty_work", seconds=0.1)
        wait_for(lambda: {"client"} <= set(hub.seen()["started"]))
        hub.process.send_signal(number)
        time.sleep(0.3)
        refused = hub.http.post("call/v2/faulty_add", json={"x": 1})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "15")
        assert refused.json()["error"].startswith("The hub is closing and takes no more calls")
        for path in ("", "faulty"):
            page = hub.http.get(hub.url + path)
            assert page.status_code == 503 and "The hub is closing" in page.text
        assert curl.result(20) == ("complete", [2])
        assert work.result(20) == 3
        assert hub.read("faulty_work", unread) == ("complete", [0.1])
        assert hub.process.wait(15) == 0
    assert "Traceback" not in hub.log.read_text()


def test_what_takes_longer_than_the_grace_is_told_that_the_hub_closes(serve):
    hub = serve(LATENTHUB_GRACE="1")
    with ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(hub.call, "faulty_work", seconds=30),
            pool.submit(hub.call, "faulty_hold", seconds=30),
        ]
        time.sleep(2)
        began = time.monotonic()
        hub.process.terminate()
        for call in calls:
            kind, message = call.result(15)
            assert kind == "error" and message.startswith("The hub is closing")
    assert hub.process.wait(20) == 0
    assert time.monotonic() - began < 20


def test_a_second_signal_ends_the_hub_at_once(serve):
    hub = serve()
    hub.post("faulty_hold", seconds=30)
    time.sleep(0.5)
    hub.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    hub.process.send_signal(signal.SIGINT)
    assert hub.process.wait(5) == -signal.SIGINT


# Memory.


def memory_now(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(status.split("VmSize:")[1].split()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")
def test_a_call_or_model_without_room_is_one_clear_error_and_others_go_on(serve):
    hub = serve(memory=16 * GIGABYTE)
    no_room = "device cpu has no room for this call of faulty.{}; ask for less at once"
    for api in ("eat", "eat_tensor"):
        kind, message = hub.call(f"faulty_{api}")
        assert kind == "error" and message.startswith(no_room.format(api))
        assert hub.works()
    kind, message = hub.call("greedy_add")
    assert kind == "error"
    assert message.startswith("device cpu has no room for the model of greedy; use a larger one")
    assert hub.works()
    assert hub.call("faulty_eat", gigabytes=1) == ("complete", [GIGABYTE])


# What a service must not do.


@pytest.mark.parametrize("way", ["exit", "interrupt", "generator"])
def test_a_service_cannot_end_the_hub(hub, way):
    kind, message = hub.call("faulty_leave", way=way)
    assert kind == "error" and message.startswith("faulty.leave failed inside the model; the log")
    assert hub.works()


@pytest.mark.parametrize("api", ["no_picture", "no_json", "half_a_letter", "too_few"])
def test_a_result_that_cannot_be_sent_is_one_clear_error(hub, api):
    kind, message = hub.call(f"faulty_{api}")
    assert kind == "error" and message.startswith(f"faulty.{api} gave what ")
    assert hub.works()


def test_a_hanging_call_is_given_up_and_others_go_on(serve):
    hub = serve()
    assert hub.works()
    kind, message = hub.call("faulty_hang")
    assert kind == "error" and message.startswith("faulty.hang took longer than 0.5 s")
    time.sleep(6)
    assert hub.works()


def press(hub, number):
    """Press a button of the page as a browser does; return what is told."""
    config = hub.http.get(f"{hub.url}config").json()
    numbers = [d["id"] for d in config["dependencies"] if "page-faulty" in str(d["api_name"])]
    body = {"fn_index": numbers[number], "session_hash": f"press-{number}", "data": []}
    assert hub.http.post("queue/join", json=body).status_code == 200
    stream = hub.http.get(f"queue/data?session_hash=press-{number}").text
    done = [json.loads(line[6:]) for line in stream.split("\n\n") if "process_completed" in line]
    return done[0]["output"]["error"]


@pytest.mark.parametrize("number", [1, 2], ids=["leaves", "fails"])
def test_a_page_s_handler_cannot_end_the_hub(hub, number):
    assert press(hub, number).startswith("Something failed inside")
    assert hub.works()


# Slow clients.


def test_slow_clients_do_not_keep_others_waiting(serve):
    """Not even where the system lets a process open few files at once unless it asks for more."""
    hub = serve(files=256)
    host, port = hub.url[7:-1].split(":")
    beginnings = [
        b"GET / HTTP/1.1\r\nHost: hub\r\nX-Slow: ",
        b"POST /gradio_api/call/v2/faulty_add HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\n\r\n{",
        b"POST /gradio_api/upload HTTP/1.1\r\nHost: hub\r\nContent-Length: 1000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n",
    ]
    with contextlib.ExitStack() as stack:
        for i in range(600):
            slow = stack.enter_context(socket.create_connection((host, int(port))))
            slow.sendall(beginnings[i % 3])
        assert hub.works()
        assert hub.http.get(hub.url).status_code == 200


# Two hubs on one machine.


def test_two_hubs_that_share_their_folders_leave_each_other_alone(serve):
    """What one has made and serves is still there when the other, which made the same, ends."""
    first, second = serve(), serve()
    pictures = [hub.call("faulty_picture", shade=77)[1][0] for hub in (first, second)]
    uploads = [
        hub.http.post("upload", files={"files": ("a.png", b"the same")}).json()[0]
        for hub in (first, second)
    ]
    assert pictures[0]["path"] == pictures[1]["path"]
    first.process.terminate()
    assert first.process.wait(20) == 0
    assert second.http.get(f"file={pictures[1]['path']}").status_code == 200
    assert Path(uploads[1]).read_bytes() == b"the same"
    assert second.works()
