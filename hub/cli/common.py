"""What the commands share: the app, options, and how a demo and its parts are found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from hub import settings
from hub.demo import Demo, resolve
from hub.errors import NotFoundError, PluginError, SettingsError
from hub.plugins import check_names, discover

# The headings in `latenthub --help`.
USE, MODELS, PLUGINS, OPERATION = "Use", "Models", "Plugins", "Serve to others"

app = typer.Typer(
    name="latenthub",
    help="A hub of auto-encoder demos: serve them, call them, train and judge their models.",
    epilog="Exit codes: 0 it worked, 1 it failed, 2 it was asked wrongly. "
    "LATENTHUB_DEBUG=1 shows where an error came from.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DemoName = Annotated[
    str, typer.Argument(help="A demo's name; `latenthub list` shows them.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]
Device = Annotated[
    str, typer.Option(envvar=settings.DEVICE.name, help="auto, cpu, cuda, or one GPU: cuda:1.")
]
Executor = Annotated[
    str,
    typer.Option(
        envvar=settings.EXECUTOR.name, help="local, zerogpu, or auto: zerogpu on such a Space."
    ),
]
Checkpoints = Annotated[
    Path | None,
    typer.Option(
        envvar=settings.CHECKPOINTS.name,
        help="A folder of checkpoints, one folder a demo, looked into before the bundled ones.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str],
    typer.Option("--set", "-s", metavar="NAME=VALUE", help="May be given many times."),
]


def one_demo(name: str) -> Demo:
    """Return an installed demo.

    Raises:
        NotFoundError: there is none of that name; the message lists those that are.
        PluginError: it is installed and broken; the message says why.
    """
    discovered = discover()
    for one in discovered.broken:
        if one.name == name:
            raise PluginError(f"{name} ({one.package}) does not work: {one.reason}")
    check_names([name], discovered.demos)
    return discovered.demos[name]


def part_of(demo: Demo, field: str, word: str) -> Any:
    """Import one of the parts a demo may leave out.

    Raises:
        NotFoundError: it has left it out.
        PluginError: it cannot be imported.
    """
    reference: str | None = getattr(demo, field)
    if reference is None:
        raise NotFoundError(f"{demo.name} brings no {word}")
    return resolve(reference)


def names(texts: Iterable[str]) -> list[str]:
    """Return the names in options and environment variables, parted by commas or spaces."""
    return [name for text in texts for name in text.replace(",", " ").split()]


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Return `--set NAME=VALUE` options as a dictionary.

    Raises:
        SettingsError: one has no '=', or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise SettingsError(f"--set takes NAME=VALUE, such as count=4; got {text!r}")
        if name in found:
            raise SettingsError(f"--set {name} is given twice")
        found[name] = value
    return found
