"""Who waits for an answer, and how an executor learns that nobody does any more."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator

from hub.errors import CallerGoneError, ServiceError


class Caller:
    """Somebody who waits for answers, and may hang up or be told to wait no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: ServiceError | None = None
        self._told: list[Callable[[ServiceError], None]] = []

    @property
    def reason(self) -> ServiceError | None:
        """Why nobody waits any more; None: somebody does."""
        return self._reason

    def hang_up(self, reason: ServiceError | None = None) -> None:
        """Give up whatever is done for this caller.

        Args:
            reason: what its calls raise; None: a CallerGoneError.
        """
        with self._lock:
            if self._reason is None:
                self._reason = reason or CallerGoneError("the caller hung up before the answer")
            told, self._told = self._told, []
        for callback in told:
            callback(self._reason)

    @contextlib.contextmanager
    def watched(self, callback: Callable[[ServiceError], None]) -> Iterator[None]:
        """Have `callback` told the reason if the caller hangs up meanwhile, or has already.

        It is called once at most, in the thread that learns of it.
        """
        with self._lock:
            reason = self._reason
            if reason is None:
                self._told.append(callback)
        if reason is not None:
            callback(reason)
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
