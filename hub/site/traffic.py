"""Lets calls in while there is room and the hub is not closing, and notes whose client hangs up."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import orjson
from gradio.server_messages import CloseStreamMessage
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.app import Hub
from hub.site.answers import refuse, route_of
from hub.site.calls import Calls

CALL = re.compile(r"/gradio_api/(call/(v2/)?[^/]+|queue/join)/?")
READ = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)/?")
DATA = re.compile(r"/gradio_api/queue/data/?")
CANCEL = re.compile(r"/gradio_api/cancel/?")
FOR_RUNNING_CALLS = re.compile(r"/gradio_api/(cancel|reset|stream/.*)/?")
LASTING = re.compile(r"/gradio_api/(heartbeat|mcp)(/.*)?")  # streams that the client ends
NO_FUNCTION = -1  # a number that no function has
MAX_CANCEL = 10_000  # bytes
BUSY_SECONDS, CLOSING_SECONDS = "5", "15"  # after which a client may try again
CLOSED = b"data: " + orjson.dumps(CloseStreamMessage().model_dump()) + b"\n\n"
CLOSING = "The hub is closing and takes no more calls; try again in a moment."
PAGE = Callable[[Request], str]


class Traffic:
    """The middleware.

    Args:
        closing_page: returns the page that visitors are shown while the hub closes.
    """

    def __init__(
        self, app: ASGIApp, hub: Hub, calls: Calls, meter: Meter, closing_page: PAGE
    ) -> None:
        self.app = app
        self.hub = hub
        self.calls = calls
        self.meter = meter
        self.closing_page = closing_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = route_of(scope)
        post = scope["method"] == "POST"
        if post and self.hub.closing and not FOR_RUNNING_CALLS.fullmatch(path):
            await refuse(503, CLOSING, again_after(CLOSING_SECONDS))(scope, receive, send)
        elif not path.startswith("/gradio_api/") or LASTING.fullmatch(path):
            await self.pass_on(path, scope, receive, send)
        else:
            with self.meter:
                await self.pass_on(path, scope, receive, send)

    async def pass_on(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            if CANCEL.fullmatch(path):
                await self.cancel(scope, receive, send)
            elif CALL.fullmatch(path):
                await self.app(scope, receive, self.saying_busy(scope, receive, send))
            else:
                await self.app(scope, receive, send)
        elif scope["method"] == "GET" and (session := self.session(path, scope)) is not None:
            await self.answers(session, scope, receive, send)
        elif self.hub.closing:
            await self.app(scope, receive, self.saying_closing(scope, receive, send))
        else:
            await self.app(scope, receive, send)

    # Calls.

    async def cancel(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give up the call that a client cancels, and no other."""
        content = bytearray()
        async for chunk in Request(scope, receive).stream():
            content += chunk[: MAX_CANCEL + 1]
            if len(content) > MAX_CANCEL:
                await refuse(413, "The request is too large.")(scope, receive, send)
                return
        body = bytes(content)
        try:
            named = json.loads(body)
        except (ValueError, RecursionError):
            named = None
        if isinstance(named, dict):
            if self.calls.cancel(named.get("session_hash"), named.get("event_id")):
                named["fn_index"] = NO_FUNCTION
            body = json.dumps(named).encode()
        headers = MutableHeaders(raw=list(scope["headers"]))
        headers["content-length"] = str(len(body))
        await self.app({**scope, "headers": headers.raw}, replay(body, receive), send)

    def saying_busy(self, scope: Scope, receive: Receive, send: Send) -> Send:
        """Return a `send` that says in our words that too many calls wait."""
        message = f"The hub is busy: {self.calls.most} calls are waiting. Try again in a moment."
        answer = refuse(503, message, again_after(BUSY_SECONDS))
        return replacing(503, lambda: answer, scope, receive, send)

    def session(self, path: str, scope: Scope) -> str | None:
        """Return whose answers are read; None: no answers are."""
        if read := READ.fullmatch(path):
            return self.calls.session_of(read[1])
        return Request(scope).query_params.get("session_hash") if DATA.fullmatch(path) else None

    async def answers(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the stream of a session's answers; give its calls up if the client hangs up.

        A page opens a stream when it learns the number of its call. Another stream may have told it
        the answer by then, and have closed; the page cannot know which came first. So a stream for
        nothing is no error: it closes at once.
        """
        if DATA.fullmatch(route_of(scope)) and not self.calls.has_unread(session):
            await Response(CLOSED, media_type="text/event-stream")(scope, receive, send)
            return
        ended = left = False

        async def receive_noting() -> Message:
            nonlocal left
            message = await receive()
            left = left or (message["type"] == "http.disconnect" and not ended)
            return message

        async def send_noting(message: Message) -> None:
            nonlocal ended
            await send(message)
            if message["type"] == "http.response.body":
                # a page hangs up when it is told that the stream closes, and may have called again
                ended = ended or message.get("body") == CLOSED or not message.get("more_body")

        try:
            await self.app(scope, receive_noting, send_noting)
        finally:
            if left or not ended:
                self.calls.hang_up(session)
            self.calls.forget(session)

    # Pages.

    def saying_closing(self, scope: Scope, receive: Receive, send: Send) -> Send:
        """Return a `send` that shows visitors that the hub closes; files go through."""

        def page() -> ASGIApp:
            text = self.closing_page(Request(scope))
            return HTMLResponse(text, 503, again_after(CLOSING_SECONDS))

        return replacing(None, page, scope, receive, send)


class Meter:
    """Counts the requests that are being answered, those for pages apart."""

    def __init__(self) -> None:
        self.open = 0
        self.last = time.monotonic()

    def __enter__(self) -> None:
        self.open += 1

    def __exit__(self, *_: object) -> None:
        self.open -= 1
        self.last = time.monotonic()

    @property
    def quiet(self) -> float:
        """For how many seconds there has been no request."""
        return 0.0 if self.open else time.monotonic() - self.last


def replacing(
    status: int | None, other: Callable[[], ASGIApp], scope: Scope, receive: Receive, send: Send
) -> Send:
    """Return a `send` that sends another answer in place of one with that status.

    Args:
        status: None: in place of any page.
    """
    replaced = False

    async def send_or_replace(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            found = message["status"] == status if status else kind.startswith("text/html")
            if found:
                replaced = True
                await other()(scope, receive, send)
        if not replaced:
            await send(message)

    return send_or_replace


def again_after(seconds: str) -> dict[str, str]:
    return {"retry-after": seconds}


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the whole body at once."""
    sent = False

    async def again() -> Any:
        nonlocal sent
        if sent:
            return await receive()  # waits for the client to hang up
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
