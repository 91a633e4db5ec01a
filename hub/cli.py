"""The command line: `latenthub`, also `python -m hub`.

Exit codes: 0, it worked; 1, it failed; 2, it was asked wrongly (an option, a demo, an endpoint, an
argument or a setting that does not exist or does not fit).

Everything heavy is imported where it is needed, so that `latenthub list` starts at once.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from hub.demo import Demo, resolve
from hub.errors import HubError, InputError, NotFoundError, PluginError, SettingsError
from hub.plugins import check_names, discover
from hub.terminal import print_json, progress_bar, show_table, stop

if TYPE_CHECKING:
    from hub.endpoints import Endpoint
    from hub.evaluation import Metric
    from hub.kinds import Kind

USAGE_ERRORS = (NotFoundError, InputError, SettingsError)

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
    str, typer.Option(envvar="LATENTHUB_DEVICE", help="auto, cpu, cuda, or one GPU: cuda:1.")
]
Checkpoints = Annotated[
    Path | None,
    typer.Option(
        envvar="LATENTHUB_CHECKPOINTS",
        help="A folder of checkpoints, one folder a demo, looked into before the bundled ones.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str],
    typer.Option("--set", "-s", metavar="NAME=VALUE", help="May be given many times."),
]


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and exit; an error is one red line, without a traceback."""
    if os.environ.get("LATENTHUB_DEBUG") == "1":
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


# Commands.


@app.command()
def serve(
    only: Annotated[
        list[str], typer.Option(envvar="LATENTHUB_ONLY", help="Serve this demo; may be repeated.")
    ] = [],  # noqa: B006 - typer copies it
    disable: Annotated[
        list[str], typer.Option(envvar="LATENTHUB_DISABLE", help="Leave this demo out.")
    ] = [],  # noqa: B006
    host: Annotated[
        str, typer.Option(envvar="LATENTHUB_HOST", help="0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="LATENTHUB_PORT", min=1, max=65535)] = 7860,
    mcp: Annotated[
        bool, typer.Option(envvar="LATENTHUB_MCP", help="Offer the endpoints as MCP tools too.")
    ] = False,
    checkpoints: Checkpoints = None,
    device: Device = "auto",
    strict: Annotated[
        bool,
        typer.Option(envvar="LATENTHUB_STRICT", help="Do not start when a plugin is broken."),
    ] = False,
) -> None:
    """Serve the site and the API.

    ```
    latenthub serve                          # all demos, on http://127.0.0.1:7860
    latenthub serve --only DEMO --port 8000  # one demo, on another port
    latenthub serve --mcp                    # for MCP clients too
    ```
    """
    from hub.app import Hub
    from hub.site import serve as serve_site

    configure_logging()
    hub = Hub.open(names(only), names(disable), strict, checkpoints, device)
    serve_site(hub, host, port, mcp, ready=lambda url: typer.echo(f"Latenthub is on {url}"))


@app.command("list")
def list_demos(as_json: AsJson = False) -> None:
    """List the installed demos, and plugins that do not work.

    ```
    latenthub list
    latenthub list --json
    ```
    """
    discovered = discover()
    rows: list[dict[str, Any]] = [
        {
            "name": demo.name,
            "title": demo.title,
            "summary": demo.summary,
            "tags": list(demo.tags),
            "package": discovered.installed[demo.name].package,
        }
        for demo in discovered.demos.values()
    ]
    broken = [
        {"name": one.name, "package": one.package, "reason": one.reason}
        for one in discovered.broken
    ]
    if as_json:
        print_json({"demos": rows, "broken": broken})
        return
    show_table(
        ["demo", "what it does", "package"], [[r["name"], r["summary"], r["package"]] for r in rows]
    )
    for one in broken:
        typer.secho(
            f"{one['name']} ({one['package']}) is left out: {one['reason']}", fg="red", err=True
        )


@app.command()
def info(name: DemoName, as_json: AsJson = False) -> None:
    """Tell all about one demo: endpoints with arguments, papers, published numbers, checkpoint.

    ```
    latenthub info DEMO
    latenthub info DEMO --json
    ```
    """
    from hub.checkpoints import Folders
    from hub.endpoints import endpoints_of

    demo = one_demo(name)
    endpoints = endpoints_of(resolve(demo.service))
    verified, problem = None, ""
    try:
        verified = Folders.standard().verify(name)
        problem = verified.problem
    except HubError as error:
        problem = str(error)
    checkpoint = {
        "state": "ready" if not problem else "unusable",
        "problem": problem,
        "files": {file.name: file.found for file in verified.files} if verified else {},
    }
    if as_json:
        print_json(
            {
                **dataclasses.asdict(demo),
                "endpoints": {key: endpoint_json(one) for key, one in endpoints.items()},
                "checkpoint": checkpoint,
            }
        )
        return
    typer.secho(demo.title, bold=True)
    typer.echo(demo.summary)
    for one in endpoints.values():
        typer.echo()
        typer.secho(f"latenthub call {name} {one.name}", bold=True)
        typer.echo(f"  {one.summary}")
        if one.parameters:
            show_table(
                ["argument", "default", "what it may be"],
                [
                    [p.name, "" if p.required else json.dumps(p.default), p.kind.describe()]
                    for p in one.parameters
                ],
            )
    typer.echo()
    if demo.papers:
        show_table(
            ["paper", "authors", "where"],
            [[p.title, p.authors, p.url or p.id] for p in demo.papers],
        )
    if demo.published:
        show_table(
            ["system", "metric", "value", "source"],
            [[p.system, p.metric, f"{p.value:g}", p.source] for p in demo.published],
        )
    typer.echo(f"checkpoint: {problem or 'ready'}")


@app.command()
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
    file it is a path. Files that come back are written into --out, over those of the same name.

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


@app.command()
def train(
    name: DemoName,
    out: Annotated[
        Path | None,
        typer.Option(help="The checkpoint's folder; a run that was killed goes on from there."),
    ] = None,
    settings: Settings = [],  # noqa: B006
    show: Annotated[bool, typer.Option("--settings", help="List the settings, and stop.")] = False,
) -> None:
    """Run a demo's recipe: make its checkpoint again, or one with other settings.

    The same command goes on after a kill. Over several processes or machines, let accelerate
    start it.

    ```
    latenthub train DEMO --settings
    latenthub train DEMO --out runs/DEMO --set width=48
    accelerate launch --num_processes 2 -m hub train DEMO --out runs/DEMO
    ```
    """
    demo = one_demo(name)
    recipe = part_of(demo, "train", "recipe")
    from hub.training import parse_settings

    arguments = parse_settings(recipe, pairs(settings))
    if show:
        rows = [
            [field.name, str(getattr(config, field.name)), argument]
            for argument, config in arguments.items()
            for field in dataclasses.fields(config)
        ]
        show_table(["setting", "value", "part of"], rows)
        return
    if out is None:
        raise SettingsError("--out is needed: the folder for the checkpoint, such as runs/DEMO")
    configure_logging()
    recipe(out=out, **arguments)


@app.command("eval")
def evaluate(
    name: DemoName,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="A checkpoint's folder; else the one that is served.", show_default=False
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="A part of the test split: for a look, not for a table."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 where the model card says otherwise.")
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a checkpoint on the test split, afresh, beside the published numbers.

    ```
    latenthub eval DEMO
    latenthub eval DEMO --json > metrics.json
    latenthub eval DEMO --checkpoint runs/DEMO --quick --check
    ```
    """
    from hub.checkpoints import Folders, sha256_of
    from hub.evaluation import differences
    from hub.executors.memory import resolve_device

    demo = one_demo(name)
    measure = part_of(demo, "evaluate", "evaluation")
    folder = checkpoint or Folders.standard().find(name)
    digest = sha256_of(folder)
    began = time.monotonic()
    evaluation = measure(folder, device=resolve_device(device), quick=quick)
    seconds = round(time.monotonic() - began, 1)
    published = [
        {"system": p.system, "metric": p.metric, "value": p.value, "source": p.source}
        for p in demo.published
    ]
    metrics = {
        key: {"value": m.value, "unit": m.unit, "higher_is_better": m.higher_is_better}
        for key, m in evaluation.metrics.items()
    }
    if as_json:
        print_json(
            {
                "demo": name,
                "checkpoint_sha256": digest,
                "data": evaluation.data,
                "metrics": metrics,
                "published": published,
                "seconds": seconds,
            }
        )
    else:
        show_evaluation(demo, evaluation.metrics)
        typer.echo(f"{evaluation.data}; checkpoint {digest[:12]}; {seconds:g} s")
    if check:
        wrong = differences(folder, evaluation)
        for line in wrong:
            typer.secho(line, fg="red", err=True)
        raise typer.Exit(1 if wrong else 0)


@app.command()
def bench(name: DemoName, device: Device = "auto", as_json: AsJson = False) -> None:
    """Run ours and a peer in turns, in this environment; print both and their ratio.

    ```
    latenthub bench DEMO
    latenthub bench DEMO --json
    ```
    """
    from hub.checkpoints import Folders
    from hub.executors.memory import resolve_device

    run = part_of(one_demo(name), "benchmark", "benchmark")
    results = run(Folders.standard().find(name), device=resolve_device(device))
    if as_json:
        print_json([dataclasses.asdict(one) for one in results])
        return
    rows = [
        [
            r.bench,
            f"{r.ours:.4g}",
            f"{r.peer:.4g}",
            f"{r.ratio:.3g}",
            r.unit,
            str(r.runs),
            r.peer_is,
        ]
        for r in results
    ]
    show_table(["what", "ours", "peer", "ratio", "unit", "runs", "the peer is"], rows)


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
    from hub.checkpoints import update_lock as write_entry

    demos = discover().demos
    check_names(only or [], demos)
    folders = Folders.standard(checkpoints)
    rows, failed = [], False
    for name in only or demos:
        try:
            if update_lock:
                write_entry(folders.root_of(name).path, name)
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


@app.command()
def doctor(
    port: Annotated[int, typer.Option(help="The port that `serve` would take.")] = 7860,
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Look for what would keep the hub from working here, and say what to do about it.

    ```
    latenthub doctor
    latenthub doctor --json | jq '.checks[] | select(.state == "bad")'
    ```
    """
    from hub.doctor import examine

    checks = examine(port, checkpoints)
    bad = any(one.state == "bad" for one in checks)
    if as_json:
        print_json({"ok": not bad, "checks": [dataclasses.asdict(one) for one in checks]})
    else:
        show_table(["", "what", "found"], [[one.state, one.name, one.found] for one in checks])
    raise typer.Exit(1 if bad else 0)


# What the commands share.


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


def spoken(argument: str, text: str, kind: Kind | None) -> Any:
    """Return what the shell's word `text` stands for where `kind` is wanted; it is checked later.

    Raises:
        InputError: a file is wanted, and `text` is no file's path.
    """
    from hub.kinds import Choice, ListOf, Maybe, Text
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
    if isinstance(kind, ListOf) and isinstance(value, list):
        return [
            spoken(f"{argument}[{index}]", item, kind.kind) if isinstance(item, str) else item
            for index, item in enumerate(value)
        ]
    if kind is not None and is_file_kind(kind) and not isinstance(value, list):
        path = Path(text).expanduser()
        if not path.is_file():
            raise InputError(
                f"{argument} must be the path of a file; there is no {text!r}", argument
            )
        return path
    return value


def show_evaluation(demo: Demo, metrics: Mapping[str, Metric]) -> None:
    """Print measured metrics, each followed by the published ones of its name."""
    rows = []
    for key, one in metrics.items():
        rows.append([key, f"{one.value:.4g}", one.unit, "ours", one.protocol])
        rows += [
            ["", f"{p.value:g}", one.unit, p.system, f"{p.source} {p.note}"]
            for p in demo.published
            if p.metric == key
        ]
    show_table(["metric", "value", "unit", "system", "how, or where from"], rows)


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


def endpoint_json(spec: Endpoint) -> dict[str, Any]:
    """Return what a script may want to know of an endpoint, its kinds as JSON schemas."""
    arguments = {
        p.name: {
            **p.kind.schema(),
            "required": p.required,
            **({} if p.required else {"default": p.default}),
        }
        for p in spec.parameters
    }
    return {
        "doc": spec.doc,
        "arguments": arguments,
        "results": [kind.schema() for kind in spec.results],
        "timeout_seconds": spec.options.timeout,
    }


def configure_logging() -> None:
    """Send the log to stderr, a line an event; LATENTHUB_LOG=debug tells more."""
    level = os.environ.get("LATENTHUB_LOG", "info").upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise SettingsError(f"LATENTHUB_LOG must be debug, info, warning or error; got {level!r}")
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
