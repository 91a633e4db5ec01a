"""Detectors that visitors have made, in memory: the last ones, until the hub stops."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

from hub.errors import InputError
from hub_anomaly.tables.fitted import Fitted

MOST = 200  # detectors
MOST_BYTES = 2_000_000_000


class Kept:
    """Detectors by id; for many threads. Those that were used longest ago make room."""

    def __init__(self, most: int = MOST, most_bytes: float = MOST_BYTES) -> None:
        self.most, self.most_bytes = most, most_bytes
        self.found: OrderedDict[str, Fitted] = OrderedDict()
        self.guard = threading.Lock()

    def put(self, fitted: Fitted) -> str:
        """Keep a detector, and return its id, which nobody can guess."""
        id = secrets.token_hex(10)
        with self.guard:
            self.found[id] = fitted
            while len(self.found) > 1 and (
                len(self.found) > self.most
                or sum(map(bytes_of, self.found.values())) > self.most_bytes
            ):
                self.found.popitem(last=False)
        return id

    def get(self, id: str) -> Fitted:
        """Return a detector.

        Raises:
            InputError: it is not here any more, or never was.
        """
        with self.guard:
            if id not in self.found:
                raise InputError(
                    "no such detector is here: the id is wrong, or the hub was started again or "
                    f"made {self.most} newer ones since; fit it again",
                    "detector",
                )
            self.found.move_to_end(id)
            return self.found[id]


def bytes_of(fitted: Fitted) -> int:
    spaces = (fitted.detector.inputs, fitted.detector.codes.space)
    return sum(one.rows.nbytes + one.apart.nbytes + one.own.nbytes for one in spaces)
