"""Detectors by id: those that are always here, and the last ones that visitors have made.

They are in memory, and in a folder, too: where a GPU is lent by the call, each call runs in a
process of its own (hub.executors.zerogpu), and the one that scores is not the one that has learned.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file

from hub.errors import InputError
from hub.training import part_facts, save_part
from hub_anomaly.tables.fitted import Fitted
from hub_anomaly.tables.packing import packed, unpacked

MOST = 200  # detectors
MOST_BYTES = 2_000_000_000
LIVELY = 20  # detectors that are in memory, too
ID = re.compile("[0-9a-f]{20}")


class Kept:
    """Detectors by id; for many threads, and for processes forked from this one. Those that were
    used longest ago make room."""

    def __init__(
        self,
        always: Mapping[str, Fitted] | None = None,
        device: str = "cpu",
        most: int = MOST,
        most_bytes: float = MOST_BYTES,
    ) -> None:
        self.always, self.device = always or {}, device
        self.most, self.most_bytes = most, most_bytes
        self.lively: OrderedDict[str, Fitted] = OrderedDict()
        self.folder = Path(tempfile.mkdtemp(prefix="latenthub-anomaly-"))
        weakref.finalize(self, removed, self.folder, os.getpid())
        self.guard = threading.Lock()

    def put(self, fitted: Fitted) -> str:
        """Keep a detector, and return its id, which nobody can guess."""
        id = secrets.token_hex(10)
        tensors, settings = packed(fitted)
        save_part(self.file(id), tensors, settings)
        use(self.file(id))
        with self.guard:
            self.remember(id, fitted)
            self.make_room(id)
        return id

    def get(self, id: str) -> Fitted:
        """Return a detector.

        Raises:
            InputError: it is not here any more, or never was.
        """
        if id in self.always:
            return self.always[id]
        with self.guard:
            try:
                return self.found(id)
            except FileNotFoundError:
                raise InputError(
                    "no such detector is here: the id is wrong, or the hub was started again or "
                    f"made {self.most} newer ones since; fit it again",
                    "detector",
                ) from None

    def found(self, id: str) -> Fitted:
        """Return a detector that somebody has made.

        Raises:
            FileNotFoundError: there is none.
        """
        if not ID.fullmatch(id):
            raise FileNotFoundError(id)
        file = self.file(id)
        use(file)
        fitted = self.lively.get(id)
        if fitted is None:
            fitted = unpacked(load_file(file), part_facts(file), self.device)
        self.remember(id, fitted)
        return fitted

    def file(self, id: str) -> Path:
        return self.folder / f"{id}.safetensors"

    def remember(self, id: str, fitted: Fitted) -> None:
        self.lively[id] = fitted
        self.lively.move_to_end(id)
        while len(self.lively) > LIVELY:
            self.lively.popitem(last=False)

    def make_room(self, newest: str) -> None:
        """Remove the files that were used longest ago, where there are too many."""
        files = sorted(self.folder.glob("*.safetensors"), key=used, reverse=True)
        total = 0
        for number, file in enumerate(files):
            total += file.stat().st_size
            if file.stem != newest and (number >= self.most or total > self.most_bytes):
                file.unlink(missing_ok=True)
                self.lively.pop(file.stem, None)


def removed(folder: Path, owner: int) -> None:
    """Remove a folder, unless this is a process that was forked from the one that made it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def use(file: Path) -> None:
    now = time.time_ns()  # a file system's own clock may stand still for milliseconds
    os.utime(file, ns=(now, now))


def used(file: Path) -> int:
    return file.stat().st_mtime_ns
