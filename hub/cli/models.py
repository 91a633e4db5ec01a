"""`train`, `eval` and `bench`: make a checkpoint, measure it, time it beside a peer."""

from __future__ import annotations

import dataclasses
import inspect
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub import logs
from hub.cli.common import (
    MODELS,
    AsJson,
    Checkpoints,
    DemoName,
    Device,
    Settings,
    app,
    one_demo,
    pairs,
    part_of,
)
from hub.demo import Demo, resolve
from hub.errors import NotFoundError, SettingsError
from hub.files import shown
from hub.terminal import print_json, show_table

if TYPE_CHECKING:
    from hub.evaluation import Bench, Metric


@app.command(rich_help_panel=MODELS)
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
    logs.configure()
    recipe(out=out, **arguments)


@app.command("eval", rich_help_panel=MODELS)
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
    write_card: Annotated[
        bool, typer.Option("--write-card", help="Write the numbers into the model card.")
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a checkpoint on the test split, afresh, beside the published numbers.

    ```
    latenthub eval DEMO
    latenthub eval DEMO --json > metrics.json
    latenthub eval DEMO --checkpoint runs/DEMO --quick --check
    latenthub eval DEMO --checkpoint runs/DEMO --write-card
    ```
    """
    from hub.checkpoints import Folders, sha256_of
    from hub.evaluation import card_of, differences
    from hub.evaluation import write_card as put_into_card
    from hub.executors.memory import resolve_device

    if check and write_card:
        raise SettingsError("--check compares with the card that --write-card would replace")
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
    if write_card:
        put_into_card(folder, card_of(demo), evaluation)
        typer.echo(f"written into {shown(folder)}/README.md", err=True)
    if check:
        wrong = differences(folder, evaluation)
        for line in wrong:
            typer.secho(line, fg="red", err=True)
        raise typer.Exit(1 if wrong else 0)


@app.command(rich_help_panel=MODELS)
def bench(
    name: Annotated[
        str,
        typer.Argument(
            metavar="DEMO|BENCH",
            help="A demo's, for its model; or of the hub itself: startup, memory, overhead, "
            "throughput, soak.",
            show_default=False,
        ),
    ],
    demo: Annotated[
        str | None, typer.Option(help="Call this demo's endpoints.", show_default=False)
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Call this one of them.", show_default=False)
    ] = None,
    clients: Annotated[int | None, typer.Option(min=1, help="throughput: callers at once.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="throughput: of load in each run.")
    ] = None,
    runs: Annotated[int | None, typer.Option(min=1, help="Of each side, in turns.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="soak: of load.")] = None,
    users: Annotated[int | None, typer.Option(min=1, help="soak: of each of six kinds.")] = None,
    checkpoints: Checkpoints = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Run ours and a peer in turns, in this environment; print both and their ratio.

    ```
    latenthub bench DEMO                     # its model, beside the peer it names
    latenthub bench startup                  # the hub, beside a bare Gradio app
    latenthub bench throughput --demo DEMO --endpoint reconstruct --clients 64
    latenthub bench soak --minutes 10 --json
    ```
    """
    given = {
        "demo": demo,
        "endpoint": endpoint,
        "clients": clients,
        "seconds": seconds,
        "runs": runs,
        "minutes": minutes,
        "users": users,
    }
    chosen = {option: value for option, value in given.items() if value is not None}
    results = run_benchmark(name, chosen, checkpoints, device)
    if as_json:
        print_json([dataclasses.asdict(one) for one in results])
        return
    rows = [
        [
            r.bench,
            f"{r.ours:.4g}",
            "" if r.peer is None else f"{r.peer:.4g}",
            "" if r.ratio is None else f"{r.ratio:.3g}",
            r.unit,
            str(r.runs),
            r.peer_is,
        ]
        for r in results
    ]
    show_table(["what", "ours", "peer", "ratio", "unit", "runs", "the peer is"], rows)


def run_benchmark(
    name: str, chosen: Mapping[str, object], checkpoints: Path | None, device: str
) -> list[Bench]:
    """Return what a benchmark of the hub, or else a demo's, measures.

    Raises:
        SettingsError: one of the `chosen` options is not for it.
    """
    from hub.bench import BENCHES
    from hub.checkpoints import Folders
    from hub.executors.memory import resolve_device

    own = name in BENCHES
    run = resolve(BENCHES[name]) if own else part_of(a_demo(name), "benchmark", "benchmark")
    options = inspect.signature(run).parameters if own else {}
    for option in chosen:
        if option not in options:
            known = ", ".join(f"--{one}" for one in options if one != "checkpoints") or "--device"
            raise SettingsError(f"bench {name} takes no --{option}; it takes {known}")
    found: list[Bench]
    if own:
        more = {"checkpoints": checkpoints, "device": device}
        found = run(**chosen, **{key: value for key, value in more.items() if key in options})
    else:
        folder = Folders.standard(checkpoints).find(name)
        found = run(folder, device=resolve_device(device))
    return found


def a_demo(name: str) -> Demo:
    """Return a demo.

    Raises:
        NotFoundError: there is none of that name; the message lists the hub's own benchmarks too.
    """
    from hub.bench import BENCHES

    try:
        return one_demo(name)
    except NotFoundError as error:
        raise NotFoundError(f"{error}; of the hub itself: {', '.join(BENCHES)}") from None


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
