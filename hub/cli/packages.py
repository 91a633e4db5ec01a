"""`new` and `install`: plugin packages."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.common import PLUGINS, AsJson, app
from hub.plugins import discover
from hub.terminal import print_json


@app.command(rich_help_panel=PLUGINS)
def new(
    name: Annotated[
        str, typer.Argument(help="The demo's name, such as `faces`.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The package's folder; else latenthub-NAME here.", show_default=False),
    ] = None,
    title: Annotated[
        str, typer.Option(help="What the gallery calls it; else its name.", show_default=False)
    ] = "",
) -> None:
    """Write a new plugin package that works: a small auto-encoder, to be made your own.

    ```
    latenthub new faces
    latenthub new faces --title "Faces, and what is between them"
    ```
    """
    from hub import scaffold

    plugin = scaffold.Plugin(name, title)
    folder = out or Path(plugin.distribution)
    found = discover()
    scaffold.write(plugin, folder, {*found.demos, *(one.name for one in found.broken)})
    typer.echo(f"{folder} has a plugin that brings the demo {name!r}. Now:")
    typer.echo(f"""
  cd {folder}
  pip install -e '.[test]'
  latenthub train {name} --out checkpoints/{name}
  export LATENTHUB_CHECKPOINTS=checkpoints
  pytest --latenthub-demo {name}
  latenthub serve
""")
    typer.echo(f"What to change first: {plugin.package}/model.py, and data.py beside it.")


@app.command(rich_help_panel=PLUGINS)
def install(
    packages: Annotated[
        list[str],
        typer.Argument(
            metavar="PACKAGE...",
            help="What pip takes: a name, a folder, a wheel, an address such as git+https://….",
            show_default=False,
        ),
    ],
    contract: Annotated[
        bool,
        typer.Option("--contract/--no-contract", help="Run the contract's tests of its demos."),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Install plugin packages, if the hub starts with them; else change nothing.

    They are built and tried beside this environment first: the hub they need, their names, the
    start of the hub, the contract. What pip is set to, by its variables and its configuration,
    holds here too.

    ```
    latenthub install latenthub-faces
    latenthub install ./latenthub-faces
    latenthub install git+https://example.org/faces.git
    ```
    """
    from hub.installing import install as install_packages

    done = install_packages(packages, contract, say=lambda text: typer.echo(f"{text} …", err=True))
    if as_json:
        print_json(dataclasses.asdict(done))
        return
    tests = f"; the contract: {done.contract}" if done.contract else ""
    typer.echo(f"installed {', '.join(done.packages)}{tests}")
    typer.echo(f"new: {', '.join(done.demos)}; start the hub again to see it")
