"""What goes wrong on a fixture Hub, and what it was asked."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """One request, as it arrived."""

    method: str
    path: str  # without the query
    headers: Mapping[str, str]  # names in lower case
    status: int

    @property
    def range(self) -> str:
        """The bytes it asked for, "bytes=100-"; empty: all."""
        return self.headers.get("range", "")


@dataclass
class Faults:
    """What goes wrong from now on; tests set the fields."""

    bytes_per_second: float | None = None  # how fast files are sent
    cut_after: int | None = None  # bytes of a file after which the connection is cut
    cuts: int | None = None  # how many times; None: always
    delay: float = 0.0  # seconds until a request is answered
    statuses: dict[str, int] = field(default_factory=dict)  # pattern of "METHOD path" -> status
    corrupt: set[str] = field(default_factory=set)  # names of files sent with one byte changed
    ignore_ranges: bool = False  # send all of a file to who asks for a part of it
    stop: threading.Event = field(default_factory=threading.Event)  # ends what waits or sends

    def status(self, method: str, path: str) -> int | None:
        """Return the status that a request is refused with, or None."""
        for pattern, status in self.statuses.items():
            if re.search(pattern, f"{method} {path}"):
                return status
        return None

    def cut(self, size: int) -> int | None:
        """Return after how many bytes a body of `size` is cut, or None; counts the cut."""
        if self.cut_after is None or size <= self.cut_after or self.cuts == 0:
            return None
        if self.cuts is not None:
            self.cuts -= 1
        return self.cut_after

    def changed(self, name: str, content: bytes) -> bytes:
        """Return what is sent of a file: as many bytes, one of them wrong if it is to be."""
        if name not in self.corrupt or not content:
            return content
        return content[:-1] + bytes([content[-1] ^ 1])
