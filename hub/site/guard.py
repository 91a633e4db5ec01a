"""What stands around the whole site: who may ask, what, and how much, before Gradio sees it.

From the outside in: `Peer` finds out who asks; `Safe` adds headers that protect browsers; `Hosts`
and `Origins` refuse what another site made a browser send; `Login` asks for a password where there
are some; `Doors` opens only the addresses a hub needs; `Rates` and `Bodies` hold back those who ask
for too much. `hub.site.gate` then looks into each call.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gradio.route_utils import CustomCORSMiddleware
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from hub import settings
from hub.errors import SettingsError
from hub.site.answers import INSIDE, refuse
from hub.site.limits import Bodies, Rate, Rates
from hub.site.login import Accounts

LOOPBACK = ("127.0.0.1", "::1", "localhost")
NOBODY = ("0.0.0.0", 0)
FORWARDED = (b"forwarded", b"x-forwarded-", b"x-gradio-server", b"x-real-ip")
ORIGIN = re.compile(r"https?://[^/\s,]+|null")
READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Policy:
    """Who may ask, and how much; `read` takes it from the environment."""

    accounts: Accounts | None = None
    rate: Rate | None = None
    volume: Rate | None = None  # bytes
    max_upload: int = 50_000_000  # bytes
    kept: float = 2e9  # bytes of uploads and results; the oldest make room
    origins: tuple[str, ...] = ()  # of other sites whose pages may call; "*" for all
    hosts: tuple[str, ...] = ("*",)  # names that the hub answers to; "*" for all
    frames: str = "'self'"  # who may show the pages in a frame: a CSP source list
    proxies: str = "127.0.0.1,::1"  # whose X-Forwarded-* headers are believed

    @classmethod
    def read(cls, host: str) -> Policy:
        """Return what the environment says, for a hub that listens on `host`.

        Raises:
            SettingsError: a variable does not fit.
        """
        megabytes = settings.MAX_UPLOAD_MB.positive(50)
        volume = settings.UPLOADS_MB_PER_HOUR.whole(1000)
        return cls(
            accounts=Accounts.read(settings.AUTH.text),
            rate=Rate.read(settings.RATE.name, settings.RATE.text or settings.RATE.default),
            volume=Rate(volume * 1e6, 3600) if volume else None,
            max_upload=int(megabytes * 1e6),
            kept=settings.KEPT_MB.positive(2000) * 1e6,
            origins=origins(settings.CORS.text),
            hosts=hosts(settings.ALLOWED_HOSTS.text, host),
            frames=frames(settings.FRAMES.text),
            proxies=proxies(settings.TRUSTED_PROXIES.text),
        )


def words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def origins(text: str) -> tuple[str, ...]:
    for word in words(text):
        if word != "*" and not ORIGIN.fullmatch(word):
            raise SettingsError(
                f"{settings.CORS.name} takes origins, such as https://example.org, or *; "
                f"got {word!r}"
            )
    return tuple(words(text))


def hosts(text: str, listening: str) -> tuple[str, ...]:
    """Return the names to answer to: those set, or those of this machine where only it can ask."""
    if text:
        return tuple(word.lower() for word in words(text))
    return LOOPBACK if is_loopback(listening) else ("*",)


def frames(text: str) -> str:
    if ";" in text:
        raise SettingsError(f"{settings.FRAMES.name} takes origins, parted by spaces; got {text!r}")
    on_space = "'self' https://huggingface.co https://*.hf.space"  # which shows it in a frame
    return " ".join(words(text)) or (on_space if settings.SPACE_ID.text else "'self'")


def proxies(text: str) -> str:
    for word in words(text):
        if word == "*":
            continue
        try:
            ipaddress.ip_network(word)
        except ValueError as error:
            raise SettingsError(
                f"{settings.TRUSTED_PROXIES.name} takes addresses and networks, such as "
                f"10.0.0.0/8; got {word!r}"
            ) from error
    if "*" in words(text):
        return "*"
    if not text and settings.SPACE_ID.text:  # only its proxy can reach a Space
        return "*"
    return ",".join(words(text)) or "127.0.0.1,::1"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Peer:
    """Finds out who asks: behind a trusted proxy the one it names, else who is at the other end.

    The path gets back what a proxy has cut off its beginning, as the routes expect it.
    What a stranger says about proxies is dropped, so that nothing further in believes it. The hub's
    own calls carry a secret, and are marked, so that the guards let them pass.
    """

    def __init__(self, app: ASGIApp, trusted: str, secret: str) -> None:
        self.app = app
        self.proxied = ProxyHeadersMiddleware(self.believed, trusted)  # type: ignore[arg-type]
        self.secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        root = scope.get("root_path", "")
        if root and not f"{scope['path']}/".startswith(f"{root}/"):  # the proxy has cut it off
            scope["path"] = root + scope["path"]
        given = Headers(scope=scope).get(INSIDE)
        if given and secrets.compare_digest(given.encode(), self.secret.encode()):
            await self.app({**scope, INSIDE: True}, receive, send)
        elif scope.get("client") and scope["client"][0] in self.proxied.trusted_hosts:
            await self.proxied(scope, receive, send)  # type: ignore[arg-type]
        else:
            headers = [one for one in scope["headers"] if not one[0].startswith(FORWARDED)]
            await self.app({**scope, "headers": headers}, receive, send)

    async def believed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what a proxy said, but not that it speaks for this machine, which may do more."""
        if "x-forwarded-for" in Headers(scope=scope) and is_loopback(scope["client"][0]):
            scope = {**scope, "client": NOBODY}
        await self.app(scope, receive, send)


class Safe:
    """Adds the headers by which browsers protect their users."""

    def __init__(self, app: ASGIApp, frames: str) -> None:
        self.app = app
        self.headers = {
            "content-security-policy": f"frame-ancestors {frames}; object-src 'none'; "
            "base-uri 'self'; form-action 'self'",
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class Hosts:
    """Answers only to the hub's own names.

    Else any page could have its own name point here, and read as a page of the hub what only this
    machine may (DNS rebinding). A bare address cannot be pointed elsewhere, and always passes.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self.app = app
        self.allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            host = name_of(Headers(scope=scope).get("host", ""))
            if not self.passes(host):
                message = (
                    f"This hub does not answer for {host[:100]!r}. If that is its name, start it "
                    f"with {settings.ALLOWED_HOSTS.name}={host[:100]}"
                )
                await (closed if scope["type"] == "websocket" else refuse(421, message))(
                    scope, receive, send
                )
                return
        await self.app(scope, receive, send)

    def passes(self, host: str) -> bool:
        if not host or "*" in self.allowed or host in (*self.allowed, *LOOPBACK):
            return True
        if any(one.startswith("*.") and host.endswith(one[1:]) for one in self.allowed):
            return True
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return host.endswith(".localhost")
        return True


def name_of(host: str) -> str:
    """Return a Host header's name, without its port."""
    return re.sub(r":\d*$", "", host).lower().rstrip(".")


class Origins:
    """Lets no other site's page make a visitor's browser call, unless that site is allowed.

    Programs send no origin, and pass. With "*" any site may call, without the visitor's cookie.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self.app = app
        self.allowed = allowed
        if allowed:
            self.app = CORSMiddleware(
                app,
                allow_origins=allowed,
                allow_methods=("GET", "POST"),
                allow_headers=("*",),
                allow_credentials="*" not in allowed,
                expose_headers=("Retry-After", "X-Request-Id"),
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope.get(INSIDE) or is_own(scope):
            await self.app(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin", "")
        if origin in self.allowed:
            await self.app(scope, receive, send)
        elif "*" in self.allowed or scope.get("method") in READING:
            headers = scope["headers"]
            if scope.get("method") not in READING:
                headers = [one for one in headers if one[0] != b"cookie"]
            await self.app({**scope, "headers": headers}, receive, send)
        elif scope["type"] == "websocket":
            await closed(scope, receive, send)
        else:
            message = (
                "Pages of another site may not call this hub. Its operator can allow them: "
                f"{settings.CORS.name}={origin[:100] or 'https://example.org'}"
            )
            await refuse(403, message)(scope, receive, send)


def is_own(scope: Scope) -> bool:
    """Tell whether a request comes from a page of this hub, or from no page at all."""
    headers = Headers(scope=scope)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")  # browsers write it themselves
    if origin is None:
        return True
    address = re.sub(r"(:80|:443)$", "", origin.partition("://")[2].lower())
    hosts = [headers.get("host", ""), headers.get("x-forwarded-host", "").partition(",")[0].strip()]
    return address in [re.sub(r"(:80|:443)$", "", host.lower()) for host in hosts if host]


async def closed(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})


def around(policy: Policy, secret: str, watch: Sequence[Middleware], *inner: Middleware) -> Any:
    """Return the lifespan that puts the guards around Gradio's app before it answers anybody.

    Gradio adds middleware of its own outside of what it is given, and one of them lets the pages of
    any site call with a visitor's cookies. So the order is settled here, at the last moment.

    Args:
        watch: what sees each request, refused or not. inner: the guards that know the site.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        own = [one for one in app.user_middleware if one.cls is not CustomCORSMiddleware]
        app.user_middleware = [
            Middleware(Peer, trusted=policy.proxies, secret=secret),
            *watch,
            Middleware(Safe, frames=policy.frames),
            Middleware(Hosts, allowed=policy.hosts),
            Middleware(Origins, allowed=policy.origins),
            Middleware(Bodies, max_upload=policy.max_upload, volume=policy.volume),
            *inner,
            Middleware(Rates, rate=policy.rate),
            *own,
        ]
        app.middleware_stack = app.build_middleware_stack()
        yield

    return lifespan


@contextlib.contextmanager
def believing_nobody() -> Iterator[None]:
    """Keep uvicorn, while it is set up, from believing X-Forwarded-For: `Peer` decides that."""
    name = "FORWARDED_ALLOW_IPS"
    before = os.environ.get(name)
    os.environ[name] = ""
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
