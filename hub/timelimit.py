"""Run a plugin's code with a time limit: one that hangs must not keep the hub from starting."""

from __future__ import annotations

import ctypes
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Generic, TypeVar

from hub import settings
from hub.errors import PluginError

Result = TypeVar("Result")
SECONDS = 30.0
END = 0.5  # seconds for what was given up to end, once it was asked to


def within_limit(what: str, reference: str, do: Callable[[], Result]) -> Result:
    """Return what `do` returns; give it up after LATENTHUB_PLUGIN_SECONDS.

    It runs in a thread of its own. What is given up is asked to end, and does when it next runs
    Python: an endless loop at once, a wait for the network when that is over. Nothing helps against
    C code that keeps the interpreter to itself.

    Args:
        what: names it in an error, such as "its import".
        reference: "package.module:name"; the package's innermost line that runs is where an error
            says it was.

    Raises:
        PluginError: the time is up, or it asked the process to exit.
        Exception: what `do` raised.
    """
    limit = settings.PLUGIN_SECONDS.positive(SECONDS)
    worker = Worker(do)
    worker.start()
    worker.join(limit)
    if worker.is_alive():
        where = place(sys._current_frames().get(worker.ident or 0), re.split(r"[.:]", reference)[0])
        worker.end()
        raise PluginError(
            f"{what} did not end within {limit:g} s{where}; "
            f"{settings.PLUGIN_SECONDS.name} allows it more"
        )
    if isinstance(worker.error, SystemExit):
        raise PluginError(f"{what} asked the whole process to exit") from worker.error
    if worker.error is not None:
        raise worker.error
    return worker.results[0]


class Worker(threading.Thread, Generic[Result]):
    """A thread that keeps what its function returned or raised."""

    def __init__(self, do: Callable[[], Result]) -> None:
        super().__init__(name="latenthub-plugin", daemon=True)
        self.do = do
        self.results: list[Result] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.results.append(self.do())
        except BaseException as error:  # SystemExit too: a plugin may call sys.exit
            self.error = error

    def end(self) -> None:
        """Raise SystemExit in the thread, and give it a moment."""
        if self.ident is not None and sys.implementation.name == "cpython":
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self.ident), ctypes.py_object(SystemExit)
            )
        self.join(END)


def place(frame: FrameType | None, package: str) -> str:
    """Return the innermost line of `package` that runs, without the folders its file lies in."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package:
            path = Path(frame.f_code.co_filename)
            return f": it was at {path.parent.name}/{path.name}, line {frame.f_lineno}"
        frame = frame.f_back
    return ""
