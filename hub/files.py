"""What checkpoints and their lock need of files, and how messages name them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def write_through(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in `folder`, where the system can do that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def shown(path: Path) -> str:
    """Return a path as a message may show it: its last two parts, not where they are.

    A folder of the Hub's cache is shown as what it holds: "owner/name@1a2b3c4d".
    """
    parts = path.parts
    if len(parts) > 3 and parts[-2] == "snapshots":
        repo = parts[-3].removeprefix("models--").replace("--", "/")
        return f"{repo}@{parts[-1][:8]}"
    return "/".join(part for part in parts[-2:] if part != path.anchor)


def shown_file(path: Path) -> str:
    return f"{shown(path.parent)}/{path.name}"


def shown_bytes(count: int) -> str:
    """Return a number of bytes as people read it: "5.4 MB"."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def reason(error: Exception) -> str:
    """Return an error's text, on one line, without the path an OSError carries."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())
