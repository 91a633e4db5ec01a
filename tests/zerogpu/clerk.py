"""Make calls through the ZeroGPU executor in a process of its own: a line of JSON each, in and out.

`python -m zerogpu.clerk`, with what a ZeroGPU Space sets in its environment. The first line says
how the executor is.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

if os.environ["TORCH"] == "hidden":
    sys.modules["torch"] = None  # as where it is not installed
elif os.environ["TORCH"] == "for cuda":
    import torch

    # a build for CPUs lacks what `spaces` puts in the place of
    torch.version.cuda = torch.version.cuda or "12.8"
    torch._C.__dict__.setdefault("_cuda_init", None)
    torch.cuda._is_in_bad_fork = bool  # False, and in a form that another process can be sent

from hub.endpoints import Progress, endpoint, endpoints_of
from hub.errors import CheckpointError, HubError, InputError
from hub.executors import ServiceSource
from hub.executors.zerogpu import ZeroGpuExecutor


class Clock:
    """A service that tells which process answers."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.loaded_by = os.getpid()
        self.weights = np.zeros(1000, np.float32)
        if sys.modules.get("torch"):
            import torch

            self.weights = torch.zeros(1000).to(device)

    @endpoint
    def where(self) -> list[str]:
        """Return the device, who loaded the service, and who answers."""
        return [self.device, str(self.loaded_by), str(os.getpid())]

    @endpoint(timeout=30, gpu_seconds=7.5)
    def add(self, a: int, b: int = 1) -> int:
        """Add `a` and `b`."""
        return a + b

    @endpoint(max_batch=8)
    def doubles(self, x: list[int]) -> list[int]:
        """Return twice each of `x`; 13 fails alone."""
        return [ValueError("13") if one == 13 else 2 * one for one in x]

    @endpoint(max_batch=8)
    def short(self, x: list[int]) -> list[int]:
        """Return one item of `x` too few."""
        return x[1:]

    @endpoint
    def steps(self, count: int, progress: Progress) -> int:
        """Report `count` steps."""
        for step in range(count):
            progress(step / count, f"step {step}")
        return count

    @endpoint(timeout=0.8)
    def endless(self, progress: Progress) -> int:
        """Report progress until the hub ends it."""
        while True:
            time.sleep(0.01)
            progress(0.5)

    @endpoint(timeout=0.8)
    def leave(self, progress: Progress) -> int:
        """Report once, and leave the process."""
        progress(0.5)
        sys.exit("out")

    @endpoint(timeout=0.8)
    def sleep(self, seconds: float) -> str:
        """Sleep for `seconds`, against a short limit."""
        time.sleep(seconds)
        return "awake"

    @endpoint
    def fail(self, kind: str) -> int:
        """Fail in the way that `kind` names."""
        if kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "input":
            raise InputError("kind must be better", "kind")
        if kind == "exit":
            sys.exit("out")
        if kind == "lambda":
            return lambda: 1
        raise {"memory": MemoryError()}.get(kind, RuntimeError("secret /srv/models"))


class Late(Clock):
    """A service whose checkpoint is a file that may come later."""


def source(demo: str, service: type, needs: Path | None = None) -> ServiceSource:
    def check() -> None:
        if needs is not None and not needs.exists():
            raise CheckpointError(f"there is no checkpoint of {demo!r}")

    def load(device: str) -> Clock:
        check()
        return service(device)

    return ServiceSource(demo, load, lambda: endpoints_of(service), check)


def answer(executor: ZeroGpuExecutor, asked: dict) -> dict:
    steps = []
    began = time.monotonic()
    try:
        value = executor.call(
            asked.get("demo", "clock"),
            asked["endpoint"],
            asked.get("arguments", {}),
            lambda fraction, message="": steps.append([fraction, message]),
        )
        told = {"value": value}
    except HubError as error:
        told = {"error": str(error), "kind": type(error).__name__}
        told["argument"] = getattr(error, "argument", None)
    return {**told, "progress": steps, "seconds": time.monotonic() - began}


def main() -> None:
    out = sys.stdout
    # what `spaces` prints goes to stderr, to keep the answers apart
    with contextlib.redirect_stdout(sys.stderr):
        late = Path(os.environ["LATE"])
        sources = {"clock": source("clock", Clock), "late": source("late", Late, late)}
        executor = ZeroGpuExecutor(sources)
        status = {demo: executor.status(demo).__dict__ for demo in sources}
        first = {"pid": os.getpid(), "device": executor.device, "status": status}
        print(json.dumps(first), file=out, flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(executor, json.loads(line))), file=out, flush=True)
        executor.close()


if __name__ == "__main__":
    main()
