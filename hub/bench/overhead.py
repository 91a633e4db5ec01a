"""What the hub adds to one call, over the same function in a bare Gradio app."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from hub.bench import examples
from hub.bench.load import Client
from hub.bench.processes import Server, our_command
from hub.bench.throughput import interface, right_answer
from hub.errors import HubError
from hub.evaluation import Bench


def overhead(
    demo: str | None = None,
    endpoint: str | None = None,
    runs: int = 60,
    device: str = "auto",
    checkpoints: Path | None = None,
) -> list[Bench]:
    """Return the milliseconds of one call by a lone caller, from sending it to having the answer
    with its files; the ratio is ours over the peer's.

    Args:
        demo, endpoint: what is called; by default the first endpoint that answers an example.
        runs: calls of each side, in turns.

    Raises:
        HubError: a server does not start, a call fails, or an answer is wrong.
    """
    with examples.open_hub(device, checkpoints) as hub:
        target = examples.find(hub, demo, endpoint)
        expected = right_answer(hub, target, 0)
        peer = interface(hub, target)
    ours = our_command([target.demo], device, checkpoints)
    times: dict[str, list[float]] = {"the hub": [], "the peer": []}
    with Server("the hub", ours) as hub_server, Server("the peer", peer) as peer_server:
        clients = [Client(hub_server.port), Client(peer_server.port)]
        sides = (
            (hub_server, clients[0], target.api, clients[0].sent(target.all_arguments())),
            (
                peer_server,
                clients[1],
                "predict",
                clients[1].sent(list(target.arguments().values())),
            ),
        )
        for turn in range(-2, runs):  # two calls each to warm up
            for server, client, api, arguments in sides:
                began = time.perf_counter()
                answer = client.call(api, arguments)
                took = time.perf_counter() - began
                if examples.distance(expected, answer) >= 1:
                    raise HubError(f"{server.name} gave a wrong answer")
                if turn >= 0:
                    times[server.name].append(took)
        for client in clients:
            client.close()
    a, b = (1000 * statistics.median(one) for one in times.values())
    told = f"the same function in a plain gr.Interface; a lone client calls {target.api}"
    return [Bench("overhead", a, b, a / b, "ms", runs, told)]
