"""Serve the hub where a platform starts it: `python app.py`, and on a Hugging Face Space.

What `latenthub serve` reads from the environment counts here as well. Where that says nothing, the
address and the port are those that platforms tell a Gradio app.
"""

from __future__ import annotations

import os
from typing import NoReturn

from hub import settings


def main() -> NoReturn:
    """Serve until the process is told to stop; an error is one line, without a traceback."""
    from hub.cli import main as run

    run(["serve", "--host", host(), "--port", port()])


def host() -> str:
    """Return the address to listen on: on a Space, whose proxy is another machine, all."""
    everywhere = "0.0.0.0" if settings.SPACE_ID.text else ""
    return (
        settings.HOST.text
        or os.environ.get("GRADIO_SERVER_NAME", "")
        or everywhere
        or settings.HOST.default
    )


def port() -> str:
    """Return the port; what is no number is told by `serve`."""
    told = (os.environ.get(name, "") for name in ("GRADIO_SERVER_PORT", "PORT"))
    return settings.PORT.text or next(filter(None, told), settings.PORT.default)
