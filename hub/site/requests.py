"""Every request's id: into the answer's header, and along with the call through Gradio's queue."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator

import gradio as gr
from gradio.context import LocalContext
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub import logs
from hub.observe import tell
from hub.site.answers import content_of, route_of

HEADER = "x-request-id"
METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")
ROUTES = {
    name: re.compile(pattern)
    for name, pattern in {
        "page": r"\w+ /(login|logout)?",
        "call": r"POST /gradio_api/(call/.*|queue/join/?)",
        "answer": r"\w+ /gradio_api/(call/.*|queue/data/?)",
        "upload": r"\w+ /gradio_api/upload.*",
        "file": r"\w+ /gradio_api/file=.*",
        "mcp": r"\w+ /gradio_api/mcp.*",
        "gradio": r"\w+ /(gradio_api/.*|config/?)",
        "asset": r"\w+ /((hub-assets|thumbnails|assets|static|svelte)/.*|[\w-]+\.\w+)",
        "watch": r"\w+ /(healthz|readyz|metrics)/?",
    }.items()
}
MAX_PATH = 200  # characters of an address in the log
SALT = secrets.token_bytes(16)  # so that nobody can find an address by hashing all of them
log = logging.getLogger(__name__)


class Requests:
    """The middleware, the outermost of the hub's: what is inside can ask `logs.current()`.

    A valid id that comes with a request, from a proxy or a caller, is kept. The id is written into
    the request's own headers too: there Gradio's queue, which answers calls in another task, and
    MCP, whose tools call the API, find it again.

    Args:
        pages: the demos' names. answered: is told of each answer: route, method, status, seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        pages: Iterable[str] = (),
        answered: Callable[[str, str, int, float], None] = lambda *_: None,
    ) -> None:
        self.app = app
        self.pages = {f"/{page}" for page in pages}
        self.answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = MutableHeaders(raw=list(scope["headers"]))
        number = logs.valid_id(headers.get(HEADER, ""))
        headers[HEADER] = number
        scope = {**scope, "headers": headers.raw}
        began = time.perf_counter()
        answered = False

        async def numbered(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                MutableHeaders(raw=message["headers"])[HEADER] = number
                self.note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        with logs.during(logs.Request(number, client_of(scope))):
            try:
                await self.app(scope, receive, numbered)
            except Exception:
                log.exception("%s %s failed", scope["method"], scope["path"])
                if answered:
                    raise
                text = failure(number)
                answer = JSONResponse(content_of(text), 500)
                await answer(scope, receive, numbered)

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answer; log it if it refuses what was asked."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        path = route_of(scope)
        route = self.route_class(method, path)
        tell(self.answered, route, method, status, seconds)
        refused = status >= 400 and route != "watch"  # who watches asks often
        log.log(
            logging.INFO if refused else logging.DEBUG,
            "%s %s answered %d in %.3f s",
            *(method, path[:MAX_PATH], status, seconds),
            extra={"method": method, "path": path[:MAX_PATH], "status": status},
        )

    def route_class(self, method: str, path: str) -> str:
        """Return what an address is of, in one of a few words."""
        if path.rstrip("/") in self.pages:
            return "page"
        asked = f"{method} {path}"
        return next((name for name, one in ROUTES.items() if one.fullmatch(asked)), "other")


@contextlib.contextmanager
def during_event(event: gr.Request | None = None) -> Iterator[logs.Request]:
    """Do what is inside for the request that brought a Gradio event: the one answered here."""
    event = event or LocalContext.request.get(None)
    scope: Scope = getattr(getattr(event, "request", None), "scope", None) or {}
    number = Headers(scope=scope).get(HEADER, "") if scope else ""
    # without one it is called outside of the site, as tests of pages do
    known = logs.Request(number, client_of(scope)) if number else logs.numbered()
    with logs.during(known) as request:
        yield request


def client_of(scope: Scope) -> str:
    """Return a pseudonym for where a request comes from: the same until the hub starts again."""
    host = (scope.get("client") or ("",))[0]
    return hashlib.blake2b(host.encode(), digest_size=4, key=SALT).hexdigest()


def failure(number: str) -> str:
    """Return what is told of an error that nobody foresaw."""
    return f"Something failed inside. The hub's log has the details (request {number})."
