"""What the log looks like."""

import io
import json
import logging
import os
import socket
import subprocess
import sys
import time

import httpx
import pytest

from hub import logs
from hub.errors import SettingsError


@pytest.fixture
def log(monkeypatch):
    """Return a function that logs one event in a format, and returns what was written."""

    def written(formatter, *event, level=logging.INFO, **named):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        handler.addFilter(logs.add_request)
        logger = logging.Logger("hub.test")
        logger.addHandler(handler)
        logger.log(level, *event, **named)
        return stream.getvalue()

    return written


def test_a_line_of_json_has_what_programs_look_for(log):
    extra = {"demo": "digits", "endpoint": "draw", "outcome": "ok", "seconds": 0.25}
    with logs.during(logs.Request("abcd1234", "c0ffee00")):
        line = json.loads(log(logs.JsonLines(), "%s is done", "draw", extra=extra))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "hub.test",
        "message": "draw is done",
        "request": "abcd1234",
        "client": "c0ffee00",
        **extra,
    }


def test_what_is_not_known_is_left_out_of_json(log):
    assert set(json.loads(log(logs.JsonLines(), "x"))) == {"time", "level", "logger", "message"}


def test_a_traceback_stays_on_its_line_of_json(log):
    try:
        raise ValueError("two\nlines")
    except ValueError:
        line = log(logs.JsonLines(), "failed", exc_info=True)
    assert line.count("\n") == 1 and json.loads(line)["exception"].endswith(
        "ValueError: two\nlines"
    )


def test_a_text_line_names_the_request(log):
    with logs.during(logs.Request("abcd1234")):
        assert log(logs.TextLines(), "done").endswith(" INFO hub.test [abcd1234]: done\n")
    assert log(logs.TextLines(), "done").endswith(" INFO hub.test: done\n")


def test_a_caller_s_text_cannot_forge_a_line(log):
    line = log(logs.TextLines(), "no digit %s", "7\n2026-01-01 INFO hub: all is well\x1b[2J")
    assert line.count("\n") == 1
    assert r"7\n2026-01-01 INFO hub: all is well\x1b[2J" in line


def test_a_batch_stands_for_its_requests():
    first, second = logs.Request("aaaaaaaa", "c1"), logs.Request("bbbbbbbb", "c2")
    assert logs.together([first]) is first
    assert logs.together([first, second, logs.Request(), first]).id == "aaaaaaaa,bbbbbbbb"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LATENTHUB_LOG", "loud", "must be debug, info, warning or error; got 'loud'"),
        ("LATENTHUB_LOG_FORMAT", "xml", "LATENTHUB_LOG_FORMAT must be text or json; got 'xml'"),
    ],
)
def test_a_wrong_setting_is_told(monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        logs.configure()


def test_all_that_a_served_hub_logs_is_json(small, checkpoints, port):
    environment = {
        **os.environ,
        "PYTHONPATH": str(small),
        "LATENTHUB_ONLY": "small",
        "LATENTHUB_WARM": "all",
        "LATENTHUB_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "hub", "serve", "--port", str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as server:
        try:
            assert "Latenthub is on" in server.stdout.readline()
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                while http.get("readyz").json()["warm"] != "done":
                    time.sleep(0.1)
                posted = http.post("gradio_api/call/v2/small_shout", json={"text": "hello"})
                http.get(f"gradio_api/call/v2/small_shout/{posted.json()['event_id']}")
                http.get("nowhere")
            with socket.create_connection(("127.0.0.1", port)) as raw:
                raw.sendall(b"no HTTP\r\n\r\n")  # of which uvicorn's own logger tells
                raw.recv(1000)
        finally:
            server.terminate()
        _, written = server.communicate(timeout=60)
    lines = [json.loads(line) for line in written.splitlines()]
    told = {line["logger"]: line for line in lines}
    assert told["hub.app"]["message"].startswith("small.shout ok in ")
    assert told["hub.app"]["request"] == posted.headers["x-request-id"]
    assert told["hub.warmup"]["message"].startswith("small is warm after ")
    assert (told["hub.site.requests"]["path"], told["hub.site.requests"]["status"]) == (
        "/nowhere",
        404,
    )
    assert told["uvicorn.error"]["message"] == "Invalid HTTP request received."
