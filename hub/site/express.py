"""The short way of a call by HTTP: into Gradio's queue, out of it, and to the files of its answer.

Gradio's own routes do the same with so much around it (two rounds of validation, a group of tasks
for each stream, three threads for each file) that 64 callers wait for them longer than for a model.
What comes here has passed all other checks of the hub; what is not exactly one of the three
requests goes on to Gradio.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import mimetypes
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from fastapi import Request
from gradio.data_classes import PredictBodyInternal
from gradio.server_messages import ProcessCompletedMessage
from gradio.utils import get_heartbeat_rate
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.site.answers import route_of
from hub.site.api import Registered

CALL = re.compile(r"/gradio_api/call/(v2/)?([^/]+)/?")
READ = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)/?")
FILE = re.compile(r"/gradio_api/file=(.+\.(?:png|wav))", re.DOTALL)  # what browsers only show
MAX_FILE = 100_000  # bytes; reading more could hold other callers up, and Gradio streams it
STOPPED = b'event: error\ndata: "The hub has stopped."\n\n'
HEARTBEAT = b"event: heartbeat\ndata: null\n\n"


class Express:
    """The middleware, the innermost of the hub's.

    Args:
        apis: every endpoint by its API name.
    """

    def __init__(self, app: ASGIApp, blocks: gr.Blocks, apis: Mapping[str, Registered]) -> None:
        self.app = app
        self.blocks = blocks
        self.apis = apis
        self.numbers = {event.api_name: number for number, event in blocks.fns.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.blocks._queue.stopped:
            path = route_of(scope)
            if scope["method"] == "POST" and (call := CALL.fullmatch(path)):
                if call[2] in self.apis:
                    answer = await self.join(call[2], bool(call[1]), scope, receive)
                    await answer(scope, receive, send)
                    return
            elif scope["method"] == "GET" and (read := READ.fullmatch(path)):
                if (session := self.session_of(read[1])) is not None:
                    await self.stream(session, receive, send)
                    return
            elif scope["method"] == "GET" and (file := FILE.fullmatch(path)):
                if plain(scope) and (found := content_of(Path(file[1]))) is not None:
                    await shown(Path(file[1]), found)(scope, receive, send)
                    return
        await self.app(scope, receive, send)

    async def join(self, name: str, named: bool, scope: Scope, receive: Receive) -> Response:
        """Put a call into the queue; return its number, or why it was not taken."""
        request = Request(scope, receive)
        body = await request.json()  # hub.site.gate made it
        names = [parameter.name for parameter in self.apis[name].endpoint.parameters]
        queue = self.blocks._queue
        if queue.server_app is None:
            queue.set_server_app(self.blocks.app)
        call = PredictBodyInternal(
            data=[body[one] for one in names] if named else body["data"],
            fn_index=self.numbers[name],
            simple_format=True,
            request=request,
        )
        taken, told, state = await queue.push(body=call, request=request, username=None)
        if taken:
            return JSONResponse({"event_id": told})
        return JSONResponse({"detail": told}, 503 if state == "queue_full" else 400)

    def session_of(self, number: str) -> str | None:
        """Return the session of a call by HTTP, which has no other call; None: it is not one."""
        queue = self.blocks._queue
        waiting = queue.pending_event_ids_session.get(number)
        there = waiting == {number} and number in queue.pending_messages_per_session
        return number if there else None

    async def stream(self, session: str, receive: Receive, send: Send) -> None:
        """Send a call's answer once it is there, as server-sent events; stop if the caller does."""
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        queue = self.blocks._queue
        messages = queue.pending_messages_per_session[session]
        async with hanging_up(receive) as gone:
            while not (gone.done() or queue.stopped):
                try:
                    message = messages.get_nowait()
                except asyncio.QueueEmpty:
                    message = await first(messages, gone)
                    if message is None and not gone.done():
                        await send(part(HEARTBEAT))
                if isinstance(message, ProcessCompletedMessage):
                    queue.pending_event_ids_session.get(session, set()).discard(session)
                    await send(part(told(message), more=False))
                    return
        await queue.clean_events(session_hash=session)
        if queue.stopped:
            await send(part(STOPPED, more=False))


@contextlib.asynccontextmanager
async def hanging_up(receive: Receive) -> AsyncIterator[asyncio.Task[None]]:
    """Give a task that ends when the caller hangs up."""

    async def until_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(until_gone())
    try:
        yield task
    finally:
        task.cancel()


async def first(messages: asyncio.Queue[Any], gone: asyncio.Task[None]) -> Any:
    """Return the next message; None: the caller hung up, or it is time for a sign of life."""
    getting = asyncio.ensure_future(messages.get())
    try:
        await asyncio.wait(
            {getting, gone}, timeout=get_heartbeat_rate(), return_when=asyncio.FIRST_COMPLETED
        )
        return getting.result() if getting.done() else None
    finally:
        getting.cancel()


def told(message: ProcessCompletedMessage) -> bytes:
    """Return how a call ended, as Gradio tells it."""
    output = message.output
    event, data = ("complete", output.get("data")) if message.success else ("error", output)
    return f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()


def part(content: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


# Files.


def plain(scope: Scope) -> bool:
    """Tell whether a request wants a file as it is: not a part of it, nor only if it changed."""
    asked = {name for name, _ in scope["headers"]}
    return asked.isdisjoint({b"range", b"if-range", b"if-none-match", b"if-modified-since"})


def content_of(path: Path) -> bytes | None:
    """Return what is in a file, which hub.site.doors found to be one that may be read; None: it is
    large, or has gone."""
    try:
        return path.read_bytes() if path.stat().st_size <= MAX_FILE else None
    except OSError:
        return None


def shown(path: Path, content: bytes) -> Response:
    """Return a file as Gradio sends it."""
    name = quote(path.name)
    named = f'filename="{name}"' if name == path.name else f"filename*=utf-8''{name}"
    headers = {"accept-ranges": "bytes", "content-disposition": f"inline; {named}"}
    return Response(content, 200, headers, mimetypes.guess_type(path.name)[0])
