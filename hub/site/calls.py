"""Who waits for which call, as Gradio's queue knows it; its word for a call is event.

Gradio forgets a call whose client hangs up, but lets its function run to the end. Here whoever
works for that client is told.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
from gradio.context import LocalContext

from hub.errors import ServiceError
from hub.executors.callers import Caller

SWEEP = 100  # lost answers that are not worth looking for


class Calls:
    """The calls that a site has accepted and whose answers have not been read."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self._blocks = blocks
        self._lock = threading.Lock()
        self._callers: WeakKeyDictionary[Any, Caller] = WeakKeyDictionary()  # by event

    @property
    def _queue(self) -> Any:
        return self._blocks._queue

    def caller(self) -> Caller | None:
        """Return for whom Gradio runs the function that asks; None: it runs for no call."""
        number = LocalContext.event_id.get(None)
        if number is None:
            return None
        event = self._queue.event_ids_to_events.get(number)
        if event is not None:
            return self._caller_of(event)
        gone = Caller()
        gone.hang_up()
        return gone

    def _caller_of(self, event: Any) -> Caller:
        with self._lock:
            caller = self._callers.setdefault(event, Caller())
        if not event.alive:
            caller.hang_up()
        return caller

    # What is waiting.

    @property
    def most(self) -> int:
        """How many calls may wait."""
        return int(self._queue.max_size or 0)

    @property
    def unfinished(self) -> int:
        """How many calls wait for their turn or run."""
        return len(self._events())

    @property
    def unread(self) -> int:
        """How many calls' answers have not been read, of unfinished ones too."""
        return sum(len(numbers) for numbers in list(self._queue.pending_event_ids_session.values()))

    def has_unread(self, session: str) -> bool:
        """Tell whether a session waits for answers, or has some to read."""
        return bool(self._queue.pending_event_ids_session.get(session))

    def session_of(self, number: str) -> str | None:
        """Return the session of a call whose answer has not been read; None: there is none."""
        sessions = self._queue.pending_event_ids_session
        return next((name for name, numbers in sessions.items() if number in numbers), None)

    def _events(self) -> list[Any]:
        return list(self._queue.event_ids_to_events.values())

    # Giving up.

    def hang_up(self, session: str) -> None:
        """Give up every call of a session: its client has gone."""
        for event in self._events():
            if event.session_hash == session:
                self._end(event)
        self._queue.pending_event_ids_session.pop(session, None)

    def cancel(self, session: Any, number: Any) -> bool:
        """Give up one call; return whether another call of its session runs the same function.

        Gradio would cancel both, and never tell the client of the other.
        """
        event = self._queue.event_ids_to_events.get(number) if isinstance(number, str) else None
        if event is None or event.session_hash != session:
            return False
        self._end(event)
        alike = [one for one in self._events() if one.session_hash == session]
        return any(one is not event and one.fn is event.fn for one in alike)

    def forget(self, session: str) -> None:
        """Drop what Gradio keeps of a session whose answers were all read; it makes it anew.

        Gradio never does, and a call by curl is a session of its own. Nor does it forget answers
        for which nobody comes: where later ones took their place, it could not give them any more.
        """
        numbers = self._queue.pending_event_ids_session
        messages = self._queue.pending_messages_per_session
        if not numbers.get(session):
            numbers.pop(session, None)
            messages.pop(session, None)
        if len(numbers) > len(messages) + SWEEP:
            running = {event.session_hash for event in self._events()}
            for lost in [one for one in numbers if one not in messages and one not in running]:
                del numbers[lost]

    def refuse_all(self, reason: ServiceError) -> None:
        """Answer every call that has not ended with `reason`."""
        for event in self._events():
            self._caller_of(event).hang_up(reason)

    def _end(self, event: Any) -> None:
        event.alive = False  # Gradio sends nothing more
        self._caller_of(event)
