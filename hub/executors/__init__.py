"""Where services live: in this process (`hub.executors.local`) or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hub.endpoints import Endpoint, Progress
from hub.observe import Observer

State = Literal["idle", "loading", "ready", "failed"]


@dataclass(frozen=True)
class ServiceSource:
    """How an executor gets a service, and what can be called of it."""

    demo: str
    load: Callable[[str], Any]  # device ("cpu", "cuda") -> the service, its model loaded
    endpoints: Callable[
        [], Mapping[str, Endpoint]
    ]  # read when first asked: imports the service's module
    check: Callable[[], object] = lambda: None  # raises where `load` would lack its checkpoint


@dataclass(frozen=True)
class Status:
    """How a service is, for the gallery, `latenthub doctor` and the log."""

    state: State
    reason: str = ""  # why it failed, safe to show
    loaded_bytes: int = 0  # memory its tensors take on the device
    calls: int = 0
    errors: int = 0
    waiting: int = 0  # calls that have not started


class Executor(Protocol):
    """Runs the endpoints of services."""

    observer: Observer  # is told what the device does; one that does nothing, until another is set

    @property
    def device(self) -> str:
        """Where its models live, such as "cpu" or "cuda"."""

    def call(
        self,
        demo: str,
        endpoint: str,
        arguments: Mapping[str, Any],
        progress: Progress | None = None,
    ) -> Any:
        """Return what the endpoint answers to `arguments`, checked already by `Endpoint.check`.

        Loads the service on first use. Blocks; safe to call from many threads.

        Raises:
            CheckpointError: the model cannot be loaded.
            InputError: the service refuses an argument.
            ServiceError: busy, timed out, out of memory, or failed inside (see the log).
        """

    def warm(self, demo: str, example: tuple[str, Mapping[str, Any]] | None = None) -> None:
        """Load the service of `demo` before it is called, and make a first call, which is slow.

        Blocks. Does nothing where models are loaded at the start and calls cost their caller.

        Args:
            example: an endpoint and its arguments, checked already; None: none is called.

        Raises:
            HubError: it cannot be loaded, or the call failed.
        """

    def status(self, demo: str) -> Status:
        """Return how the service of `demo` is; loads nothing."""

    def close(self, timeout: float = 30.0) -> None:
        """Refuse new calls, finish those accepted for at most `timeout` s, free the models."""
