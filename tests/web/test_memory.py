"""What a hub keeps of calls that were answered: nothing."""

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


def kept(served):
    """Return for how many sessions the queue keeps events, and messages."""
    queue = served.site.blocks._queue
    return len(queue.pending_event_ids_session), len(queue.pending_messages_per_session)


def test_nothing_is_kept_of_calls_by_curl(served, http):
    for _ in range(20):
        assert "Hello Ann" in http.get(f"call/v2/sample_greet/{ask(http)}").text
    assert kept(served) == (0, 0)


def test_nothing_is_kept_of_clients_and_they_can_call_again(served):
    clients = [Client(served.url, verbose=False) for _ in range(3)]
    for round in range(2):
        with ThreadPoolExecutor(24) as pool:
            jobs = [
                pool.submit(clients[i % 3].predict, f"{round}-{i}", api_name="/sample_greet")
                for i in range(24)
            ]
            assert [job.result()["text"] for job in jobs] == [
                f"Hello {round}-{i}" for i in range(24)
            ]
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
    assert max(kept(served)) <= 10
