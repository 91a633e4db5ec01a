"""Loaded services, and the memory they share."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hub.errors import DeviceMemoryError, HubError
from hub.executors import ServiceSource, State
from hub.executors.batching import Crowd, Job
from hub.executors.memory import (
    check_device,
    default_budget,
    is_out_of_memory,
    release,
    resolve_device,
    tensor_bytes,
)

Result = TypeVar("Result")
log = logging.getLogger(__name__)


class Slot:
    """A service's place: its model, the jobs that wait for it, and what happened so far.

    All but `source` changes under the executor's lock only.
    """

    def __init__(self, source: ServiceSource) -> None:
        self.source = source
        self.state: State = "idle"
        self.service: Any = None
        self.size = 0  # bytes; of the last load, when it is not loaded now
        self.used = 0.0  # time.monotonic() of the last call
        self.failure: HubError | None = None  # of the last load
        self.failed_at = 0.0
        self.loading: list[Job] = []  # jobs that wait for the model
        self.open: dict[str, Job] = {}  # by endpoint: jobs that take more calls
        self.crowds: dict[str, Crowd] = {}  # by endpoint
        self.jobs = 0  # unfinished ones: while there are any, it is not dropped
        self.waiting = 0  # calls that have not started
        self.stuck = 0  # jobs that were left behind and still run
        self.calls = 0
        self.errors = 0

    @property
    def demo(self) -> str:
        return self.source.demo


class Models:
    """Loads services onto one device, and drops the least recently used over a budget.

    Args:
        slots: by demo.
        lock: the executor's; held by none who calls a method from here.
        device: as `hub.executors.memory.resolve_device` takes it.
        budget: bytes that loaded models may take together; None: the default for the device.
    """

    def __init__(
        self, slots: Mapping[str, Slot], lock: threading.Lock, device: str, budget: int | None
    ) -> None:
        self._slots = slots
        self._lock = lock
        self._named_device = check_device(device)
        self._device = ""
        self._budget = budget

    @property
    def device(self) -> str:
        """Where models live; torch is asked when this is first read, if there may be a GPU.

        Raises:
            ServiceError: the device that was named is not there.
        """
        if not self._device:
            self._device = resolve_device(self._named_device)
        return self._device

    @property
    def budget(self) -> int:
        if self._budget is None:
            self._budget = default_budget(self.device)
        return self._budget

    @property
    def over_budget(self) -> bool:
        """Whether loaded models take more than they may; asked under the lock."""
        return self._budget is not None and self._total() > self._budget

    def load(self, slot: Slot) -> tuple[Any, int]:
        """Return the service of `slot` and the bytes it takes; others may be dropped for it.

        Raises:
            DeviceMemoryError: the device has no room for it.
        """
        began = time.monotonic()
        self.make_room(slot, slot.size)
        service = self.with_room(
            slot,
            lambda: slot.source.load(self.device),
            f"the model of {slot.demo}; use a larger one, or serve fewer demos (--only)",
        )
        size = tensor_bytes(service)
        log.info("%s loaded in %.1f s, %.1f MB", slot.demo, time.monotonic() - began, size / 1e6)
        return service, size

    def with_room(self, slot: Slot, run: Callable[[], Result], what: str) -> Result:
        """Return `run()`; where the device has no room, once more after dropping idle services.

        Args:
            slot: the service that `run` is about, which stays.
            what: what there is no room for, and what to do, to stand after "has no room for".

        Raises:
            DeviceMemoryError: there is no room still.
        """
        try:
            return run()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            log.warning("%s: out of memory, idle services are dropped: %s", slot.demo, error)
        # after the except clause: the error's traceback kept what the first attempt held
        self.drop_idle(slot)
        try:
            return run()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceMemoryError(f"device {self.device} has no room for {what}") from error

    def make_room(self, keep: Slot, needed: int = 0) -> None:
        """Drop the least recently used until `needed` more bytes are within the budget."""
        budget = self.budget
        dropped = []
        with self._lock:
            while self._total() + needed > budget and (idle := self._idle(keep)):
                dropped.append(min(idle, key=lambda slot: slot.used))
                drop(dropped[-1])
            total = self._total()
        if dropped:
            log.info("dropped over the budget: %s", ", ".join(slot.demo for slot in dropped))
            release(self.device)
        if total > budget:
            log.warning(
                "loaded models take %d MB, over the budget of %d", total // 10**6, budget // 10**6
            )

    def drop_idle(self, keep: Slot) -> None:
        """Drop every service but `keep` that does nothing now."""
        with self._lock:
            for slot in self._idle(keep):
                drop(slot)
        release(self.device)

    def close(self) -> None:
        """Drop all services."""
        with self._lock:
            for slot in self._slots.values():
                drop(slot)
        if self._device:
            release(self._device)

    def _idle(self, keep: Slot) -> list[Slot]:
        slots = self._slots.values()
        return [s for s in slots if s.service is not None and not s.jobs and s is not keep]

    def _total(self) -> int:
        return sum(slot.size for slot in self._slots.values() if slot.service is not None)


def drop(slot: Slot) -> None:
    slot.service, slot.state = None, "idle"
