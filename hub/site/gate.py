"""What stands between the network and Gradio: it answers malformed calls clearly.

Gradio answers a malformed request with a traceback's last line, with the server's paths, or with
nothing; this middleware looks at each call first. It passes on what is well formed, the left-out
arguments filled in.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import anyio
import gradio as gr
from PIL import Image, UnidentifiedImageError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import InputError
from hub.media import MAX_IMAGE_SIDE, PICTURES
from hub.site.answers import content_of, refuse
from hub.site.api import Registered
from hub.site.uploads import NOT_UPLOADED, names_others, only_uploads

log = logging.getLogger(__name__)
CALL = re.compile(r"/gradio_api/call/(v2/)?([^/]+)/?")
DIRECT = re.compile(r"/gradio_api/(?:run|api)/([^/]+)/?")
READ = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)/?")
COMPONENT = re.compile(r"/gradio_api/component_server/?")
STREAM = re.compile(r"/gradio_api/stream/[^/]+/?")  # more for an event that runs
JOIN = re.compile(r"/gradio_api/queue/join/?")
MAX_DEPTH = 100  # lists and objects within each other
Around: TypeAlias = "Callable[[Request, str], bytes | None]"  # (request, Gradio's page) -> the page


class Refused(Exception):
    """A request that is answered here; the text is for the caller."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gate:
    """The middleware.

    Args:
        apis: every endpoint by its API name. numbers: the name of every event, of the API and of
        pages, by the number Gradio's clients call it by. waits: tells whether a call's answer is
        still to be read. around: returns the page to send for a page of Gradio's, or None to leave
        it.
    """

    def __init__(
        self,
        app: ASGIApp,
        apis: Mapping[str, Registered],
        numbers: Mapping[int, str],
        waits: Callable[[str], bool],
        around: Around,
    ) -> None:
        self.app = app
        self.apis = apis
        self.numbers = numbers
        self.waits = waits
        self.around = around

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] == "POST":
            await self.post(scope, receive, send)
        elif scope["method"] == "GET":
            await self.get(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def post(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if COMPONENT.fullmatch(path):
            await self.component(scope, receive, send)
            return
        call, direct = CALL.fullmatch(path), DIRECT.fullmatch(path)
        stream = STREAM.fullmatch(path)
        if not (call or direct or stream or JOIN.fullmatch(path)):
            await self.app(scope, receive, send)
            return
        try:
            if direct:
                name = self.api(direct[1]).name
                raise Refused(404, f"Calls go through the queue: POST to /gradio_api/call/{name}.")
            body = await body_of(Request(scope, receive))
            if stream:
                await check_files(body)
            elif call is None:
                await self.check_join(body)
            elif call[1]:
                body = self.named(call[2], body)
            else:
                body = self.listed(call[2], body)
            content = written(body)
        except Refused as refused:
            await JSONResponse(content_of(str(refused)), refused.status)(scope, receive, send)
            return
        await self.app(*replayed(scope, receive, content), send)

    def api(self, name: str) -> Registered:
        if name not in self.apis:
            known = ", ".join(sorted(self.apis)) or "none"
            raise Refused(404, f"There is no API endpoint {name[:60]!r}; there are: {known}.")
        return self.apis[name]

    def named(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a call with named arguments, `{"digit": 7}`, all of them filled in."""
        api = self.api(name)
        try:
            values = api.arranged(body)
        except InputError as error:
            raise Refused(422, str(error)) from error
        names = [parameter.name for parameter in api.endpoint.parameters]
        return dict(zip(names, only_uploads(values), strict=True))

    def listed(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a call with a list of arguments, `{"data": [7]}`, all filled in."""
        api = self.api(name)
        data = body.get("data")
        if not isinstance(data, list):
            raise Refused(422, 'The body must be {"data": [...]}, with the arguments in order.')
        names = [parameter.name for parameter in api.endpoint.parameters]
        if len(data) > len(names):
            takes = ", ".join(names) or "none"
            raise Refused(
                422,
                f"{api.endpoint.name} takes at most {len(names)} arguments ({takes}), "
                f"got {len(data)}.",
            )
        try:
            values = api.arranged(dict(zip(names, data, strict=False)))
        except InputError as error:
            raise Refused(422, str(error)) from error
        return {**body, "data": only_uploads(values)}

    async def check_join(self, body: dict[str, Any]) -> None:
        """Check a call by Gradio's own clients: its number, arguments' count, and files.

        What is wrong with an argument of the API is left to the endpoint, whose message these
        clients show; they do not show this middleware's.
        """
        number, data = body.get("fn_index"), body.get("data")
        if not isinstance(number, int) or not isinstance(data, list):
            raise Refused(422, 'The body must have "fn_index", a whole number, and "data", a list.')
        if number not in self.numbers:
            raise Refused(404, f"There is no event {number}.")
        name = self.numbers[number]
        if name in self.apis:
            count = len(self.apis[name].endpoint.parameters)
            if len(data) != count:
                raise Refused(422, f"{name} takes {count} arguments, got {len(data)}.")
            body["data"] = only_uploads(data)
        else:
            await check_files(body)

    async def component(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a component's function be called; Gradio checks little of what it is called with."""
        try:
            await self.app(scope, receive, send)
        except gr.Error as error:
            await refuse(422, str(error.message))(scope, receive, send)
        except (LookupError, ValueError, TypeError, AttributeError, OSError) as error:
            log.info("a component's function failed: %s: %s", type(error).__name__, error)
            await refuse(400, "That component cannot do this.")(scope, receive, send)

    async def get(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the page around what Gradio sends, where it sends a page."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if (read := READ.fullmatch(path)) and not self.waits(read[1]):
            message = "There is no such call, or its answer was read already; call again."
            await JSONResponse(content_of(message), 404)(scope, receive, send)
            return
        started: Message = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                if (
                    not Headers(raw=message["headers"])
                    .get("content-type", "")
                    .startswith("text/html")
                ):
                    await send(message)
                else:
                    started = message
            elif not started:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    await self.finish(scope, started, b"".join(parts), send)

        await self.app(scope, receive, collect)

    async def finish(self, scope: Scope, started: Message, page: bytes, send: Send) -> None:
        page = self.around(Request(scope), page.decode()) or page
        MutableHeaders(raw=started["headers"])["content-length"] = str(len(page))
        await send(started)
        await send({"type": "http.response.body", "body": page})


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object a request carries.

    Raises:
        Refused: it is no JSON object.
    """
    content = await request.body()  # hub.site.limits has seen to its size
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "The body of the request is not JSON.") from error
    if not isinstance(body, dict):
        raise Refused(400, f"The body must be a JSON object, got a {type(body).__name__}.")
    if deeper_than(MAX_DEPTH, body):
        raise Refused(400, f"The body is nested more than {MAX_DEPTH} levels deep.")
    return body


def written(body: dict[str, Any]) -> bytes:
    """Return a body as JSON again.

    Raises:
        Refused: it holds what no text may hold, and nothing could send back.
    """
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Refused(
            400, "The body holds half of a character: \\ud800 to \\udfff come in pairs only."
        ) from error


def deeper_than(limit: int, value: Any) -> bool:
    """Tell whether lists and objects are nested deeper than `limit`: Gradio walks recursively."""
    level = [value]
    for _ in range(limit + 1):
        nested = [one for one in level if isinstance(one, (list, dict))]
        level = [x for one in nested for x in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return False
    return any(isinstance(one, (list, dict)) for one in level)


def replayed(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """Return the request with another body."""
    headers = MutableHeaders(raw=list(scope["headers"]))
    headers["content-length"] = str(len(body))
    headers["content-type"] = "application/json"  # curl's default is that of a form
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()  # waits for the caller to hang up
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return {**scope, "headers": headers.raw}, again


async def check_files(body: Mapping[str, Any]) -> None:
    """Check the files that a page's event names.

    Raises:
        Refused: one was not uploaded here, or would unpack to too much.
    """
    data, about = body.get("data"), body.get("event_data")
    if names_others(data) or only_uploads([data, about]) != [data, about]:
        raise Refused(403, f"The call names {NOT_UPLOADED}.")
    await anyio.to_thread.run_sync(check_pictures, data)


def check_pictures(value: Any) -> None:
    """Look into the files a page's event names, before a component unpacks them.

    Raises:
        Refused: a picture would unpack to more than is allowed, or a file names others to be read.
    """
    for path in paths_in(value):
        with open(path, "rb") as file:
            if file.read(7) in (b"#EXTM3U", b"ffconca"):  # ffmpeg would follow it
                raise Refused(403, "Lists of other files are not taken.")
        with contextlib.suppress(UnidentifiedImageError, OSError, ValueError, SyntaxError):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                    width, height = Image.open(path, formats=PICTURES).size  # reads its head only
            except Image.DecompressionBombError:
                width = height = MAX_IMAGE_SIDE + 1
            if max(width, height) > MAX_IMAGE_SIDE:
                size = f"{MAX_IMAGE_SIDE}x{MAX_IMAGE_SIDE}"
                raise Refused(413, f"A picture may have at most {size} pixels.")


def paths_in(value: Any) -> Iterator[str]:
    """Yield the files in what a page's event brings."""
    if isinstance(value, list):
        for one in value:
            yield from paths_in(one)
    elif isinstance(value, dict):
        if isinstance(value.get("path"), str):
            yield value["path"]
        for one in value.values():
            yield from paths_in(one)
