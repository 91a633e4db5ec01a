"""`new` and `install`: plugin packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.common import app
from hub.plugins import discover


@app.command()
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
