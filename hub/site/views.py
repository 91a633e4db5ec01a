"""What the pages around the playgrounds show, computed when a page is asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.checkpoints import WEIGHTS, Folders, read_config
from hub.demo import Demo, Published
from hub.errors import CheckpointError, HubError
from hub.evaluation import Metric, read_card_facts, read_card_metrics
from hub.kinds import Kind, ListOf, Maybe
from hub.media import (
    File,
    Files,
    Image,
    Images,
    Sound,
    Table,
    WholeImage,
    WholeSound,
    is_file_kind,
    takes_files,
)
from hub.plugins import Quarantined
from hub.site.fetch import Offer
from hub.site.pages import Site

MOST_MEASURES = 15  # in one table; of more, those that the demo has a label for


@dataclass(frozen=True)
class State:
    """How a demo is, as its badge and its banner say it."""

    kind: str  # "ready", "missing", "failed"
    label: str
    headline: str = ""
    reason: str = ""
    offer: Offer | None = None  # of the checkpoint, where a visitor may fetch it


READY = State("ready", "Ready")


@dataclass(frozen=True)
class Headline:
    """The number on a card."""

    label: str
    ours: str
    unit: str
    better: str
    published: str  # "78.30 to 89.78"; empty: nothing to compare with


@dataclass(frozen=True)
class Card:
    """One demo, or a plugin in quarantine, in the gallery."""

    name: str
    title: str
    summary: str
    tags: tuple[str, ...]
    state: State
    thumbnail: bool = False
    headline: Headline | None = None

    @property
    def words(self) -> str:
        """What the search looks at, in lower case."""
        return " ".join([self.name, self.title, self.summary, *self.tags]).lower()


def card_of(site: Site, demo: Demo) -> Card:
    return Card(
        demo.name,
        demo.title,
        demo.summary,
        demo.tags,
        state_of(site, demo),
        demo.name in site.thumbnails,
        headline_of(demo, metrics_of(site, demo)),
    )


def broken_card(one: Quarantined) -> Card:
    state = State("failed", "Failed", "This plugin could not be loaded", one.reason)
    return Card(one.name, one.name, f"Brought by {one.package}.", (), state)


def state_of(site: Site, demo: Demo) -> State:
    """Return how the demo is; hashes its checkpoint when that has changed, loads nothing."""
    problem = site.problems.get(demo.name)
    if problem:
        return State("failed", "Failed", "This page could not be drawn", problem)
    try:
        site.hub.checkpoint(demo.name)
    except CheckpointError as error:
        offer = site.fetches.offer(demo.name) if site.fetches is not None else None
        what = "is not here yet" if offer else "cannot be loaded"
        told = f"The model of this demo {what}"
        return State("missing", "No checkpoint", told, str(error), offer)
    status = site.hub.status(demo.name)
    if status.state == "failed":
        return State(
            "failed", "Failed", "The model of this demo could not be loaded", status.reason
        )
    return READY


def checkpoint_folder(folders: Folders, demo: Demo) -> Path | None:
    """Return the folder of the checkpoint that is used, or would be were it sound."""
    try:
        return folders.find(demo.name)
    except CheckpointError:
        pass
    try:
        return folders.place(demo.name).folder
    except CheckpointError:
        return None


def metrics_of(site: Site, demo: Demo) -> Mapping[str, Metric]:
    """Return what the model card says was measured; nothing where there is no card."""
    folder = checkpoint_folder(site.hub.folders, demo)
    try:
        return read_card_metrics(folder) if folder else {}
    except (HubError, OSError):
        return {}


def headline_of(demo: Demo, metrics: Mapping[str, Metric]) -> Headline | None:
    if demo.headline is None or demo.headline not in metrics:
        return None
    metric = metrics[demo.headline]
    rows = sorted(row.value for row in demo.published if row.metric == demo.headline)
    published = (
        f"{shown(rows[0])} to {shown(rows[-1])}" if len(rows) > 1 else "".join(map(shown, rows))
    )
    return Headline(
        demo.label(demo.headline), shown(metric.value), metric.unit, better(metric), published
    )


def better(metric: Metric) -> str:
    return "higher is better" if metric.higher_is_better else "lower is better"


def shown(value: float) -> str:
    """Return a number with as many digits as a table needs."""
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3g}"


# The table of numbers.


@dataclass(frozen=True)
class Row:
    system: str
    value: str
    source: str
    note: str
    ours: bool
    size: float  # of its bar, per cent


@dataclass(frozen=True)
class Comparison:
    """Ours among the published numbers of one metric, the best first."""

    label: str
    unit: str
    better: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Measured:
    """A metric of ours that is compared with no published number."""

    label: str
    value: str
    unit: str
    better: str
    protocol: str
    named: bool  # it stands in the table; others, of many, are folded away


def comparisons(demo: Demo, metrics: Mapping[str, Metric]) -> list[Comparison]:
    """Return a table for each metric with published numbers, in the demo's order."""
    names = dict.fromkeys(row.metric for row in demo.published)
    return [comparison(demo, name, metrics.get(name)) for name in names]


def others(demo: Demo, metrics: Mapping[str, Metric]) -> list[Measured]:
    """Return the rest of what was measured, in the card's order."""
    published, labelled = {row.metric for row in demo.published}, dict(demo.metric_labels)
    rest = {name: one for name, one in metrics.items() if name not in published}
    few = len(rest) <= MOST_MEASURES
    return [
        Measured(
            demo.label(name),
            shown(one.value),
            one.unit,
            better(one),
            one.protocol,
            few or name in labelled,
        )
        for name, one in rest.items()
    ]


def comparison(demo: Demo, name: str, ours: Metric | None) -> Comparison:
    published = [row for row in demo.published if row.metric == name]
    values = [(row.value, row) for row in published]
    higher = ours.higher_is_better if ours else False
    entries: list[tuple[float, Published | None]] = [*values]
    if ours:
        entries.append((ours.value, None))
    entries.sort(key=lambda one: one[0], reverse=higher)
    top = max((abs(value) for value, _ in entries), default=1) or 1
    protocol = ours.protocol if ours else ""
    rows = tuple(row_of(value, row, protocol, 100 * abs(value) / top) for value, row in entries)
    label = demo.label(name)
    return Comparison(label, ours.unit if ours else "", better(ours) if ours else "", rows)


def row_of(value: float, row: Published | None, protocol: str, size: float) -> Row:
    """Return one line of a table; without a published number it is ours, measured by `protocol`."""
    if row is None:
        return Row("This hub", shown(value), "computed from the checkpoint", protocol, True, size)
    return Row(row.system, shown(row.value), row.source, row.note, False, size)


# The code a visitor copies.


def spec(site: Site, demo: Demo) -> dict[str, Any]:
    """Return what assets/hub.js writes code from."""
    first = next((g for g in site.shared.get(demo.name, []) if g.endpoint), None)
    groups = [
        {"endpoint": g.endpoint, "tab": g.tab, "arguments": dict(g.arguments)}
        for g in site.shared.get(demo.name, [])
    ]
    endpoints = [
        {
            "name": one.endpoint.name,
            "api": one.name,
            "about": one.endpoint.summary,
            "parameters": [
                {
                    "name": p.name,
                    "file": waits(p.kind),
                    "several": takes_files(p.kind) and is_list(p.kind),
                    "takes": p.kind.describe(),
                    "required": p.required,
                    "default": None if p.required else p.default,
                    "null": isinstance(p.kind, Maybe),
                }
                for p in one.endpoint.parameters
            ],
        }
        for one in site.apis.values()
        if one.demo == demo.name
    ]
    return {
        "demo": demo.name,
        "first": first.endpoint if first else None,
        "groups": groups,
        "endpoints": endpoints,
        "mcp": site.mcp,
    }


def waits(kind: Kind) -> str:
    """Return what a file to hand over may be called; empty: the kind takes none."""
    kind = kind.kind if isinstance(kind, Maybe) else kind
    kind = kind.kind if isinstance(kind, ListOf) else kind
    if isinstance(kind, File) and kind.suffixes:
        return f"file{kind.suffixes[0]}"
    names = {
        Image: "picture.png",
        Images: "picture.png",
        WholeImage: "picture.png",
        Sound: "recording.wav",
        WholeSound: "recording.wav",
        Table: "table.csv",
    }
    return names.get(type(kind), "file.bin" if is_file_kind(kind) else "")


def is_list(kind: Kind) -> bool:
    kind = kind.kind if isinstance(kind, Maybe) else kind
    return isinstance(kind, (ListOf, Images, Files))


def as_script(value: Any) -> str:
    """Return JSON that can stand inside <script>."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


# The model.


def facts_of(site: Site, demo: Demo) -> Sequence[tuple[str, str]]:
    """Return what is known of the demo's checkpoint: parameters, size, sha256, data, licence."""
    folder = checkpoint_folder(site.hub.folders, demo)
    if folder is None:
        return ()
    try:
        weights = folder / WEIGHTS
        pin = site.hub.folders.place(demo.name).entry
        return [
            ("Parameters", f"{parameters_of(folder):,}"),
            ("Weights", f"{weights.stat().st_size / 1e6:.1f} MB, safetensors"),
            ("sha256", site.hub.folders.hash(weights)),
            *([("On the Hugging Face Hub", pin.source)] if pin and pin.pinned else []),
            *read_card_facts(folder).items(),
        ]
    except (HubError, OSError, ValueError, KeyError, TypeError):
        return ()


def parameters_of(folder: Path) -> int:
    """Return how many weights a checkpoint holds: what its config tells of each part, for weights
    may be compressed; else what the header of its safetensors file does, where whole numbers are
    none."""
    told = read_config(folder).get("parameters")
    if isinstance(told, dict):
        return sum(map(int, told.values()))
    with (folder / WEIGHTS).open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    tensors = (one for name, one in header.items() if name != "__metadata__")
    return sum(math.prod(one["shape"]) for one in tensors if "F" in one["dtype"])
