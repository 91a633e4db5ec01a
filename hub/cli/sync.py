"""`verify`: checkpoints, and what their lock says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.common import AsJson, Checkpoints, app
from hub.errors import CheckpointError, HubError
from hub.plugins import check_names, discover
from hub.terminal import print_json, show_table

if TYPE_CHECKING:
    from hub.checkpoints import Place


@app.command()
def verify(
    only: Annotated[
        list[str] | None, typer.Argument(metavar="[DEMO]...", help="None: all that are installed.")
    ] = None,
    checkpoints: Checkpoints = None,
    update_lock: Annotated[
        bool,
        typer.Option("--update-lock", help="Write what the folders hold now into lock.toml."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every file of the checkpoints with the lock, by sha256.

    ```
    latenthub verify
    latenthub verify DEMO --update-lock  # after a new one was made
    ```
    """
    from hub.checkpoints import Folders

    demos = discover().demos
    check_names(only or [], demos)
    folders = Folders.standard(checkpoints)
    rows, failed = [], False
    for name in only or demos:
        try:
            if update_lock:
                lock_again(folders.place(name), name)
            verified = folders.verify(name)
        except HubError as error:
            failed = True
            rows.append({"demo": name, "ok": False, "problem": str(error), "files": []})
            continue
        failed = failed or not verified.ok
        files = [
            {"name": file.name, "ok": file.ok or not verified.locked, "sha256": file.found}
            for file in verified.files
        ]
        rows.append({"demo": name, "ok": verified.ok, "problem": verified.problem, "files": files})
    if as_json:
        print_json({"ok": not failed, "demos": rows})
    else:
        for row in rows:
            show_verified(row)
    raise typer.Exit(1 if failed else 0)


def lock_again(place: Place, demo: str) -> None:
    """Write what the folder of a checkpoint holds now into the lock beside it.

    Raises:
        CheckpointError: it holds no readable checkpoint, or is in the Hugging Face cache.
    """
    from hub.checkpoints import update_lock

    if place.root is None or place.cached:
        raise CheckpointError(
            f"{demo} is pinned on the Hub, and its lock tells that revision; to pin another, run "
            f"`latenthub pull {demo} --repo OWNER/NAME`"
        )
    update_lock(place.root.path, demo)


def show_verified(row: dict[str, Any]) -> None:
    """Print what `verify` found of one demo."""
    if row["files"]:
        words = {True: "ok", False: "differs"}
        show_table(
            [row["demo"], "", "sha256"],
            [[f["name"], words[f["ok"]], f["sha256"] or "missing"] for f in row["files"]],
        )
    if row["problem"]:
        typer.secho(row["problem"], fg="red", err=True)
