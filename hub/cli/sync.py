"""`pull`, `push`, `verify`: checkpoints, the Hugging Face Hub, and what the lock says of them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.common import MODELS, AsJson, Checkpoints, DemoName, Device, app, one_demo
from hub.demo import Demo, resolve
from hub.errors import CheckpointError, HubError, SettingsError
from hub.files import reason, shown, shown_bytes
from hub.plugins import check_names, discover
from hub.terminal import print_json, progress_bar, show_table

if TYPE_CHECKING:
    from hub.checkpoints import Folders, Place
    from hub.evaluation import Evaluation
    from hub.lock import Locked
    from hub.sync import Report

Lock = Annotated[
    Path | None,
    typer.Option(
        help="The lock to write, such as the lock.toml of a plugin's package; else that of the "
        "operator's folder, or of the checkout.",
        show_default=False,
    ),
]


@app.command(rich_help_panel=MODELS)
def pull(
    only: Annotated[
        list[str] | None, typer.Argument(metavar="[DEMO]...", help="None: all that are installed.")
    ] = None,
    repo: Annotated[
        str | None,
        typer.Option(metavar="OWNER/NAME", help="Pin this repository from now on, for one demo."),
    ] = None,
    revision: Annotated[
        str, typer.Option(help="Its branch, tag or commit; the lock gets the full SHA.")
    ] = "main",
    lock: Lock = None,
    checkpoints: Checkpoints = None,
    device: Device = "auto",
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask the Hub nothing; look what the cache has.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch checkpoints that the lock pins from the Hugging Face Hub; or pin another.

    They go into the Hugging Face cache, and each file is compared with its sha256. What was cut
    off goes on at the next pull. With --repo the new pin is written only after the files are here,
    are sound, and the demo's service has loaded them. Private repositories need `hf auth login`, or
    a token in HF_TOKEN.

    ```
    latenthub pull                                        # all that is pinned and missing
    latenthub pull DEMO --repo OWNER/NAME                 # pin what its main branch has now
    latenthub pull DEMO --repo OWNER/NAME --revision v1.2
    latenthub pull --offline                              # is all there to work without a network?
    ```
    """
    from hub.checkpoints import Folders

    demos = discover().demos
    check_names(only or [], demos)
    if repo is None and (lock is not None or revision != "main"):
        raise SettingsError("--revision and --lock belong to a new pin: name it with --repo")
    folders = Folders.standard(checkpoints)
    if repo is not None:
        if len(only or []) != 1:
            raise SettingsError("--repo is the repository of one demo: name that demo")
        if offline:
            raise SettingsError("--repo asks the Hub what is there now, so it cannot be --offline")
        row = pin_anew(demos[(only or [""])[0]], repo, revision, lock or folders.lock(), device)
        rows = [row]
    else:
        rows = [pull_one(folders, name, bool(only), offline) for name in only or demos]
    if as_json:
        print_json({"ok": all(row["ok"] for row in rows), "demos": rows})
    else:
        for row in rows:
            typer.secho(
                f"{row['demo']}: {row['told']}", fg=None if row["ok"] else "red", err=not row["ok"]
            )
    raise typer.Exit(0 if all(row["ok"] for row in rows) else 1)


def pull_one(folders: Folders, demo: str, named: bool, offline: bool) -> dict[str, Any]:
    """Fetch what is pinned of one demo; return how that went.

    Args:
        named: on the command line: then it is an error that nothing is pinned and nothing is there.
    """
    from hub import sync

    row: dict[str, Any] = {"demo": demo, "ok": True, "source": "", "bytes": 0}
    pin = folders.wanted(demo)
    try:
        if pin is not None:
            with showing(demo) as report:
                sync.fetch(pin, report, offline)
            told = f"{pin.source} is in the Hugging Face cache, {shown_bytes(pin.bytes)}"
            return row | {"source": pin.source, "bytes": pin.bytes, "told": told}
        return row | {"told": f"{shown(folders.find(demo))} is here and sound"}
    except CheckpointError as error:
        if pin is None and not named:
            return row | {"told": f"no lock pins a repository for it; {error}"}
        return row | {"ok": False, "told": str(error)}


def pin_anew(demo: Demo, repo: str, revision: str, lock: Path, device: str) -> dict[str, Any]:
    """Fetch what a repository has, try it, and write its pin into the lock."""
    from hub import sync
    from hub.lock import write_entry

    with showing(demo.name) as report:
        pin = sync.resolve(demo.name, repo, revision, report)
    try_to_load(demo, pin, device)
    write_entry(lock, demo.name, pin)
    told = f"{pin.source} is pinned in {shown(lock)}, {shown_bytes(pin.bytes)}"
    return {"demo": demo.name, "ok": True, "source": pin.source, "bytes": pin.bytes, "told": told}


def try_to_load(demo: Demo, pin: Locked, device: str) -> None:
    """Load a fetched checkpoint as the hub would.

    Raises:
        CheckpointError: the demo's service does not take it.
    """
    from hub.checkpoints import fitting
    from hub.executors.memory import resolve_device

    service = resolve(demo.service)
    try:
        with fitting(pin.folder):
            service(pin.folder, resolve_device(device))
    except HubError:
        raise
    except Exception as error:  # whatever a service makes of a file it was not made for
        raise CheckpointError(
            f"{pin.source} cannot be loaded by {demo.service}: {type(error).__name__}: "
            f"{reason(error)}"
        ) from error


@contextlib.contextmanager
def showing(demo: str) -> Iterator[Report]:
    """Show on a terminal how many bytes are there."""
    with progress_bar(True) as progress:

        def report(there: int, total: int) -> None:
            if progress is not None:
                text = f"{demo}: {shown_bytes(there)} of {shown_bytes(total)}"
                progress(there / total if total else 1.0, text)

        yield report


@app.command(rich_help_panel=MODELS)
def push(
    name: DemoName,
    repo: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Created where it is not there yet.")
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Only who has a token of the owner's may read it.")
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="A checkpoint's folder; else the one that is served.", show_default=False
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure again a part of the test split only.")
    ] = False,
    no_eval: Annotated[
        bool, typer.Option("--no-eval", help="Measure nothing: keep the numbers of its card.")
    ] = False,
    message: Annotated[str, typer.Option(help="Of the commit.", show_default=False)] = "",
    lock: Lock = None,
    checkpoints: Checkpoints = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a checkpoint, write its model card, upload it, and pin what was uploaded.

    All files go up in one commit, and the lock gets that commit's full SHA. Needs `hf auth login`,
    or a token in HF_TOKEN, that may write.

    ```
    latenthub push DEMO --repo OWNER/NAME
    latenthub push DEMO --repo OWNER/NAME --checkpoint runs/DEMO --private
    latenthub push DEMO --repo OWNER/NAME --no-eval --lock hub_DEMO/lock.toml
    ```
    """
    from hub import remote, sync
    from hub.checkpoints import Folders, check_owner
    from hub.evaluation import card_of, write_card
    from hub.lock import write_entry

    demo = one_demo(name)
    remote.check_repo_id(repo)
    folders = Folders.standard(checkpoints)
    folder = checkpoint or folders.find(name)
    own = own_lock(folders, name, folder)
    target = lock or own or folders.lock()
    with writable(folder) as folder:
        check_owner(folder, name)
        evaluation = None if no_eval else measured(demo, folder, device, quick)
        write_card(folder, card_of(demo), evaluation)
        pin = sync.push(folder, name, repo, private, message)
    if own is None:  # the folder beside that lock has other files: from now on the cache is used
        sync.fetch(pin)
    write_entry(target, name, pin)
    url = f"{remote.hub_address()}/{repo}"
    if as_json:
        print_json({"demo": name, "repo": repo, "revision": pin.revision, "url": url})
    else:
        typer.echo(f"{name}: pushed to {url}, and {pin.source} is pinned in {shown(target)}")


def own_lock(folders: Folders, demo: str, folder: Path) -> Path | None:
    """Return the lock beside a folder that is looked into for the demo's checkpoint, or None."""
    for root in folders.roots:
        if (root.path / demo).resolve() == folder.resolve():
            return root.lock
    return None


def measured(demo: Demo, folder: Path, device: str, quick: bool) -> Evaluation | None:
    """Return what the demo's evaluation finds; None: it brings none.

    Raises:
        HubError: it cannot be measured here.
    """
    from hub.executors.memory import resolve_device

    if demo.evaluate is None:
        return None
    try:
        found: Evaluation = resolve(demo.evaluate)(
            folder, device=resolve_device(device), quick=quick
        )
    except HubError as error:
        raise type(error)(f"{error}; or push with --no-eval, to keep the card's numbers") from error
    return found


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[Path]:
    """Give a folder whose card may be written: a copy, if it is in the Hugging Face cache."""
    if folder.parent.name != "snapshots":
        yield folder
        return
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / folder.name
        shutil.copytree(folder, copy)
        yield copy


@app.command(rich_help_panel=MODELS)
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
