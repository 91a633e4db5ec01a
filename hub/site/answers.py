"""Answers that do not come from Gradio: a refusal, for whoever asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hub import logs

INSIDE = "x-latenthub-inside"  # marks the hub's own calls, by way of MCP; their header has a secret


def route_of(scope: Scope) -> str:
    """Return the path that was asked for, without what a proxy put before it."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] or "/" if root and path.startswith(f"{root}/") else path


def content_of(message: str) -> dict[str, str]:
    """Return what a program is told: in the two fields that clients read, and under which id."""
    return {"error": message, "detail": message, "request": logs.current().id}


def refuse(status: int, message: str, headers: Mapping[str, str] | None = None) -> ASGIApp:
    """Return the answer that tells `message` to a program."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        response: Response
        if route_of(scope).startswith("/gradio_api/upload"):  # Gradio's page shows this body as is
            response = PlainTextResponse(message, status, headers)
        else:
            response = JSONResponse(content_of(message), status, headers)
        await response(scope, receive, send)

    return answer


def malformed(request: Request, error: Exception) -> Response:
    """Answer a request whose fields FastAPI finds wrong; what was sent is not sent back."""
    found: Iterable[Mapping[str, Any]] = getattr(error, "errors", list)()
    where = {".".join(map(str, one["loc"])) for one in found}
    message = f"The request is not as it should be: {', '.join(sorted(where)) or 'its body'}."
    return JSONResponse(content_of(message), 422)
