"""How a page reads the answers of its calls: over streams that close and open again."""

import json
import time
from contextlib import contextmanager

import httpx
import pytest

from hub.site.server import start
from hub.site.traffic import CLOSED

SESSION = {"session_hash": "a-page"}


@pytest.fixture(scope="module")
def served(hub_of, sample_folder, unused_port):
    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
        yield running


@pytest.fixture(scope="module")
def http(served):
    with httpx.Client(base_url=f"{served.url}gradio_api/", timeout=30) as client:
        yield client


@pytest.fixture
def queue(served):
    """The queue, which keeps nothing once a test is done."""
    queue = served.site.blocks._queue
    yield queue
    wait_for(lambda: not queue.pending_event_ids_session)
    wait_for(lambda: not queue.pending_messages_per_session)


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def join(served, http):
    """Start a call as a page does; return its number."""
    events = served.site.blocks.fns.items()
    [number] = [one for one, event in events if event.api_name == "sample_slow"]
    body = {"fn_index": number, "data": [1], **SESSION}
    answer = http.post("queue/join", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["event_id"]


@contextmanager
def reading(http):
    """Open a stream; give what it tells, message by message. Leaving the block hangs up."""
    with http.stream("GET", "queue/data", params=SESSION) as stream:
        assert stream.status_code == 200
        lines = stream.iter_lines()
        yield (json.loads(line.removeprefix("data: ")) for line in lines if line)


def answered(messages):
    """Return the numbers of the calls that are answered before the stream closes."""
    found = []
    for message in messages:
        if message["msg"] == "close_stream":
            return found
        if message["msg"] == "process_completed":
            assert message["success"], message
            found.append(message["event_id"])
    raise AssertionError("the stream ended without closing")


def test_a_call_made_while_a_stream_closes_is_answered(served, http, queue):
    """A page hangs up when it is told that the stream closes, and may have called again by then."""
    first = join(served, http)
    with reading(http) as messages:
        assert answered(messages) == [first]
        second = join(served, http)
    with reading(http) as messages:
        assert answered(messages) == [second]


def test_a_stream_for_calls_that_were_answered_closes_at_once(served, http, queue):
    """A page may be told the answer before the number, and opens a stream for what it has."""
    number = join(served, http)
    with reading(http) as messages:
        assert answered(messages) == [number]
    assert http.get("queue/data", params=SESSION).content == CLOSED
    with reading(http) as messages:
        assert answered(messages) == []
    assert not queue.pending_messages_per_session  # nothing is kept of who only reads
