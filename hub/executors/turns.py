"""One thread that gives jobs their turn on a device, first come, first served."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from hub.executors.batching import Job

SLICE = 0.05  # seconds a job keeps the device before `pause` lets others go first
MAX_PAUSED = 3  # jobs that may hold memory while others have their turn
log = logging.getLogger(__name__)


class Resume:
    """A paused job's place in the queue."""

    def __init__(self, job: Job, thread: threading.Thread) -> None:
        self.job = job
        self.thread = thread
        self.turn = threading.Event()


class Turns:
    """Runs jobs one at a time, in the order in which they came.

    One steady thread does it, because torch keeps a pool of workers for each thread that computes.
    It is replaced while a long job is paused, and when a job hangs and is left behind.
    """

    def __init__(self, run: Callable[[Job], None]) -> None:
        self._run = run
        self._queue: SimpleQueue[Job | Resume | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._holder: threading.Thread | None = None  # the thread whose jobs have the device
        self._current: Job | None = None
        self._paused = 0

    @property
    def others_wait(self) -> bool:
        return not self._queue.empty()

    @property
    def mine(self) -> bool:
        """Whether the calling thread is the one that has the device."""
        return self._holder is threading.current_thread()

    def submit(self, job: Job) -> None:
        """Queue a job; `run(job)` is called when its turn comes.

        Raises:
            RuntimeError: no thread can be started.
        """
        self._queue.put(job)
        if self._holder is None:
            with self._lock:
                if self._holder is None:
                    self._replace()

    def pause(self, job: Job) -> None:
        """Let those who wait go first; called by `job`, returns when it has its turn again."""
        if self._queue.empty() or time.monotonic() - job.turn_began < SLICE:
            return
        resume = Resume(job, threading.current_thread())
        with self._lock:
            if not self.mine or self._paused >= MAX_PAUSED:
                return
            try:
                self._replace()
            except RuntimeError:  # no thread could be started: others wait
                return
            self._paused += 1
            self._queue.put(resume)
        resume.turn.wait()
        with self._lock:
            self._paused -= 1
            job.turn_began = time.monotonic()

    def leave_behind(self, job: Job) -> bool:
        """Give the device to others although `job` still runs; return whether it did."""
        with self._lock:
            if self._current is not job:
                return False
            self._replace()
            return True

    def stop(self) -> None:
        """End the thread after the jobs that wait."""
        self._queue.put(None)

    def _replace(self) -> None:
        before, self._holder = (
            self._holder,
            threading.Thread(target=self._work, name="latenthub-device", daemon=True),
        )
        try:
            self._holder.start()
        except RuntimeError:
            self._holder = before
            raise
        self._current = None

    def _work(self) -> None:
        me = threading.current_thread()
        while True:
            job = self._queue.get()
            if job is None:
                return
            if isinstance(job, Resume):
                with self._lock:
                    self._holder, self._current = job.thread, job.job
                job.turn.set()
                return
            job.turn_began = time.monotonic()
            with self._lock:
                self._current = job
            self._run(job)
            del job  # or its arguments would live until the next one comes
            with self._lock:
                if self._holder is not me:  # it was left behind, and others go on
                    return
                self._current = None
