"""What a plugin contributes: one `Demo`, plain data that can be read without importing a model."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Any

from hub.bench import BENCHES
from hub.errors import PluginError

NAME = re.compile(r"[a-z][a-z0-9-]*")
# Pages and folders of the hub's own, beside which a demo of that name could not be reached.
ADDRESSES = frozenset({"fetch", "healthz", "hub-assets", "metrics", "readyz", "thumbnails"})
REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Paper:
    """A paper a page cites."""

    title: str  # as printed
    id: str  # "arXiv:1312.6114", a DOI, or any other text that finds it
    authors: str = ""  # "Kingma and Welling, 2014"

    @property
    def url(self) -> str | None:
        """The address of the paper, where its `id` tells one."""
        if self.id.startswith("arXiv:"):
            return f"https://arxiv.org/abs/{self.id.removeprefix('arXiv:')}"
        if self.id.startswith("10."):
            return f"https://doi.org/{self.id}"
        return None


@dataclass(frozen=True)
class Published:
    """A number somebody published, to be compared with ours of the same `metric`."""

    system: str  # as its paper calls it
    metric: str  # a name that the demo's evaluation gives too, such as "nll_nats"
    value: float  # in the unit of our metric
    source: str  # where the number was read
    note: str = ""  # how the protocol differs, if it does


@dataclass(frozen=True)
class Demo:
    """One capability, with all the hub needs to show, serve, train and judge it.

    `service`, `page`, `train`, `evaluate`, `benchmark` and `card` are references,
    "package.module:name", so that listing plugins imports neither torch nor gradio.

    Raises:
        PluginError: the name is no URL part, or a reference is not "package.module:name".
    """

    name: str  # the URL's last part, the API's prefix, the folder under checkpoints/
    title: str  # of its page and its card
    summary: str  # one sentence: what a visitor can do here
    service: str  # the class whose endpoints can be called
    page: str  # page(service) -> gr.Blocks, its playground
    train: str | None = None  # train(out, settings), its recipe
    evaluate: str | None = None  # evaluate(checkpoint, device, quick) -> Evaluation
    benchmark: str | None = None  # benchmark(checkpoint, device) -> list[Bench]
    card: str | None = None  # a hub.evaluation.Card: what its model card says beside the numbers
    papers: tuple[Paper, ...] = ()  # what the page cites
    published: tuple[Published, ...] = ()  # numbers to be compared with, each with its source
    headline: str | None = None  # the metric on the gallery card, such as "nll_nats"
    tags: tuple[str, ...] = ()  # for the gallery's filter, in lower case
    metric_labels: tuple[tuple[str, str], ...] = ()  # (metric, what the page calls it)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise PluginError(
                f"a demo's name must be lower-case letters, digits and '-', got {self.name!r}"
            )
        if self.name in BENCHES:
            raise PluginError(
                f"a demo cannot be named {self.name!r}: that is a benchmark of the hub's own, "
                f"`latenthub bench {self.name}`; rename the demo"
            )
        if self.name in ADDRESSES:
            raise PluginError(f"the hub keeps the address /{self.name} for itself; rename the demo")
        for field in ("service", "page", "train", "evaluate", "benchmark", "card"):
            reference = getattr(self, field)
            if reference is not None and not REFERENCE.fullmatch(reference):
                raise PluginError(
                    f"demo {self.name!r}: {field} must be 'package.module:name', got {reference!r}"
                )

    @property
    def prefix(self) -> str:
        """What the demo's API names start with: `name`, with '_' for '-'."""
        return self.name.replace("-", "_")

    def label(self, metric: str) -> str:
        """What a page calls `metric`."""
        return dict(self.metric_labels).get(metric, metric.replace("_", " "))


def resolve(reference: str) -> Any:
    """Import what "package.module:name" names.

    Raises:
        PluginError: the module cannot be imported, or has no such name.
    """
    module_name, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module_name), name)
    except Exception as error:  # whatever a foreign package raises on import
        raise PluginError(
            f"{reference} cannot be imported: {type(error).__name__}: {error}"
        ) from error
