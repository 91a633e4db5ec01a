"""How much one client may ask: calls a minute, bytes in a request, bytes uploaded in an hour."""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
from gradio.utils import get_upload_folder
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import SettingsError
from hub.site.answers import INSIDE, refuse, route_of
from hub.site.kept import is_nearly_full

UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
RATE = re.compile(r"(\d+)/(second|minute|hour)")
MAX_CLIENTS = 20_000  # known at once; the one seen longest ago makes room
UPLOAD = "/gradio_api/upload"
FREE = re.compile(r"/gradio_api/(cancel|reset|stream/.*)/?|/log(in|out)/?")  # no model runs
IDLE = 60.0  # seconds without a byte, after which a half-sent request is given up
DRAINING, DRAINED = 10.0, 2  # seconds, and requests of the largest size, that are read in vain
FRAMING = 65_536  # bytes of a multipart body that are not the file's
JSON_FACTOR = 1.6  # a file as a data URL is 4/3 as long; the rest is room
ROOM = 10  # uploads of the largest size that the disk must have room for, before one is taken
SMALL = 1_000_000  # bytes of a body that is taken whatever else is held
LOGIN, MAX_LOGIN = re.compile(r"/login/?"), 10_000  # bytes; it is read before anybody is known
HELD_REQUESTS = 6  # requests of the largest size whose bodies may be in memory at once


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds; all of them may come at once."""

    count: float
    seconds: float

    @classmethod
    def read(cls, name: str, text: str) -> Rate | None:
        """Return the rate that a setting such as "600/minute" names; None for "0".

        Raises:
            SettingsError: it is no rate.
        """
        if text == "0":
            return None
        found = RATE.fullmatch(text)
        if found is None or int(found[1]) == 0:
            raise SettingsError(
                f"{name} must be a number per second, minute or hour, such as 600/minute, or 0 for "
                f"no limit; got {text!r}"
            )
        return cls(float(found[1]), UNITS[found[2]])


class Buckets:
    """A token bucket for each client."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.clock = clock
        self.levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # (tokens, when)

    def level(self, client: str, now: float) -> float:
        level, when = self.levels.get(client, (self.rate.count, now))
        return min(self.rate.count, level + (now - when) * self.rate.count / self.rate.seconds)

    def wait(self, client: str, count: float = 1.0) -> float:
        """Return the seconds until `count` tokens are there; 0: they are."""
        missing = min(count, self.rate.count) - self.level(client, self.clock())
        return max(0.0, missing * self.rate.seconds / self.rate.count)

    def take(self, client: str, count: float = 1.0) -> float:
        """Take `count` tokens; return 0, or the seconds until they are there, with none taken."""
        if wait := self.wait(client, count):
            return wait
        now = self.clock()
        self.levels[client] = (self.level(client, now) - count, now)
        self.levels.move_to_end(client)
        while len(self.levels) > MAX_CLIENTS:
            self.levels.popitem(last=False)
        return 0.0

    def give(self, client: str, count: float = 1.0) -> None:
        """Give back what was taken."""
        level, when = self.levels.get(client, (self.rate.count, self.clock()))
        self.levels[client] = (min(self.rate.count, level + count), when)


def client_of(scope: Scope) -> str:
    """Return what a client is counted under: its address, in IPv6 the network it is given."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6 and address.ipv4_mapped is None and not address.is_loopback:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_here(client: str) -> bool:
    """Tell whether a client is on this machine, with no proxy in between."""
    try:
        return ipaddress.ip_network(client, strict=False).is_loopback
    except ValueError:
        return False


class Rates:
    """Tells a client that calls too often to wait. Callers on this machine are not counted."""

    def __init__(self, app: ASGIApp, rate: Rate | None) -> None:
        self.app = app
        self.buckets = Buckets(rate) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.buckets and scope["type"] == "http" and scope["method"] == "POST":
            client = client_of(scope)
            free = scope.get(INSIDE) or is_here(client) or FREE.fullmatch(route_of(scope))
            if not free and (wait := self.buckets.take(client)):
                rate = self.buckets.rate
                what = f"This hub answers {rate.count:.0f} calls {span(rate.seconds)} to one client"
                await too_many(what, wait)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def too_many(what: str, wait: float) -> ASGIApp:
    seconds = max(1, math.ceil(wait))
    plural = "" if seconds == 1 else "s"
    message = f"{what}; try again in {seconds} second{plural}."
    return refuse(429, message, {"retry-after": str(seconds)})


def span(seconds: float) -> str:
    unit = next(unit for unit, length in UNITS.items() if length == seconds)
    return "an hour" if unit == "hour" else f"a {unit}"


class Cut(MultiPartException):
    """A request's body that is not read on; Gradio's reader removes the files it began.

    `answer` is None where nobody is there to be told; `more`: more of the body may still come.
    """

    def __init__(self, answer: ASGIApp | None, more: bool = True) -> None:
        super().__init__("not read on")
        self.answer = answer
        self.more = more


class Bodies:
    """Reads no more of a request than is allowed, however long it says it is.

    Args:
        max_upload: bytes of an upload, its files together. volume: bytes one client may upload.
    """

    def __init__(self, app: ASGIApp, max_upload: int, volume: Rate | None) -> None:
        self.app = app
        self.max_upload = max_upload
        self.max_json = int(max_upload * JSON_FACTOR)
        self.max_held = HELD_REQUESTS * self.max_json
        self.held = 0  # bytes of bodies in memory
        self.volume = Buckets(volume) if volume else None
        self.folder = Path(get_upload_folder())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        body = Body(self, scope, receive, send)
        try:
            body.check_length()
            await self.app(scope, body.receive, body.send)
        except Cut as cut:
            body.cut = cut
        finally:
            self.held -= body.held
        if body.cut and body.cut.answer and not body.started:
            if body.cut.more:
                await body.drain()
            await body.cut.answer(scope, receive, send)


class Body:
    """One request's body while it is read."""

    def __init__(self, bodies: Bodies, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies = bodies
        self.client = client_of(scope)
        self.upload = route_of(scope).rstrip("/") == UPLOAD
        self.limit = MAX_LOGIN if LOGIN.fullmatch(route_of(scope)) else bodies.max_json
        self.length = Headers(scope=scope).get("content-length", "")
        self.scope = scope
        self._receive = receive
        self._send = send
        self.read = self.held = 0  # bytes
        self.whole = self.started = False
        self.cut: Cut | None = None

    def check_length(self) -> None:
        """Raise Cut where the request says itself that it is too long, or has no place."""
        if self.upload and is_nearly_full(self.bodies.folder, ROOM * self.bodies.max_upload):
            raise Cut(refuse(507, "The hub has no room for uploads. Try again later."))
        if self.length.isascii() and self.length.isdigit():
            self.check(int(self.length))

    def check(self, length: int) -> None:
        bodies = self.bodies
        if self.upload and length > bodies.max_upload + FRAMING:
            text = f"An upload may have {bodies.max_upload / 1e6:g} MB, its files together."
            raise Cut(refuse(413, text))
        if not self.upload and length > self.limit:
            text = f"A request may have {self.limit / 1e6:g} MB. Upload files instead."
            raise Cut(refuse(413, text))

    def count(self, chunk: bytes) -> None:
        """Count what came in.

        Raises:
            Cut: it is more than is allowed.
        """
        bodies = self.bodies
        self.read += len(chunk)
        self.check(self.read)
        if not self.upload:
            self.held += len(chunk)
            bodies.held += len(chunk)
            if self.held > SMALL and bodies.held > bodies.max_held:
                raise Cut(too_busy())
        elif bodies.volume and not is_here(self.client):
            if wait := bodies.volume.take(self.client, len(chunk)):
                megabytes = f"{bodies.volume.rate.count / 1e6:g} MB"
                raise Cut(too_many(f"One client may upload {megabytes} in an hour", wait))

    async def receive(self) -> Message:
        if self.whole:
            return await self._receive()  # waits for the caller to hang up
        if self.cut:
            raise self.cut
        try:
            message: Message = {}
            with anyio.move_on_after(IDLE):
                message = await self._receive()
            if not message:
                text = f"Nothing came for {IDLE:.0f} seconds; send it again."
                raise Cut(refuse(408, text), more=False)
            if message["type"] == "http.disconnect":
                raise Cut(None)
            self.count(message.get("body", b""))
        except Cut as cut:
            self.cut = cut
            raise
        self.whole = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read what may still come, and forget it: a client that is sending reads no answer."""
        with anyio.move_on_after(DRAINING):
            while not self.whole and self.read <= DRAINED * self.bodies.max_json:
                message = await self._receive()
                self.read += len(message.get("body", b""))
                self.whole = not message.get("more_body", False)

    async def send(self, message: Message) -> None:
        """Pass an answer on, but for one that makes something else of a cut."""
        if self.cut is None or self.started:
            self.started = True
            await self._send(message)


def too_busy() -> ASGIApp:
    text = "Too many large requests are being read; try again in a moment, or upload files instead."
    return refuse(503, text, {"retry-after": "2"})
