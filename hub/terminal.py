"""What commands print: tables, JSON, a progress bar, one red line for an error.

rich is imported when something is printed with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from hub import settings

if TYPE_CHECKING:
    from hub.endpoints import Progress

STATES = {"ok": "green", "note": "yellow", "bad": "red", "differs": "red"}  # words shown in colour
WIDTH_OF_A_PIPE = 160  # columns; rich would take 80


def stop(message: str, code: int) -> NoReturn:
    """Print one red line and exit with `code`; with LATENTHUB_DEBUG=1, the traceback before it."""
    if settings.DEBUG.text == "1":
        import traceback

        traceback.print_exc()
    typer.secho("Error: " + " ".join(message.split()), fg="red", err=True)
    raise SystemExit(code)


def print_json(value: Any) -> None:
    """Print JSON that any reader accepts: numbers that are not finite are null."""
    from hub.kinds import plain

    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a head; what does not fit the terminal is wrapped."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in head:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=STATES.get(cell, "")) for cell in row))
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH_OF_A_PIPE
    Console(width=width).print(table)


@contextlib.contextmanager
def progress_bar(wanted: bool) -> Iterator[Progress | None]:
    """Show how far a call is, on a terminal's stderr; give None where that would help nobody."""
    if not (wanted and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def progress(fraction: float, message: str = "") -> None:
            bar.update(task, completed=fraction, description=message)

        yield progress
