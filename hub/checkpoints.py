"""Find, verify, read and write checkpoints.

A checkpoint is a folder in the layout of a Hugging Face Hub model repository: `config.json`,
`model.safetensors` and `README.md`, the model card. `config.json` names the demo it belongs to and
the version of the format. `lock.toml`, beside the folders, names the repository and the sha256 of
each file. Only safetensors are read: a pickle runs code.

Importing this module imports neither torch nor numpy.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from hub import settings
from hub.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

# Of the files' names and config.json's keys; raised when an older hub would misread them.
FORMAT = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
LOCK = "lock.toml"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
PARTIAL, COMPLETE = ".partial", ".complete"  # folders within a checkpoint being replaced
MAX_HEADER = 100_000_000  # bytes, safetensors' own limit
log = logging.getLogger(__name__)


# Reading and writing one folder.


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the config and the tensors, on the CPU, of the checkpoint in `folder`.

    Raises:
        CheckpointError: a file is missing, damaged, or of a newer format.
    """
    config = read_config(folder)
    check_weights(folder)
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        # not load_file: its tensors are the file, mapped, and who shortens that ends the process
        return config, load((folder / WEIGHTS).read_bytes())
    except (SafetensorError, OSError, KeyError, ValueError) as error:  # KeyError: an unknown dtype
        raise CheckpointError(
            f"{shown(folder)}/{WEIGHTS} cannot be read: {reason(error)}"
        ) from error


def read_config(folder: Path) -> dict[str, Any]:
    """Return what `config.json` says; needs no torch.

    Raises:
        CheckpointError: it is missing, is no JSON object, names no demo, or is of a newer format.
    """
    settle(folder)
    path = folder / CONFIG
    if not folder.is_dir():
        raise CheckpointError(f"there is no checkpoint {shown(folder)}")
    if not path.is_file():
        raise CheckpointError(f"{shown(folder)} has no {CONFIG}")
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise CheckpointError(
            f"{shown_file(path)} is not readable JSON: {reason(error)}"
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("demo"), str):
        raise CheckpointError(
            f'{shown_file(path)} does not say whose it is: "demo" must be the name of a demo'
        )
    version = config.get("format")
    if not isinstance(version, int):
        raise CheckpointError(
            f'{shown_file(path)}: "format" must be a whole number, got {version!r}'
        )
    if version > FORMAT:
        raise CheckpointError(
            f"{shown_file(path)} is of format {version}; this hub reads up to format {FORMAT}: "
            "upgrade latenthub"
        )
    return config


def write(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor], card: str
) -> None:
    """Write a checkpoint in place of the one that is there; other files in `folder` are left alone.

    Whenever the process is killed, what is read next is wholly the old one or wholly the new one.

    Args:
        config: what `config.json` will hold; "demo" is required, "format" is filled in.
        tensors: on any device; tensors that share memory are stored each on its own.
        card: the model card, README.md.

    Raises:
        CheckpointError: `config` names no demo, or the disk refuses.
    """
    if not isinstance(config.get("demo"), str):
        raise CheckpointError(
            'a checkpoint\'s config needs "demo", the name of the demo it belongs to'
        )
    from safetensors.torch import save

    weights = save({name: one.detach().cpu().contiguous().clone() for name, one in tensors.items()})
    text = json.dumps({**config, "format": FORMAT}, indent=2) + "\n"
    files = {CONFIG: text.encode(), WEIGHTS: weights, CARD: card.encode()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        settle(folder)
        partial = folder / PARTIAL
        shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
        partial.mkdir()
        for name, content in files.items():
            write_through(partial / name, content)
        sync_folder(partial)
        partial.rename(folder / COMPLETE)  # from here on, the new one counts
        sync_folder(folder)
    except OSError as error:
        raise CheckpointError(f"{shown(folder)} cannot be written: {reason(error)}") from error
    settle(folder)


def settle(folder: Path) -> None:
    """Finish a replacement that was cut off after all its files were written."""
    complete = folder / COMPLETE
    if not complete.is_dir():
        return
    try:
        for name in (CONFIG, WEIGHTS, CARD):
            with contextlib.suppress(FileNotFoundError):  # it was done, or is by another process
                (complete / name).replace(folder / name)
        with contextlib.suppress(FileNotFoundError):
            complete.rmdir()
        sync_folder(folder)
    except OSError as error:
        raise CheckpointError(
            f"{shown(folder)} was half replaced by a killed process, and cannot be finished: "
            f"{reason(error)}"
        ) from error


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


# Checking one folder.


def check_weights(folder: Path) -> None:
    """Raise CheckpointError unless `model.safetensors` is there and as long as its header says."""
    path = folder / WEIGHTS
    if not path.is_file():
        pickles = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES)
        if pickles:
            raise CheckpointError(
                f"{shown(folder)} has {pickles[0]} and no {WEIGHTS}; pickles can run code, so only "
                "safetensors are read"
            )
        raise CheckpointError(f"{shown(folder)} has no {WEIGHTS}")
    size = path.stat().st_size
    expected = stated_size(path)
    if size < expected:
        stated = f", its header says {expected:,}" if size >= 8 else ""
        raise CheckpointError(f"{shown_file(path)} is truncated: it has {size:,} bytes{stated}")
    if size > expected:
        raise CheckpointError(
            f"{shown_file(path)} is damaged: it has {size:,} bytes, its header says {expected:,}"
        )


def stated_size(path: Path) -> int:
    """Return the bytes a safetensors file must have: 8 for a length, its header, the tensors.

    Raises:
        CheckpointError: the header is damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            if size >= 8 and length > MAX_HEADER:
                raise ValueError(f"a header of {length:,} bytes")
            if size < 8 + length:
                return 8 + length
            tensors = json.loads(file.read(length))
            ends = [one["data_offsets"][1] for key, one in tensors.items() if key != "__metadata__"]
            return 8 + length + max(ends, default=0)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise CheckpointError(
                f"{shown_file(path)} is damaged: its header is not that of safetensors"
            ) from error


def sha256_of(folder: Path) -> str:
    """Return the sha256 of the folder's weights, by which an evaluation names what it judged.

    Raises:
        CheckpointError: there are none.
    """
    settle(folder)
    check_weights(folder)
    return file_sha256(folder / WEIGHTS)


def file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# The lock.


@dataclass(frozen=True)
class Locked:
    """What the lock says of one demo's checkpoint."""

    files: dict[str, str] = field(default_factory=dict)  # name -> sha256
    repo_id: str = ""  # on the Hugging Face Hub; empty until pushed
    revision: str = ""  # the full commit SHA there


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
        raise CheckpointError(f"{shown(path)} is not a lock file: {reason(error)}") from error


def locked(files: dict[str, str], repo_id: str = "", revision: str = "") -> Locked:
    if not all(isinstance(value, str) for value in (repo_id, revision, *files.values())):
        raise TypeError("repo_id, revision and each sha256 must be texts")
    return Locked(dict(files), repo_id, revision)


def write_lock(path: Path, entries: Mapping[str, Locked]) -> None:
    """Write the lock file, in an order that keeps its diffs small."""
    lines = ["# Written by `latenthub verify --update-lock`: each one's repository and sha256s."]
    for demo, entry in sorted(entries.items()):
        lines += ["", f"[{demo}]"]
        lines += [
            f"repo_id = {json.dumps(entry.repo_id)}",
            f"revision = {json.dumps(entry.revision)}",
        ]
        lines += ["", f"[{demo}.files]"]
        lines += [
            f"{json.dumps(name)} = {json.dumps(sha)}" for name, sha in sorted(entry.files.items())
        ]
    partial = path.with_name(path.name + PARTIAL)
    write_through(partial, ("\n".join(lines) + "\n").encode())
    partial.replace(path)


def lock_folder(folder: Path, before: Locked | None = None) -> Locked:
    """Return the lock entry of what is in `folder`.

    Args:
        before: the entry so far. Its repository is kept; its revision while the files are the same.

    Raises:
        CheckpointError: the folder holds no readable checkpoint.
    """
    read_config(folder)
    check_weights(folder)
    before = before or Locked()
    files = {name: file_sha256(folder / name) for name in file_names(folder)}
    return Locked(files, before.repo_id, before.revision if files == before.files else "")


def update_lock(root: Path, demo: str) -> Locked:
    """Write what `root/demo` holds now into `root/lock.toml`; return the new entry.

    Raises:
        CheckpointError: the folder holds no readable checkpoint of `demo`.
    """
    check_owner(root / demo, demo)
    entries = read_lock(root / LOCK)
    entries[demo] = lock_folder(root / demo, entries.get(demo))
    write_lock(root / LOCK, entries)
    return entries[demo]


def file_names(folder: Path) -> list[str]:
    """Return the names of the files in a checkpoint; hidden ones do not belong to it."""
    return sorted(p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))


def check_owner(folder: Path, demo: str) -> None:
    """Raise CheckpointError unless `folder` holds a checkpoint of `demo`."""
    owner = read_config(folder)["demo"]
    if owner != demo:
        raise CheckpointError(f"{shown(folder)} holds the checkpoint of {owner!r}, not of {demo!r}")


# Finding.


@dataclass(frozen=True)
class VerifiedFile:
    """How one file compares with the lock."""

    name: str
    expected: str  # sha256 in the lock; empty: not locked
    found: str  # sha256 of the file; empty: there is none

    @property
    def ok(self) -> bool:
        return self.expected == self.found


@dataclass(frozen=True)
class Verified:
    """How a demo's checkpoint compares with the lock."""

    demo: str
    folder: Path
    files: tuple[VerifiedFile, ...]
    locked: bool  # false: one that was trained here, without an entry in its lock
    problem: str = ""  # what `find` would raise

    @property
    def ok(self) -> bool:
        return not self.problem and all(file.ok for file in self.files if self.locked)


@dataclass(frozen=True)
class Root:
    """A folder of checkpoint folders, one a demo, with a lock beside them."""

    path: Path
    bundled: bool  # came with the hub: each checkpoint must have its entry in the lock

    @property
    def lock(self) -> Path:
        return self.path / LOCK


class Folders:
    """Where checkpoints are looked for."""

    def __init__(self, *roots: Root) -> None:
        self.roots = roots  # in order of search
        self._hashes: dict[Path, tuple[tuple[int, int, int], str]] = {}

    @classmethod
    def standard(cls, operator_folder: Path | None = None) -> Folders:
        """Return the operator's folder, or that in LATENTHUB_CHECKPOINTS, then the bundled one."""
        named = operator_folder or settings.CHECKPOINTS.text
        if named and not Path(named).is_dir():
            log.warning("the folder of checkpoints %s does not exist", named)
        roots = [Root(Path(named), bundled=False)] if named else []
        bundled = bundled_folder()
        if bundled is not None and not (named and same_folder(Path(named), bundled)):
            roots.append(Root(bundled, bundled=True))
        return cls(*roots)

    def find(self, demo: str) -> Path:
        """Return the folder of the demo's checkpoint, its files compared with the lock.

        Each file is hashed once, and again when it changes. A damaged checkpoint is an error even
        if a later folder has a sound one: what is served must not depend on an accident.

        Raises:
            CheckpointError: missing, damaged, or another demo's; the message says what to do.
        """
        root = self.root_of(demo)
        folder = root.path / demo
        try:
            check_owner(folder, demo)
            check_weights(folder)
            entry = self.entry(root, demo)
            if entry is not None:
                self.check_files(folder, entry)
        except CheckpointError as error:
            raise CheckpointError(f"{error}; {advice(root, demo)}") from error
        except OSError as error:
            raise CheckpointError(
                f"{shown(folder)} cannot be read: {reason(error)}; {advice(root, demo)}"
            ) from error
        return folder

    def verify(self, demo: str) -> Verified:
        """Return how each file of the demo's checkpoint compares with the lock, hashed afresh.

        Raises:
            CheckpointError: there is no folder for it.
        """
        root = self.root_of(demo)
        folder = root.path / demo
        problem = ""
        self._hashes.clear()
        try:
            self.find(demo)
        except CheckpointError as error:
            problem = str(error)
        entry = read_lock(root.lock).get(demo)
        expected = entry.files if entry else {}
        names = sorted({*expected, *file_names(folder)})
        files = tuple(VerifiedFile(n, expected.get(n, ""), self.hash(folder / n)) for n in names)
        return Verified(demo, folder, files, entry is not None, problem)

    def root_of(self, demo: str) -> Root:
        """Return the first root that has a folder for `demo`.

        Raises:
            CheckpointError: none has.
        """
        for root in self.roots:
            if (root.path / demo).is_dir():
                return root
        if not self.roots:
            raise CheckpointError(
                f"there is no checkpoint of {demo!r}; make one with `latenthub train {demo} --out "
                f"DIR/{demo}` and name DIR with LATENTHUB_CHECKPOINTS"
            )
        where = " or ".join(shown(root.path / demo) for root in self.roots)
        raise CheckpointError(f"there is no {where}; {advice(self.roots[-1], demo)}")

    def entry(self, root: Root, demo: str) -> Locked | None:
        """Return the lock's entry; None for one that was trained here.

        Raises:
            CheckpointError: a bundled checkpoint has none.
        """
        entry = read_lock(root.lock).get(demo)
        if entry is None and root.bundled:
            raise CheckpointError(
                f"{shown(root.lock)} has no entry for {demo!r}; if its files are as meant, run "
                f"`latenthub verify {demo} --update-lock`"
            )
        if entry is None:
            log.info("%s is not locked: its files are not verified", shown(root.path / demo))
        return entry

    def check_files(self, folder: Path, entry: Locked) -> None:
        """Raise CheckpointError unless each locked file is there and is what the lock says.

        The card is left out: its wording may be mended without making the weights unusable.
        """
        for name, expected in entry.files.items():
            if name == CARD:
                continue
            found = self.hash(folder / name)
            if not found:
                raise CheckpointError(f"{shown(folder)} has no {name}")
            if found != expected:
                raise CheckpointError(
                    f"{shown(folder)}/{name} is damaged or changed: its sha256 is {found[:12]}…, "
                    f"{LOCK} says {expected[:12]}…"
                )

    def hash(self, path: Path) -> str:
        """Return a file's sha256, remembered until it changes; empty: there is no such file."""
        try:
            stat = path.stat()
        except FileNotFoundError:
            return ""
        state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        known = self._hashes.get(path)
        if known is None or known[0] != state:
            known = self._hashes[path] = (state, file_sha256(path))
        return known[1]


def bundled_folder() -> Path | None:
    """Return the folder of checkpoints that came with the hub: beside its source, or within it."""
    package = Path(__file__).parent
    if (package.parent / "pyproject.toml").is_file():
        return package.parent / "checkpoints"
    inside = package / "_checkpoints"
    return inside if inside.is_dir() else None


def same_folder(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def advice(root: Root, demo: str) -> str:
    """Return what to do about a checkpoint that is missing or damaged."""
    again = f"make it again with `latenthub train {demo} --out {shown(root.path / demo)}`"
    if not root.bundled:
        return f"{again}, or take its folder away to use the bundled one"
    if (root.path.parent / ".git").exists():
        return f"restore it with `git checkout -- {shown(root.path / demo)}`, or {again}"
    return f"install latenthub again, or {again}"


def shown(path: Path) -> str:
    """Return a path as a message may show it: its last two parts, not where they are."""
    return "/".join(part for part in path.parts[-2:] if part != path.anchor)


def shown_file(path: Path) -> str:
    return f"{shown(path.parent)}/{path.name}"


def reason(error: Exception) -> str:
    """Return an error's text, on one line, without the path an OSError carries."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())
