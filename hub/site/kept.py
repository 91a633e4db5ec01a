"""Uploads and results: the folder they lie in, and for how long.

Gradio keeps both in one folder, by default the same for all its apps on a machine, and never
deletes what the API gave. So a hub takes a folder of its own, and tidies it. Importing this module
imports no gradio, which reads the folder's name when it is imported.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO

from hub.executors.memory import trim_heaps

FOLDER = "GRADIO_TEMP_DIR"  # Gradio's variable; an operator may set it
PREFIX = "latenthub-"
LOCK = ".in-use"
YOUNG = 60.0  # seconds in which a new folder may not be locked yet
DAY = 24 * 3600.0
EVERY = 60.0  # seconds between two looks
log = logging.getLogger(__name__)
_locks: list[IO[str]] = []  # held until the process ends


def folder() -> str:
    """Return where uploads and results lie: what the operator names, else a new folder.

    It goes when the process ends; that of one that was killed, when the next one starts.
    """
    if named := os.environ.get(FOLDER):
        return named
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > YOUNG and is_left(old):
                shutil.rmtree(old, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = (new / LOCK).open("w")
    if hold(lock):
        _locks.append(lock)
    atexit.register(remove, new, os.getpid())
    return str(new)


def hold(lock: IO[str]) -> bool:
    """Lock a file for as long as this process lives; False: another one has, or nobody can."""
    try:
        import fcntl
    except ImportError:  # on Windows what a killed hub leaves stays
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_left(folder: Path) -> bool:
    """Tell whether the process that took a folder is gone."""
    path = folder / LOCK
    if folder.is_symlink() or not path.is_file() or path.stat().st_uid != os.getuid():
        return False
    with path.open("r+") as lock:
        return hold(lock)


def remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # a fork leaves it
        shutil.rmtree(folder, ignore_errors=True)


class Tidy:
    """Looks after the folder, and after memory that nobody uses, now and then until `close`.

    Args:
        most: bytes to keep; what is over goes, the oldest first. needed: returns the paths that
        pages show always.
    """

    def __init__(self, folder: Path, most: float, needed: Callable[[], Collection[str]]) -> None:
        self.folder = folder
        self.most = most
        self.needed = needed
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, name="tidy", daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.stop.wait(EVERY):
            try:
                tidy(self.folder, self.most, self.needed())
                trim_heaps()
            except Exception:  # it must go on: the disk would fill up
                log.exception("tidying failed")

    def close(self) -> None:
        self.stop.set()
        self.thread.join()


def tidy(folder: Path, most: float, needed: Collection[str], age: float = DAY) -> None:
    """Delete what is older than `age`, in seconds, and the oldest beyond `most` bytes."""
    files = sorted(
        ((status.st_mtime, status.st_size, path) for path, status in files_in(folder)),
        reverse=True,
    )
    size, gone = 0, 0
    for when, length, path in files:
        size += length
        if (time.time() - when > age or size > most) and path not in needed:
            with contextlib.suppress(OSError):
                os.unlink(path)
                os.rmdir(os.path.dirname(path))  # fails while there is another file in it
            gone += 1
    if gone:
        log.info("deleted %d of %d uploads and results", gone, len(files))


def files_in(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name != LOCK:
                with contextlib.suppress(OSError):  # it may be gone by now
                    yield path, os.lstat(path)


def is_nearly_full(folder: Path, room: float) -> bool:
    """Tell whether the disk has less than `room` bytes left."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < room
    return False
