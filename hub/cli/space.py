"""`space`: the hub on the Hugging Face Hub's machines."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.common import OPERATION, AsJson, Checkpoints, app, names, one_demo
from hub.files import shown_bytes
from hub.plugins import discover
from hub.terminal import print_json

if TYPE_CHECKING:
    from hub.space import Made


@app.command(rich_help_panel=OPERATION)
def space(
    repo: Annotated[
        str, typer.Argument(metavar="OWNER/NAME", help="The Space.", show_default=False)
    ],
    only: Annotated[
        list[str], typer.Option(help="Put this demo there, not all; may be repeated.")
    ] = [],  # noqa: B006 - typer copies it
    hardware: Annotated[
        str, typer.Option(help="What it runs on: cpu-basic, zero-a10g (ZeroGPU), t4-small, …")
    ] = "cpu-basic",
    private: Annotated[
        bool, typer.Option("--private", help="Only who may read it sees it.")
    ] = False,
    preload: Annotated[
        bool,
        typer.Option(
            "--preload", help="Fetch every checkpoint that is pinned on the Hub when it is built."
        ),
    ] = False,
    dry_run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the Space into a folder; upload nothing."),
    ] = None,
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Make a Gradio Space of the hub, and upload it.

    ```
    latenthub space OWNER/NAME
    latenthub space OWNER/NAME --only DEMO --hardware zero-a10g
    latenthub space OWNER/NAME --dry-run space && python space/app.py
    ```
    """
    from hub import space as spaces
    from hub.checkpoints import Folders

    settings = spaces.Settings(repo, hardware, private, preload)
    demos = [one_demo(name) for name in dict.fromkeys(names(only) or discover().demos)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = dry_run or Path(temporary) / "space"
        typer.echo(f"making a Space of {', '.join(demo.name for demo in demos)} …", err=True)
        made = spaces.make(folder, settings, demos, Folders.standard(checkpoints))
        if not dry_run:
            typer.echo(f"uploading {shown_bytes(spaces.size_of(folder))} to {repo} …", err=True)
        address = "" if dry_run else spaces.upload(folder, settings)
    if as_json:
        print_json(summary(made) | {"space": address, "folder": str(dry_run or "")})
        return
    show(made)
    typer.echo(address or f"written to {dry_run}; try it with: python {dry_run}/app.py")


def summary(made: Made) -> dict[str, object]:
    return {
        "packages": made.packages,
        "requirements": made.requirements,
        "bundled": sorted(made.bundled),
        "preloaded": {demo: pin.source for demo, pin in made.preloaded.items()},
    }


def show(made: Made) -> None:
    typer.echo(f"packages: {', '.join(made.packages)}")
    if made.bundled:
        typer.echo(f"checkpoints in it: {', '.join(sorted(made.bundled))}")
    for demo, pin in made.preloaded.items():
        typer.echo(f"fetched when it is built: {demo}, from {pin.source}")
