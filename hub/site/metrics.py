"""What is counted: calls, errors, latency, batches, loads, answers.

Counted here and written for Prometheus by `hub.site.exposition`, which is imported when somebody
asks: its package takes a twentieth of the time in which a hub starts.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence

from hub.observe import Observer, Outcome

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LOADING = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Total:
    """A number that only grows, for each combination of labels.

    Args:
        name: as Prometheus has it, without "latenthub_" and "_total". about: its help text.
    """

    def __init__(self, name: str, about: str, *labels: str) -> None:
        self.name, self.about, self.labels = name, about, labels
        self._lock = threading.Lock()
        self._values: dict[tuple[str, ...], float] = {}

    def add(self, labels: tuple[str, ...], amount: float = 1.0) -> None:
        with self._lock:
            self._values[labels] = self._values.get(labels, 0.0) + amount

    def values(self) -> dict[tuple[str, ...], float]:
        with self._lock:
            return dict(self._values)


class Spread:
    """How often values fell between bounds, for each combination of labels: a histogram.

    Args:
        bounds: ascending; a value counts for the first bound that is not below it.
    """

    def __init__(self, name: str, about: str, bounds: Sequence[float], *labels: str) -> None:
        self.name, self.about, self.bounds, self.labels = name, about, bounds, labels
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, ...], list[float]] = {}  # the last is the sum of all values

    def add(self, labels: tuple[str, ...], value: float) -> None:
        place = bisect_left(self.bounds, value)
        with self._lock:
            counts = self._counts.get(labels)
            if counts is None:
                counts = self._counts[labels] = [0] * (len(self.bounds) + 2)
            counts[place] += 1
            counts[-1] += value

    def values(self) -> dict[tuple[str, ...], tuple[list[float], float]]:
        """Return how many fell below each bound and above all, and their sum, by labels."""
        with self._lock:
            return {labels: (counts[:-1], counts[-1]) for labels, counts in self._counts.items()}


class Metrics(Observer):
    """Counts what happens in one hub and one site.

    Every label is a demo's or an endpoint's name, a word from a short list, or a status: callers
    cannot make new ones, so what is kept does not grow with what they send.
    """

    def __init__(self) -> None:
        endpoint = ("demo", "endpoint")
        self.calls = Total("calls", "Calls that have ended.", *endpoint, "outcome")
        self.call_seconds = Spread(
            "call_seconds", "Time from a call to its answer, waiting included.", SECONDS, *endpoint
        )
        self.batch_size = Spread(
            "batch_size", "Calls that the device worked for at once.", BATCHES, *endpoint
        )
        self.device_seconds = Total(
            "device_seconds", "Time that calls had the device, their pauses included.", *endpoint
        )
        self.loads = Total("loads", "Models loaded, or not.", "demo", "outcome")
        self.load_seconds = Spread("load_seconds", "Time to load a model.", LOADING, "demo")
        self.page_events = Total(
            "page_events", "Events of demos' pages that have ended.", "demo", "outcome"
        )
        self.requests = Total("http_requests", "Requests answered.", "route", "method", "status")
        self.request_seconds = Spread(
            "http_request_seconds", "Time until an answer began.", SECONDS, "route"
        )

    # What the hub and its executor tell.

    def called(self, demo: str, endpoint: str, outcome: Outcome, seconds: float) -> None:
        self.calls.add((demo, endpoint, outcome))
        if outcome not in ("input_error", "busy"):  # refused at once: it would look fast
            self.call_seconds.add((demo, endpoint), seconds)

    def ran(self, demo: str, endpoint: str, calls: int, seconds: float) -> None:
        self.batch_size.add((demo, endpoint), calls)
        self.device_seconds.add((demo, endpoint), seconds)

    def loaded(self, demo: str, ok: bool, seconds: float) -> None:
        self.loads.add((demo, "ok" if ok else "error"))
        if ok:
            self.load_seconds.add((demo,), seconds)

    # What the site tells.

    def event(self, demo: str, outcome: Outcome) -> None:
        self.page_events.add((demo, outcome))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        self.requests.add((route, method, str(status)))
        self.request_seconds.add((route,), seconds)
