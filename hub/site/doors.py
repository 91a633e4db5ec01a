"""The addresses a hub answers to. Gradio has more, some of which fetch, list or change things."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.site.answers import refuse, route_of

READ = re.compile(
    r"/(config|assets/.+|static/.+|svelte/.+|theme\.css|robots\.txt|manifest\.json)?/?"
    r"|/gradio_api/(info|openapi\.json|app_id|theme\.css|startup-events|upload_progress"
    r"|queue/(data|status)|heartbeat/[^/]+|call/(v2/)?[^/]+/[^/]+|stream/.+)/?"
)
SEND = re.compile(
    r"/gradio_api/(call/(v2/)?[^/]+|run/[^/]+|api/[^/]+|queue/join|upload|cancel|reset"
    r"|component_server|stream/.+)/?"
)
CUSTOM = re.compile(r"/gradio_api/custom_component/[^/]+/(client|server)/[^/]+/[^/]+")
MCP = re.compile(r"/gradio_api/mcp(/.*)?")
FILE = re.compile(r"/gradio_api/file=(.*)", re.DOTALL)


class Doors:
    """Passes on what a hub needs; the rest is not there.

    Args:
        own: the routes that the hub added. pages: the demos' names. mcp: whether there are tools.
        component_server: whether a component on a page has functions to be called. custom: whether
        one has a browser side of its own. is_file: tells
        whether a file may be read by its path. missing: the answer to an address that is not there.
    """

    def __init__(
        self,
        app: ASGIApp,
        own: Sequence[BaseRoute],
        pages: Iterable[str],
        mcp: bool,
        component_server: bool,
        custom: bool,
        is_file: Callable[[str], bool],
        missing: ASGIApp,
    ) -> None:
        self.app = app
        self.own = own
        self.pages = {f"/{page}" for page in pages}
        self.mcp = mcp
        self.component_server = component_server
        self.custom = custom
        self.is_file = is_file
        self.missing = missing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = route_of(scope)
        file = FILE.fullmatch(path)
        if file and scope["method"] in ("GET", "HEAD"):
            known = self.is_file(file[1])
            answer = self.app if known else refuse(404, "There is no such file on this hub.")
            await answer(scope, receive, send)
        elif path.endswith("/") and path.rstrip("/") in self.pages:
            query = scope["query_string"].decode("latin-1")
            address = scope.get("root_path", "") + path.rstrip("/")
            redirect = RedirectResponse(f"{address}?{query}" if query else address, 301)
            await redirect(scope, receive, send)
        elif self.opens(scope, path):
            await self.app(scope, receive, send)
        else:
            await self.missing(scope, receive, send)

    def opens(self, scope: Scope, path: str) -> bool:
        method = scope["method"]
        if MCP.fullmatch(path):
            return self.mcp and method in ("GET", "POST", "DELETE")
        if method in ("GET", "HEAD"):
            known = path in self.pages or bool(READ.fullmatch(path))
            known = known or (self.custom and bool(CUSTOM.fullmatch(path)))
        elif method == "POST" and "component_server" in path:
            known = self.component_server
        else:
            known = method == "POST" and bool(SEND.fullmatch(path))
        return known or any(one.matches(scope)[0] is not Match.NONE for one in self.own)
