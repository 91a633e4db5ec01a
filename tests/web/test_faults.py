"""What must not take a hub down: over real HTTP, against a hub in a process of its own."""

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client

FAULTY = Path(__file__).parent / "faulty"
GIGABYTE = 10**9


class Served:
    """A hub of the plugins in `faulty`, served by the command line in its own process."""

    def __init__(self, folder, port, memory=0, **settings):
        self.url = f"http://127.0.0.1:{port}/"
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
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hub", "serve", "--only", "faulty", "--only", "greedy"]
                + ["--port", str(port)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=limit if memory else None,
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
        return time.monotonic() - began < 3

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
    sibling = client.submit(seconds=0.2, name="sibling", api_name="/faulty_work")
    time.sleep(0.5)
    first.cancel()
    assert sibling.result(timeout=5) == 0.2
    assert hub.works()
    assert "cancelled" in hub.seen()["ended"]
