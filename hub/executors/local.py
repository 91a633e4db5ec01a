"""Services in this process: loaded on first use, one call at a time on the device, batched.

The way of a call: `LocalExecutor.call` puts it into a `Job` (hub.executors.batching), the device's
thread (hub.executors.turns) runs the job, and the caller waits for the answer or its time limit.

What a service can rely on:
- Its methods run one at a time on a device, in threads that are not the caller's. `progress(...)` is
  the only moment at which another call may run in between.
- They run under `torch.inference_mode()` if torch is imported; one that needs gradients says
  `with torch.inference_mode(False), torch.enable_grad()`.
- Calls of other services come in between, so a seed must go to a `torch.Generator` or
  `numpy.random.Generator` of the call's own: the global generators belong to nobody.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

from hub.endpoints import Endpoint, Progress
from hub.errors import (
    BusyError,
    CallTimeoutError,
    CheckpointError,
    DeviceMemoryError,
    HubError,
    InputError,
    NotFoundError,
    ServiceError,
)
from hub.executors import ServiceSource, State, Status
from hub.executors.batching import Call, Crowd, Job
from hub.executors.memory import (
    check_device,
    default_budget,
    imported,
    is_out_of_memory,
    positive,
    release,
    resolve_device,
    tensor_bytes,
)
from hub.executors.turns import Turns

REMEMBERED = (
    5.0  # seconds for which a failed load is not tried again, unless its checkpoint may mend
)
MAX_STUCK = 2  # calls of one service left behind, each with a thread, before more are refused
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
        self.crowds: dict[str, Crowd] = {}
        self.jobs = 0  # unfinished ones: while there are any, it is not evicted
        self.waiting = 0  # calls that have not started
        self.stuck = 0  # jobs that were left behind and still run
        self.calls = 0
        self.errors = 0

    @property
    def demo(self) -> str:
        return self.source.demo


class LocalExecutor:
    """Runs services in this process, on one device.

    Args:
        sources: by demo.
        device: "cpu", "cuda", "cuda:1", "mps", or "auto": "cuda" if there is one, else "cpu".
        memory_budget: bytes that loaded models may take together; None: LATENTHUB_MEMORY_GB, or a
            share of the device's memory.
        window: seconds a batch waits for more calls while the device has nothing else to do.
        max_waiting: calls of one service that may wait; None: LATENTHUB_MAX_WAITING, or 256.
        grace: seconds after its time limit in which a call may end before others run beside it.

    Raises:
        SettingsError: the device or one of the environment variables is wrong.
    """

    def __init__(
        self,
        sources: Mapping[str, ServiceSource],
        device: str = "auto",
        memory_budget: int | None = None,
        window: float = 0.004,
        max_waiting: int | None = None,
        grace: float = 5.0,
    ) -> None:
        self._named_device = check_device(device)
        self._device = ""
        self._budget = memory_budget
        positive("LATENTHUB_MEMORY_GB", 0.0)  # wrong settings are said now, not at the first call
        self._max_waiting = max_waiting or int(positive("LATENTHUB_MAX_WAITING", 256))
        self._window = window
        self._grace = grace
        self._slots = {demo: Slot(source) for demo, source in sources.items()}
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)  # notified when a job ends while closing
        self._closing = False
        self._turns = Turns(self._run)

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
        """Bytes that loaded models may take together."""
        if self._budget is None:
            self._budget = default_budget(self.device)
        return self._budget

    # The caller's side.

    def call(
        self,
        demo: str,
        endpoint: str,
        arguments: Mapping[str, Any],
        progress: Progress | None = None,
    ) -> Any:
        """Return what the endpoint answers; see `hub.executors.Executor.call`."""
        slot = self._slot(demo)
        described = slot.source.endpoints().get(endpoint)
        if described is None:
            raise NotFoundError(f"{demo} has no endpoint {endpoint!r}")
        call = Call(arguments, progress, described.options.timeout)
        with self._lock:
            self._admit(slot)
            job = self._enqueue(slot, described, call)
        if not call.wait():
            raise self._give_up(slot, job, call)
        if call.error is not None:
            raise call.error
        return call.value

    def status(self, demo: str) -> Status:
        """Return how the service of `demo` is; loads nothing."""
        slot = self._slot(demo)
        with self._lock:
            state, reason = slot.state, str(slot.failure or "")
            if slot.stuck >= MAX_STUCK:
                state, reason = "failed", str(stuck_error(slot))
            size = slot.size if slot.service is not None else 0
            return Status(state, reason, size, slot.calls, slot.errors)

    def close(self, timeout: float = 30.0) -> None:
        """Refuse new calls, finish those accepted, free the models.

        Args:
            timeout: seconds after which what still waits is refused too.
        """
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._idle.wait_for(
                lambda: not any(s.jobs > s.stuck for s in self._slots.values()), timeout
            )
            for slot in self._slots.values():
                for job in slot.loading:
                    self._fail_waiting(slot, job, closing_error())
                slot.loading.clear()
                slot.service, slot.state = None, "idle"
        self._turns.stop()
        if self._device:
            release(self._device)

    def _slot(self, demo: str) -> Slot:
        try:
            return self._slots[demo]
        except KeyError:
            known = ", ".join(sorted(self._slots)) or "none"
            raise NotFoundError(f"no demo {demo!r}; installed: {known}") from None

    def _admit(self, slot: Slot) -> None:
        """Raise unless a call of `slot` may wait for its turn."""
        if self._closing:
            raise closing_error()
        if slot.stuck >= MAX_STUCK:
            raise stuck_error(slot)
        if slot.waiting >= self._max_waiting:
            raise BusyError(
                f"{slot.demo} is busy: {slot.waiting} calls are waiting already; try again in a moment"
            )
        if slot.failure is not None and time.monotonic() - slot.failed_at < REMEMBERED:
            # a checkpoint may have been restored since: finding that out is cheap, so it is tried again
            if not isinstance(slot.failure, CheckpointError):
                raise again(slot.failure)

    def _enqueue(self, slot: Slot, endpoint: Endpoint, call: Call) -> Job:
        """Put a call into the job that gathers its like, or into a new one; return the job."""
        slot.calls += 1
        slot.waiting += 1
        job = slot.open.get(endpoint.name)
        if job is None:
            job = Job(slot.demo, endpoint)
            slot.jobs += 1
            if job.batched:
                slot.open[endpoint.name] = job
            job.add(call)
            self._submit(slot, job)
        else:
            job.add(call)
        if job.batched and len(job.calls) == endpoint.options.max_batch:
            del slot.open[endpoint.name]
        return job

    def _submit(self, slot: Slot, job: Job) -> None:
        """Queue a job for the device, after its model is loaded."""
        if slot.service is not None:
            self._turns.submit(job)
            return
        slot.loading.append(job)
        if slot.state != "loading":
            slot.state = "loading"
            threading.Thread(
                target=self._load, args=(slot,), name=f"latenthub-load-{slot.demo}", daemon=True
            ).start()

    def _give_up(self, slot: Slot, job: Job, call: Call) -> CallTimeoutError:
        """Leave a call whose time is up; its model goes on only until it next reports progress."""
        limit = f"{job.endpoint.options.timeout:g} s"
        with self._lock:
            call.abandoned = True
            slot.errors += 1
            if not job.started:
                slot.waiting -= 1
                why = "its model is loading" if slot.state == "loading" else "others came first"
                return CallTimeoutError(
                    f"{job.name} did not start within {limit} because {why}; try again later"
                )
            hangs = job.abandoned and not job.ended
        if hangs:
            timer = threading.Timer(self._grace, self._leave_behind, (slot, job))
            timer.daemon = True
            timer.start()
        return CallTimeoutError(f"{job.name} took longer than {limit} and was given up")

    def _leave_behind(self, slot: Slot, job: Job) -> None:
        """Let other calls run beside a job that hangs."""
        with self._lock:
            if job.ended or not self._turns.leave_behind(job):
                return
            job.left_behind = True
            slot.stuck += 1
            self._idle.notify_all()
        log.error(
            "%s still runs %g s after its time limit; it keeps its thread, and others now run beside it",
            job.name,
            self._grace,
        )

    # The loader's side: a thread for each load.

    def _load(self, slot: Slot) -> None:
        """Load a service, then queue the jobs that wait for it, or fail them."""
        began = time.monotonic()
        failure: HubError | None = None
        service: Any = None
        try:
            self._make_room(slot, slot.size)
            service = self._loaded(slot)
        except HubError as error:
            failure = error if isinstance(error, (CheckpointError, ServiceError)) else told(error)
            log.warning("%s is not loaded: %s", slot.demo, error)
        except (
            BaseException
        ) as error:  # whatever a plugin raises must not leave its callers waiting
            failure = ServiceError(
                f"{slot.demo}: its model could not be loaded; {logged(slot.demo, error)}"
            )
        size = tensor_bytes(service) if failure is None else 0
        with self._lock:
            jobs, slot.loading = slot.loading, []
            if self._closing and not jobs:
                return
            if failure is None:
                slot.service, slot.size, slot.state, slot.failure = service, size, "ready", None
                slot.used = time.monotonic()
            else:
                slot.state, slot.failure, slot.failed_at = (
                    "failed",
                    again(failure),
                    time.monotonic(),
                )
            for job in jobs:
                if failure is None:
                    self._turns.submit(job)
                else:
                    self._fail_waiting(slot, job, failure)
        if failure is None:
            log.info(
                "%s loaded in %.1f s: %.1f MB", slot.demo, time.monotonic() - began, size / 1e6
            )
            self._make_room(slot)

    def _loaded(self, slot: Slot) -> Any:
        """Return the service, loaded; where the device has no room, once more after making some.

        Raises:
            DeviceMemoryError: there is no room still.
        """
        try:
            return slot.source.load(self.device)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            log.warning("no memory to load %s; others are dropped: %s", slot.demo, error)
        # out of the except clause: the error's traceback would keep what the first attempt holds
        self._evict_all_but(slot)
        try:
            return slot.source.load(self.device)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceMemoryError(
                f"the {self.device} device has no room for the model of {slot.demo}; run it on a larger one, "
                "or with fewer demos (--only)"
            ) from error

    def _fail_waiting(self, slot: Slot, job: Job, failure: HubError) -> None:
        """Fail the calls of a job that never started."""
        slot.open.pop(job.endpoint.name, None)
        slot.jobs -= 1
        job.started = True
        for call in job.calls:
            if not call.abandoned:
                slot.waiting -= 1
                slot.errors += 1
                call.fail(again(failure))
        self._idle.notify_all()

    # Memory.

    def _make_room(self, keep: Slot, needed: int = 0) -> None:
        """Drop the least recently used services until `needed` more bytes are within the budget."""
        budget = self.budget
        dropped = []
        with self._lock:
            while self._total() + needed > budget:
                idle = [s for s in self._slots.values() if s.service is not None and not s.jobs]
                idle = [s for s in idle if s is not keep]
                if not idle:
                    break
                dropped.append(min(idle, key=lambda s: s.used))
                self._drop(dropped[-1])
            total = self._total()
        self._after_drop(dropped)
        if total > budget:
            log.warning(
                "loaded models take %.0f MB, over the budget of %.0f", total / 1e6, budget / 1e6
            )

    def _evict_all_but(self, keep: Slot) -> None:
        """Drop every service that does nothing now."""
        with self._lock:
            slots = self._slots.values()
            dropped = [s for s in slots if s.service is not None and not s.jobs and s is not keep]
            for slot in dropped:
                self._drop(slot)
        self._after_drop(dropped)
        release(self.device)

    def _total(self) -> int:
        return sum(slot.size for slot in self._slots.values() if slot.service is not None)

    def _drop(self, slot: Slot) -> None:
        slot.service, slot.state = None, "idle"

    def _after_drop(self, dropped: list[Slot]) -> None:
        if dropped:
            log.info("dropped to make room: %s", ", ".join(slot.demo for slot in dropped))
            release(self.device)

    # The device's side: one thread.

    def _run(self, job: Job) -> None:
        """Answer the calls of a job."""
        slot = self._slots[job.demo]
        self._gather(slot, job)
        with self._lock:
            if slot.open.get(job.endpoint.name) is job:
                del slot.open[job.endpoint.name]
            job.started = True
            calls = [call for call in job.calls if not call.abandoned]
            slot.waiting -= len(calls)
            service = slot.service
        if calls:
            self._answer(slot, job, service, calls)
        self._finish(slot, job, len(calls))

    def _answer(self, slot: Slot, job: Job, service: Any, calls: list[Call]) -> None:
        if service is None:  # waited for so long that the hub was closed meanwhile
            for call in calls:
                call.fail(closing_error())
            return
        method = getattr(service, job.endpoint.name)
        with no_gradients():
            if job.batched:
                self._answer_many(slot, job, method, calls)
            else:
                self._answer_one(slot, job, method, calls[0])

    def _gather(self, slot: Slot, job: Job) -> None:
        """Wait a moment for more calls, if they usually come together and the device is free."""
        if not job.batched or self._turns.others_wait:
            return
        with self._lock:
            crowd = slot.crowds.get(job.endpoint.name)
            wanted = crowd.wanted(job.endpoint.options.max_batch) if crowd else 1
            full = job.want(wanted)
        if full is not None:
            full.acquire(timeout=self._window)

    def _finish(self, slot: Slot, job: Job, count: int) -> None:
        with self._lock:
            job.ended = True
            slot.jobs -= 1
            slot.stuck -= job.left_behind
            slot.used = time.monotonic()
            if job.batched and count:
                slot.crowds.setdefault(job.endpoint.name, Crowd()).saw(count)
            if self._closing:
                self._idle.notify_all()
            over = self._total() > self.budget
        if over:
            self._make_room(slot)

    def _answer_one(self, slot: Slot, job: Job, method: Any, call: Call) -> None:
        extra = {"progress": self._progress(job, [call])} if job.endpoint.takes_progress else {}
        try:
            value = self._with_room(slot, job, lambda: method(**call.arguments, **extra))
        except BaseException as error:  # a service must not end the device's thread
            self._fail(slot, job, call, error)
        else:
            call.answer(value)

    def _answer_many(self, slot: Slot, job: Job, method: Any, calls: list[Call]) -> None:
        """Answer calls with one call of the method; where that raises, by halves, so that a bad item
        fails alone."""
        if len(calls) == 1:
            return self._answer_one_of_many(slot, job, method, calls[0])
        try:
            values = self._batch(job, method, calls)
        except BaseException as error:
            log.info(
                "%s failed for a batch of %d, goes on by halves: %r", job.name, len(calls), error
            )
            no_room = is_out_of_memory(error)
        else:
            for call, value in zip(calls, values, strict=True):
                self._settle(slot, job, call, value)
            return None
        if no_room:
            self._evict_all_but(slot)
        half = len(calls) // 2
        self._answer_many(slot, job, method, calls[:half])
        self._answer_many(slot, job, method, calls[half:])
        return None

    def _answer_one_of_many(self, slot: Slot, job: Job, method: Any, call: Call) -> None:
        try:
            value = self._with_room(slot, job, lambda: self._batch(job, method, [call])[0])
        except BaseException as error:
            self._fail(slot, job, call, error)
        else:
            self._settle(slot, job, call, value)

    def _settle(self, slot: Slot, job: Job, call: Call, value: Any) -> None:
        """Give one item of a batch to its caller."""
        if isinstance(value, Exception):
            self._fail(slot, job, call, value)
        else:
            call.answer(value)

    def _batch(self, job: Job, method: Any, calls: list[Call]) -> list[Any]:
        """Return what a batched method answers, an item a call.

        Raises:
            ServiceError: it is not a list of that length.
        """
        names = calls[0].arguments
        lists: dict[str, Any] = {name: [call.arguments[name] for call in calls] for name in names}
        if job.endpoint.takes_progress:
            lists["progress"] = self._progress(job, calls)
        values = method(**lists)
        if not isinstance(values, (list, tuple)) or len(values) != len(calls):
            length = f" of {len(values)}" if isinstance(values, (list, tuple)) else ""
            raise ServiceError(
                f"{job.name} must return a list of {len(calls)}, an item a call; "
                f"it returned a {type(values).__name__}{length}"
            )
        return list(values)

    def _with_room(self, slot: Slot, job: Job, run: Any) -> Any:
        """Return `run()`; where the device has no room, once more after dropping other models.

        Raises:
            DeviceMemoryError: there is no room still.
        """
        try:
            return run()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            log.warning("no memory for %s; others are dropped: %s", job.name, error)
        # out of the except clause: the error's traceback would keep what the first attempt holds
        self._evict_all_but(slot)
        try:
            return run()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceMemoryError(
                f"the {self.device} device has no room for this call of {job.name}; ask for less at once "
                "(a smaller count or input), or try again later"
            ) from error

    def _progress(self, job: Job, calls: list[Call]) -> Progress:
        """Return the `progress` that the service is given."""

        def progress(fraction: float, message: str = "") -> None:
            for call in calls:
                if not call.abandoned:
                    report(job, call, fraction, message)
            if not job.abandoned:
                self._turns.pause(job)
            if job.abandoned:
                raise CallTimeoutError(f"{job.name}: nobody waits for its answer any more")

        return progress

    def _fail(self, slot: Slot, job: Job, call: Call, error: BaseException) -> None:
        """Give an error to the caller: as it is where it is safe to show, else as a number in the log."""
        if not isinstance(error, InputError):
            with self._lock:
                slot.errors += not call.abandoned  # giving up has counted already
        if not isinstance(error, HubError):
            wrapped = ServiceError(f"{job.name} failed inside the model; {logged(job.name, error)}")
            wrapped.__cause__ = error
            error = wrapped
        call.fail(error)


def report(job: Job, call: Call, fraction: float, message: str) -> None:
    """Tell a caller how far its call is; a HubError of its own ends the call, other errors do not matter."""
    try:
        call.report(fraction, message)
    except HubError:
        raise
    except Exception as error:
        log.debug("%s: its caller's progress fails: %r", job.name, error)


def no_gradients() -> contextlib.AbstractContextManager[Any]:
    """Return torch's inference mode, if anything has imported torch."""
    torch = imported("torch")
    return contextlib.nullcontext() if torch is None else torch.inference_mode()


def logged(name: str, error: BaseException) -> str:
    """Log an error with its traceback; return how a message refers to it."""
    number = secrets.token_hex(4)
    log.error("%s failed (id %s)", name, number, exc_info=error)
    return f"the log has the details (id {number})"


def told(error: HubError) -> ServiceError:
    """Return a hub's error of another kind as what `Executor.call` promises to raise."""
    wrapped = ServiceError(str(error))
    wrapped.__cause__ = error
    return wrapped


def again(error: HubError) -> HubError:
    """Return an error of the same kind and text, for another caller: tracebacks must not pile up on one."""
    return type(error)(str(error))


def closing_error() -> BusyError:
    return BusyError("the hub is closing and takes no more calls; try again in a moment")


def stuck_error(slot: Slot) -> ServiceError:
    return ServiceError(
        f"{slot.demo} hangs: {slot.stuck} calls ran over their time limit and have not ended; "
        "the hub must be started again unless they end"
    )
