"""The hub: installed demos, their checkpoints, and the executor that runs them."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from hub import checkpoints
from hub.demo import Demo, resolve
from hub.endpoints import Endpoint, Progress, endpoints_of
from hub.errors import CheckpointError, NotFoundError
from hub.executors import Executor, ServiceSource, Status
from hub.executors.callers import Caller, calling_for
from hub.executors.registry import AUTO, executor_factory
from hub.observe import Observer, Outcome, outcome_of, tell
from hub.plugins import Discovered, Quarantined, check_names, discover
from hub.warmup import ALL, WarmUp

log = logging.getLogger(__name__)


class Hub:
    """Installed demos and the way to call them: what site, API and command line go through."""

    def __init__(
        self,
        discovered: Discovered,
        folders: checkpoints.Folders,
        executor: Callable[[Mapping[str, ServiceSource]], Executor],
    ) -> None:
        self.discovered = discovered
        self.folders = folders
        self._wanting: dict[str, str] = {}  # by demo: why its checkpoint was not found
        sources = {name: self._source(demo) for name, demo in self.demos.items()}
        self.executor = executor(sources)
        self.closing = False  # whether it finishes what it was asked, and is to be asked no more
        self.find_caller: Callable[[], Caller | None] = lambda: None  # for whom a thread calls
        self.observer = Observer()
        self.warmup = WarmUp(self.executor, self.endpoints)

    @classmethod
    def open(
        cls,
        only: Collection[str] = (),
        disable: Collection[str] = (),
        strict: bool = False,
        checkpoint_folder: Path | None = None,
        device: str = "auto",
        executor: str = AUTO,
    ) -> Hub:
        """Return the hub of this environment's plugins.

        Args:
            executor: where services live, as `hub.executors.registry.executor_factory` takes it.

        Raises:
            NotFoundError: `only` or `disable` names what is not installed.
            SettingsError: the device or the executor is wrong.
        """
        return cls(
            discover(only=only, disable=disable, strict=strict),
            checkpoints.Folders.standard(checkpoint_folder),
            functools.partial(executor_factory(executor), device=device),
        )

    @property
    def demos(self) -> dict[str, Demo]:
        return self.discovered.demos

    @property
    def broken(self) -> tuple[Quarantined, ...]:
        return self.discovered.broken

    def demo(self, name: str) -> Demo:
        """Return the demo of that name.

        Raises:
            NotFoundError: none is installed; the message lists those that are.
        """
        check_names([name], self.demos)
        return self.demos[name]

    def checkpoint(self, name: str) -> Path:
        """Return the folder of the demo's checkpoint, its files verified against the lock.

        Raises:
            CheckpointError: missing, damaged, or another demo's; the message says what to do.
        """
        return self.folders.find(self.demo(name).name)

    def endpoints(self, name: str) -> dict[str, Endpoint]:
        """Return what can be called of a demo; imports its service's module, loads no model."""
        return service_endpoints(self.demo(name).service)

    def endpoint(self, name: str, endpoint: str) -> Endpoint:
        """Return one endpoint.

        Raises:
            NotFoundError: no demo or endpoint of that name.
        """
        known = self.endpoints(name)
        if endpoint not in known:
            raise NotFoundError(f"{name} has no endpoint {endpoint!r}; it has: {', '.join(known)}")
        return known[endpoint]

    def call(
        self,
        name: str,
        endpoint: str,
        arguments: Mapping[str, Any],
        progress: Progress | None = None,
    ) -> Any:
        """Check `arguments`, run the endpoint where its service lives, return what it answers.

        Raises:
            HubError: see `Endpoint.check` and `Executor.call`.
        """
        described = self.endpoint(name, endpoint)
        began = time.perf_counter()
        try:
            checked = described.check(arguments)
            with calling_for(self.find_caller()):
                result = self.executor.call(name, endpoint, checked, progress)
        except BaseException as error:
            self._ended(name, endpoint, outcome_of(error), began, f": {error}")
            raise
        self._ended(name, endpoint, "ok", began)
        return result

    def observe(self, observer: Observer) -> None:
        """Have `observer` told of every call from now on."""
        self.observer = self.executor.observer = observer

    def warm(self, names: Collection[str]) -> None:
        """Load the models of these demos, or of "all", in the background.

        Raises:
            NotFoundError: there is no demo of such a name.
        """
        check_names([name for name in names if name != ALL], self.demos)
        chosen = [name for name in self.demos if name in names or ALL in names]
        if chosen:
            self.warmup.start(chosen)

    def service(self, name: str) -> Service:
        """Return what a page is given: the service's methods, run where the executor put it."""
        return Service(self, self.demo(name).name)

    def status(self, name: str) -> Status:
        """Return how the demo's service is; loads nothing.

        That it could not be loaded for want of its checkpoint counts until that is here.
        """
        status = self.executor.status(self.demo(name).name)
        if status.state == "failed" and status.reason == self._wanting.get(name):
            with contextlib.suppress(CheckpointError):
                self.checkpoint(name)
                return replace(status, state="idle", reason="")
        return status

    def close(self, timeout: float = 30.0) -> None:
        """Finish running calls, for `timeout` seconds at most, and free the models."""
        self.closing = True
        self.warmup.stop()
        self.executor.close(timeout)

    def __enter__(self) -> Hub:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ended(
        self, demo: str, endpoint: str, outcome: Outcome, began: float, why: str = ""
    ) -> None:
        """Count a call and write its line into the log."""
        seconds = time.perf_counter() - began
        tell(self.observer.called, demo, endpoint, outcome, seconds)
        log.log(
            logging.WARNING if outcome in ("timeout", "error") else logging.INFO,
            "%s.%s %s in %.3f s%s",
            *(demo, endpoint, outcome, seconds, why),
            extra={
                "demo": demo,
                "endpoint": endpoint,
                "outcome": outcome,
                "seconds": round(seconds, 6),
            },
        )

    def _source(self, demo: Demo) -> ServiceSource:
        def load(device: str) -> Any:
            try:
                checkpoint = self.checkpoint(demo.name)
            except CheckpointError as error:
                self._wanting[demo.name] = str(error)
                raise
            with checkpoints.fitting(checkpoint):
                return resolve(demo.service)(checkpoint, device)

        return ServiceSource(
            demo.name,
            load,
            lambda: service_endpoints(demo.service),
            lambda: self.checkpoint(demo.name),
        )


@functools.cache
def service_endpoints(reference: str) -> dict[str, Endpoint]:
    return endpoints_of(resolve(reference))


class Service:
    """A stand-in for a demo's service: `service.generate(count=4)` goes through the hub."""

    def __init__(self, hub: Hub, demo: str) -> None:
        self._hub = hub
        self._demo = demo

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):  # copy, pickle and mocks probe for these
            raise AttributeError(name)
        endpoint = self._hub.endpoint(self._demo, name)

        def call(*values: Any, progress: Progress | None = None, **named: Any) -> Any:
            names = [parameter.name for parameter in endpoint.parameters]
            if len(values) > len(names):
                raise TypeError(f"{name} takes {len(names)} arguments, got {len(values)}")
            arguments = {**dict(zip(names, values, strict=False)), **named}
            return self._hub.call(self._demo, name, arguments, progress)

        call.__doc__ = endpoint.doc
        return call
