"""Services on a ZeroGPU Space, where a GPU is lent for one call at a time.

What is different there, and what follows from it:
- The `spaces` package must be imported before CUDA starts. From then on this process only believes
  that it has a GPU: models are loaded onto "cuda" when the hub starts, in the thread that imported
  it, and their tensors are kept aside for the processes that get a real one.
- A call runs in a process forked from this one. Threads do not survive a fork, so nothing is
  batched: a batched endpoint gets lists of one. Arguments, progress and answers are pickled.
- ZeroGPU queues calls, counts each visitor's seconds, and ends a call that takes longer than it
  said it would: `@endpoint(gpu_seconds=...)`, else its time limit.

A service can rely on what hub.executors.local promises, but for the pauses at `progress`: a process
has one call at a time. A model whose checkpoint came after the start is loaded by the process that
is first asked for it.

Off ZeroGPU `spaces.GPU` changes nothing: calls run in this process, one at a time.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import math
import pickle
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from hub import logs, settings
from hub.endpoints import Endpoint, Progress
from hub.errors import (
    BusyError,
    CallerGoneError,
    CallTimeoutError,
    DeviceMemoryError,
    HubError,
    InputError,
    NotFoundError,
    ServiceError,
    SettingsError,
)
from hub.executors import ServiceSource, State, Status, callers
from hub.executors.answers import LESS, logged, no_gradients
from hub.executors.memory import check_device, is_out_of_memory, resolve_device, tensor_bytes
from hub.observe import Observer, tell

# ("started", None), ("progress", (fraction, message)), ("ran", seconds), and last ("answer", value)
# or ("error", HubError)
Told = tuple[str, Any]
WAIT = ("quota exceeded", "pending credits", "queue timeout", "no gpu was available")
log = logging.getLogger(__name__)


class Place:
    """A service's place; changes under the executor's lock only."""

    def __init__(self, source: ServiceSource) -> None:
        self.source = source
        self.failure: HubError | None = None  # why it was not loaded at the start
        self.size = 0  # bytes on the device
        self.waiting = 0  # calls that have not started
        self.running = 0
        self.calls = 0
        self.errors = 0


class ZeroGpuExecutor:
    """Runs services on GPUs that are lent by the call; made in the main thread, as the hub starts.

    Args:
        sources: by demo. All are loaded now; one that cannot be is told by `status`, and loaded
            by a later call once its checkpoint is there.
        device: as `hub.executors.memory.resolve_device` takes it; on ZeroGPU it is "cuda".

    Raises:
        SettingsError: `spaces` is not installed, or CUDA was started before it was imported.
    """

    def __init__(self, sources: Mapping[str, ServiceSource], device: str = "auto") -> None:
        check_device(device)
        self.observer = Observer()  # hears nothing of the models loaded here, before one is set
        self._borrowed, gpu = import_spaces()
        self._max_waiting = settings.MAX_WAITING.whole(256)
        self._device = "cuda" if self._borrowed else resolve_device(device)
        self._places = {demo: Place(source) for demo, source in sources.items()}
        self._services: dict[str, Any] = {}  # by demo; a forked process has its own copy
        # each lent GPU has a process of its own; where none is lent, all calls share this one
        self._turn: contextlib.AbstractContextManager[Any] = (
            contextlib.nullcontext() if self._borrowed else threading.Lock()
        )
        self._changed = threading.Condition()
        self._closing = False
        self._on_gpu = gpu(self._answer, duration=lambda seconds, request: math.ceil(seconds))
        for demo, place in self._places.items():
            self._load_at_start(demo, place)

    @property
    def device(self) -> str:
        """Where models live: "cuda" on ZeroGPU."""
        return self._device

    # The caller's side.

    def call(
        self,
        demo: str,
        endpoint: str,
        arguments: Mapping[str, Any],
        progress: Progress | None = None,
    ) -> Any:
        """Return what the endpoint answers; see `hub.executors.Executor.call`."""
        place = self._place(demo)
        described = place.source.endpoints().get(endpoint)
        if described is None:
            raise NotFoundError(f"{demo} has no endpoint {endpoint!r}")
        name = f"{demo}.{endpoint}"
        if place.failure is not None:
            place.source.check()  # no GPU is asked for where the checkpoint is still missing
        deadline = (
            time.monotonic() + described.options.timeout
        )  # a forked process has the same clock
        asked = (demo, endpoint, dict(arguments), deadline, logs.current())
        request = pickled(asked, f"an argument of {name}")
        self._admit(demo, place)
        try:
            return self._wait(described, request, deadline, place, progress)
        except InputError:
            raise
        except BaseException:
            with self._changed:
                place.errors += 1
            raise

    def _admit(self, demo: str, place: Place) -> None:
        """Count a call in, or refuse it."""
        with self._changed:
            if self._closing:
                raise BusyError("the hub is closing and takes no more calls; try again in a moment")
            if place.waiting >= self._max_waiting:
                raise BusyError(
                    f"{demo} is busy: {place.waiting} calls are waiting; try again in a moment"
                )
            place.waiting += 1
            place.calls += 1

    def _wait(
        self,
        endpoint: Endpoint,
        request: bytes,
        deadline: float,
        place: Place,
        progress: Progress | None,
    ) -> Any:
        """Start a call in a thread of its own, and wait for its answer or its time limit."""
        name = f"{place.source.demo}.{endpoint.name}"
        told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        abandoned = threading.Event()
        follow = lambda: self._follow(endpoint, place, request, told, abandoned)  # noqa: E731
        # ZeroGPU reads who asks, and tells about its queue, through context variables of Gradio's
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(follow,), name=name, daemon=True).start()
        started = False
        caller = callers.current() or callers.Caller()
        try:
            with caller.watched(lambda gone: told.put(("error", gone))):
                while True:
                    what, value = told.get(timeout=max(0.0, deadline - time.monotonic()))
                    if what == "answer":
                        with self._changed:
                            place.failure = None
                        return value
                    if what == "error":
                        raise value
                    if what == "started":
                        started = True
                    else:
                        report(name, progress, *value)
        except queue.Empty:
            limit = f"{endpoint.options.timeout:g} s"
            why = f"took longer than {limit} and was given up" if started else unstarted(limit)
            raise CallTimeoutError(f"{name} {why}") from None
        finally:
            abandoned.set()

    def _follow(
        self,
        endpoint: Endpoint,
        place: Place,
        request: bytes,
        told: queue.SimpleQueue[Told],
        abandoned: threading.Event,
    ) -> None:
        """Run a call, and pass on what it tells until its end, or until nobody waits."""
        demo = place.source.demo
        name = f"{demo}.{endpoint.name}"
        seconds = endpoint.options.gpu_seconds or endpoint.options.timeout
        started = False
        last: Told | None = None
        with self._turn:
            began = time.monotonic()
            try:
                with contextlib.closing(self._on_gpu(seconds, request)) as answers:
                    for one in answers:
                        what, value = pickle.loads(one)
                        if what in ("answer", "error"):
                            last = what, value  # told once the GPU is given back
                        elif what == "ran":
                            tell(self.observer.ran, demo, endpoint.name, 1, value)
                        else:
                            started = started or self._started(place)
                            told.put((what, value))
                        if abandoned.is_set():
                            break
                ended = ServiceError(f"{name} ended without an answer")
                told.put(last or ("error", ended))
            except Exception as error:  # ZeroGPU's own: a quota, an ended process, its server
                told.put(last or ("error", lender_error(name, error, seconds, began)))
            finally:
                self._ended(place, started)

    def _started(self, place: Place) -> bool:
        with self._changed:
            place.waiting -= 1
            place.running += 1
        return True

    def _ended(self, place: Place, started: bool) -> None:
        with self._changed:
            if started:
                place.running -= 1
            else:
                place.waiting -= 1
            self._changed.notify_all()

    def warm(self, demo: str, example: tuple[str, Mapping[str, Any]] | None = None) -> None:
        """Do nothing: what can be loaded is, since the start, and a call takes a visitor's time."""
        self._place(demo)

    def status(self, demo: str) -> Status:
        """Return how the service of `demo` is; loads nothing."""
        place = self._place(demo)
        with self._changed:
            state: State = "ready" if place.failure is None else "failed"
            reason = str(place.failure or "")
            return Status(
                state, reason, place.size, place.calls, place.errors, waiting=place.waiting
            )

    def close(self, timeout: float = 30.0) -> None:
        """Refuse new calls, finish those accepted, free the models.

        Args:
            timeout: seconds after which what still runs is left behind.
        """
        with self._changed:
            self._closing = True
            self._changed.wait_for(
                lambda: not any(one.waiting + one.running for one in self._places.values()), timeout
            )
        self._services.clear()

    def _place(self, demo: str) -> Place:
        try:
            return self._places[demo]
        except KeyError:
            known = ", ".join(sorted(self._places)) or "none"
            raise NotFoundError(f"no demo {demo!r}; installed: {known}") from None

    def _load_at_start(self, demo: str, place: Place) -> None:
        began = time.monotonic()
        try:
            place.source.endpoints()  # read before any fork, so that no process reads them again
            service = place.source.load(self._device)
            place.size = tensor_bytes(service)
            self._services[demo] = service
        except Exception as error:  # whatever a foreign package raises
            place.failure = load_error(demo, error)
            log.warning("%s is not loaded: %s", demo, place.failure)
        else:
            log.info("%s loaded in %.1f s", demo, time.monotonic() - began)

    # The side of the process that has the GPU. It has no threads but its own, and must not wait for
    # a lock of this executor: another thread may have held it when the process was forked.

    def _answer(self, seconds: float, request: bytes) -> Iterator[bytes]:
        """Yield what the call tells, pickled: its progress, and last its answer or its error.

        Args:
            seconds: of GPU; `spaces.GPU` reads it.
            request: demo, endpoint, arguments, the time after which nobody waits, and the request
                of the log, pickled.
        """
        demo, name, arguments, deadline, for_whom = pickle.loads(request)
        endpoint = self._places[demo].source.endpoints()[name]
        if time.monotonic() >= deadline:  # it was given up while it waited for a GPU
            return
        yield pickle.dumps(("started", None))

        def outcome(progress: Progress | None) -> bytes:
            with logs.during(for_whom):
                return self._outcome(demo, endpoint, arguments, progress)

        began = time.monotonic()
        if endpoint.takes_progress:
            last = yield from while_it_runs(outcome)
        else:
            last = outcome(None)
        yield pickle.dumps(("ran", time.monotonic() - began))
        yield last

    def _outcome(
        self, demo: str, endpoint: Endpoint, arguments: dict[str, Any], progress: Progress | None
    ) -> bytes:
        """Return the answer or the error of one call, pickled; raises nothing."""
        name = f"{demo}.{endpoint.name}"
        try:
            with no_gradients():
                value = called(self._service(demo), endpoint, name, arguments, progress)
                return pickled(("answer", value), f"what {name} returned")
        except BaseException as error:  # also SystemExit: its caller must not be left waiting
            return pickle.dumps(("error", call_error(name, self._device, error)))

    def _service(self, demo: str) -> Any:
        """Return a service, loaded into this process if it was not at the start."""
        service = self._services.get(demo)
        if service is None:
            try:
                service = self._services[demo] = self._places[demo].source.load(self._device)
            except Exception as error:
                raise load_error(demo, error) from error
        return service


def import_spaces() -> tuple[bool, Callable[..., Any]]:
    """Return whether GPUs are lent here, and what makes a function borrow one.

    Raises:
        SettingsError: the package is not installed, or was imported too late.
    """
    try:
        import spaces
        from spaces.config import Config
    except ImportError as error:
        raise SettingsError(
            "the zerogpu executor needs one more package: pip install 'latenthub[spaces]'"
        ) from error
    except RuntimeError as error:  # CUDA was started already
        raise SettingsError(f"ZeroGPU cannot be used: {error}") from error
    return bool(Config.zero_gpu), spaces.GPU


def called(
    service: Any,
    endpoint: Endpoint,
    name: str,
    arguments: dict[str, Any],
    progress: Progress | None,
) -> Any:
    """Return what a service's method answers to one call.

    Raises:
        ServiceError: a batched one did not return a list of one.
    """
    method = getattr(service, endpoint.name)
    extra = {} if progress is None else {"progress": progress}
    if endpoint.options.max_batch == 1:
        return method(**arguments, **extra)
    values = method(**{key: [value] for key, value in arguments.items()}, **extra)
    if not isinstance(values, (list, tuple)) or len(values) != 1:
        raise ServiceError(f"{name} must return a list of 1, an item a call; got {values!r:.80}")
    if isinstance(values[0], Exception):
        raise values[0]
    return values[0]


def while_it_runs(outcome: Callable[[Progress], bytes]) -> Generator[bytes, None, bytes]:
    """Yield the progress of a call as it is reported; return its outcome.

    The call runs in a thread, because a method that reports by calling cannot yield. When nobody
    takes what is yielded any more, its next report ends it.
    """
    told: queue.SimpleQueue[tuple[bool, bytes]] = (
        queue.SimpleQueue()
    )  # (whether it is the last, it)
    abandoned = threading.Event()

    def say(fraction: float, message: str = "") -> None:
        if abandoned.is_set():
            raise CallTimeoutError("nobody waits for the answer any more")
        told.put((False, pickle.dumps(("progress", (float(fraction), str(message))))))

    thread = threading.Thread(target=lambda: told.put((True, outcome(say))), daemon=True)
    thread.start()
    try:
        while True:
            last, one = told.get()
            if last:
                return one
            yield one
    finally:
        abandoned.set()
        thread.join()


def pickled(value: Any, what: str) -> bytes:
    """Return `value` as bytes that another process can read.

    Raises:
        ServiceError: it cannot go there.
    """
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # pickle raises TypeError, AttributeError and more
        raise ServiceError(f"{what} cannot go to another process: {error}") from error


def report(name: str, progress: Progress | None, fraction: float, message: str) -> None:
    """Tell a caller how far its call is; only a HubError that it raises ends the call."""
    if progress is None:
        return
    try:
        progress(fraction, message)
    except HubError:
        raise
    except Exception as error:
        log.debug("%s: its caller's progress fails: %r", name, error)


def load_error(demo: str, error: Exception) -> HubError:
    if isinstance(error, HubError):
        return error
    if is_out_of_memory(error):
        return DeviceMemoryError(f"the device has no room for the model of {demo}")
    return ServiceError(f"{demo}: its model could not be loaded; {logged(demo, error)}")


def call_error(name: str, device: str, error: BaseException) -> HubError:
    """Return what a caller may know of an error inside a service."""
    if isinstance(error, HubError):
        return error
    if is_out_of_memory(error):
        return DeviceMemoryError(f"device {device} has no room for this call of {name}; {LESS}")
    return ServiceError(f"{name} failed inside the model; {logged(name, error)}")


def unstarted(limit: str) -> str:
    return f"did not start within {limit} because others came first; try again later"


def lender_error(name: str, error: Exception, seconds: float, began: float) -> HubError:
    """Return what an error of ZeroGPU itself means for the caller.

    Args:
        seconds: of GPU that the call asked for. began: time.monotonic() when it asked.
    """
    title, text = str(getattr(error, "title", "")), str(getattr(error, "message", error))
    said = f"{title}: {text}".lower()
    if any(word in said for word in WAIT):
        return BusyError(f"{name} got no GPU: {text}")
    if "illegal duration" in said:
        return ServiceError(f"{name} asks for more of a GPU than ZeroGPU lends: {text}")
    if "gpu task aborted" in said:
        if time.monotonic() - began >= seconds:
            return CallTimeoutError(f"{name} took longer than the {seconds:g} s it may have a GPU")
        return ServiceError(
            f"{name} ended half-way: its process was killed, for example for lack of memory; {LESS}"
        )
    if "closed by visitor" in said:
        return CallerGoneError(f"{name}: its caller hung up before a GPU was free")
    return ServiceError(f"{name} could not run on ZeroGPU; {logged(name, error)}")
