"""The end of a served hub: calls that were taken are answered first, and no more are taken."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from hub.app import Hub
from hub.errors import BusyError
from hub.site.calls import Calls
from hub.site.traffic import CLOSING, Meter

ENDINGS = (signal.SIGINT, signal.SIGTERM)
FETCHING = 1.0  # seconds without a request, after which nobody fetches an answer's files
UNREAD = 5.0  # the same, where nobody has come for an answer
TELLING = 3.0  # seconds to tell those whose calls take too long
LEAVING = 10.0  # seconds for all threads to end
log = logging.getLogger(__name__)


def until_told() -> threading.Event:
    """Return what ctrl-C or SIGTERM sets; a second signal ends the process at once."""
    told = threading.Event()

    def tell(number: int, frame: FrameType | None) -> None:
        told.set()
        for each in ENDINGS:
            signal.signal(each, signal.SIG_DFL)

    for each in ENDINGS:
        signal.signal(each, tell)
    return told


def finish(hub: Hub, calls: Calls, meter: Meter, seconds: float) -> None:
    """Take no more calls, and return when those that were taken are answered.

    What takes longer than `seconds` is answered that the hub closes.
    """

    def answered() -> bool:
        quiet = UNREAD if calls.unread else FETCHING
        return not calls.unfinished and meter.quiet > quiet

    hub.closing = True
    began = time.monotonic()
    log.info("closing: %d calls are finished first", calls.unfinished)
    if not wait_for(answered, seconds):
        log.warning("closing: %d calls take longer than %g s", calls.unfinished, seconds)
        calls.refuse_all(BusyError(CLOSING))
        wait_for(answered, TELLING)
    log.info("closing: all calls ended after %.1f s", time.monotonic() - began)


def end_within(seconds: float) -> None:
    """End the process after `seconds` at the latest, though a plugin's thread runs for ever."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(0)

    threading.Thread(target=end, name="latenthub-end", daemon=True).start()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether `condition` comes true within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
