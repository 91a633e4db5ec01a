"""Find, verify, read and write checkpoints.

A checkpoint is a folder in the layout of a Hugging Face Hub model repository: `config.json`,
`model.safetensors` and `README.md`, the model card. `config.json` names the demo it belongs to and
the version of the format. The lock (hub.lock) names the repository and the sha256 of each file.
Only safetensors are read: a pickle runs code.

Where a demo's checkpoint is looked for: each folder of checkpoints in turn, the operator's before
the bundled one; it has the demo's folder, or its lock pins a revision on the Hub, which is then
looked for in the Hugging Face cache. Last comes the pin in the plugin's own package. hub.sync puts
into the cache what is not there.

Importing this module imports neither torch nor numpy.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hub import settings
from hub.errors import CheckpointError
from hub.files import file_sha256, reason, shown, shown_file, sync_folder, write_through
from hub.lock import LOCK, Locked, package_lock, read_lock, write_entry

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "CARD",
    "CONFIG",
    "COMPLETE",
    "FORMAT",
    "LOCK",
    "WEIGHTS",
    "Folders",
    "Locked",
    "Place",
    "Root",
    "Verified",
    "VerifiedFile",
]

# Of the files' names and config.json's keys; raised when an older hub would misread them.
FORMAT = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
PARTIAL, COMPLETE = ".partial", ".complete"  # folders within a checkpoint being replaced
MAX_HEADER = 100_000_000  # bytes, safetensors' own limit
MAX_TOLD = 300  # characters of torch's list of tensors that do not fit
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
        tensors = load((folder / WEIGHTS).read_bytes())
        return Named(config, folder, CONFIG), Named(tensors, folder, WEIGHTS)
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


Value = TypeVar("Value")


class Named(dict[str, Value]):
    """What a file of a checkpoint holds, by name; a name it lacks is a CheckpointError."""

    def __init__(self, content: Mapping[str, Value], folder: Path, file: str) -> None:
        super().__init__(content)
        self.folder, self.file = folder, file

    def __missing__(self, name: str) -> Value:
        known = ", ".join(sorted(self)[:8]) + (", ..." if len(self) > 8 else "")
        raise misfit(self.folder, f"{self.file} has no {name!r}; it has {known or 'nothing'}")


@contextlib.contextmanager
def fitting(folder: Path) -> Iterator[None]:
    """Tell it clearly when torch finds that tensors are not those of the model they are loaded
    into.

    Raises:
        CheckpointError: in place of `load_state_dict`'s error, which tells every tensor.
    """
    try:
        yield
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        told = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        raise misfit(folder, " ".join(told)[:MAX_TOLD].rstrip(". ")) from None


def misfit(folder: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"{shown(folder)} does not fit the model that should read it, and may have been made by "
        f"another version of its plugin: {what}"
    )


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


def check_owner(folder: Path, demo: str) -> None:
    """Raise CheckpointError unless `folder` holds a checkpoint of `demo`."""
    owner = read_config(folder)["demo"]
    if owner != demo:
        raise CheckpointError(f"{shown(folder)} holds the checkpoint of {owner!r}, not of {demo!r}")


def file_names(folder: Path) -> list[str]:
    """Return the names of the files in a checkpoint; hidden ones do not belong to it."""
    return sorted(p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))


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
    names = file_names(folder)
    files = {name: file_sha256(folder / name) for name in names}
    size = sum((folder / name).stat().st_size for name in names)
    revision = before.revision if files == before.files else ""
    return Locked(files, before.repo_id, revision, size)


def update_lock(root: Path, demo: str) -> Locked:
    """Write what `root/demo` holds now into `root/lock.toml`; return the new entry.

    Raises:
        CheckpointError: the folder holds no readable checkpoint of `demo`.
    """
    check_owner(root / demo, demo)
    entry = lock_folder(root / demo, read_lock(root / LOCK).get(demo))
    write_entry(root / LOCK, demo, entry)
    return entry


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
    source: str = ""  # on the Hub, "owner/name@1a2b3c4d"; empty: the lock tells none

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


@dataclass(frozen=True)
class Place:
    """Where a demo's checkpoint is, or would be."""

    folder: Path
    entry: Locked | None  # what the lock says of it; None: nothing
    root: Root | None  # whose folder or pin it is; None: the pin of the plugin's package
    cached: bool = False  # whether it is in the Hugging Face cache

    @property
    def pinned(self) -> Place | None:
        """The same files in the Hugging Face cache, where the lock tells a revision."""
        if self.entry is None or not self.entry.pinned:
            return None
        return Place(self.entry.folder, self.entry, self.root, cached=True)


class Folders:
    """Where checkpoints are looked for.

    Args:
        roots: in order of search.
        package_lock: returns the lock of the package that brings a demo, or None.
    """

    def __init__(
        self, *roots: Root, package_lock: Callable[[str], Path | None] = lambda demo: None
    ) -> None:
        self.roots = roots
        self._package_lock = package_lock
        self._hashes: dict[Path, tuple[tuple[int, int, int], str]] = {}
        self._sound: dict[str, Place] = {}  # by demo: what was found in the cache before
        self._told: set[tuple[str, ...]] = set()  # what the log has already

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
        return cls(*roots, package_lock=package_lock)

    def find(self, demo: str) -> Path:
        """Return the folder of the demo's checkpoint, its files compared with the lock.

        Each file is hashed once, and again when it changes. A damaged checkpoint is an error even
        if a later folder has a sound one: what is served must not depend on an accident. Only what
        the lock pins may stand in for it, from the cache: that is the same, byte for byte.

        Raises:
            CheckpointError: missing, damaged, or another demo's; the message says what to do.
        """
        place = self.place(demo)
        try:
            self.check(place, demo)
        except CheckpointError as error:
            other = self.stand_in(place, demo)
            if other is None:
                raise CheckpointError(f"{error}; {advice(place, demo)}") from error
            self.tell(logging.WARNING, "%s; %s is used", str(error), shown(other.folder))
            return other.folder
        if place.cached:
            self._sound[demo] = place
        return place.folder

    def stand_in(self, place: Place, demo: str) -> Place | None:
        """Return what may be used in place of what is missing or damaged: the same files in the
        cache, or, until a new pin is fetched, those of the old one."""
        other = self._sound.get(demo) if place.cached else place.pinned
        try:
            if other is None or other == place:
                return None
            self.check(other, demo)
            return other
        except CheckpointError:
            return None

    def wanted(self, demo: str) -> Locked | None:
        """Return the pin that a pull would fetch; None: there is none, or its files are here."""
        try:
            place = self.place(demo)
        except CheckpointError:
            return None
        for one in (place, place.pinned):
            try:
                if one is not None:
                    self.check(one, demo)
                    return None
            except CheckpointError:
                pass
        return place.entry if place.pinned else None

    def verify(self, demo: str) -> Verified:
        """Return how each file of the demo's checkpoint compares with the lock, hashed afresh.

        Raises:
            CheckpointError: there is neither a folder nor a pin for it.
        """
        place = self.place(demo)
        folder, problem = place.folder, ""
        self._hashes.clear()
        try:
            folder = self.find(demo)
        except CheckpointError as error:
            problem = str(error)
        expected = place.entry.files if place.entry else {}
        here = file_names(folder) if folder.is_dir() and not place.cached else []
        files = tuple(
            VerifiedFile(name, expected.get(name, ""), self.hash(folder / name))
            for name in sorted({*expected, *here})
        )
        source = place.entry.source if place.entry is not None and place.pinned else ""
        return Verified(demo, folder, files, place.entry is not None, problem, source)

    def place(self, demo: str) -> Place:
        """Return where the demo's checkpoint is to be: the first folder there is, or the first pin.

        Raises:
            CheckpointError: there is neither.
        """
        for root in self.roots:
            entry = read_lock(root.lock).get(demo)
            if (root.path / demo).is_dir():
                return Place(root.path / demo, entry, root)
            if entry is not None and entry.pinned:
                return Place(entry.folder, entry, root, cached=True)
        own = self._package_lock(demo)
        entry = read_lock(own).get(demo) if own is not None else None
        if entry is not None and entry.pinned:
            return Place(entry.folder, entry, None, cached=True)
        if not self.roots:
            raise CheckpointError(
                f"there is no checkpoint of {demo!r}; make one with `latenthub train {demo} --out "
                f"DIR/{demo}` and name DIR with LATENTHUB_CHECKPOINTS"
            )
        where = " or ".join(shown(root.path / demo) for root in self.roots)
        last = self.roots[-1]
        told = advice(Place(last.path / demo, None, last), demo)
        raise CheckpointError(f"there is no {where}; {told}")

    def lock(self) -> Path:
        """Return the lock that a new pin goes into: the first folder's, unless that is not ours.

        Raises:
            CheckpointError: there is none but that of the installed package.
        """
        for root in self.roots:
            if not root.bundled or is_checkout(root):
                return root.lock
        raise CheckpointError(
            "there is no lock to write the new pin into; name a folder for it with --checkpoints "
            "DIR or LATENTHUB_CHECKPOINTS, or a file with --lock"
        )

    def check(self, place: Place, demo: str) -> None:
        """Raise CheckpointError unless a sound checkpoint of `demo` is there, as the lock says."""
        folder, entry = place.folder, place.entry
        if place.cached and entry is not None and not folder.is_dir():
            raise CheckpointError(f"{entry.source} is not in the Hugging Face cache yet")
        try:
            check_owner(folder, demo)
            check_weights(folder)
            if entry is not None:
                self.check_files(folder, entry)
                return
        except OSError as error:
            raise CheckpointError(f"{shown(folder)} cannot be read: {reason(error)}") from error
        if place.root is not None and place.root.bundled:
            raise CheckpointError(
                f"{shown(place.root.lock)} has no entry for {demo!r}; if its files are as meant, "
                f"run `latenthub verify {demo} --update-lock`"
            )
        self.tell(logging.INFO, "%s is not locked: its files are not verified", shown(folder))

    def tell(self, level: int, message: str, *values: str) -> None:
        """Log what is so at every look, once."""
        if (message, *values) not in self._told:
            self._told.add((message, *values))
            log.log(level, message, *values)

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


def is_checkout(root: Root) -> bool:
    return (root.path.parent / ".git").exists()


def advice(place: Place, demo: str) -> str:
    """Return what to do about a checkpoint that is missing or damaged."""
    if place.root is None or place.cached:
        return f"fetch it with `latenthub pull {demo}`"
    fetch = f"fetch it with `latenthub pull {demo}`, " if place.pinned else ""
    folder = shown(place.root.path / demo)
    again = f"{fetch}make it again with `latenthub train {demo} --out {folder}`"
    if not place.root.bundled:
        return f"{again}, or take its folder away to use the bundled one"
    if is_checkout(place.root):
        return f"restore it with `git checkout -- {folder}`, or {again}"
    return f"install latenthub again, or {again}"
