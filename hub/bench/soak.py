"""Minutes of mixed load by real clients: what fails, how long each kind of request takes, and
whether memory stays flat.

There is no peer: a plain Gradio app has nothing to compare most of it with. The clients are threads
of a process of their own, `python -m hub.bench.soak < job.json`.
"""

from __future__ import annotations

import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hub.app import Hub
from hub.bench import examples
from hub.bench.load import GRADIO, CallError, Client, packed, unpacked
from hub.bench.processes import Server, our_command
from hub.bench.throughput import right_answer
from hub.errors import HubError, NotFoundError
from hub.evaluation import Bench

VARIANTS = 4  # different arguments of each endpoint
PAUSE = 0.3  # seconds that a user rests between two requests, at most
CALLS_A_CLIENT = 20  # until a user of gradio_client comes back as another
KEPT = 10  # errors that are told
BUSY = re.compile(
    r"\b(429|503)\b|busy|try again"
)  # in what the hub says when it has too much to do
INSIDE = ("failed inside", "Something failed")  # in what it says of a fault of its own
NOBODYS: tuple[Any, ...] = (
    {"nothing": "like it"},
    [[{}]],
    {"path": "nowhere", "meta": {}},
)  # what no kind allows
NO_PEER = "no peer"


@dataclass(frozen=True)
class Call:
    """One endpoint, and what it is called with in turns."""

    api: str
    names: Sequence[str]  # of the arguments
    variants: Sequence[Sequence[Any]]
    answers: Sequence[Sequence[Any]]  # the right answer to each


@dataclass
class Tally:
    """What came of the requests of one kind."""

    seconds: list[float] = field(default_factory=list)  # of those that were answered as they should
    busy: int = 0
    failed: int = 0


def soak(
    minutes: float = 10.0,
    users: int = 2,
    demo: str | None = None,
    device: str = "auto",
    checkpoints: Path | None = None,
) -> list[Bench]:
    """Return, for each kind of request, the 50th, 95th and 99th percentile of its time; how many
    failed and how many were told "busy"; and how the server's memory grew.

    Args:
        users: of each kind; together they make the load.
        demo: whose endpoints are called; by default those of all demos.

    Raises:
        HubError: the server does not start or ends, or no endpoint answers an example.
    """
    with examples.open_hub(device, checkpoints) as hub:
        calls = [to_call(hub, target) for target in examples.every(hub, demo)]
        pages = ["/", *(f"/{name}" for name in hub.demos)]
    if not calls:
        raise NotFoundError("no installed demo has an endpoint that answers an example")
    with Server("the hub", our_command(device=device, checkpoints=checkpoints)) as server:
        job = {
            "port": server.port,
            "seconds": 60 * minutes,
            "users": users,
            "calls": [vars(one) for one in calls],
            "pages": pages,
        }
        found, memory = load_and_watch(server, job, minutes)
    tallies = {kind: Tally(**told) for kind, told in found["tallies"].items()}
    return [*rows(tallies, found["errors"], found["busy"]), *memory_rows(memory)]


def to_call(hub: Hub, target: examples.Target) -> Call:
    variants = [target.all_arguments(number) for number in range(VARIANTS)]
    answers = [right_answer(hub, target, number) for number in range(VARIANTS)]
    names = [parameter.name for parameter in target.endpoint.parameters]
    return Call(target.api, names, variants, answers)


def load_and_watch(
    server: Server, job: dict[str, Any], minutes: float
) -> tuple[dict[str, Any], list[tuple[float, float]]]:
    """Run the users; return what they tell, and (seconds, MB) of the server's memory meanwhile."""
    memory: list[tuple[float, float]] = []
    with subprocess.Popen(
        [sys.executable, "-m", "hub.bench.soak"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(packed(job)))
        process.stdin.close()
        told: list[str] = []
        reader = threading.Thread(
            target=lambda out: told.append(out.read()), args=(process.stdout,)
        )
        reader.start()
        began = time.perf_counter()
        try:
            while process.poll() is None:
                memory.append((time.perf_counter() - began, server.rss() / 1e6))
                time.sleep(min(1.0, minutes))
                if time.perf_counter() - began > 60 * minutes + 300:
                    raise HubError(f"the users do not come to an end; {server.log()}")
        finally:
            process.kill()
            reader.join()
        if process.wait():
            raise HubError("the users failed; what they wrote is above")
    return json.loads(told[0]), memory


def rows(tallies: dict[str, Tally], errors: list[str], told_busy: list[str]) -> list[Bench]:
    """Return what the requests came to; with the first error, and the first "busy", in words."""
    found = []
    for kind, tally in tallies.items():
        answered = len(tally.seconds)
        for percent in (50, 95, 99):
            if answered:
                value = 1000 * percentile(tally.seconds, percent)
                name = f"soak {kind} p{percent}"
                found.append(Bench(name, value, None, None, "ms", answered, NO_PEER))
    every = sum(len(one.seconds) + one.busy + one.failed for one in tallies.values())
    busy = float(sum(one.busy for one in tallies.values()))
    failed = float(sum(one.failed for one in tallies.values()))
    for name, count, texts in (("busy", busy, told_busy), ("errors", failed, errors)):
        told = f"{NO_PEER}; the first: {texts[0]}" if texts else NO_PEER
        found.append(Bench(f"soak {name}", count, None, None, "requests", every, told))
    return found


def memory_rows(memory: Sequence[tuple[float, float]]) -> list[Bench]:
    """Return the server's memory: how it grew in the second half, when all models are loaded."""
    half = memory[len(memory) // 2 :]
    count = len(half)
    last = statistics.median(size for _, size in half[-max(1, count // 10) :])
    first = statistics.median(size for _, size in half[: max(1, count // 10)])
    start = memory[0][1]
    return [
        Bench("soak memory", last, None, None, "MB", count, NO_PEER),
        Bench("soak memory since the start", last - start, None, None, "MB", count, NO_PEER),
        Bench("soak memory, second half", last - first, None, None, "MB", count, NO_PEER),
        Bench("soak memory slope", 3600 * slope(half), None, None, "MB/hour", count, NO_PEER),
    ]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the line through `points` by least squares; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


# The users.


class Users:
    """People and programs that use one server at once, until the time is over."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.port: int = job["port"]
        self.calls = [Call(**one) for one in job["calls"]]
        self.pages: list[str] = job["pages"]
        self.end: float = time.perf_counter() + job["seconds"]
        self.lock = threading.Lock()
        self.tallies: dict[str, Tally] = {}
        self.errors: list[str] = []
        self.busy: list[str] = []

    def run(self, users: int) -> None:
        """Let `users` of each kind do what they do."""
        kinds: list[Callable[[random.Random], None]] = [
            self.caller,
            self.python_user,
            self.reader,
            self.uploader,
            self.blunderer,
            self.quitter,
        ]
        threads = [
            threading.Thread(target=kind, args=(random.Random(f"{kind.__name__} {number}"),))
            for kind in kinds
            for number in range(users)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def until_the_end(self, chance: random.Random) -> bool:
        """Rest a moment; tell whether there is time for one more."""
        time.sleep(chance.uniform(0, PAUSE))
        return time.perf_counter() < self.end

    def note(self, kind: str, what: str, request: Callable[[], str]) -> None:
        """Make a request and count what comes of it.

        Args:
            request: returns what is wrong with the answer, or "".
        """
        began = time.perf_counter()
        try:
            problem = request()
        except Exception as error:  # whatever a client raises is what its user would see
            problem = f"{type(error).__name__}: {error}" or type(error).__name__
        took = time.perf_counter() - began
        with self.lock:
            tally = self.tallies.setdefault(kind, Tally())
            if not problem:
                tally.seconds.append(took)
            elif BUSY.search(problem):
                tally.busy += 1
                self.busy = self.busy or [f"{kind} {what}: {problem[:300]}"]
            else:
                tally.failed += 1
                if len(self.errors) < KEPT:
                    self.errors.append(f"{kind} {what}: {problem[:300]}")

    def caller(self, chance: random.Random) -> None:
        """Call endpoints as curl does."""
        client = Client(self.port)
        while self.until_the_end(chance):
            call, number = chance.choice(self.calls), chance.randrange(VARIANTS)
            arguments = client.sent(call.variants[number])
            self.note("call", call.api, partial(answered, client, call, number, arguments))

    def python_user(self, chance: random.Random) -> None:
        """Call endpoints with gradio_client, and come back as another after a while."""
        from gradio_client import Client as GradioClient

        url = f"http://127.0.0.1:{self.port}"
        while self.until_the_end(chance):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                client = GradioClient(url, verbose=False, download_files=folder)
                for _ in range(CALLS_A_CLIENT):
                    if not self.until_the_end(chance):
                        break
                    call, number = chance.choice(self.calls), chance.randrange(VARIANTS)
                    ask = partial(predicted, client, call, number, folder)
                    self.note("gradio_client", call.api, ask)

    def reader(self, chance: random.Random) -> None:
        """Open pages."""
        client = Client(self.port)
        while self.until_the_end(chance):
            page = chance.choice(self.pages)
            self.note("page", page, partial(opened, client, page))

    def uploader(self, chance: random.Random) -> None:
        """Upload pictures, and look at them."""
        client = Client(self.port)
        while self.until_the_end(chance):
            picture = examples.drawing(chance.randrange(1000))
            self.note("upload", "a picture", partial(uploaded, client, picture))

    def blunderer(self, chance: random.Random) -> None:
        """Call endpoints wrongly: each must say what is wrong, and not fail inside."""
        client = Client(self.port)
        with_arguments = [one for one in self.calls if one.names]
        while with_arguments and self.until_the_end(chance):
            call = chance.choice(with_arguments)
            wrong = [chance.choice(NOBODYS) for _ in call.names]
            self.note("wrong input", call.api, partial(refused, client, call, wrong))

    def quitter(self, chance: random.Random) -> None:
        """Call, and hang up before the answer."""
        while self.until_the_end(chance):
            call = chance.choice(self.calls)
            self.note("hang-up", call.api, partial(left, Client(self.port), call))


# One request each; they return what is wrong with how it was answered, or "".


def answered(client: Client, call: Call, number: int, arguments: Sequence[Any]) -> str:
    return differs(call.answers[number], client.call(call.api, arguments))


def predicted(client: Any, call: Call, number: int, folder: Path) -> str:
    values = [as_path(value, folder) for value in call.variants[number]]
    answer = client.predict(*values, api_name=f"/{call.api}")
    found = list(answer) if len(call.answers[number]) > 1 else [answer]
    return differs(call.answers[number], read(found, folder))


def opened(client: Client, page: str) -> str:
    return "" if b"</html>" in client.request("GET", page) else "the page is not whole"


def uploaded(client: Client, picture: bytes) -> str:
    path = client.upload(picture)
    same = client.request("GET", f"{GRADIO}/file={quote(path)}") == picture
    return "" if same else "the file came back changed"


def refused(client: Client, call: Call, arguments: list[Any]) -> str:
    try:
        client.call(call.api, arguments)
    except CallError as error:
        told = BUSY.search(str(error)) or any(word in str(error) for word in INSIDE)
        return str(error) if told or error.status not in (200, 422) else ""
    return "a wrong call was answered"


def left(client: Client, call: Call) -> str:
    event = client.join(call.api, client.sent(call.variants[0]))
    client.send("GET", f"{GRADIO}/call/{call.api}/{event}")
    client.close()
    return ""


# Values on their way.


def differs(expected: Sequence[Any], found: Sequence[Any]) -> str:
    """Return what is wrong with an answer, or ""."""
    apart = examples.distance(list(expected), list(found))
    return "" if apart < 1 else f"a wrong answer, {apart:.1f} times as far as rounding explains"


def as_path(value: Any, folder: Path) -> Any:
    """Return an argument as gradio_client takes it: bytes as a file."""
    if isinstance(value, list):
        return [as_path(one, folder) for one in value]
    if not isinstance(value, bytes):
        return value
    from gradio_client import handle_file

    suffix = {b"\x89PNG": ".png", b"RIFF": ".wav"}.get(value[:4], ".csv")
    path = folder / f"argument-{abs(hash(value))}{suffix}"
    path.write_bytes(value)
    return handle_file(str(path))


def read(value: Any, folder: Path) -> Any:
    """Return an answer of gradio_client with the content of its files in their places."""
    if isinstance(value, (list, tuple)):
        return [read(one, folder) for one in value]
    if isinstance(value, str) and value.startswith(str(folder)):
        return Path(value).read_bytes()
    return (
        {key: read(one, folder) for key, one in value.items()} if isinstance(value, dict) else value
    )


def main() -> None:
    job = unpacked(json.load(sys.stdin))
    users = Users(job)
    users.run(job["users"])
    tallies = {kind: vars(tally) for kind, tally in users.tallies.items()}
    json.dump({"tallies": tallies, "errors": users.errors, "busy": users.busy}, sys.stdout)


if __name__ == "__main__":
    main()
