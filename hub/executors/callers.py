"""Who waits for an answer, and how an executor learns that nobody does any more."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator


class Caller:
    """Somebody who waits for the answers of one request, and may hang up."""

    def __init__(self, gone: bool = False) -> None:
        self._lock = threading.Lock()
        self._gone = gone
        self._told: list[Callable[[], None]] = []

    @property
    def gone(self) -> bool:
        """Whether the caller has hung up."""
        return self._gone

    def hang_up(self) -> None:
        """Say that nobody waits any more; calls back whoever works for this caller."""
        with self._lock:
            self._gone = True
            told, self._told = self._told, []
        for callback in told:
            callback()

    @contextlib.contextmanager
    def watched(self, callback: Callable[[], None]) -> Iterator[None]:
        """Have `callback` called if the caller hangs up meanwhile, or at once if it has already.

        It is called once at most, in the thread that learns of it.
        """
        with self._lock:
            gone = self._gone
            if not gone:
                self._told.append(callback)
        if gone:
            callback()
        try:
            yield
        finally:
            with self._lock:
                if callback in self._told:
                    self._told.remove(callback)


_current: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("caller", default=None)


def current() -> Caller | None:
    """Return for whom this thread calls, if that is known."""
    return _current.get()


@contextlib.contextmanager
def calling_for(caller: Caller | None) -> Iterator[None]:
    """Make calls of this thread inside the block calls for `caller`."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)
