"""Calls, and the jobs that gather them: concurrent calls of a batched endpoint become one."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Mapping
from typing import Any

from hub import logs
from hub.endpoints import Endpoint, Progress
from hub.errors import ServiceError


class Call:
    """One caller's wait for one answer."""

    __slots__ = (
        "_done",
        "abandoned",
        "arguments",
        "context",
        "deadline",
        "error",
        "hung_up",
        "progress",
        "request",
        "value",
    )

    def __init__(
        self, arguments: Mapping[str, Any], progress: Progress | None, timeout: float
    ) -> None:
        self.arguments = arguments
        self.request = logs.current()
        self.progress = progress
        # gradio's progress bar knows its event by context variables, which threads do not inherit
        self.context = contextvars.copy_context() if progress is not None else None
        self.deadline = time.monotonic() + timeout
        self.abandoned = False
        self.hung_up: ServiceError | None = None  # why nobody waits any more, before the deadline
        self.value: Any = None
        self.error: Exception | None = None
        self._done = threading.Lock()  # lighter than an Event: held until there is an answer
        self._done.acquire()

    def wait(self) -> bool:
        """Return whether there is an answer before the deadline and for a caller still there."""
        ended = self._done.acquire(timeout=max(0.0, self.deadline - time.monotonic()))
        return ended and self.hung_up is None

    def hang_up(self, reason: ServiceError) -> None:
        """End the wait: nobody wants the answer any more."""
        self.hung_up = reason
        self.end()

    def fail(self, error: Exception) -> None:
        """End the wait with an error."""
        self.error = error
        self.end()

    def end(self) -> None:
        """End the wait; `value` or `error` is set, or the caller has hung up."""
        with contextlib.suppress(RuntimeError):  # it had ended: an answer to one who hung up
            self._done.release()

    def report(self, fraction: float, message: str) -> None:
        """Tell the caller how far its call is."""
        if self.progress is not None and self.context is not None:
            self.context.run(self.progress, fraction, message)


class Job:
    """What takes one turn on the device: a call, or those of a batched endpoint that came together.

    Its methods that touch `calls` are called under the executor's lock.
    """

    __slots__ = (
        "_full",
        "_wanted",
        "calls",
        "demo",
        "ended",
        "endpoint",
        "left_behind",
        "overdue",
        "started",
        "turn_began",
    )

    def __init__(self, demo: str, endpoint: Endpoint) -> None:
        self.demo = demo
        self.endpoint = endpoint
        self.calls: list[Call] = []
        self.started = False  # what it does from now on, it does for its calls of that moment
        self.ended = False
        self.left_behind = False  # it hangs, and others run beside it
        self.overdue: threading.Timer | None = None  # runs while nobody waits for it any more
        self.turn_began = 0.0  # time.monotonic() when it last got the device
        self._full: threading.Lock | None = None  # held while the runner waits for more calls
        self._wanted = 0

    @property
    def name(self) -> str:
        return f"{self.demo}.{self.endpoint.name}"

    @property
    def batched(self) -> bool:
        return self.endpoint.options.max_batch > 1

    @property
    def abandoned(self) -> bool:
        return all(call.abandoned for call in self.calls)

    @property
    def deadline(self) -> float:
        return max(call.deadline for call in self.calls)

    def add(self, call: Call) -> None:
        self.calls.append(call)
        if self._full is not None and len(self.calls) >= self._wanted:
            self._full.release()
            self._full = None

    def want(self, count: int) -> threading.Lock | None:
        """Return a lock that is released when there are `count` calls; None: there are already."""
        if len(self.calls) >= count:
            return None
        self._wanted = count
        self._full = threading.Lock()
        self._full.acquire()
        return self._full


class Crowd:
    """How many calls of an endpoint usually come together: what a batch is worth waiting for.

    A lone caller must not wait for company that never comes, and many callers whose last batch was
    answered at once come back within milliseconds of each other.
    """

    __slots__ = ("usual",)

    def __init__(self) -> None:
        self.usual = 1.0

    def wanted(self, most: int) -> int:
        return min(most, round(self.usual))

    def saw(self, count: int) -> None:
        """Learn from a batch of `count`: grow at once, shrink by halves."""
        self.usual = max(float(count), (self.usual + count) / 2)
