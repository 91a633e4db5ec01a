"""What benchmarks share: two ways of doing one thing, timed in turns in one process.

These machines are noisy, so a benchmark tells medians and their ratio, and no test judges seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hub.evaluation import Bench


def compare(
    bench: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    peer_is: str,
    items: int = 0,
    unit: str = "images",
    runs: int = 5,
    settled: bool = False,
) -> Bench:
    """Time `ours` and `peer` in turns, after one call each to warm up.

    Args:
        items: how many of `unit` a call makes; figures are then per second, else milliseconds.
        unit: what is made.
        runs: calls of each that are timed.
        settled: each timed call comes after one of its own that is not, so that neither pays for
            the caches that the other has filled: what a server does that is asked again and again.
    """
    ours()
    peer()
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(runs):
        for call, taken in ((ours, mine), (peer, theirs)):
            if settled:
                call()
            taken.append(seconds(call))
    a, b = statistics.median(mine), statistics.median(theirs)
    if items:
        return Bench(bench, items / a, items / b, b / a, f"{unit}/s", runs, peer_is)
    return Bench(bench, 1000 * a, 1000 * b, a / b, "ms", runs, peer_is)


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def call_latency(
    demo: str,
    endpoint: str,
    arguments: Mapping[str, Any],
    bare: Callable[[], object],
    checkpoint: Path,
    device: str,
    runs: int = 40,
) -> Bench:
    """Time one call of an endpoint through the hub, served over HTTP and asked by gradio_client,
    against `bare`, the same call of the loaded service in this process."""
    import socket

    from gradio_client import Client

    from hub.app import Hub
    from hub.site.server import start

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Hub.open(only=[demo], checkpoint_folder=checkpoint.parent, device=device) as hub:
        with start(hub, port=port) as running:
            client = Client(running.url, verbose=False)
            name = f"/{hub.demo(demo).prefix}_{endpoint}"
            return compare(
                "latency",
                lambda: client.predict(**arguments, api_name=name),
                bare,
                peer_is="the service's method called in the same process, without hub or HTTP",
                runs=runs,
            )
