"""Models loaded, and called once, before the first visitor comes: who comes first need not wait."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from hub.endpoints import Endpoint
from hub.errors import HubError
from hub.executors import Executor

ALL = "all"
Stage = Literal["off", "warming", "done"]
log = logging.getLogger(__name__)


class WarmUp:
    """Warms demos one after another, in a thread of its own, while the hub answers already.

    Args:
        endpoints: of a demo.
    """

    def __init__(
        self, executor: Executor, endpoints: Callable[[str], Mapping[str, Endpoint]]
    ) -> None:
        self._executor = executor
        self._endpoints = endpoints
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    @property
    def stage(self) -> Stage:
        if self._thread is None:
            return "off"
        return "warming" if self._thread.is_alive() else "done"

    def start(self, demos: Sequence[str]) -> None:
        """Begin with the first of `demos`."""
        self._thread = threading.Thread(
            target=self._run, args=(demos,), name="latenthub-warmup", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Begin with no other demo."""
        self._closing.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, for so many seconds at most."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self, demos: Sequence[str]) -> None:
        for demo in demos:
            if self._closing.is_set():
                return
            began = time.monotonic()
            try:
                self._warm(demo)
            except Exception as error:  # of a plugin; its callers will be told
                known = isinstance(error, HubError)
                log.warning("%s is not warm: %s", demo, error, exc_info=None if known else error)
            else:
                log.info("%s is warm after %.1f s", demo, time.monotonic() - began)

    def _warm(self, demo: str) -> None:
        """Load a model and make one call, the first that the demo gives an example of.

        What runs first on a device is slow: kernels are chosen, libraries loaded, memory taken.
        """
        for name, endpoint in self._endpoints(demo).items():
            for example in endpoint.examples:
                self._executor.warm(demo, (name, endpoint.check(example)))
                return
        self._executor.warm(demo)
