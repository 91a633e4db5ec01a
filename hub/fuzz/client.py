"""The client of a fuzz run: it calls as curl and browsers do, and judges what comes back."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import re
import tempfile
import wave
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from hub import audio
from hub.endpoints import Endpoint
from hub.fuzz.files import Upload
from hub.fuzz.values import dumped
from hub.kinds import Boolean, Choice, Integer, Json, Kind, ListOf, Maybe, Number, Text
from hub.media import File, Files, Image, Images, Sound, Table, WholeSound

OVER = 15.0  # seconds over its own limit in which an endpoint must end
REFUSALS = (400, 403, 404, 413, 422)
MAX_MESSAGE = 600  # characters
INTERNAL = re.compile(r"Traceback|File \"|\.py\b")
FAILURE = re.compile(
    r"Something failed inside|failed inside the model|could not be loaded|gave what cannot be sent"
)


class Fuzzed:
    """A served hub and what its endpoints must keep to; each check raises AssertionError."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=f"{url.rstrip('/')}/gradio_api/", timeout=30)
        self.sessions = 0
        config = self.http.get(f"{url.rstrip('/')}/config").json()
        self.events = config["dependencies"]

    def __enter__(self) -> Fuzzed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    # What is checked.

    def check(self, api: str, endpoint: Endpoint, way: str, values: Mapping[str, Any]) -> None:
        """Call with arguments by name; it ends with what is declared, or one clear error."""
        sent = {name: self.sent(value) for name, value in values.items()}
        if way == "call/v2":
            body = dumped(sent)
        else:
            body = dumped({"data": list(sent.values())})
        self.check_body(api, endpoint, way, body, "application/json", False)

    def check_body(
        self, api: str, endpoint: Endpoint, way: str, body: bytes, content_type: str, chunked: bool
    ) -> None:
        """Send a body; it is refused clearly, or ends as a call does."""
        if way == "queue/join":
            body = self.joining(api, body)
        content = iter([body[:7], body[7:]]) if chunked else body
        path = way if way == "queue/join" else f"{way}/{api}"
        answer = self.http.post(path, content=content, headers={"content-type": content_type})
        if answer.status_code != 200:
            assert answer.status_code in REFUSALS, f"{answer.status_code}: {answer.text[:300]}"
            check_message(answer.json()["error"])
            return
        limit = endpoint.options.timeout + OVER
        if way == "queue/join":
            kind, found = self.session_end(limit)
        else:
            event = answer.json()["event_id"]
            kind, found = self.stream_end(f"{way}/{api}/{event}", limit)
        if kind == "error":
            check_message(found)
        else:
            self.check_results(endpoint, found)

    def check_answered(self, api: str, endpoint: Endpoint, known: Mapping[str, Any] | None) -> None:
        """Call with arguments that are known to be answered, if there are any."""
        if known is None:
            return
        values = {name: self.sent(value) for name, value in known.items()}
        answer = self.http.post(f"call/v2/{api}", content=dumped(values))
        assert answer.status_code == 200, answer.text
        path = f"call/v2/{api}/{answer.json()['event_id']}"
        kind, found = self.stream_end(path, endpoint.options.timeout + OVER)
        assert kind == "complete", f"{api} does not answer any more: {found}"
        self.check_results(endpoint, found)

    def check_event(self, number: int, values: list[Any]) -> None:
        """Call an event of a page; it ends, and tells nothing of the inside."""
        session = self.next_session()
        body = {"fn_index": number, "session_hash": session, "data": values}
        answer = self.http.post("queue/join", content=dumped(body))
        if answer.status_code != 200:
            assert answer.status_code in REFUSALS, f"{answer.status_code}: {answer.text[:300]}"
            check_message(answer.json()["error"])
            return
        kind, found = self.session_end(60 + OVER)
        if kind == "error" and found is not None:
            check_safe(str(found))

    def check_results(self, endpoint: Endpoint, found: Any) -> None:
        """Check that results are of the kinds that the endpoint declares."""
        assert isinstance(found, list), f"results must be a list, got {found!r:.100}"
        assert len(found) == len(endpoint.results), f"{len(found)} results"
        for kind, value in zip(endpoint.results, found, strict=True):
            self.check_result(kind, value)

    def check_result(self, kind: Kind, value: Any) -> None:
        where = f"a result must be {kind.describe()}, got {value!r:.100}"
        if isinstance(kind, Maybe):
            if value is not None:
                self.check_result(kind.kind, value)
        elif isinstance(kind, (ListOf, Images, Files)):
            assert isinstance(value, list), where
            item = kind.kind if isinstance(kind, ListOf) else Image()
            item = File() if isinstance(kind, Files) else item
            for one in value:
                self.check_result(item, one)
        elif isinstance(kind, (Image, Sound, Table, File)):
            check_file(kind, self.fetched(value))
        elif isinstance(kind, Json):
            assert set(kind.fields) <= set(value) if kind.fields else True, where
        else:
            assert fits(kind, value), where

    # How it is sent and read.

    def sent(self, value: Any) -> Any:
        """Return an argument as JSON: files are uploaded, or become data URLs."""
        if isinstance(value, Upload):
            if value.inline:
                return "data:image/png;base64," + base64.b64encode(value.content).decode()
            files = {"files": (value.name, value.content)}
            answer = self.http.post("upload", files=files)
            assert answer.status_code == 200, answer.text
            path = answer.json()[0]
            return {"path": path, "orig_name": value.name, "meta": {"_type": "gradio.FileData"}}
        if isinstance(value, list):
            return [self.sent(one) for one in value]
        return value

    def joining(self, api: str, body: bytes) -> bytes:
        """Return a body of a call by Gradio's own clients, with the arguments of another."""
        self.next_session()
        try:
            read = json.loads(body)
        except (ValueError, RecursionError):
            return body
        if not isinstance(read, dict):
            return body
        number = next(one["id"] for one in self.events if one["api_name"] == api)
        return dumped({"fn_index": number, "session_hash": f"fuzz-{self.sessions}", **read})

    def next_session(self) -> str:
        self.sessions += 1
        return f"fuzz-{self.sessions}"

    def events_of(self, demo: str) -> list[tuple[int, int]]:
        """Return the events of a demo's page: their numbers, and how many inputs they take."""
        found = [one for one in self.events if f"page-{demo}-" in str(one["api_name"])]
        return [(one["id"], len(one["inputs"])) for one in found if one["backend_fn"]]

    def stream_end(self, path: str, limit: float) -> tuple[str, Any]:
        """Return how the answer to curl ends: ("complete", results) or ("error", message)."""
        lines = self.http.get(path, timeout=limit).text.strip().split("\n")
        assert len(lines) >= 2 and lines[-2].startswith("event: "), f"it ends so: {lines[-2:]}"
        kind, data = lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))
        return kind, data if kind == "complete" else data["error"]

    def session_end(self, limit: float) -> tuple[str, Any]:
        """Return how the answer to a browser ends."""
        session = f"fuzz-{self.sessions}"
        stream = self.http.get(f"queue/data?session_hash={session}", timeout=limit).text
        messages = [json.loads(part[6:]) for part in stream.split("\n\n") if part[:6] == "data: "]
        done = [one for one in messages if one["msg"] == "process_completed"]
        assert done, f"it ends so: {stream[-300:]}"
        output = done[0]["output"]
        return ("complete", output["data"]) if done[0]["success"] else ("error", output["error"])

    def fetched(self, value: Any) -> bytes:
        assert isinstance(value, dict) and "path" in value, f"a file was expected: {value!r:.100}"
        url = value.get("url") or f"file={value['path']}"
        answer = self.http.get(url)
        assert answer.status_code == 200, f"its file is not there: {answer.text[:200]}"
        return answer.content


def check_message(message: Any) -> None:
    """Check that a message is one clear sentence or two."""
    assert isinstance(message, str) and message.strip(), f"no message: {message!r}"
    assert len(message) <= MAX_MESSAGE, f"a message of {len(message)} characters"
    assert not FAILURE.search(message), f"it fails inside: {message}"
    check_safe(message)


def check_safe(message: str) -> None:
    """Check that a message tells nothing of the inside, nor of the server's folders."""
    found = INTERNAL.search(message)
    assert not found, f"a message must not say {found[0]!r}: {message}" if found else ""
    for folder in (
        tempfile.gettempdir(),
        os.getcwd(),
        str(Path.home()),
        str(Path(__file__).parent),
    ):
        if len(folder) > 1:
            assert folder not in message, f"a message must not name a folder: {message}"


def fits(kind: Kind, value: Any) -> bool:
    """Tell whether a result that travels as JSON is of a kind."""
    if isinstance(kind, Integer):
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(kind, Number):
        return isinstance(value, (int, float)) and math.isfinite(value)
    if isinstance(kind, Boolean):
        return isinstance(value, bool)
    if isinstance(kind, Text):
        return isinstance(value, str)
    return not isinstance(kind, Choice) or value in kind.values


def check_file(kind: Kind, content: bytes) -> None:
    """Check that a result's file is what its kind says."""
    from PIL import Image as Pictures

    if isinstance(kind, Image):
        with Pictures.open(io.BytesIO(content)) as picture:
            picture.load()
    elif isinstance(kind, Sound):
        if kind.format == "wav":
            with wave.open(io.BytesIO(content)) as sound:
                assert isinstance(kind, WholeSound) or sound.getframerate() == kind.rate
        assert audio.seconds_of(content) is not None
    elif isinstance(kind, Table):
        assert content.decode().strip()
