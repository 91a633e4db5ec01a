"""How long the hub takes from its process's start to its first page, over a bare Gradio app."""

from __future__ import annotations

import statistics

from hub.bench.processes import Server, our_command, peer_command
from hub.errors import NotFoundError
from hub.evaluation import Bench
from hub.plugins import discover
from hub.settings import DISABLE, ONLY

TOLD = "a bare Gradio app with as many pages, each a picture in, a picture out, a slider, a button"


def startup(runs: int = 7) -> list[Bench]:
    """Return the seconds from the start of the process to the first answered page, that of a demo;
    the ratio is ours over the peer's.

    Raises:
        HubError: no demo is installed, or a server does not start.
    """
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(runs):
        for make, times in ((start_hub, mine), (start_peer, theirs)):
            with make() as server:
                times.append(server.seconds)
    a, b = statistics.median(mine), statistics.median(theirs)
    return [Bench("startup", a, b, a / b, "s", runs, f"{TOLD} ({len(names())})")]


def start_hub() -> Server:
    """Return the hub once the page of its first demo was answered."""
    return Server("the hub", our_command(), f"/{names()[0]}")


def start_peer() -> Server:
    """Return the bare app once its first demo's page was answered."""
    return Server("the peer", peer_command("pages.py", "--pages", str(len(names()))), "/demo1")


def names() -> list[str]:
    """Return the demos that `latenthub serve` serves here.

    Raises:
        NotFoundError: there are none.
    """
    only, disable = (one.text.replace(",", " ").split() for one in (ONLY, DISABLE))
    found = list(discover(only=only, disable=disable).demos)
    if not found:
        raise NotFoundError("no demo is installed, and a hub without pages is not measured")
    return found
