"""Serve the site: one Gradio server with the hub's pages, assets and checks around it."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable
from importlib import resources
from types import FrameType, TracebackType
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from hub import logs, settings
from hub.app import Hub
from hub.errors import SettingsError
from hub.site.doors import Doors
from hub.site.frame import Frame
from hub.site.gate import Gate, is_served
from hub.site.guard import Policy, around, believing_nobody
from hub.site.login import Login
from hub.site.pages import Site, build_site
from hub.site.sessions import lighten
from hub.site.requests import Requests
from hub.site.theme import theme

log = logging.getLogger(__name__)
ASSETS = resources.files("hub.site") / "assets"
MAX_WAITING = 200  # calls in the queue; more are told to come back


def build(hub: Hub) -> gr.Blocks:
    """Return the playgrounds and the API as one Gradio app, without what `serve` puts around."""
    return build_site(hub).blocks


class Running:
    """A site that is being served; `close` ends it."""

    def __init__(self, site: Site, url: str) -> None:
        self.site = site
        self.url = url  # "http://127.0.0.1:7860/"

    def close(self) -> None:
        """Answer no more, and let go of the port."""
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
    site = build_site(hub)
    site.mcp = mcp
    site.blocks.queue(api_open=False, max_size=MAX_WAITING, default_concurrency_limit=16)
    frame = Frame(site)
    numbers = {number: str(event.api_name) for number, event in site.blocks.fns.items()}

    def waits(call: str) -> bool:
        return any(call in calls for calls in site.blocks._queue.pending_event_ids_session.values())

    gate = Middleware(Gate, apis=site.apis, numbers=numbers, waits=waits, around=frame.around)
    own = routes(frame)
    guards = [
        Middleware(Login, accounts=policy.accounts, page=frame.login),
        Middleware(
            Doors,
            own=own,
            pages=site.hub.demos,
            mcp=mcp,
            component_server=any(block.server_fns for block in components(site)),
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
            max_file_size=policy.max_upload,
            root_path=root_path(),
            ssr_mode=False,
            pwa=False,
            mcp_server=mcp,
            theme=theme(),
            app_kwargs={
                "middleware": [gate],
                "lifespan": around(policy, secret, [Middleware(Requests)], *guards),
                "routes": own,
                "exception_handlers": {404: frame.missing},
            },
        )
    except OSError as error:
        raise SettingsError(taken(port)) from error
    logs.adopt("uvicorn")
    return Running(site, str(site.blocks.local_url))


def serve(
    hub: Hub,
    host: str = "127.0.0.1",
    port: int = 7860,
    mcp: bool = False,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve the site until ctrl-C or SIGTERM.

    Args:
        ready: called with the address once it answers.

    Raises:
        SettingsError: see `start`.
    """
    with hub, start(hub, host, port, mcp) as running:
        stop = threading.Event()
        before = {number: signal.signal(number, ending(stop)) for number in ENDINGS}
        ready(running.url)
        try:
            while not stop.wait(1):  # a wait without limit would hold signals back on Windows
                pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


ENDINGS = (signal.SIGINT, signal.SIGTERM)


def ending(stop: threading.Event) -> Callable[[int, FrameType | None], None]:
    return lambda number, frame: stop.set()


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
