"""What is counted, for Prometheus: calls, errors, latency, batches, models, memory, answers."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from hub import __version__
from hub.app import Hub
from hub.executors.memory import device_memory
from hub.observe import Observer, Outcome

disable_created_metrics()  # type: ignore[no-untyped-call]  # times that nobody asks for
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LOADING = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
STATES = ("idle", "loading", "ready", "failed")


class Metrics(Observer):
    """Counts what happens in one hub and one site.

    Every label is a demo's or an endpoint's name, a word from a short list, or a status: callers
    cannot make new ones, so what is kept does not grow with what they send.
    """

    def __init__(self, hub: Hub) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(Now(hub))
        endpoint = ("demo", "endpoint")
        self._calls = self._counter("calls", "Calls that have ended.", *endpoint, "outcome")
        self._seconds = self._histogram(
            "call_seconds",
            "Time from a call to its answer, its waiting included.",
            SECONDS,
            *endpoint,
        )
        self._batches = self._histogram(
            "batch_size", "Calls that the device worked for at once.", BATCHES, *endpoint
        )
        self._busy = self._counter(
            "device_seconds", "Time that calls had the device, their pauses included.", *endpoint
        )
        self._loads = self._counter("loads", "Models loaded, or not.", "demo", "outcome")
        self._loading = self._histogram("load_seconds", "Time to load a model.", LOADING, "demo")
        self._events = self._counter(
            "page_events", "Events of demos' pages that have ended.", "demo", "outcome"
        )
        self._answers = self._counter(
            "http_requests", "Requests answered.", "route", "method", "status"
        )
        self._answering = self._histogram(
            "http_request_seconds", "Time until an answer began.", SECONDS, "route"
        )

    def _counter(self, name: str, about: str, *labels: str) -> Callable[..., Counter]:
        counter = Counter(f"latenthub_{name}", about, labels, registry=self.registry)
        return remembered(counter)

    def _histogram(
        self, name: str, about: str, buckets: tuple[float, ...], *labels: str
    ) -> Callable[..., Histogram]:
        histogram = Histogram(
            f"latenthub_{name}", about, labels, registry=self.registry, buckets=buckets
        )
        return remembered(histogram)

    # What the hub and its executor tell.

    def called(self, demo: str, endpoint: str, outcome: Outcome, seconds: float) -> None:
        self._calls(demo, endpoint, outcome).inc()
        if outcome not in ("input_error", "busy"):  # refused at once: it would look fast
            self._seconds(demo, endpoint).observe(seconds)

    def ran(self, demo: str, endpoint: str, calls: int, seconds: float) -> None:
        self._batches(demo, endpoint).observe(calls)
        self._busy(demo, endpoint).inc(seconds)

    def loaded(self, demo: str, ok: bool, seconds: float) -> None:
        self._loads(demo, "ok" if ok else "error").inc()
        if ok:
            self._loading(demo).observe(seconds)

    # What the site tells.

    def event(self, demo: str, outcome: Outcome) -> None:
        self._events(demo, outcome).inc()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        self._answers(route, method, str(status)).inc()
        self._answering(route).observe(seconds)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return all of it in the format that `accept`, a header, asks for; and that one's name."""
        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind


def remembered(metric: Any) -> Callable[..., Any]:
    """Return what gives a metric's child for some labels, without checking them each time."""
    children: dict[tuple[str, ...], Any] = {}

    def child(*labels: str) -> Any:
        found = children.get(labels)
        if found is None:
            found = children[labels] = metric.labels(*labels)
        return found

    return child


class Now(Collector):
    """What is so at the moment it is asked for: models, their memory, who waits for them."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.about = {
            "version": __version__,
            "python": platform.python_version(),
            "gradio": gr.__version__,
        }

    def collect(self) -> Iterator[Metric]:
        build = InfoMetricFamily("latenthub_build", "What is served.")
        build.add_metric((), self.about)
        demos = InfoMetricFamily(
            "latenthub_demo", "The demos and their packages.", labels=("demo",)
        )
        state = GaugeMetricFamily(
            "latenthub_state", "1 for the state that a demo is in.", labels=("demo", "state")
        )
        loaded = gauge("loaded", "Whether the model of a demo is loaded.")
        size = gauge("model_bytes", "Memory that the tensors of a loaded model take.")
        waiting = gauge("waiting", "Calls of a demo that have not started.")
        for name, one in self.hub.discovered.installed.items():
            status = self.hub.status(name)
            demos.add_metric((name,), {"package": one.package})
            for word in STATES:
                state.add_metric((name, word), float(status.state == word))
            loaded.add_metric((name,), float(status.state == "ready"))
            size.add_metric((name,), status.loaded_bytes)
            waiting.add_metric((name,), status.waiting)
        yield from (build, demos, state, loaded, size, waiting)
        yield GaugeMetricFamily(
            "latenthub_broken_plugins", "Plugins that do not work.", len(self.hub.broken)
        )
        memory = device_memory()
        if memory is not None:
            used, total = memory
            yield GaugeMetricFamily(
                "latenthub_device_used_bytes", "Memory in use on the GPU, by anybody.", used
            )
            yield GaugeMetricFamily("latenthub_device_total_bytes", "Memory of the GPU.", total)


def gauge(name: str, about: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"latenthub_{name}", about, labels=("demo",))
