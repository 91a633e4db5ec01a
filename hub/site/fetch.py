"""Fetching a pinned checkpoint from a page: a visitor starts it, and all see how far it is.

    POST   /fetch/DEMO    start it, or go on with it
    GET    /fetch/DEMO    how it is
    DELETE /fetch/DEMO    stop it; what is there is kept

Each answers {"state", "there", "total", "error"}. Only what the operator's locks pin can be
fetched, one fetch a demo at a time; `LATENTHUB_FETCH=0` takes the addresses away.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.checkpoints import Folders
from hub.errors import CheckpointError
from hub.files import shown_bytes
from hub.lock import Locked
from hub.remote import hub_address
from hub.site.answers import content_of
from hub.site.guard import is_own

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How a fetch is."""

    state: Literal["offered", "running", "done", "failed"]
    there: int = 0  # bytes
    total: int = 0  # bytes; 0: not known yet
    error: str = ""  # why it failed, safe to show


@dataclass(frozen=True)
class Offer:
    """What a page offers to fetch, and how far that is."""

    repo_id: str
    size: str  # "5.4 MB"; empty: not known
    progress: Progress

    @property
    def page(self) -> str:
        """The address of the repository."""
        return f"{hub_address()}/{self.repo_id}"


class Stopped(Exception):
    """The visitor has stopped a fetch, or the hub closes."""


@dataclass
class Fetch:
    """One fetch, in a thread of its own."""

    demo: str
    pin: Locked
    progress: Progress
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        from hub import sync

        log.info("%s: fetching %s, %s", self.demo, self.pin.source, shown_bytes(self.pin.bytes))
        try:
            sync.fetch(self.pin, self.report)
        except Stopped:
            self.progress = Progress("offered", self.progress.there, self.progress.total)
            log.info("%s: fetching was stopped", self.demo)
        except CheckpointError as error:
            self.fail(str(error))
            log.warning("%s: its checkpoint is not fetched: %s", self.demo, error)
        except Exception:
            self.fail("Something failed inside; the hub's log has the details")
            log.exception("%s: fetching failed", self.demo)
        else:
            self.progress = Progress("done", self.progress.total, self.progress.total)
            log.info("%s: %s is here", self.demo, self.pin.source)

    def report(self, there: int, total: int) -> None:
        if self.stop.is_set():
            raise Stopped
        self.progress = Progress("running", there, total)

    def fail(self, why: str) -> None:
        self.progress = Progress("failed", self.progress.there, self.progress.total, why)


class Fetches:
    """The fetches of one site.

    Args:
        demos: names of those that are served.
    """

    def __init__(self, folders: Folders, demos: Collection[str]) -> None:
        self.folders = folders
        self.demos = demos
        self._fetches: dict[str, Fetch] = {}
        self._lock = threading.Lock()

    def offer(self, demo: str) -> Offer | None:
        """Return what can be fetched for a demo; None: nothing is pinned, or it is here."""
        pin = self.folders.wanted(demo)
        if pin is None:
            return None
        return Offer(pin.repo_id, shown_bytes(pin.bytes) if pin.bytes else "", self.how(demo, pin))

    def how(self, demo: str, pin: Locked) -> Progress:
        known = self._fetches.get(demo)
        if known is None or known.pin != pin or known.progress.state == "done":
            return Progress("offered", 0, pin.bytes)
        return known.progress

    def begin(self, demo: str) -> Progress | None:
        """Start fetching, unless that is under way; return how it is, None: nothing is pinned."""
        pin = self.folders.wanted(demo)
        with self._lock:
            known = self._fetches.get(demo)
            if known is not None and known.progress.state == "running":
                return known.progress
            if pin is None:
                return self.told(demo)
            fetch = Fetch(demo, pin, Progress("running", 0, pin.bytes))
            self._fetches[demo] = fetch
            name = f"latenthub-fetch-{demo}"
            threading.Thread(target=fetch.run, name=name, daemon=True).start()
            return fetch.progress

    def told(self, demo: str) -> Progress | None:
        """Return how the fetch of a demo is; None: nothing is pinned for it."""
        known = self._fetches.get(demo)
        if known is not None and known.progress.state in ("running", "done"):
            return known.progress
        pin = self.folders.wanted(demo)
        if pin is not None:
            return self.how(demo, pin)
        try:
            self.folders.find(demo)
        except CheckpointError:
            return None
        return Progress("done")

    def end(self, demo: str) -> Progress | None:
        """Stop a fetch that runs; its thread ends with the next bytes that come."""
        known = self._fetches.get(demo)
        if known is not None:
            known.stop.set()
        return self.told(demo)

    def close(self) -> None:
        """Stop all."""
        for fetch in list(self._fetches.values()):
            fetch.stop.set()

    # What browsers ask.

    def routes(self) -> list[Route]:
        return [Route("/fetch/{demo}", self.answer, methods=["GET", "POST", "DELETE"])]

    async def answer(self, request: Request) -> Response:
        demo = request.path_params["demo"]
        act = {"POST": self.begin, "DELETE": self.end}.get(request.method, self.told)
        if act != self.told and not is_own(request.scope):
            return refusal(403, "A page of another site may not fetch checkpoints here.")
        progress = await run_in_threadpool(act, demo) if demo in self.demos else None
        if progress is None:
            return refusal(404, f"No checkpoint is pinned for a demo {demo[:60]!r} of this hub.")
        return JSONResponse(asdict(progress), headers={"cache-control": "no-store"})


def refusal(status: int, message: str) -> Response:
    return JSONResponse(content_of(message), status)
