"""The lock: what each demo's checkpoint consists of, and where on the Hugging Face Hub it is.

    [waves]
    repo_id = "somebody/waves"
    revision = "0123456789abcdef0123456789abcdef01234567"
    bytes = 5400000

    [waves.files]
    "config.json" = "<sha256>"
    "model.safetensors" = "<sha256>"

An entry with a repository and a revision is a pin: from it alone the files can be fetched, and
nothing else passes for them. A lock lies beside folders of checkpoints, or within a plugin's
package.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from hub.errors import CheckpointError
from hub.files import reason, shown, write_through

LOCK = "lock.toml"
PATTERNS = {
    "repo_id": re.compile(r"\w[\w.-]*/\w[\w.-]*"),
    "revision": re.compile(r"[0-9a-f]{40}"),
    "name": re.compile(r"[^./\\][^/\\]*"),  # no folder, nothing hidden
    "sha256": re.compile(r"[0-9a-f]{64}"),
}


@dataclass(frozen=True)
class Locked:
    """What the lock says of one demo's checkpoint."""

    files: dict[str, str] = field(default_factory=dict)  # name -> sha256
    repo_id: str = ""  # on the Hugging Face Hub; empty until pushed
    revision: str = ""  # the full commit SHA there
    bytes: int = 0  # of all files together; 0: not known

    @property
    def pinned(self) -> bool:
        """Whether it can be fetched from the Hub."""
        return bool(self.repo_id and self.revision)

    @property
    def source(self) -> str:
        """What is fetched, as messages name it: "owner/name@1a2b3c4d"."""
        return f"{self.repo_id}@{self.revision[:8]}"

    @property
    def folder(self) -> Path:
        """Where it lies in the Hugging Face cache once it was fetched."""
        from huggingface_hub import constants

        repo = "models--" + self.repo_id.replace("/", "--")
        return Path(constants.HF_HUB_CACHE) / repo / "snapshots" / self.revision


def read_lock(path: Path) -> dict[str, Locked]:
    """Return what the lock file says, by demo; nothing where there is no file.

    Raises:
        CheckpointError: it is not such a file.
    """
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        return {demo: locked(**entry) for demo, entry in content.items()}
    except (ValueError, TypeError, OSError) as error:
        raise CheckpointError(
            f"{shown(path)} is not a lock file: {reason(error)}; restore it, or take it away"
        ) from error


def locked(files: dict[str, str], repo_id: str = "", revision: str = "", bytes: int = 0) -> Locked:
    """Return an entry of the file; one from a foreign package must not lead out of its folder.

    Raises:
        TypeError, ValueError: a value is not what it must be.
    """
    check("repo_id", repo_id, repo_id == "")
    check("revision", revision, revision == "")
    for name, sha in files.items():
        check("name", name)
        check("sha256", sha)
    if not isinstance(bytes, int):
        raise TypeError(f"bytes must be a whole number, got {bytes!r}")
    return Locked(dict(files), repo_id, revision, bytes)


def check(kind: str, value: Any, empty: bool = False) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{kind} must be a text, got {value!r}")
    if not (empty or PATTERNS[kind].fullmatch(value)):
        raise ValueError(f"{value!r} is no {kind}")


def write_lock(path: Path, entries: Mapping[str, Locked]) -> None:
    """Write the lock file, in an order that keeps its diffs small.

    Raises:
        CheckpointError: it cannot be written; the one before it is left as it was.
    """
    lines = ["# Written by latenthub: each checkpoint's repository on the Hub, and its sha256s."]
    for demo, entry in sorted(entries.items()):
        lines += ["", f"[{demo}]"]
        lines += [
            f"repo_id = {json.dumps(entry.repo_id)}",
            f"revision = {json.dumps(entry.revision)}",
            f"bytes = {entry.bytes}",
        ]
        lines += ["", f"[{demo}.files]"]
        lines += [
            f"{json.dumps(name)} = {json.dumps(sha)}" for name, sha in sorted(entry.files.items())
        ]
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_through(partial, ("\n".join(lines) + "\n").encode())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"{shown(path)} cannot be written: {reason(error)}") from error


def write_entry(path: Path, demo: str, entry: Locked) -> None:
    """Put one demo's entry into a lock file, leaving the others as they are.

    Raises:
        CheckpointError: the file is no lock, or cannot be written.
    """
    write_lock(path, {**read_lock(path), demo: entry})


@functools.cache
def package_lock(demo: str) -> Path | None:
    """Return the lock within the package that brings `demo`, without importing it."""
    from hub.plugins import GROUP

    for point in importlib.metadata.entry_points(group=GROUP, name=demo):
        try:
            spec = importlib.util.find_spec(point.module.split(".")[0])
        except (ImportError, ValueError):
            continue
        if spec is not None and spec.origin is not None:
            path = Path(spec.origin).with_name(LOCK)
            if path.is_file():
                return path
    return None
