"""Serve the site: one Gradio server with the hub's pages, assets and checks around it."""

from __future__ import annotations

import logging
import re
import secrets
import socket
from collections.abc import Callable, Collection, Iterable
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any

import gradio as gr
from fastapi.exceptions import RequestValidationError
from gradio.utils import get_upload_folder
from gradio_client import Client
from PIL import Image
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from hub import logs, settings
from hub.app import Hub
from hub.errors import SettingsError
from hub.media import MAX_IMAGE_SIDE
from hub.site import closing
from hub.site.answers import INSIDE, malformed
from hub.site.calls import Calls
from hub.site.doors import Doors
from hub.site.errors import tell_all
from hub.site.express import Express
from hub.site.fetch import Fetches
from hub.site.frame import Frame
from hub.site.gate import Gate
from hub.site.guard import Policy, around, believing_nobody, is_loopback
from hub.site.health import Health
from hub.site.kept import Tidy
from hub.site.limits import FRAMING
from hub.site.login import Login
from hub.site.metrics import Metrics
from hub.site.pages import Site, build_site
from hub.site.requests import Requests
from hub.site.sessions import lighten
from hub.site.theme import theme
from hub.site.traffic import Meter, Traffic
from hub.site.uploads import is_served

log = logging.getLogger(__name__)
ASSETS = resources.files("hub.site") / "assets"
MAX_WAITING = 200  # calls in the queue; more are told to come back
MAX_FILES = 65_536  # that the process may have open, where the system allows as many
MAX_THREADS = 128  # calls under way; most of them wait for others to make a batch with


def build(hub: Hub) -> gr.Blocks:
    """Return the playgrounds and the API as one Gradio app, without what `serve` puts around."""
    return build_site(hub).blocks


class Running:
    """A site that is being served; `close` ends it."""

    def __init__(self, site: Site, url: str, calls: Calls, meter: Meter, tidy: Tidy) -> None:
        self.site = site
        self._tidy = tidy
        self.url = url  # "http://127.0.0.1:7860/"
        self._calls = calls
        self._meter = meter

    def finish(self, seconds: float) -> None:
        """Take no more calls, and return when those that were taken are answered, or told that
        the hub closes."""
        closing.finish(self.site.hub, self._calls, self._meter, seconds)

    def close(self) -> None:
        """Answer no more, and let go of the port."""
        if self.site.fetches is not None:
            self.site.fetches.close()
        self._tidy.close()
        self.site.blocks.close(verbose=False)

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def start(
    hub: Hub,
    host: str = "127.0.0.1",
    port: int = 7860,
    mcp: bool = False,
    policy: Policy | None = None,
) -> Running:
    """Serve the site in a background thread.

    Args:
        policy: who may ask, and how much; by default what the environment says.

    Raises:
        SettingsError: the port is taken, `mcp` needs a package that is not installed, or a variable
        of the environment does not fit.
    """
    policy = policy or Policy.read(host)
    check_port(host, port)
    if mcp:
        check_mcp()
    metrics = Metrics()
    hub.observe(metrics)
    Image.MAX_IMAGE_PIXELS = MAX_IMAGE_SIDE**2  # for what Gradio's components unpack themselves
    site = build_site(hub)
    tell_all(site.blocks)
    site.mcp, site.locked = mcp, policy.accounts is not None
    if not (site.locked or is_loopback(host) or settings.SPACE_ID.text):
        log.warning(
            "whoever reaches %s:%d may use this hub; LATENTHUB_AUTH asks for a password", host, port
        )
    site.blocks.queue(api_open=False, max_size=MAX_WAITING, default_concurrency_limit=16)
    frame = Frame(site)
    numbers = {number: str(event.api_name) for number, event in site.blocks.fns.items()}
    calls, meter = Calls(site.blocks), Meter()
    hub.find_caller = calls.caller
    traffic = Middleware(Traffic, hub=hub, calls=calls, meter=meter, closing_page=frame.closing)

    def waits(call: str) -> bool:
        return calls.session_of(call) is not None

    gate = Middleware(
        Gate,
        apis=site.apis,
        numbers=numbers,
        waits=waits,
        around=frame.around,
    )
    express = Middleware(Express, blocks=site.blocks, apis=site.apis)
    own = [*routes(frame), *Health(site, metrics).routes()]
    if settings.FETCH.on:
        site.fetches = Fetches(hub.folders, hub.demos)
        own += site.fetches.routes()
    watch = Middleware(Requests, pages=hub.demos, answered=metrics.answered)
    guards = [
        Middleware(Login, accounts=policy.accounts, page=frame.login),
        Middleware(
            Doors,
            own=own,
            pages=site.hub.demos,
            mcp=mcp,
            component_server=any(getattr(block, "server_fns", ()) for block in every(site)),
            custom=any(
                not type(one).__module__.startswith(("gradio.", "hub.")) for one in every(site)
            ),
            is_file=is_served,
            missing=frame.not_found,
        ),
    ]
    secret = secrets.token_urlsafe(32)
    try:
        with believing_nobody():
            site.blocks.launch(
                server_name=host,
                server_port=port,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                inbrowser=False,
                show_error=False,  # errors are told by hub.site.errors; Gradio's own may show paths
                enable_monitoring=False,
                run_history=False,
                footer_links=[],
                max_file_size=policy.max_upload + FRAMING,  # hub.site.limits says so first
                max_threads=MAX_THREADS,
                root_path=root_path(),
                ssr_mode=False,
                pwa=False,
                mcp_server=mcp,
                theme=theme(),
                app_kwargs={
                    "middleware": [traffic, gate, express],
                    "lifespan": around(policy, secret, [watch], *guards),
                    "routes": own,
                    "exception_handlers": {404: frame.missing, RequestValidationError: malformed},
                },
            )
    except OSError as error:
        raise SettingsError(taken(port)) from error
    lighten(site.blocks)
    if mcp:
        call_from_inside(site.blocks, secret)
    logs.adopt("uvicorn")
    tidy = Tidy(Path(get_upload_folder()), policy.kept, site.files)
    return Running(site, str(site.blocks.local_url), calls, meter, tidy)


def serve(
    hub: Hub,
    host: str = "127.0.0.1",
    port: int = 7860,
    mcp: bool = False,
    warm: Collection[str] = (),
    ready: Callable[[str], None] = print,
) -> None:
    """Serve the site until ctrl-C or SIGTERM; calls that run then are finished first.

    Args:
        warm: demos whose models are loaded at once, or "all"; in the background.
        ready: called with the address once it answers.

    Raises:
        NotFoundError: `warm` names what is not installed.
        SettingsError: see `start`; or LATENTHUB_GRACE is wrong.
    """
    grace = settings.GRACE.positive(30)
    allow_many_connections()
    with hub, start(hub, host, port, mcp) as running:
        hub.warm(warm)
        told = closing.until_told()
        ready(running.url)
        while not told.wait(1):  # a wait without limit would hold signals back on Windows
            pass
        running.finish(grace)
        closing.end_within(closing.LEAVING)
        running.close()
        hub.close(closing.TELLING)


def allow_many_connections() -> None:
    """Let this process open as many files as the system allows it; each connection is one.

    The usual 1024 are few where visitors keep pages open, or somebody sends requests slowly.
    """
    try:
        import resource
    except ImportError:  # on Windows there is no such limit
        return
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if most == resource.RLIM_INFINITY else min(MAX_FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def check_port(host: str, port: int) -> None:
    """Raise SettingsError where something listens on the port already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise SettingsError(taken(port)) from error


def taken(port: int) -> str:
    return f"port {port} is in use or not allowed; choose another, for example with PORT={port + 1}"


def check_mcp() -> None:
    try:
        import mcp  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "MCP needs one more package: pip install 'latenthub[mcp]', or serve without it"
        ) from error


def call_from_inside(blocks: gr.Blocks, secret: str) -> None:
    """Let MCP's tools, which call this hub over HTTP, pass the guards; their client has passed."""
    server: Any = blocks.mcp_server_obj
    assert server is not None

    def client() -> Client:
        if server._client_instance is None:
            headers = {"x-gradio-user": "mcp", INSIDE: secret}
            server._client_instance = Client(
                str(server.local_url),
                headers=headers,
                download_files=False,
                verbose=False,
                analytics_enabled=False,
            )
        return server._client_instance

    server._get_or_create_client = client


def every(site: Site) -> Iterable[Any]:
    """Return the components of all pages."""
    return site.blocks.blocks.values()


def root_path() -> str | None:
    """Return the path under which a proxy serves the hub; None where it serves it at the root.

    Raises:
        SettingsError: it is no path.
    """
    text = settings.ROOT_PATH.text.rstrip("/")
    if text and not re.fullmatch(r"(/[\w.~-]+)+", text):
        raise SettingsError(f"{settings.ROOT_PATH.name} must be a path such as /lab, got {text!r}")
    return text or None


def routes(frame: Frame) -> list[Any]:
    """Return the pages that are not Gradio's."""
    return [
        Route("/", frame.home),
        Route("/favicon.ico", favicon),
        Route("/thumbnails/{name}.png", frame.thumbnail),
        Mount("/hub-assets", StaticFiles(directory=str(ASSETS))),
    ]


def favicon(request: Request) -> Response:
    return Response((ASSETS / "favicon.svg").read_bytes(), media_type="image/svg+xml")
