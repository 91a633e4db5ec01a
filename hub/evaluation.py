"""What an evaluation and a benchmark give, and the model card that tells of them.

A card is a README.md with YAML front matter in the form of the Hugging Face Hub: its model-index
holds every measured metric, so that a program can read them back and measure them again.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hub.demo import Demo, resolve
from hub.errors import CheckpointError, PluginError

LIBRARY = "latenthub"  # in the head of a card that was written here
QUICK = "_quick"  # ends the name of a metric that was measured on a part of the test split


@dataclass(frozen=True)
class Metric:
    """One number and how it was measured."""

    value: float
    unit: str  # "nats", "%", ...
    higher_is_better: bool
    protocol: str  # the split, how many images and samples: what moves the number


@dataclass(frozen=True)
class Evaluation:
    """What was measured of one checkpoint."""

    metrics: dict[str, Metric]
    data: str  # which sets and splits


@dataclass(frozen=True)
class Bench:
    """One comparison with a peer, measured in turns; or, without a peer, one measurement."""

    bench: str
    ours: float  # the median over `runs`
    peer: float | None
    ratio: float | None  # ours / peer
    unit: str
    runs: int
    peer_is: str


@dataclass(frozen=True)
class Card:
    """What a demo's model card says beside its numbers."""

    title: str
    summary: str  # a paragraph: what the networks are
    tags: tuple[str, ...] = ()
    datasets: tuple[tuple[str, str], ...] = ()  # name and licence
    papers: tuple[str, ...] = ()
    limits: str = ""  # what the model is not good for
    licence: str = "apache-2.0"
    extra: Mapping[str, str] = field(default_factory=dict)  # more facts, name to text


def card_of(demo: Demo) -> Card:
    """Return the demo's own card, or one of what the demo tells of itself.

    Raises:
        PluginError: the reference names no Card.
    """
    if demo.card is None:
        papers = tuple(", ".join(filter(None, (p.authors, p.title, p.id))) for p in demo.papers)
        return Card(demo.title, demo.summary, demo.tags, papers=papers, licence="unknown")
    card = resolve(demo.card)
    if not isinstance(card, Card):
        raise PluginError(f"{demo.card} must be a Card, got {type(card).__name__}")
    return card


def card_text(card: Card, config: Mapping[str, Any], evaluation: Evaluation) -> str:
    """Return a checkpoint's model card: front matter, what it is, its numbers, its training."""
    demo = config["demo"]
    front: dict[str, Any] = {
        "license": card.licence,
        "library_name": LIBRARY,
        "tags": list(card.tags),
    }
    if evaluation.metrics:  # the Hub refuses an index without results
        front["model-index"] = [{"name": demo, "results": results(evaluation)}]
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=False, allow_unicode=True).strip(),
        "---",
        "",
        f"# {card.title}",
        "",
        card.summary,
        "",
        "## Numbers",
        "",
        *metric_table(evaluation),
        "",
        f"`latenthub eval {demo}` measures them again; those that end in `{QUICK}` are of a part "
        f"of the test split, for `latenthub eval {demo} --quick`.",
        "",
        "## Data",
        "",
        *(f"- {name}: {licence}" for name, licence in card.datasets),
        "",
        "## Training",
        "",
        f"    latenthub train {demo} --out runs/{demo}",
        "",
        *training_lines(config.get("training", {})),
    ]
    for heading, text in card.extra.items():
        lines += ["", f"## {heading}", "", text]
    if card.limits:
        lines += ["", "## Limits", "", card.limits]
    if card.papers:
        lines += ["", "## Papers", "", *(f"- {paper}" for paper in card.papers)]
    return "\n".join(lines) + "\n"


def results(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the model-index entries of the metrics, one data set entry for all."""
    if not evaluation.metrics:
        return []
    metrics = [
        {
            "type": name,
            "name": name,
            "value": round(one.value, 4),
            "args": {
                "unit": one.unit,
                "higher_is_better": one.higher_is_better,
                "protocol": one.protocol,
            },
        }
        for name, one in evaluation.metrics.items()
    ]
    dataset = {"name": evaluation.data, "type": "images"}
    return [{"task": {"type": "other"}, "dataset": dataset, "metrics": metrics}]


def metric_table(evaluation: Evaluation) -> list[str]:
    if not evaluation.metrics:
        return ["Not measured yet."]
    rows = [
        f"| {name} | {one.value:.4g} | {one.unit} | {one.protocol} |"
        for name, one in evaluation.metrics.items()
    ]
    return ["| metric | value | unit | protocol |", "|---|---|---|---|", *rows]


def training_lines(training: Mapping[str, Any]) -> list[str]:
    """Return how each part was trained, a line of facts and its settings."""
    lines = []
    for part, told in training.items():
        facts = {key: value for key, value in told.items() if key != "settings"}
        lines.append(f"- {part}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))
        if "settings" in told:
            lines.append(f"  with `{json.dumps(told['settings'])}`")
    return lines


def write_card(folder: Path, card: Card, evaluation: Evaluation | None = None) -> None:
    """Write README.md of the checkpoint in `folder` afresh, with the metrics of `evaluation` over
    those it has already; without one, with those.

    A card that was written by hand keeps its text and its head, but for the numbers.
    """
    from hub.checkpoints import CARD, read_config

    config, path = read_config(folder), folder / CARD
    there = path.is_file()
    metrics = {
        **(card_metrics(folder) if there else {}),
        **(evaluation.metrics if evaluation else {}),
    }
    data = evaluation.data if evaluation else card_data(folder) if there else ""
    merged = Evaluation(metrics, data)
    by_hand = there and front_matter(folder).get("library_name") != LIBRARY
    text = (
        with_results(path, merged, config["demo"]) if by_hand else card_text(card, config, merged)
    )
    partial = folder / f".{CARD}.partial"
    partial.write_text(text, "utf-8")
    partial.replace(path)


def with_results(path: Path, evaluation: Evaluation, demo: str) -> str:
    """Return a card as it is, with the metrics in its head."""
    front = dict(front_matter(path.parent))
    front["model-index"] = [{"name": demo, "results": results(evaluation)}]
    _, _, body = path.read_text("utf-8").split("---\n", 2)
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n{body}"


def card_data(folder: Path) -> str:
    """Return which data the metrics of a model card were measured on."""
    index = front_matter(folder).get("model-index") or []
    names = [result["dataset"]["name"] for model in index for result in model.get("results", [])]
    return "; ".join(dict.fromkeys(names))


def front_matter(folder: Path) -> dict[str, Any]:
    """Return the YAML at the head of the checkpoint's README.md.

    Raises:
        CheckpointError: there is no card, or its head is not YAML.
    """
    path = folder / "README.md"
    if not path.is_file():
        raise CheckpointError(f"{folder.name} has no README.md, its model card")
    stat = path.stat()
    return parsed(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=64)
def parsed(path: Path, modified: int, size: int) -> dict[str, Any]:
    """Return a card's front matter, read again only when the file changes: every page asks for it,
    and YAML is slow."""
    name = f"{path.parent.name}/{path.name}"
    parts = path.read_text("utf-8").split("---\n", 2)
    try:
        front = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    except yaml.YAMLError as error:
        raise CheckpointError(f"{name}: its head is not YAML") from error
    if not isinstance(front, dict):
        raise CheckpointError(f"{name} has no YAML front matter")
    return front


def card_metrics(folder: Path) -> dict[str, Metric]:
    """Return all metrics of the checkpoint's model card, those of quick evaluations too.

    Raises:
        CheckpointError: there is no card, or its head is not that of a model card.
    """
    try:
        entries = [
            metric
            for model in front_matter(folder).get("model-index", [])
            for result in model["results"]
            for metric in result["metrics"]
        ]
        return {
            entry["type"]: Metric(
                float(entry["value"]),
                entry["args"]["unit"],
                bool(entry["args"]["higher_is_better"]),
                entry["args"]["protocol"],
            )
            for entry in entries
        }
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder.name}/README.md: its model-index is not one that latenthub wrote"
        ) from error


def read_card_metrics(folder: Path, quick: bool = False) -> dict[str, Metric]:
    """Return the metrics of the checkpoint's model card by name: those of the full evaluation, or
    with `quick` those of the quick one, whose names end in "_quick".

    Raises:
        CheckpointError: there is no card, or its head is not that of a model card.
    """
    metrics = card_metrics(folder)
    return {name: one for name, one in metrics.items() if name.endswith(QUICK) == quick}


def read_card_facts(folder: Path) -> dict[str, str]:
    """Return what a page tells of a checkpoint: licence, data, and how each part was trained.

    Raises:
        CheckpointError: there is no card, or no config.
    """
    from hub.checkpoints import read_config

    front, training = front_matter(folder), read_config(folder).get("training", {})
    facts = {"Licence": str(front.get("license", "not stated"))}
    if data := card_data(folder):
        facts["Measured on"] = data
    for part, told in training.items():
        if isinstance(told, Mapping) and "minutes" in told:
            facts[f"Training of {part}"] = (
                f"{told.get('steps', '?')} steps, {told['minutes']} minutes on "
                f"{told.get('device', '?')}"
            )
    return facts


def differences(folder: Path, evaluation: Evaluation) -> list[str]:
    """Return where `evaluation` and the checkpoint's model card disagree, a sentence a metric.

    Equal is within half a per cent, or 0.02 of the unit: processors round differently, and the card
    rounds too.

    Raises:
        CheckpointError: there is no card, or its head is not that of a model card.
    """
    told, found = card_metrics(folder), []
    for name, one in evaluation.metrics.items():
        if name not in told:
            found.append(f"{name} is not in the model card; measured: {one.value:.4f}")
        elif not math.isclose(one.value, told[name].value, rel_tol=0.005, abs_tol=0.02):
            card = f"{told[name].value:.4f} {one.unit}".strip()
            found.append(f"{name}: the model card says {card}, measured: {one.value:.4f}")
    return found
