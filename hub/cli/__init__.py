"""The command line: `latenthub`, also `python -m hub`.

Exit codes: 0, it worked; 1, it failed; 2, it was asked wrongly (an option, a demo, an endpoint, an
argument or a setting that does not exist or does not fit).

A module holds the commands of one kind. Everything heavy is imported where it is needed, so that
`latenthub list` starts at once.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

import typer

from hub import settings
from hub.cli import (  # noqa: F401 - they add their commands
    demos,
    models,
    packages,
    passwords,
    serving,
    space,
    sync,
)
from hub.cli.common import app
from hub.errors import HubError, InputError, NotFoundError, SettingsError
from hub.terminal import stop

__all__ = ["app", "main"]
USAGE_ERRORS = (NotFoundError, InputError, SettingsError)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and exit; an error is one red line, without a traceback."""
    if settings.DEBUG.text == "1":
        logging.basicConfig()
    logging.getLogger("hub").addHandler(logging.NullHandler())  # else warnings go to stderr
    try:
        code = app(arguments, standalone_mode=False)
    except HubError as error:
        stop(str(error), 2 if isinstance(error, USAGE_ERRORS) else 1)
    except typer.Abort:
        stop("interrupted", 130)
    except BrokenPipeError:  # `latenthub list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:
        if hasattr(error, "format_message"):  # typer keeps the base of its usage errors to itself
            message = error.format_message()  # empty: no command was given, and help is printed
            stop(f"{message} (latenthub --help tells more)", 2) if message else sys.exit(2)
        stop(f"{type(error).__name__}: {error}; LATENTHUB_DEBUG=1 shows where", 1)
    raise SystemExit(code if isinstance(code, int) else 0)
