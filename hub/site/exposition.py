"""What is counted, and what is so at the moment, as Prometheus reads it."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Iterator, Sized

import gradio as gr
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from hub import __version__
from hub.app import Hub
from hub.executors.memory import device_memory
from hub.site.metrics import Metrics, Spread, Total

STATES = ("idle", "loading", "ready", "failed")


class Exposition:
    """Writes the metrics of one site. Its registry is its own: a process may serve two hubs."""

    def __init__(self, hub: Hub, metrics: Metrics, queue: Sized) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(Counted(metrics))
        self.registry.register(Now(hub, queue))

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return all of it in the format that `accept`, a header, asks for; and that one's name."""
        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind


class Counted(Collector):
    """What has happened since the hub started."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for one in vars(self.metrics).values():
            yield total(one) if isinstance(one, Total) else spread(one)


def total(one: Total) -> Metric:
    family = CounterMetricFamily(f"latenthub_{one.name}", one.about, labels=one.labels)
    for labels, value in one.values().items():
        family.add_metric(labels, value)
    return family


def spread(one: Spread) -> Metric:
    family = HistogramMetricFamily(f"latenthub_{one.name}", one.about, labels=one.labels)
    bounds = [*map(str, map(float, one.bounds)), "+Inf"]
    for labels, (counts, whole) in one.values().items():
        at_most = itertools.accumulate(counts)
        family.add_metric(labels, list(zip(bounds, at_most, strict=True)), whole)
    return family


class Now(Collector):
    """What is so at the moment: models, their memory, who waits for them.

    Args:
        queue: Gradio's, which calls and events leave a number at a time.
    """

    def __init__(self, hub: Hub, queue: Sized) -> None:
        self.hub = hub
        self.queue = queue
        self.about = {
            "version": __version__,
            "python": platform.python_version(),
            "gradio": gr.__version__,
        }

    def collect(self) -> Iterator[Metric]:
        build = InfoMetricFamily("latenthub_build", "What is served.")
        build.add_metric((), self.about)
        demos = InfoMetricFamily("latenthub_demo", "The demos and their packages.", labels=["demo"])
        state = gauge("state", "1 for the state that a demo is in.", "demo", "state")
        loaded = gauge("loaded", "Whether the model of a demo is loaded.", "demo")
        size = gauge("model_bytes", "Memory that the tensors of a loaded model take.", "demo")
        waiting = gauge("waiting", "Calls of a demo that have not started.", "demo")
        for name, one in self.hub.discovered.installed.items():
            status = self.hub.status(name)
            demos.add_metric((name,), {"package": one.package})
            for word in STATES:
                state.add_metric((name, word), float(status.state == word))
            loaded.add_metric((name,), float(status.state == "ready"))
            size.add_metric((name,), status.loaded_bytes)
            waiting.add_metric((name,), status.waiting)
        broken = gauge("broken_plugins", "Plugins that do not work.")
        broken.add_metric((), len(self.hub.broken))
        queued = gauge("queued", "Calls and pages' events that no function has been called for.")
        queued.add_metric((), len(self.queue))
        yield from (build, demos, state, loaded, size, waiting, queued, broken)
        memory = device_memory()
        if memory is not None:
            used = gauge("device_used_bytes", "Memory in use on the GPU, by anybody.")
            used.add_metric((), memory[0])
            whole = gauge("device_total_bytes", "Memory of the GPU.")
            whole.add_metric((), memory[1])
            yield from (used, whole)


def gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"latenthub_{name}", about, labels=labels)
