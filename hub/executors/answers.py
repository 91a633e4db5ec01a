"""What happens when a job has its turn: the service is called, and each caller gets its answer."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from hub import logs
from hub.endpoints import Progress
from hub.errors import CallTimeoutError, HubError, InputError, ServiceError
from hub.executors.batching import Call, Job
from hub.executors.memory import imported, is_out_of_memory
from hub.executors.models import Models, Slot

Method = Callable[..., Any]
LESS = "ask for less at once (a smaller count or input), or try again later"
log = logging.getLogger(__name__)


class Answers:
    """Answers the calls of jobs; an error in one call fails that call only."""

    def __init__(self, models: Models, lock: threading.Lock, pause: Callable[[Job], None]) -> None:
        self._models = models
        self._lock = lock
        self._pause = pause

    def answer(self, slot: Slot, job: Job, service: Any, calls: list[Call]) -> None:
        """Set the value or the error of each of `calls`, all of `job`; raises nothing."""
        with no_gradients():
            if job.batched:
                self._batch(slot, job, service, calls)
            else:
                self._single(slot, job, calls[0], lambda: self._call(job, service, calls[0]))

    def _single(self, slot: Slot, job: Job, call: Call, run: Callable[[], Any]) -> None:
        """Answer one call with what `run` returns."""
        try:
            value = self._models.with_room(slot, run, f"this call of {job.name}; {LESS}")
        except BaseException as error:  # a service must not end the device's thread
            self._fail(slot, job, call, error)
        else:
            self._settle(slot, job, call, value)

    def _batch(self, slot: Slot, job: Job, service: Any, calls: list[Call]) -> None:
        """Answer calls together; where that raises, by halves, so that a bad item fails alone."""
        if len(calls) == 1:
            run = lambda: self._call_many(job, service, calls)[0]  # noqa: E731
            return self._single(slot, job, calls[0], run)
        try:
            values = self._call_many(job, service, calls)
        except BaseException as error:
            log.info("%s fails for %d at once, tries halves: %r", job.name, len(calls), error)
            no_room = is_out_of_memory(error)
        else:
            for call, value in zip(calls, values, strict=True):
                self._settle(slot, job, call, value)
            return None
        if no_room:
            self._models.drop_idle(slot)
        half = len(calls) // 2
        self._batch(slot, job, service, calls[:half])
        self._batch(slot, job, service, calls[half:])
        return None

    def _call(self, job: Job, service: Any, call: Call) -> Any:
        method: Method = getattr(service, job.endpoint.name)
        if job.endpoint.takes_progress:
            return method(**call.arguments, progress=self._progress(job, [call]))
        return method(**call.arguments)

    def _call_many(self, job: Job, service: Any, calls: list[Call]) -> list[Any]:
        """Return what a batched method answers, an item a call.

        Raises:
            ServiceError: it is not a list of that length.
        """
        method: Method = getattr(service, job.endpoint.name)
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

    def _progress(self, job: Job, calls: list[Call]) -> Progress:
        """Return the `progress` that the service is given."""

        def progress(fraction: float, message: str = "") -> None:
            for call in calls:
                if not call.abandoned:
                    report(job, call, fraction, message)
            if not job.abandoned:
                self._pause(job)
            if job.abandoned:
                raise CallTimeoutError(f"{job.name}: nobody waits for its answer any more")

        return progress

    def _settle(self, slot: Slot, job: Job, call: Call, value: Any) -> None:
        """Set a call's value, or the error in a value's place."""
        if isinstance(value, Exception):
            self._fail(slot, job, call, value)
        else:
            call.value = value

    def _fail(self, slot: Slot, job: Job, call: Call, error: BaseException) -> None:
        """Set a call's error: as it is, if it is safe to show, else a number in the log."""
        if not isinstance(error, InputError):
            with self._lock:
                slot.errors += not call.abandoned  # giving up has counted already
        call.error = error if isinstance(error, HubError) else hidden(job, error, call.request)


def hidden(job: Job, error: BaseException, request: logs.Request) -> ServiceError:
    """Log an error; return what its caller may know of it."""
    with logs.during(request):
        details = logged(job.name, error)
    wrapped = ServiceError(f"{job.name} failed inside the model; {details}")
    wrapped.__cause__ = error
    return wrapped


def logged(name: str, error: BaseException) -> str:
    """Log an error with its traceback; return how a message refers to it."""
    with logs.during(logs.numbered()) as request:
        log.error("%s failed (request %s)", name, request.id, exc_info=error)
    return f"the log has the details (request {request.id})"


def report(job: Job, call: Call, fraction: float, message: str) -> None:
    """Tell a caller how far its call is; only a HubError that it raises ends the call."""
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
