"""`list`, `info` and `doctor`: what is installed, and whether it works here."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.common import USE, AsJson, Checkpoints, DemoName, app, one_demo
from hub.demo import resolve
from hub.errors import HubError
from hub.plugins import discover
from hub.terminal import print_json, show_table

if TYPE_CHECKING:
    from hub.endpoints import Endpoint


@app.command("list", rich_help_panel=USE)
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


@app.command(rich_help_panel=USE)
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
        "source": verified.source if verified else "",
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
    pinned = f", {checkpoint['source']} on the Hugging Face Hub" if checkpoint["source"] else ""
    typer.echo(f"checkpoint: {problem or 'ready' + pinned}")


@app.command(rich_help_panel=USE)
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
