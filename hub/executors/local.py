"""Services in this process: loaded on first use, one call at a time on the device, batched.

The way of a call: `LocalExecutor.call` puts it into a `Job` (hub.executors.batching); when its
model is loaded (hub.executors.models) and it has its turn on the device (hub.executors.turns), its
service is called (hub.executors.answers), while the caller waits for the answer or its time limit.

What a service can rely on:
- Its methods run one at a time on a device, in threads that are not the caller's. Another call may
  run in between only while the method reports `progress(...)`.
- They run under `torch.inference_mode()` if torch is imported; one that needs gradients says
  `with torch.inference_mode(False), torch.enable_grad()`.
- Calls of other services come in between, so a seed must go to a `torch.Generator` or
  `numpy.random.Generator` of the call's own: the global generators belong to nobody.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

from hub import logs, settings
from hub.endpoints import Endpoint, Progress
from hub.errors import (
    BusyError,
    CallTimeoutError,
    CheckpointError,
    HubError,
    NotFoundError,
    ServiceError,
)
from hub.executors import ServiceSource, Status, callers
from hub.executors.answers import Answers, logged
from hub.executors.batching import Call, Crowd, Job
from hub.executors.callers import Caller
from hub.executors.memory import share_heaps, wait_asleep
from hub.executors.models import Models, Slot
from hub.executors.turns import Turns
from hub.observe import Observer, tell

REMEMBERED = 5.0  # seconds until a failed load is tried again, unless its checkpoint may mend
MAX_STUCK = 2  # calls of one service left behind, each with a thread, before more are refused
log = logging.getLogger(__name__)


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
        settings.MEMORY_GB.positive(0.0)  # what is wrong is said now, not at the first call
        wait_asleep()
        share_heaps()
        self.observer = Observer()
        self._max_waiting = max_waiting or math.ceil(settings.MAX_WAITING.positive(256))
        self._window = window
        self._grace = grace
        self._slots = {demo: Slot(source) for demo, source in sources.items()}
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)  # notified when a job ends
        self._closing = False
        self._models = Models(self._slots, self._lock, device, memory_budget)
        self._turns = Turns(self._run)
        self._answers = Answers(self._models, self._lock, self._turns.pause)

    @property
    def device(self) -> str:
        """Where models live; torch is asked when this is first read, if there may be a GPU.

        Raises:
            ServiceError: the device that was named is not there.
        """
        return self._models.device

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
        if self._turns.mine:
            raise ServiceError(
                f"{demo}.{endpoint} was called through the hub by a call that has the device, and "
                "would wait for it for ever; call the service's method itself"
            )
        call = Call(arguments, progress, described.options.timeout)
        with self._lock:
            self._admit(slot)
            job = self._enqueue(slot, described, call)
        if not answered(call, callers.current()):
            raise self._give_up(slot, job, call)
        if call.error is None:
            return call.value
        try:
            raise call.error
        finally:
            call.error = None  # its traceback holds this frame: they would keep each other alive

    def warm(self, demo: str, example: tuple[str, Mapping[str, Any]] | None = None) -> None:
        """Load the service of `demo` and make a first call; see `hub.executors.Executor.warm`."""
        slot = self._slot(demo)
        with self._lock:
            begin = not self._closing and slot.service is None and slot.state != "loading"
            if begin:
                slot.state = "loading"
        if begin:
            self._load(slot, logs.current())
            if slot.failure is not None:
                raise again(slot.failure)
        if example is not None:
            self.call(demo, *example)

    def status(self, demo: str) -> Status:
        """Return how the service of `demo` is; loads nothing."""
        slot = self._slot(demo)
        with self._lock:
            state, reason = slot.state, str(slot.failure or "")
            if slot.stuck >= MAX_STUCK:
                state, reason = "failed", str(stuck_error(slot))
            size = slot.size if slot.service is not None else 0
            return Status(state, reason, size, slot.calls, slot.errors, slot.waiting)

    def close(self, timeout: float = 30.0) -> None:
        """Refuse new calls, finish those accepted, free the models.

        Args:
            timeout: seconds after which what still waits is refused too.
        """
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._ended.wait_for(self._all_ended, timeout)
            for slot in self._slots.values():
                self._fail_loading(slot, closing_error())
        self._models.close()
        self._turns.stop()

    def _all_ended(self) -> bool:
        return not any(slot.jobs > slot.stuck for slot in self._slots.values())

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
                f"{slot.demo} is busy: {slot.waiting} calls are waiting; try again in a moment"
            )
        if slot.failure is None or isinstance(slot.failure, CheckpointError):
            return  # a checkpoint may have been restored since, and finding that out is cheap
        if time.monotonic() - slot.failed_at < REMEMBERED:
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
            try:
                self._submit(slot, job)
            except RuntimeError as error:  # no thread could be started
                raise self._take_back(slot, job, call) from error
        else:
            job.add(call)
        if job.batched and len(job.calls) == endpoint.options.max_batch:
            del slot.open[endpoint.name]
        return job

    def _take_back(self, slot: Slot, job: Job, call: Call) -> BusyError:
        """Undo `_enqueue` of a new job; return what to raise."""
        call.abandoned = True
        slot.waiting -= 1
        slot.open.pop(job.endpoint.name, None)
        if job in slot.loading:
            slot.loading.remove(job)
            slot.jobs -= 1
            slot.state = "idle"
        return BusyError("the system gives the hub no more threads; try again in a moment")

    def _submit(self, slot: Slot, job: Job) -> None:
        """Queue a job for the device, after its model is loaded."""
        if slot.service is not None:
            self._turns.submit(job)
            return
        slot.loading.append(job)
        if slot.state != "loading":
            slot.state = "loading"
            threading.Thread(
                target=self._load,
                args=(slot, logs.current()),
                name=f"latenthub-load-{slot.demo}",
                daemon=True,
            ).start()

    def _give_up(self, slot: Slot, job: Job, call: Call) -> ServiceError:
        """Leave a call whose time is up or whose caller hung up; return what to raise.

        Its model goes on only until it next reports progress.
        """
        limit = f"{job.endpoint.options.timeout:g} s"
        with self._lock:
            call.abandoned = True
            slot.errors += call.hung_up is None
            if not job.started:
                slot.waiting -= 1
            elif job.abandoned and not job.ended:
                self._watch(slot, job)
            if call.hung_up is not None:
                return type(call.hung_up)(str(call.hung_up))
            if job.started:
                return CallTimeoutError(f"{job.name} took longer than {limit} and was given up")
            why = "its model is loading" if slot.state == "loading" else "others came first"
            return CallTimeoutError(
                f"{job.name} did not start within {limit} because {why}; try again later"
            )

    def _watch(self, slot: Slot, job: Job) -> None:
        """Leave a job behind that nobody waits for, if it runs on after its time limit."""
        rest = max(0.0, job.deadline - time.monotonic())
        job.overdue = threading.Timer(rest + self._grace, self._leave_behind, (slot, job))
        job.overdue.daemon = True
        job.overdue.start()

    def _leave_behind(self, slot: Slot, job: Job) -> None:
        """Let other calls run beside a job that hangs."""
        with self._lock:
            if job.ended or not self._turns.leave_behind(job):
                return
            job.left_behind = True
            slot.stuck += 1
            self._ended.notify_all()
        log.error(
            "%s still runs %g s after its time limit; it keeps its thread, others run beside it",
            job.name,
            self._grace,
        )

    # The loader's side: a thread for each load.

    def _load(self, slot: Slot, request: logs.Request) -> None:
        """Load a service, then queue the jobs that wait for it, or fail them."""
        began = time.monotonic()
        try:
            with logs.during(request):
                service, size = self._models.load(slot)
        except BaseException as error:  # whatever it is, its callers must not be left waiting
            with logs.during(request):
                self._not_loaded(slot, load_error(slot, error))
            tell(self.observer.loaded, slot.demo, False, time.monotonic() - began)
            return
        tell(self.observer.loaded, slot.demo, True, time.monotonic() - began)
        with self._lock:
            if self._closing and not slot.loading:
                return
            slot.service, slot.size, slot.state, slot.failure = service, size, "ready", None
            slot.used = time.monotonic()
            for job in slot.loading:
                self._turns.submit(job)
            slot.loading.clear()
        self._models.make_room(slot)

    def _not_loaded(self, slot: Slot, failure: HubError) -> None:
        log.warning("%s is not loaded: %s", slot.demo, failure)
        with self._lock:
            slot.state, slot.failure, slot.failed_at = "failed", failure, time.monotonic()
            self._fail_loading(slot, failure)

    def _fail_loading(self, slot: Slot, failure: HubError) -> None:
        """Fail the calls that wait for a model."""
        for job in slot.loading:
            slot.open.pop(job.endpoint.name, None)
            slot.jobs -= 1
            job.started = job.ended = True
            waiting = [call for call in job.calls if not call.abandoned]
            slot.waiting -= len(waiting)
            slot.errors += len(waiting)
            for call in waiting:
                call.fail(again(failure))
        slot.loading.clear()
        self._ended.notify_all()

    # The device's side: one thread.

    def _run(self, job: Job) -> None:
        """Answer the calls of a job; raises nothing, as others wait for this thread."""
        slot = self._slots[job.demo]
        calls: list[Call] = []
        try:
            self._gather(slot, job)
            calls, service = self._begin(slot, job)
            self._answer(slot, job, service, calls)
        except BaseException as error:  # of the hub's own: such as MemoryError
            calls = calls or self._begin(slot, job)[0]
            for call in calls:
                call.error = ServiceError(f"{job.name} failed; {logged(job.name, error)}")
        over_budget = self._finish(slot, job, len(calls))
        for call in calls:  # last, so that who has an answer sees the job ended
            call.end()
        if over_budget:
            try:
                self._models.make_room(slot)
            except Exception:  # such as CUDA's, after an assertion failed on the device
                log.exception("no room is made after %s", job.name)

    def _begin(self, slot: Slot, job: Job) -> tuple[list[Call], Any]:
        """Take no more calls into a job; return those that it is to answer, and the service."""
        with self._lock:
            if slot.open.get(job.endpoint.name) is job:
                del slot.open[job.endpoint.name]
            job.started = True
            calls = [call for call in job.calls if not call.abandoned]
            slot.waiting -= len(calls)
            return calls, slot.service

    def _answer(self, slot: Slot, job: Job, service: Any, calls: list[Call]) -> None:
        """Set the value or the error of each call."""
        if calls and service is not None:
            began = time.monotonic()
            with logs.during(logs.together([call.request for call in calls])):
                self._answers.answer(slot, job, service, calls)
            seconds = time.monotonic() - began
            tell(self.observer.ran, job.demo, job.endpoint.name, len(calls), seconds)
        for call in calls if service is None else ():  # the hub was closed before their turn
            call.error = closing_error()

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

    def _finish(self, slot: Slot, job: Job, count: int) -> bool:
        """Note that a job of `count` calls has ended; tell whether models take too much memory."""
        with self._lock:
            job.ended = True
            if job.overdue is not None:
                job.overdue.cancel()
            slot.jobs -= 1
            slot.stuck -= job.left_behind
            slot.used = time.monotonic()
            if job.batched and count:
                slot.crowds.setdefault(job.endpoint.name, Crowd()).saw(count)
            if self._closing:
                self._ended.notify_all()
            return self._models.over_budget


def answered(call: Call, caller: Caller | None) -> bool:
    """Wait for a call; return whether there is an answer and somebody to take it."""
    if caller is None:
        return call.wait()
    with caller.watched(call.hang_up):
        return call.wait()


def load_error(slot: Slot, error: BaseException) -> HubError:
    """Return what a caller is told of a load that failed.

    It has no cause: that one's traceback would keep the half-loaded model in memory.
    """
    if isinstance(error, (CheckpointError, ServiceError)):
        return again(error)
    if isinstance(error, HubError):
        return ServiceError(str(error))
    return ServiceError(f"{slot.demo}: its model could not be loaded; {logged(slot.demo, error)}")


def again(error: HubError) -> HubError:
    """Return the same error for another caller: raised in many threads, one would grow."""
    return type(error)(str(error))


def closing_error() -> BusyError:
    return BusyError("the hub is closing and takes no more calls; try again in a moment")


def stuck_error(slot: Slot) -> ServiceError:
    return ServiceError(
        f"{slot.demo} hangs: {slot.stuck} calls ran over their time limit and have not ended; "
        "the hub must be started again unless they end"
    )
