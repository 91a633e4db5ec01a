"""What happens to calls, told to whoever counts it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal

from hub.errors import BusyError, CallerGoneError, CallTimeoutError, HubError, InputError

Outcome = Literal["ok", "input_error", "busy", "timeout", "cancelled", "error"]
OUTCOMES: dict[type[HubError], Outcome] = {
    InputError: "input_error",
    BusyError: "busy",
    CallTimeoutError: "timeout",
    CallerGoneError: "cancelled",
}
log = logging.getLogger(__name__)


class Observer:
    """Hears what happens in a hub; these methods do nothing.

    They are called in many threads, some while others wait for the device: they must be short.
    """

    def called(self, demo: str, endpoint: str, outcome: Outcome, seconds: float) -> None:
        """A call has ended; its checks and its waiting are in `seconds`."""

    def ran(self, demo: str, endpoint: str, calls: int, seconds: float) -> None:
        """The device has worked for so many calls at once."""

    def event(self, demo: str, outcome: Outcome) -> None:
        """An event of a demo's page has ended; it may have made any number of calls."""

    def loaded(self, demo: str, ok: bool, seconds: float) -> None:
        """A model was loaded, or could not be."""


def outcome_of(error: BaseException) -> Outcome:
    """Return the word for how a call ended that raised `error`."""
    return next((word for kind, word in OUTCOMES.items() if isinstance(error, kind)), "error")


def tell(hear: Callable[..., None], *values: Any) -> None:
    """Call a method of an observer; what it raises must not fail a visitor's call."""
    try:
        hear(*values)
    except Exception as error:
        log.debug("an observer fails: %r", error)
