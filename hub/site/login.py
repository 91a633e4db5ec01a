"""Passwords: who may use the hub, where `LATENTHUB_AUTH` names somebody.

A browser logs in on a page and keeps a cookie, as Gradio's clients do with `auth=`; everything else
sends the user and the password with each request, as HTTP Basic.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

import anyio
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hub import settings
from hub.errors import SettingsError
from hub.passwords import HASH, fits, hashed
from hub.site.answers import INSIDE, refuse, route_of
from hub.site.limits import Buckets, Rate, client_of, too_many

SESSION = 14 * 24 * 3600.0  # seconds until a browser logs in again
MAX_SESSIONS = 10_000
MAX_REMEMBERED = 1_000
GUESSES = Rate(10, 300)  # wrong passwords of one client
OPEN = re.compile(
    r"/(healthz|readyz|metrics)/?"  # hub.site.health says who may read
    r"|/favicon\.ico|/robots\.txt|/hub-assets/.*|/gradio_api/startup-events/?"
)
WRONG = "That user and password do not fit."
NEEDED = "This hub needs a user and a password."


@dataclass
class Accounts:
    """The users, and what is kept of their passwords."""

    hashes: Mapping[str, str]  # by user
    remembered: OrderedDict[bytes, None] = field(default_factory=OrderedDict, repr=False)
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    turns: anyio.CapacityLimiter | None = field(default=None, repr=False)

    @classmethod
    def read(cls, text: str) -> Accounts | None:
        """Return those that LATENTHUB_AUTH names; None where it is empty.

        Raises:
            SettingsError: it is not as it should be; the message shows no password.
        """
        if not text:
            return None
        name = settings.AUTH.name
        if text.startswith("@"):
            try:
                lines = Path(text[1:]).expanduser().read_text().splitlines()
            except (OSError, ValueError) as error:
                raise SettingsError(f"{name}: {text[1:]} cannot be read: {error}") from error
            pairs = [line.strip() for line in lines if line.strip() and line.strip()[0] != "#"]
        else:
            pairs = text.split(",")
        found: dict[str, str] = {}
        for number, pair in enumerate(pairs, 1):
            user, colon, password = pair.strip().partition(":")
            if not (user and colon and password):
                raise SettingsError(
                    f"{name}: account {number} must be user:password; a password with a comma can "
                    "stand in a file, one account a line, named as @/path/of/it"
                )
            if user in found:
                raise SettingsError(f"{name}: there are two accounts of the name {user!r}")
            if text.startswith("@") and not HASH.fullmatch(password):
                raise SettingsError(
                    f"{name}: line {number} has no hash made by `latenthub password {user}`"
                )
            found[user] = password if HASH.fullmatch(password) else hashed(password)
        if not found:
            raise SettingsError(f"{name}: {text[1:]} has no accounts")
        return cls(found)

    def mark(self, user: str, password: str) -> bytes:
        return hmac.digest(self.key, f"{user}\0{password}".encode(), "sha256")

    def remembers(self, user: str, password: str) -> bool:
        """Tell whether they were found to fit before, so that not every request takes as long."""
        return self.mark(user, password) in self.remembered

    async def knows(self, user: str, password: str) -> bool:
        """Tell whether the password is this user's; an unknown user takes as long to refuse."""
        if self.turns is None:
            self.turns = anyio.CapacityLimiter(2)  # guesses at once, whoever makes them
        kept = self.hashes.get(user) or next(iter(self.hashes.values()))
        right = await anyio.to_thread.run_sync(fits, password, kept, limiter=self.turns)
        if not (right and user in self.hashes):
            return False
        self.remembered[self.mark(user, password)] = None
        if len(self.remembered) > MAX_REMEMBERED:
            self.remembered.popitem(last=False)
        return True


class Sessions:
    """The browsers that are logged in, until they log out, or the hub ends."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.ends: OrderedDict[str, float] = OrderedDict()

    def begin(self) -> str:
        token = secrets.token_urlsafe(32)
        self.ends[token] = self.clock() + SESSION
        if len(self.ends) > MAX_SESSIONS:
            self.ends.popitem(last=False)
        return token

    def holds(self, token: str | None) -> bool:
        return token is not None and self.ends.get(token, 0.0) > self.clock()

    def end(self, token: str | None) -> None:
        self.ends.pop(token or "", None)


class Login:
    """Lets through who has a password. Where there are no accounts, everybody.

    Args:
        page: draws the page to log in on: (request, what to tell, where to go then) -> HTML.
    """

    def __init__(
        self, app: ASGIApp, accounts: Accounts | None, page: Callable[[Request, str, str], str]
    ) -> None:
        self.app = app
        self.accounts = accounts
        self.page = page
        self.sessions = Sessions()
        self.guesses = Buckets(GUESSES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope.get(INSIDE):
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and route_of(scope).rstrip("/") in ("/login", "/logout"):
            request = Request(scope, receive)
            if self.accounts is None:
                answer: ASGIApp = RedirectResponse(home_of(request), 303)
            elif route_of(scope).startswith("/logout"):
                answer = self.logout(request)
            else:
                answer = await self.login(request)
            await answer(scope, receive, send)
        else:
            refusal = await self.refusal(scope)
            await (refusal or self.app)(scope, receive, send)

    async def refusal(self, scope: Scope) -> ASGIApp | None:
        """Return what a request is told that may not pass."""
        if self.accounts is None or OPEN.fullmatch(route_of(scope)):
            return None
        if scope["type"] == "websocket":
            return refuse(403, NEEDED)
        request = Request(scope)
        if self.sessions.holds(request.cookies.get(cookie_of(scope))):
            return None
        basic = basic_of(request.headers.get("authorization", ""))
        if basic is not None:
            return await self.guess(scope, *basic)
        if "text/html" in request.headers.get("accept", "") and scope["method"] == "GET":
            asked = route_of(scope) + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{home_of(request)}login?next={quote(asked)}", 303)
        headers = {}
        if "sec-fetch-site" not in request.headers:  # else a browser opens its own dialog
            headers["www-authenticate"] = 'Basic realm="latenthub", charset="UTF-8"'
        return refuse(401, NEEDED, headers)

    async def guess(self, scope: Scope, user: str, password: str) -> ASGIApp | None:
        """Return what is told about a user and a password; None where they fit."""
        assert self.accounts is not None
        client = client_of(scope)
        if wait := self.guesses.take(client):  # before it is looked at, even if it is right
            return too_many("Too many wrong passwords", wait)
        right = self.accounts.remembers(user, password)
        if not (right or await self.accounts.knows(user, password)):
            return refuse(401, WRONG)
        self.guesses.give(client)
        return None

    async def login(self, request: Request) -> Response | ASGIApp:
        after = local(request.query_params.get("next", "/"))
        html = "text/html" in request.headers.get("accept", "")
        if request.method != "POST":
            return HTMLResponse(self.page(request, "", after))
        try:
            async with request.form(max_files=0, max_fields=8, max_part_size=4096) as form:
                user, password = str(form.get("username", "")), str(form.get("password", ""))
        except MultiPartException as error:
            if hasattr(error, "answer"):
                raise  # cut off by hub.site.limits
            return refuse(400, "The form could not be read.")
        wait = math.ceil(self.guesses.wait(client_of(request.scope)))
        refusal = await self.guess(request.scope, user.strip(), password)
        if refusal is None:
            answer = RedirectResponse(home_of(request) + after[1:], 303)
            return self.with_cookie(request, answer if html else JSONResponse({"success": True}))
        if html:
            problem = f"Too many wrong passwords; try again in {wait} seconds." if wait else WRONG
            return HTMLResponse(self.page(request, problem, after), 429 if wait else 401)
        return refusal

    def with_cookie(self, request: Request, answer: Response) -> Response:
        answer.set_cookie(
            cookie_of(request.scope),
            self.sessions.begin(),
            max_age=int(SESSION),
            path=home_of(request),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return answer

    def logout(self, request: Request) -> Response | ASGIApp:
        if request.method != "POST":
            return refuse(405, "Log out by POST.", {"allow": "POST"})
        name = cookie_of(request.scope)
        self.sessions.end(request.cookies.get(name))
        answer = RedirectResponse(f"{home_of(request)}login", 303)
        answer.delete_cookie(name, path=home_of(request))
        return answer


def home_of(request: Request) -> str:
    return f"{request.scope.get('root_path', '').rstrip('/')}/"


def cookie_of(scope: Scope) -> str:
    """Return the cookie's name; hubs on other ports of a machine have others."""
    port = Headers(scope=scope).get("host", "").rpartition(":")[2]
    return f"latenthub-{port}" if port.isdigit() else "latenthub"


def local(address: str) -> str:
    """Return where to go after the log-in: a path of this site, whatever was asked for."""
    address = unquote(address)
    fine = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if fine and address.isprintable() else "/"


def basic_of(header: str) -> tuple[str, str] | None:
    """Return user and password of an Authorization header; None where it has none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    user, _, password = text.partition(":")
    return user, password
