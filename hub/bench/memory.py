"""How much memory the hub takes when nobody calls it, over a bare Gradio app."""

from __future__ import annotations

import statistics
import time

from hub.bench.startup import TOLD, names, start_hub, start_peer
from hub.evaluation import Bench


def memory(runs: int = 3, settle: float = 5.0) -> list[Bench]:
    """Return the resident memory of the process and its children, in MB, `settle` seconds after the
    first page; no model is loaded. The ratio is ours over the peer's.

    Raises:
        HubError: no demo or no psutil is installed, or a server does not start.
    """
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(runs):
        for make, sizes in ((start_hub, mine), (start_peer, theirs)):
            with make() as server:
                time.sleep(settle)
                sizes.append(server.rss() / 1e6)
    a, b = statistics.median(mine), statistics.median(theirs)
    return [Bench("memory", a, b, a / b, "MB", runs, f"{TOLD} ({len(names())})")]
