"""`serve` and `call`: the hub for others, and one call of it here."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub import logs, settings
from hub.cli.common import (
    USE,
    AsJson,
    Checkpoints,
    DemoName,
    Device,
    Executor,
    Settings,
    app,
    names,
    one_demo,
    pairs,
)
from hub.errors import InputError, SettingsError
from hub.files import shown_bytes
from hub.terminal import print_json, progress_bar

if TYPE_CHECKING:
    from hub.app import Hub
    from hub.kinds import Kind

log = logging.getLogger(__name__)


@app.command(rich_help_panel=USE)
def serve(
    only: Annotated[
        list[str], typer.Option(envvar=settings.ONLY.name, help="Serve this demo; may be repeated.")
    ] = [],  # noqa: B006 - typer copies it
    disable: Annotated[
        list[str], typer.Option(envvar=settings.DISABLE.name, help="Leave this demo out.")
    ] = [],  # noqa: B006
    host: Annotated[
        str, typer.Option(envvar=settings.HOST.name, help="0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar=settings.PORT.name, min=1, max=65535)] = 7860,
    mcp: Annotated[
        bool, typer.Option(envvar=settings.MCP.name, help="Offer the endpoints as MCP tools too.")
    ] = False,
    warm: Annotated[
        list[str],
        typer.Option(
            envvar=settings.WARM.name,
            metavar="DEMO|all",
            help="Load its model at the start, for who comes first; may be repeated.",
        ),
    ] = [],  # noqa: B006
    pull: Annotated[
        bool,
        typer.Option(
            "--pull", envvar=settings.PULL.name, help="Fetch pinned checkpoints first, see pull."
        ),
    ] = False,
    checkpoints: Checkpoints = None,
    device: Device = "auto",
    executor: Executor = "auto",
    strict: Annotated[
        bool,
        typer.Option(envvar=settings.STRICT.name, help="Do not start when a plugin is broken."),
    ] = False,
) -> None:
    """Serve the site and the API.

    ```
    latenthub serve                          # all demos, on http://127.0.0.1:7860
    latenthub serve --only DEMO --port 8000  # one demo, on another port
    latenthub serve --mcp                    # for MCP clients too
    latenthub serve --warm all               # load all models at once
    latenthub serve --pull                   # fetch the checkpoints that are missing first
    ```
    """
    from hub.app import Hub
    from hub.site import serve as serve_site

    logs.configure()
    hub = Hub.open(names(only), names(disable), strict, checkpoints, device, executor)
    if pull:
        pull_missing(hub)
    serve_site(
        hub,
        host,
        port,
        mcp,
        warm=names(warm),
        ready=lambda url: typer.echo(f"Latenthub is on {url}"),
    )


def pull_missing(hub: Hub) -> None:
    """Fetch pinned checkpoints that are not here; one that fails keeps no other from serving."""
    from hub import sync
    from hub.errors import CheckpointError

    for name in hub.demos:
        pin = hub.folders.wanted(name)
        if pin is None:
            continue
        log.info("%s: fetching %s, %s", name, pin.source, shown_bytes(pin.bytes))
        try:
            sync.fetch(pin)
        except CheckpointError as error:
            log.error("%s: its checkpoint is not fetched: %s", name, error)
        else:
            log.info("%s: %s is here", name, pin.source)


@app.command(rich_help_panel=USE)
def call(
    name: DemoName,
    endpoint: Annotated[
        str, typer.Argument(help="One of the endpoints `latenthub info` shows.", show_default=False)
    ],
    settings: Settings = [],  # noqa: B006
    out: Annotated[
        Path | None,
        typer.Option(help="A folder for the files that come back.", show_default=False),
    ] = None,
    checkpoints: Checkpoints = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Call an endpoint of a demo, here, without a server.

    A value is read as JSON where it is some, else as text; for a picture, a sound, a table or a
    file it is a path, and where several files are taken a folder's too, for all that is in it.
    Files that come back are written into --out, over those of the same name.

    ```
    latenthub call DEMO generate --set count=4 --out pictures
    latenthub call DEMO reconstruct --set image=mine.png --out again --json
    ```
    """
    from hub.app import Hub
    from hub.media import is_file_kind

    one_demo(name)
    with Hub.open(only=[name], checkpoint_folder=checkpoints, device=device) as hub:
        spec = hub.endpoint(name, endpoint)
        kinds = {parameter.name: parameter.kind for parameter in spec.parameters}
        given = {key: spoken(key, text, kinds.get(key)) for key, text in pairs(settings).items()}
        if out is None and any(is_file_kind(kind) for kind in spec.results):
            raise SettingsError(f"{endpoint} gives files; name a folder for them with --out")
        files = Files(out or Path(), endpoint)
        began = time.monotonic()
        with progress_bar(spec.takes_progress) as progress:
            result = hub.call(name, endpoint, given, progress)
        seconds = round(time.monotonic() - began, 3)
        answer = spec.encode(result, files.save)
    if as_json:
        print_json({"demo": name, "endpoint": endpoint, "result": answer, "seconds": seconds})
    else:
        print_json(answer)


def spoken(argument: str, text: str, kind: Kind | None) -> Any:
    """Return what the shell's word `text` stands for where `kind` is wanted; it is checked later.

    Raises:
        InputError: a file is wanted, and `text` is no file's path.
    """
    from hub.kinds import Choice, ListOf, Maybe, Text
    from hub.media import Files as Uploads
    from hub.media import Image, Images, is_file_kind

    if isinstance(kind, Maybe):
        return None if text == "null" else spoken(argument, text, kind.kind)
    if isinstance(kind, Text) or (isinstance(kind, Choice) and text in kind.values):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if isinstance(kind, Images):
        kind = ListOf(Image())
    if isinstance(kind, Uploads):
        words = value if isinstance(value, list) else [text]
        return [path_of(argument, str(word), folders=True) for word in words]
    if isinstance(kind, ListOf) and isinstance(value, list):
        return [
            spoken(f"{argument}[{index}]", item, kind.kind) if isinstance(item, str) else item
            for index, item in enumerate(value)
        ]
    if kind is not None and is_file_kind(kind) and not isinstance(value, list):
        return path_of(argument, text)
    return value


def path_of(argument: str, text: str, folders: bool = False) -> Path:
    path = Path(text).expanduser()
    if not path.is_file() and not (folders and path.is_dir()):
        wanted = "a file or a folder" if folders else "a file"
        raise InputError(f"{argument} must be the path of {wanted}; there is no {text!r}", argument)
    return path


class Files:
    """Writes the files of an answer into a folder."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder = folder
        self.prefix = prefix
        self.count = 0

    def save(self, content: bytes, suffix: str) -> str:
        """Write a file, over one of the same name; return its path.

        Raises:
            SettingsError: it cannot be written.
        """
        path = self.folder / f"{self.prefix}-{self.count:03d}{suffix}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
        self.count += 1
        return str(path)
