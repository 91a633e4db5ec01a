"""Calls that take the short way are answered as Gradio's own routes answer them."""

import socket
import time
from urllib.parse import quote

import httpx
import pytest

from hub.site.express import Express


@pytest.fixture
def both(url, monkeypatch):
    """Return a function that makes a request by the short way and by Gradio's."""
    passed = []
    whole = Express.__call__

    async def only_gradio(self, scope, receive, send):
        passed.append(scope["path"])
        await self.app(scope, receive, send)

    def ask(method, path, **more):
        monkeypatch.setattr(Express, "__call__", whole)
        short = httpx.request(method, url + path, **more)
        monkeypatch.setattr(Express, "__call__", only_gradio)
        plain = httpx.request(method, url + path, **more)
        monkeypatch.setattr(Express, "__call__", whole)
        assert passed, "Gradio was asked as well"
        return short, plain

    return ask


def answer(url, api, body, version=""):
    """Return the stream of one call's answer."""
    start = f"{url}gradio_api/call/{version}{api}"
    response = httpx.post(start, json=body)
    assert response.status_code == 200, response.text
    return httpx.get(f"{start}/{response.json()['event_id']}")


@pytest.mark.parametrize(
    ("api", "body", "version"),
    [
        ("sample_greet", {"data": ["Ada", "loud"]}, ""),
        ("sample_greet", {"name": "Ada"}, "v2/"),
        ("sample_measure", {"data": ["data:text/plain;base64,aGVsbG8="]}, ""),
        ("sample_greet", {"data": [""]}, ""),  # refused by the endpoint
        ("sample_fail", {"data": []}, ""),  # fails inside
    ],
)
def test_an_answer_is_the_one_of_gradios_routes(url, monkeypatch, api, body, version):
    short = answer(url, api, body, version)
    monkeypatch.setattr(Express, "__call__", lambda self, *asgi: self.app(*asgi))
    plain = answer(url, api, body, version)
    assert short.headers["content-type"] == plain.headers["content-type"]
    assert without_ids(short.text) == without_ids(plain.text)


def without_ids(text):
    import re

    return re.sub(r"\b[0-9a-f]{8,32}\b", "ID", text)


def test_a_file_comes_as_from_gradios_routes(url, both):
    stream = answer(url, "sample_generate", {"data": [7, 1]}).text
    path = stream.partition('"path": "')[2].partition('"')[0]
    short, plain = both("GET", f"gradio_api/file={quote(path)}")
    assert short.content == plain.content and short.content.startswith(b"\x89PNG")
    for name in ("content-type", "content-disposition", "accept-ranges", "content-length"):
        assert short.headers[name] == plain.headers[name]
    short, plain = both("GET", f"gradio_api/file={quote(path)}", headers={"range": "bytes=0-3"})
    assert short.status_code == plain.status_code == 206 and short.content == plain.content


def test_a_file_that_may_not_be_read_is_refused(url):
    for path in ("/etc/hostname.png", "/nowhere.png", "relative.png"):
        assert httpx.get(f"{url}gradio_api/file={path}").status_code == 404


def test_an_answer_is_read_once(url):
    start = f"{url}gradio_api/call/sample_greet"
    event = httpx.post(start, json={"data": ["Ada"]}).json()["event_id"]
    assert "complete" in httpx.get(f"{start}/{event}").text
    assert httpx.get(f"{start}/{event}").status_code == 404


def test_a_call_is_given_up_when_its_caller_hangs_up(site, url):
    queue = site.site.blocks._queue
    start = f"{url}gradio_api/call/sample_slow"
    event = httpx.post(start, json={"data": [20]}).json()["event_id"]
    with socket.create_connection(("127.0.0.1", httpx.URL(url).port)) as caller:
        caller.sendall(
            f"GET /gradio_api/call/sample_slow/{event} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        )
        assert caller.recv(1000).startswith(b"HTTP/1.1 200")
    until(lambda: event not in queue.pending_messages_per_session)
    until(lambda: event not in queue.event_ids_to_events)


def until(true, seconds=5):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
