"""How many answers per second many callers get at once, over the same model in a gr.Interface."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from hub.app import Hub
from hub.bench import examples, load
from hub.bench.processes import Server, our_command, peer_command
from hub.errors import HubError
from hub.evaluation import Bench


def throughput(
    demo: str | None = None,
    endpoint: str | None = None,
    clients: int = 64,
    seconds: float = 10.0,
    runs: int = 3,
    warm: float = 3.0,
    device: str = "auto",
    checkpoints: Path | None = None,
) -> list[Bench]:
    """Return the answers per second that `clients` callers of one endpoint get together, each
    asking again as soon as it has its answer; the ratio is ours over the peer's.

    Args:
        demo, endpoint: what is called; by default the first batched endpoint that can be.
        seconds: of load, in each run, in which answers count; `warm` seconds go before them.

    Raises:
        HubError: a server does not start, a call fails, or an answer is wrong.
    """
    with examples.open_hub(device, checkpoints) as hub:
        target = examples.find(hub, demo, endpoint, batched=True)
        expected = [right_answer(hub, target, number) for number in range(clients)]
        peer = interface(hub, target)
    full = [target.all_arguments(number) for number in range(clients)]
    bare = [list(target.arguments(number).values()) for number in range(clients)]
    ours = our_command([target.demo], device, checkpoints)
    mine: list[float] = []
    theirs: list[float] = []
    with Server("the hub", ours) as hub_server, Server("the peer", peer) as peer_server:
        for _ in range(runs):
            for server, api, calls, rates in (
                (hub_server, target.api, full, mine),
                (peer_server, "predict", bare, theirs),
            ):
                result = load.run(load.Job(server.port, api, calls, seconds, warm))
                check(server, result, expected)
                rates.append(result.rate)
    a, b = statistics.median(mine), statistics.median(theirs)
    told = f"the same model in a plain gr.Interface; {clients} clients call {target.api}"
    return [Bench("throughput", a, b, a / b, "answers/s", runs, told)]


def right_answer(hub: Hub, target: examples.Target, number: int) -> list[Any]:
    """Return what the endpoint answers to one caller alone, in this process."""
    result = hub.call(target.demo, target.endpoint.name, target.arguments(number))
    return examples.contents(target.endpoint, result)


def interface(hub: Hub, target: examples.Target) -> list[str]:
    """Return how the peer is started: the endpoint's method in a gr.Interface."""
    names = list(target.arguments())
    return peer_command(
        "interface.py",
        *("--service", hub.demo(target.demo).service),
        *("--checkpoint", str(hub.checkpoint(target.demo))),
        *("--endpoint", target.endpoint.name),
        *("--device", hub.executor.device),
        *(["--arguments", *names] if names else []),
    )


def check(server: Server, result: load.Result, expected: list[list[Any]]) -> None:
    """Raise HubError unless all calls were answered, and rightly."""
    if result.failed or not result.latencies:
        told = "; ".join(result.errors) or "no answer came"
        raise HubError(f"{server.name}: {result.failed} calls failed: {told}")
    for number, answers in enumerate(result.answers):
        for answer in answers:
            apart = examples.distance(expected[number], answer)
            if apart >= 1:
                raise HubError(
                    f"{server.name} gave client {number} a wrong answer: {apart:.1f} times as far "
                    "from the right one as rounding and lossy formats explain"
                )
