"""Many clients at once, in a process of their own: python -m hub.bench.load < job.json

A client does what a browser does: it uploads its files once; then, again and again, it puts a
call into Gradio's queue, waits for the answer over server-sent events, and fetches the files in it.
The same clients ask the hub and its peer. Each has a thread and a connection of its own.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from hub.errors import HubError

GRADIO = "/gradio_api"
MARGIN = 120.0  # seconds beyond the window in which the last answers must have come
KEPT = 5  # errors that are told


class CallError(Exception):
    """A call was refused, or failed; the text says how."""

    def __init__(self, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.status = status  # of the HTTP response; 200: the answer itself is an error


@dataclass(frozen=True)
class Job:
    """What the clients do.

    `calls` holds the arguments of each client, in order; a file is its bytes.
    """

    port: int
    api: str  # "<demo>_<endpoint>"
    calls: Sequence[Sequence[Any]]
    seconds: float  # that count
    warm: float  # seconds before those


@dataclass
class Result:
    """What came of it."""

    seconds: float
    latencies: list[float] = field(default_factory=list)  # seconds, of answers in that time
    failed: int = 0  # calls that gave no answer, whenever
    errors: list[str] = field(default_factory=list)  # a few of them
    answers: list[list[Any]] = field(default_factory=list)  # the different ones of each client

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds


def run(job: Job) -> Result:
    """Run a job's clients in a process of their own; return what came of it.

    Raises:
        HubError: the process failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "hub.bench.load"],
        input=json.dumps(packed(asdict(job))),
        capture_output=True,
        text=True,
        timeout=job.warm + job.seconds + 2 * MARGIN,
        check=False,
    )
    if done.returncode:
        raise HubError(f"the clients failed: {done.stderr.strip()[-500:]}")
    return Result(**unpacked(json.loads(done.stdout)))


def packed(value: Any) -> Any:
    """Return `value` with bytes in a form that JSON can hold."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: packed(one) for key, one in value.items()}
    return [packed(one) for one in value] if isinstance(value, (list, tuple)) else value


def unpacked(value: Any) -> Any:
    """Return what `packed` was given."""
    if isinstance(value, dict) and value.keys() == {"base64"}:
        return base64.b64decode(value["base64"])
    if isinstance(value, dict):
        return {key: unpacked(one) for key, one in value.items()}
    return [unpacked(one) for one in value] if isinstance(value, list) else value


class Client:
    """One caller of a Gradio app, with a connection of its own that it keeps.

    It speaks no more of HTTP than these servers do, so that 64 of them leave the processor to them:
    the standard library's client takes as long to read an answer as the server to make it.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=MARGIN)
        self.stream = self.socket.makefile("rb")

    def close(self) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "") -> None:
        """Send a request, and do not wait for its response."""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        head += f"Content-Type: {kind}\r\n" if kind else ""
        head += f"Content-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)

    def request(self, method: str, path: str, body: bytes = b"", kind: str = "") -> bytes:
        """Return the content of a response.

        Raises:
            CallError: its status is not 200.
            OSError: there is none; the next request has a new connection.
        """
        try:
            self.send(method, path, body, kind)
            status, content = self._response()
        except OSError:
            self.close()
            self._connect()
            raise
        if status != 200:
            raise CallError(f"{status} {content[:200].decode(errors='replace')}", status)
        return content

    def _response(self) -> tuple[int, bytes]:
        first = self.stream.readline().split()
        if len(first) < 2:
            raise ConnectionError("the server hung up")
        headers = {}
        while line := self.stream.readline().strip():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        if headers.get(b"transfer-encoding") == b"chunked":
            content = b"".join(iter(self._chunk, b""))
        else:
            content = self.stream.read(int(headers.get(b"content-length", b"0")))
        if headers.get(b"connection") == b"close":
            self.close()
            self._connect()
        return int(first[1]), content

    def _chunk(self) -> bytes:
        """Return the next part of a chunked response; b"" at its end."""
        size = int(self.stream.readline(), 16)
        content = self.stream.read(size + 2)
        if len(content) < size + 2:
            raise ConnectionError("the server hung up in the middle of a response")
        return content[:size]

    def sent(self, value: Any) -> Any:
        """Return an argument as it goes into a call: a file is uploaded first."""
        if isinstance(value, list):
            return [self.sent(one) for one in value]
        if not isinstance(value, bytes):
            return value
        return {"path": self.upload(value), "meta": {"_type": "gradio.FileData"}}

    def upload(self, content: bytes) -> str:
        """Return the path that the server gave to a file."""
        suffix = {b"\x89PNG": ".png", b"RIFF": ".wav"}.get(content[:4], ".csv")
        border = secrets.token_hex(16)
        head = f'--{border}\r\nContent-Disposition: form-data; name="files"; '
        head += f'filename="example{suffix}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        body = head.encode() + content + f"\r\n--{border}--\r\n".encode()
        kind = f"multipart/form-data; boundary={border}"
        path: str = json.loads(self.request("POST", f"{GRADIO}/upload", body, kind))[0]
        return path

    def join(self, api: str, arguments: Sequence[Any]) -> str:
        """Put a call into the queue; return its number.

        Raises:
            CallError: the call was refused.
        """
        body = json.dumps({"data": list(arguments)}).encode()
        joined = self.request("POST", f"{GRADIO}/call/{api}", body, "application/json")
        event: str = json.loads(joined)["event_id"]
        return event

    def call(self, api: str, arguments: Sequence[Any]) -> list[Any]:
        """Return the answer of one call, its files as bytes.

        Raises:
            CallError: the call was refused, or failed.
        """
        event = self.join(api, arguments)
        stream = self.request("GET", f"{GRADIO}/call/{api}/{event}").decode()
        for part in stream.split("\n\n"):
            name, _, data = part.partition("\ndata: ")
            if name == "event: complete":
                return [self.fetched(one) for one in json.loads(data)]
            if name == "event: error":
                raise CallError(data[:300])
        raise CallError(f"the stream ended without an answer: {stream[:200]!r}")

    def fetched(self, value: Any) -> Any:
        """Return a result with the content of its files in their places."""
        if isinstance(value, list):
            return [self.fetched(one) for one in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"image", "caption"}:  # in a gr.Gallery
            return self.fetched(value["image"])
        if "path" in value and "meta" in value:
            return self.request("GET", f"{GRADIO}/file={quote(value['path'])}")
        return {key: self.fetched(one) for key, one in value.items()}


def all_clients(job: Job) -> Result:
    """Run each client in a thread; return what they got."""
    began = time.perf_counter()
    result = Result(job.seconds, answers=[[] for _ in job.calls])
    spans: list[tuple[float, float]] = []  # begin and end of each answered call
    threads = [
        threading.Thread(target=one_client, args=(job, number, began, spans, result))
        for number in range(len(job.calls))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, last = began + job.warm, began + job.warm + job.seconds
    result.latencies = [end - begin for begin, end in spans if first <= end < last]
    return result


def one_client(
    job: Job, number: int, began: float, spans: list[tuple[float, float]], result: Result
) -> None:
    """Call again and again until the time is over."""
    client = Client(job.port)
    arguments = [client.sent(value) for value in job.calls[number]]
    known = set()
    while (begin := time.perf_counter()) < began + job.warm + job.seconds:
        try:
            answer = client.call(job.api, arguments)
        except (CallError, OSError) as error:
            result.failed += 1
            if len(result.errors) < KEPT:
                result.errors.append(f"{type(error).__name__}: {error}")
            time.sleep(0.05)
            continue
        spans.append((begin, time.perf_counter()))
        key = repr(answer)
        if key not in known:
            known.add(key)
            result.answers[number].append(answer)
    client.close()


if __name__ == "__main__":
    found = all_clients(Job(**unpacked(json.load(sys.stdin))))
    json.dump(packed(asdict(found)), sys.stdout)
