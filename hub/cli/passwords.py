"""`password`: a line for the file of accounts that LATENTHUB_AUTH names."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hub.cli.common import OPERATION, app
from hub.errors import SettingsError


@app.command(rich_help_panel=OPERATION)
def password(
    user: Annotated[str, typer.Argument(help="The name to log in with.", show_default=False)],
) -> None:
    """Print the line that lets a user in, to go into the file that LATENTHUB_AUTH names.

    It holds a hash, not the password, which is asked for, or read from a pipe.

    ```
    latenthub password ann >> accounts
    LATENTHUB_AUTH=@accounts latenthub serve
    ```
    """
    from hub.passwords import hashed

    if not user or ":" in user or "," in user or user.startswith("#") or not user.isprintable():
        raise SettingsError(f"a user is a name without ':', ',' and '#', got {user!r}")
    if sys.stdin.isatty():
        word = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        word = sys.stdin.readline().rstrip("\r\n")
    if not word:
        raise SettingsError("the password is empty")
    typer.echo(f"{user}:{hashed(word)}")
