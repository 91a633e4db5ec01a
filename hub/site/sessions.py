"""What Gradio remembers of each visitor, without a description of the whole site in it.

Gradio starts a session with the configuration of every component of every page, so that a deep link
of its own could restore them: for a site of many pages that takes longer than most calls. The hub's
links are addresses (hub.site.links), so a session here starts empty, and only what an event changes
goes into it. A call of the API by curl is a session of its own that no later call can name: it is
not kept at all. Nor are the names of all files that were ever uploaded or given, which Gradio notes
to delete them one day: hub.site.kept does that by their age.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gradio.blocks import Blocks
from gradio.state_holder import SessionState, StateHolder

CAPACITY = 2000  # visitors remembered; the one who did nothing for longest is forgotten first


class Session(SessionState):
    """A visitor's state: what events have changed, over what all visitors see at first."""

    def __init__(self, blocks: Blocks) -> None:
        nothing: Any = SimpleNamespace(default_config=blocks.default_config, blocks={})
        super().__init__(nothing)


class Sessions(StateHolder):
    """The sessions of a site."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            session = Session(self.blocks)
            if session_id in self.blocks._queue.event_ids_to_events:
                return session  # the session of one call bears its id
            self.session_data[session_id] = session
        return super().__getitem__(session_id)


class Nothing(set[str]):
    """A set in which nothing is kept."""

    def add(self, *_: object) -> None:
        pass

    def update(self, *_: object) -> None:
        pass


def lighten(blocks: Blocks) -> None:
    """Give a launched app sessions that cost little, and let it forget the names of files."""
    blocks.upload_file_set = Nothing()
    for block in blocks.blocks.values():
        block.temp_files = Nothing()
    blocks.state_session_capacity = CAPACITY
    sessions = Sessions()  # type: ignore[no-untyped-call]
    sessions.set_blocks(blocks)
    blocks.app.state_holder = sessions
