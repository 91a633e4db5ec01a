"""What a hub keeps of calls that were answered: nothing."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gradio_client import Client

from hub.site.calls import SWEEP
from hub.site.server import start


@pytest.fixture(scope="module")
def served(hub_of, sample_folder, unused_port):
    with hub_of(sample_folder) as hub, start(hub, port=unused_port()) as running:
        yield running


@pytest.fixture(scope="module")
def http(served):
    with httpx.Client(base_url=f"{served.url}gradio_api/", timeout=30) as client:
        yield client


def ask(http, name="Ann"):
    return http.post("call/v2/sample_greet", json={"name": name}).json()["event_id"]


def kept(served, most=0):
    """Return for how many sessions the queue keeps events, and messages: at last, or `most`."""
    queue = served.site.blocks._queue
    until = time.monotonic() + 5  # an answer is read a moment before its stream has ended
    while True:
        found = len(queue.pending_event_ids_session), len(queue.pending_messages_per_session)
        if max(found) <= most or time.monotonic() > until:
            return found
        time.sleep(0.01)


def test_nothing_is_kept_of_calls_by_curl(served, http):
    for _ in range(20):
        assert "Hello Ann" in http.get(f"call/v2/sample_greet/{ask(http)}").text
    assert kept(served) == (0, 0)


def test_nothing_is_kept_of_clients_and_they_can_call_again(served):
    def talk(who):
        client = Client(served.url, verbose=False)  # whose threads must not share one
        names = [f"{who}-{i}" for i in range(8)]
        answers = [client.predict(name, api_name="/sample_greet") for name in names]
        return [answer["text"] for answer in answers] == [f"Hello {name}" for name in names]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(talk, range(4)))
    assert kept(served) == (0, 0)


def test_answers_that_nobody_fetches_are_forgotten_in_the_end(served, http):
    queue = served.site.blocks._queue
    most, queue.pending_messages_per_session.max_size = (
        queue.pending_messages_per_session.max_size,
        10,
    )
    for _ in range(SWEEP + 20):
        ask(http)
    http.get(f"call/v2/sample_greet/{ask(http)}")
    queue.pending_messages_per_session.max_size = most
    assert max(kept(served, 10)) <= 10


def test_the_names_of_uploads_are_not_kept(served, http):
    answer = http.post("upload", files={"files": ("mine.txt", b"mine")})
    assert answer.json()[0].endswith("mine.txt")
    blocks = served.site.blocks
    assert not blocks.upload_file_set
    assert not any(block.temp_files for block in blocks.blocks.values())
