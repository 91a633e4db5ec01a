"""Archives on disk: recordings, the vectors of their spans, and a manifest that says what counts.

An archive is a folder:

    manifest.json          what is in it: the only truth; replaced as a whole, never written into
    sound/ID.flac          each recording, 16 kHz, 16 bits
    sound/ID.mfcc          (frames, 8) float16, its cepstra, by which hits are aligned
    vectors-N.f16          (rows, dimensions) float16, unit length; rows are only ever appended
    spans-N.i32            (rows, 2) int32, start and end of each row in frames of 10 ms
    index-N-ROWS.faiss     when there are many rows: the inverted file of the first of them

N is the generation: rows are moved together, or embedded anew, into files of the next one. What the
manifest does not name is left over from a write that was cut off; the next writer takes it away.
Files are written under another name, brought to the disk, and renamed, and the manifest last: at
any moment a reader, or who comes after a `kill -9`, finds the archive as it was before or as it is
after. Writers of one archive, threads and processes, take turns at a lock file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import io
import json
import os
import re
import secrets
import shutil
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from filelock import FileLock, Timeout

from hub.errors import BusyError, InputError, ServiceError
from hub.files import shown_bytes, sync_folder, write_through
from hub_search import segments
from hub_search.index import LARGE, Index, cosines

if TYPE_CHECKING:
    from torch import Tensor

    from hub_search.places import Places

RATE = 16_000  # samples a second
FRAME = 160  # samples
CEPSTRA = 8  # coefficients, as many as `dtw` looks at
MAX_SECONDS = 3600.0  # of a recording
MAX_HOURS = 50.0  # of an archive
MAX_RECORDINGS = 2000  # of an archive
MAX_ARCHIVES = 1000
MAX_NAME = 100  # characters
MAX_BYTES = 10_000_000_000  # of all archives together
SPARE = 200_000_000  # bytes that stay free on the disk
IN_MEMORY = 400_000_000  # bytes of indexes that are kept open
OPEN_MOST = 32  # archives that are kept open
FRAMES_KEPT = 8_000_000  # of an archive's cepstra, in memory: 22 hours
EMBEDDED_AT_ONCE = 2048  # spans between two reports of progress
SAME = 0.3  # of the shorter of two hits, from where on they are one
UNSAVED = 0.1  # of an inverted file's rows that may be added again when it is opened
WASTED = 0.5  # of the rows that may belong to nothing
PATIENCE = 120.0  # seconds to wait for another writer
LOCKS = 64  # lock files; archives share them
FORMAT = 1
ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
RECORDING = re.compile(r"[a-z0-9-]{1,40}")
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MANIFEST, PARTIAL = "manifest.json", ".partial"

Progress = Callable[[float], None]  # is told the share that is done; what it raises ends the work


class Embedder(Protocol):
    """What makes vectors: the networks of a checkpoint."""

    systems: tuple[str, ...]

    def embed(self, segments: Sequence[Tensor], system: str) -> np.ndarray: ...


@dataclass(frozen=True)
class Created:
    id: str  # opens searching
    key: str  # opens changing and deleting; told this once


@dataclass(frozen=True)
class Recording:
    """One recording of an archive."""

    id: str
    name: str
    seconds: float
    segments: int
    skipped: bool = False  # its content was there already


@dataclass(frozen=True)
class Span:
    """A stretch of a recording."""

    recording: str  # its id
    name: str
    start: float  # seconds
    end: float


@dataclass(frozen=True)
class Hit(Span):
    """Where something like the query is said."""

    score: float  # cosine, -1 to 1; of `find`, that and the alignment's likeness


@dataclass(frozen=True, eq=False)
class Query:
    """What is looked for: a spoken word or phrase."""

    vectors: np.ndarray  # (parts, dimensions), unit length, of its `places.parts`
    features: np.ndarray  # (frames, features), its `dtw.features`


@dataclass(frozen=True)
class Entry:
    """A recording as the manifest has it."""

    id: str
    name: str
    seconds: float
    sha256: str  # of its samples, 16 bits
    first: int  # row
    segments: int
    bytes: int
    added: float  # seconds since 1970


@dataclass(frozen=True)
class Saved:
    """An inverted file on disk."""

    file: str
    rows: int  # it knows the rows before this one, but those removed since
    trained: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What is in an archive."""

    id: str
    name: str
    made: float  # seconds since 1970
    key: str  # sha256 of the key; empty: nobody may change it
    checkpoint: str  # sha256 of the weights that made the vectors; empty: none yet
    system: str
    dimensions: int
    generation: int = 1
    rows: int = 0  # in its files, those of removed recordings too
    recordings: tuple[Entry, ...] = ()
    index: Saved | None = None
    source: str = ""  # of a built-in archive: which version of what it was made of

    @property
    def alive(self) -> int:
        return sum(one.segments for one in self.recordings)

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.recordings)

    @property
    def built_in(self) -> bool:
        return not self.key

    def live_rows(self) -> np.ndarray:
        parts = [np.arange(one.first, one.first + one.segments) for one in self.recordings]
        return np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


class Archives:
    """All archives under one folder; for many threads and processes at once.

    Args:
        folder: made where it is missing.
        checkpoint: sha256 of the weights whose vectors are searched with; empty: not checked.
        large: segments, from where on an archive gets an inverted file.
        max_bytes: of all archives together.
        spare: bytes of the disk that are left free.
    """

    def __init__(
        self,
        folder: Path,
        checkpoint: str = "",
        *,
        large: int = LARGE,
        max_bytes: float = MAX_BYTES,
        spare: float = SPARE,
        patience: float = PATIENCE,
    ) -> None:
        self.folder = folder
        self.checkpoint = checkpoint
        self.large = large
        self.max_bytes, self.spare, self.patience = max_bytes, spare, patience
        self.opened: OrderedDict[str, Opened] = OrderedDict()
        self.others: OrderedDict[tuple[str, str, str], tuple[np.ndarray, np.ndarray]] = (
            OrderedDict()
        )  # vectors of other systems
        self.guard = threading.Lock()  # of the two above
        self.measured = (-1e9, 0)  # when the folder was measured, and its bytes
        with full_disk("the folder of archives"):
            (folder / ".locks").mkdir(parents=True, exist_ok=True, mode=0o700)
        self.sweep_folder()

    # Archives.

    def create(self, name: str) -> Created:
        """Make an empty archive called `name`; return its id and the key that opens changing it.

        Raises:
            InputError: the name is empty or too long.
            ServiceError: there are too many archives, or no room.
        """
        name = tidy(name, "name", "an archive")
        with self.locked(".create"):
            if len(self.ids()) >= MAX_ARCHIVES:
                raise ServiceError(
                    f"there are {MAX_ARCHIVES} archives, and no more are kept here; delete one"
                )
            self.check_room(0)
            id, key = f"{slug(name)}-{secrets.token_hex(10)}", secrets.token_urlsafe(24)
            made = Manifest(id, name, round(time.time(), 3), sha256(key), "", "", 0)
            self.publish(self.draft(made), id)
        return Created(id, key)

    def draft(self, manifest: Manifest) -> Path:
        """Return a new folder, under a name that nobody looks into, with `manifest`."""
        folder = self.folder / f".new-{secrets.token_hex(8)}"
        with full_disk(shown(manifest)):
            try:
                (folder / "sound").mkdir(parents=True, mode=0o700)
                write_manifest(folder, manifest)
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return folder

    def publish(self, draft: Path, id: str) -> None:
        draft.rename(self.folder / id)
        sync_folder(self.folder)

    def build(
        self,
        id: str,
        name: str,
        source: str,
        recordings: Iterable[tuple[str, str, np.ndarray]],
        networks: Embedder,
    ) -> None:
        """Make a built-in archive, which nobody can change; nothing happens where it is there.

        Args:
            source: which version of what it is made of; another one is made anew.
            recordings: id, name and samples of each.

        Raises:
            ServiceError: there is no room on the disk.
        """
        if self.is_made_of(id, source):  # without waiting for who makes another
            return
        with self.locked(".build", patience=600):
            if self.is_made_of(id, source):
                return
            made = Manifest(id, name, round(time.time(), 3), "", "", "", 0, source=source)
            draft = self.draft(made)
            try:
                for recording, title, samples in recordings:
                    self.put(draft, made, title, samples, networks, recording=recording)
                with self.locked(id):
                    if (self.folder / id).exists():
                        self.take_away(self.folder / id)
                    self.publish(draft, id)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        self.forget(id)

    def is_made_of(self, id: str, source: str) -> bool:
        with contextlib.suppress(InputError, DamagedError):
            return self.manifest(id).source == source
        return False

    def ids(self) -> list[str]:
        return sorted(
            one.name
            for one in self.folder.iterdir()
            if ID.fullmatch(one.name) and (one / MANIFEST).is_file()
        )

    def describe(self, id: str) -> dict[str, Any]:
        """Return what is in an archive.

        Returns:
            `id`, `name`, `made` (seconds since 1970), `recordings` (id, name, seconds, segments of
            each), `hours`, `segments`, `bytes`, `built_in`, and `current`: whether its vectors are
            of the checkpoint in use; if not, see `reembed`.

        Raises:
            InputError: there is no such archive.
            ServiceError: its manifest is damaged.
        """
        manifest = self.manifest(id)
        row = 2 * manifest.dimensions + 8
        return {
            "id": manifest.id,
            "name": manifest.name,
            "made": manifest.made,
            "recordings": [
                {"id": one.id, "name": one.name, "seconds": one.seconds, "segments": one.segments}
                for one in manifest.recordings
            ],
            "hours": round(manifest.seconds / 3600, 4),
            "segments": manifest.alive,
            "bytes": sum(one.bytes for one in manifest.recordings) + row * manifest.rows,
            "built_in": manifest.built_in,
            "current": not self.stale(manifest),
        }

    def builtin(self) -> list[dict[str, Any]]:
        """Return the built-in archives, described; damaged ones are left out."""
        found = []
        for id in self.ids():
            if not re.search(r"-[0-9a-f]{20}$", id):  # a visitor's: nobody else may learn its id
                with contextlib.suppress(InputError, ServiceError):
                    found.append(self.describe(id))
        return [one for one in found if one["built_in"]]

    def delete(self, id: str, key: str) -> None:
        """Delete an archive with all its recordings.

        Raises:
            InputError: there is no such archive, the key is wrong, or it is built in.
        """
        folder = self.path(id)
        with self.locked(id):
            if not (folder / MANIFEST).exists():
                raise missing(id)
            try:
                self.allow(id, key)
            except DamagedError as error:
                self.allow_damaged(folder, key, error)
            self.take_away(folder)
        self.forget(id)

    def allow_damaged(self, folder: Path, key: str, error: ServiceError) -> None:
        """Raise `error` unless what is left of a damaged manifest tells that `key` opens it."""
        left = (folder / MANIFEST).read_bytes()
        if not key or sha256(key).encode() not in left:
            raise error

    def take_away(self, folder: Path) -> None:
        """Delete a folder; from the first step on it is no archive any more."""
        gone = folder.with_name(f".deleted-{secrets.token_hex(8)}")
        try:
            folder.rename(gone)
        except OSError:  # Windows, while somebody reads a file of it
            (folder / MANIFEST).unlink(missing_ok=True)
            gone = folder
        sync_folder(self.folder)
        shutil.rmtree(gone, ignore_errors=True)
        self.measured = (-1e9, 0)

    # Recordings.

    def add(
        self,
        id: str,
        key: str,
        name: str,
        samples: np.ndarray,
        networks: Embedder,
        progress: Progress | None = None,
    ) -> Recording:
        """Add a recording: cut it, embed its spans, and commit all at once.

        It is there as a whole or not at all, whatever happens meanwhile. The same content again is
        skipped. Recordings may be added to one archive by several callers: each waits for its turn
        to commit.

        Args:
            name: of the recording, as results show it.
            samples: (samples,) float32 mono at 16 kHz, in [-1, 1].
            progress: is told the share of the spans embedded; what it raises ends the work, and the
                archive stays as it was.

        Raises:
            InputError: no such archive, a wrong key, no speech, a limit is passed.
            ServiceError: there is no room on the disk; BusyError: others write all the time.
        """
        manifest = self.allow(id, key)
        return self.put(self.path(id), manifest, name, samples, networks, progress)

    def put(
        self,
        folder: Path,
        manifest: Manifest,
        name: str,
        samples: np.ndarray,
        networks: Embedder,
        progress: Progress | None = None,
        recording: str = "",
    ) -> Recording:
        """Add a recording to the archive in `folder`, under an id of its own or as `recording`."""
        name = tidy(name, "name", "a recording")
        sound = as_integers(samples)
        same = hashlib.sha256(sound.tobytes()).hexdigest()
        if found := already(manifest, same):
            return found
        seconds = len(sound) / RATE
        check_limits(manifest, name, seconds)
        spans, frames = cut(sound.astype(np.float32) / 32768)  # as it is kept, in 16 bits
        if not len(spans):
            raise InputError(f"{name}: nobody says anything in it that could be found", "files")
        vectors = embedded(spans, frames, networks, networks.systems[0], progress)
        flac, cepstra = encoded(sound), cepstra_of(frames)
        self.check_room(len(flac) + len(cepstra) + vectors.nbytes)
        with self.locked(manifest.id):
            manifest = read_manifest(folder, manifest.id)
            if found := already(manifest, same):
                return found
            check_limits(manifest, name, seconds)
            checkpoint = weights_of(networks)
            if manifest.recordings and manifest.checkpoint != checkpoint:
                manifest = self.embed_again(folder, manifest, networks, None)
            entry = Entry(
                recording or secrets.token_hex(8),
                name,
                round(seconds, 3),
                same,
                manifest.rows,
                len(spans),
                len(flac) + len(cepstra),
                round(time.time(), 3),
            )
            manifest = replace(
                manifest,
                checkpoint=checkpoint,
                system=networks.systems[0],
                dimensions=vectors.shape[1],
            )
            self.commit(folder, manifest, entry, flac, cepstra, spans, vectors)
        return Recording(entry.id, name, entry.seconds, entry.segments)

    def commit(
        self,
        folder: Path,
        manifest: Manifest,
        entry: Entry,
        flac: bytes,
        cepstra: bytes,
        spans: np.ndarray,
        vectors: np.ndarray,
    ) -> None:
        """Write a recording, its spans and vectors, and then the manifest that names them."""
        sweep(folder, manifest)
        with full_disk(shown(manifest)):
            try:
                put_file(sound_path(folder, entry.id), flac)
                put_file(cepstra_path(folder, entry.id), cepstra)
                append(vectors_path(folder, manifest), vectors, manifest.rows)
                append(spans_path(folder, manifest), spans, manifest.rows)
                write_manifest(
                    folder,
                    replace(
                        manifest,
                        rows=manifest.rows + len(vectors),
                        recordings=(*manifest.recordings, entry),
                    ),
                )
            except BaseException:  # the disk is full, or somebody pressed ctrl-C
                with contextlib.suppress(OSError, ServiceError):
                    sweep(folder, read_manifest(folder, manifest.id))
                raise
        self.measured = (self.measured[0], self.measured[1] + entry.bytes + vectors.nbytes)

    def remove(self, id: str, key: str, recording: str) -> None:
        """Take one recording out of an archive, by its id.

        Raises:
            InputError: no such archive or recording, a wrong key, or the archive is built in.
        """
        folder = self.path(id)
        self.allow(id, key)
        with self.locked(id), full_disk(f"archive {id}"):
            manifest = read_manifest(folder, id)
            entry = entry_of(manifest, recording)
            left = tuple(one for one in manifest.recordings if one.id != recording)
            manifest = replace(manifest, recordings=left)
            write_manifest(folder, manifest)
            sound_path(folder, recording).unlink(missing_ok=True)
            cepstra_path(folder, recording).unlink(missing_ok=True)
            wipe(vectors_path(folder, manifest), entry, 2 * manifest.dimensions)
            wipe(spans_path(folder, manifest), entry, 8)
            if manifest.rows - manifest.alive > WASTED * manifest.rows:
                with contextlib.suppress(OSError):  # without room, the holes stay
                    move_together(folder, manifest)
        self.measured = (-1e9, 0)

    # Searching.

    def search(self, id: str, vector: np.ndarray, k: int) -> list[Hit]:
        """Return the at most `k` spans nearest to `vector`, the nearest first; of spans that
        overlap, the nearest.

        Args:
            vector: (dimensions,), unit length, of the default system.

        Raises:
            InputError: no such archive, it is empty, or its vectors are of another checkpoint.
        """
        opened = self.open(id)
        with opened.lock:
            opened.follow()
            manifest = opened.manifest
            self.check_searchable(manifest, len(vector))
            wanted = 10 * k + 50
            while True:
                rows, scores = opened.index.nearest(vector, wanted, opened.vectors)
                found = distinct(opened.found(rows, scores), k)
                if len(found) >= k or len(rows) >= len(opened.index) or wanted > 2000 * k:
                    return hits_of(opened.entries, found)
                wanted *= 4

    def find(
        self,
        id: str,
        query: Query,
        k: int,
        networks: Embedder,
        system: str = "",
        align: bool = True,
    ) -> list[Hit]:
        """Return the at most `k` places where a query is said, the best first: `places` tells how.

        Args:
            system: which one the vectors are of; empty: the default. Another one's vectors of the
                archive are made when they are first asked for, and kept in memory.
            align: whether what the vectors find is aligned with the query.

        Raises:
            InputError: as `search`; or, of another system, the archive is larger than an hour.
        """
        from hub_search import places  # with torch and numba, which who only stores does without

        frames = len(query.features)
        own = system in ("", networks.systems[0])
        if own and not align and len(query.vectors) == 1:
            return self.search(id, query.vectors[0], k)
        rows, vectors = (None, None) if own else self.embed_all(id, networks, system)
        opened = self.open(id)
        with opened.lock:
            opened.follow()
            self.check_searchable(opened.manifest, query.vectors.shape[1] if own else None)
            entries, found = opened.entries, []
            windows = len(opened.index)
            most = places.asked_for(frames, windows, k)
            for vector in query.vectors:
                if rows is None or vectors is None:
                    best, scores = opened.index.nearest(vector, most, opened.vectors)
                else:
                    scores = cosines(vectors, vector)
                    order = np.argsort(-scores, kind="stable")[:most]
                    best, scores = rows[order], scores[order]
                found.append(opened.found(best, scores))
        near = places.joined(found, frames)
        if align:
            near = near[: places.looked_at(frames, windows, k)]
            near = self.aligned(opened, entries, query.features, near)
        return hits_of(entries, distinct(near, k))

    def aligned(
        self, opened: Opened, entries: Sequence[Entry], query: np.ndarray, near: Places
    ) -> Places:
        """Return where the query is said at or near some places, the best first.

        Args:
            entries: the recordings that places are numbered by.
            query: (frames, features).
        """
        from hub_search import places

        cepstra: dict[int, np.ndarray] = {}
        for index in np.unique(near.recording).tolist():
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                cepstra[index] = opened.cepstra(entries[index])
        lengths = np.array([len(cepstra.get(index, ())) for index in near.recording.tolist()])
        near = near[near.spans[:, 0] + 1 < lengths] if len(near) else near
        if not len(near):
            return near
        margin = places.reach(len(query))
        pieces, within = places.sounds(
            [cepstra[index] for index in near.recording.tolist()], near.spans, margin
        )
        scores, found = places.looked_again(query, pieces, within, near.scores)
        spans = found + (near.spans[:, 0] - within[:, 0])[:, None]
        order = np.argsort(-scores, kind="stable")
        return places.Places(near.recording[order], spans[order], scores[order])

    def embed_all(self, id: str, networks: Embedder, system: str) -> tuple[np.ndarray, np.ndarray]:
        """Return all rows of a small archive, (rows,), and their vectors by `system`, (rows,
        dimensions) float32."""
        opened = self.open(id)
        with opened.lock:
            opened.follow()
            manifest = opened.manifest
            self.check_searchable(manifest)
            if manifest.seconds > MAX_SECONDS:
                raise InputError(
                    f"archive {id} has {manifest.seconds / 3600:.1f} hours; systems are compared "
                    "on archives of at most one",
                    "archive",
                )
            name = (id, system, sha256(repr(manifest.recordings) + manifest.checkpoint))
            with self.guard:
                if name in self.others:
                    self.others.move_to_end(name)
                    return self.others[name]
            spans = np.array(opened.spans)
        rows, vectors = [], []
        for one in manifest.recordings:
            _, frames = framed(decoded(sound_path(self.path(id), one.id)))
            own = np.arange(one.first, one.first + one.segments)
            rows.append(own)
            vectors.append(embedded(spans[own], frames, networks, system, None))
        found = np.concatenate(rows), np.concatenate(vectors)
        with self.guard:
            self.others[name] = found
            while len(self.others) > 8:
                self.others.popitem(last=False)
        return found

    def samples(
        self, id: str, recording: str, start: float = 0.0, end: float | None = None
    ) -> np.ndarray:
        """Return the sound of a stretch of a recording, (samples,) float32 at 16 kHz.

        Args:
            start: seconds; what lies before or after the recording is left out.
            end: None: to the end.

        Raises:
            InputError: no such archive or recording.
        """
        entry_of(self.manifest(id), recording)
        try:
            return decoded(sound_path(self.path(id), recording), start, end)
        except FileNotFoundError as error:
            raise no_recording(id, recording) from error

    def vectors(self, id: str, most: int) -> tuple[np.ndarray, list[Span]]:
        """Return vectors of spans spread over an archive, for a map: (count, dimensions) float32,
        and where each lies; always the same of the same archive, and such as do not overlap while
        there are enough."""
        opened = self.open(id)
        with opened.lock:
            opened.follow()
            self.check_searchable(opened.manifest)
            rows = spread(opened.live, opened.places(opened.live), opened.spans, most)
            spans = [
                Span(one.recording, one.name, one.start, one.end)
                for one in hits_of(opened.entries, opened.found(rows, np.zeros(len(rows))))
            ]
            return np.asarray(opened.vectors[rows], np.float32), spans

    # Another checkpoint.

    def stale(self, manifest: Manifest | str) -> bool:
        """Return whether an archive's vectors are of another checkpoint than the one in use."""
        if isinstance(manifest, str):
            manifest = self.manifest(manifest)
        known = self.checkpoint and manifest.recordings
        return bool(known) and manifest.checkpoint != self.checkpoint

    def reembed(self, id: str, networks: Embedder, progress: Progress | None = None) -> None:
        """Make an archive's vectors anew by the checkpoint in use, where they are of another.

        Others see the old ones until all is done. It takes as long as adding all recordings did.

        Raises:
            InputError: no such archive. BusyError: another is at it.
        """
        folder = self.path(id)
        with self.locked(id):
            manifest = self.manifest(id)
            if manifest.recordings and manifest.checkpoint != weights_of(networks):
                self.embed_again(folder, manifest, networks, progress)

    def embed_again(
        self, folder: Path, manifest: Manifest, networks: Embedder, progress: Progress | None
    ) -> Manifest:
        system = networks.systems[0]
        fresh = replace(
            manifest,
            generation=manifest.generation + 1,
            checkpoint=weights_of(networks),
            system=system,
            rows=0,
            recordings=(),
            index=None,
        )
        sweep(folder, manifest)
        with full_disk(shown(manifest)):
            try:
                for done, one in enumerate(manifest.recordings):
                    spans, frames = cut(decoded(sound_path(folder, one.id)))
                    vectors = embedded(spans, frames, networks, system, None)
                    append(vectors_path(folder, fresh), vectors, fresh.rows)
                    append(spans_path(folder, fresh), spans, fresh.rows)
                    entry = replace(one, first=fresh.rows, segments=len(spans))
                    fresh = replace(
                        fresh,
                        dimensions=vectors.shape[1],
                        rows=fresh.rows + len(spans),
                        recordings=(*fresh.recordings, entry),
                    )
                    if progress is not None:
                        progress((done + 1) / len(manifest.recordings))
                write_manifest(folder, fresh)
            except BaseException:
                with contextlib.suppress(OSError):
                    sweep(folder, manifest)
                raise
        sweep(folder, fresh)
        return fresh

    # Inside.

    def path(self, id: str) -> Path:
        """Return an archive's folder.

        Raises:
            InputError: that is no id, or nothing is there.
        """
        if not isinstance(id, str) or not ID.fullmatch(id):
            raise InputError("that is no archive's id: small letters, digits and '-'", "archive")
        folder = self.folder / id
        if not folder.is_dir():
            raise missing(id)
        return folder

    def manifest(self, id: str) -> Manifest:
        return read_manifest(self.path(id), id)

    def allow(self, id: str, key: str) -> Manifest:
        """Return the manifest of an archive that `key` opens.

        Raises:
            InputError: it does not.
        """
        manifest = self.manifest(id)
        if manifest.built_in:
            raise InputError(
                f"archive {id} is built in and cannot be changed; make your own", "archive"
            )
        given = sha256(key) if isinstance(key, str) else ""
        if not hmac.compare_digest(given, manifest.key):
            raise InputError(
                f"that is not the key of archive {id}; it was told when the archive was made", "key"
            )
        return manifest

    def check_searchable(self, manifest: Manifest, dimensions: int | None = None) -> None:
        if not manifest.recordings:
            raise InputError(
                f"archive {manifest.id} is empty; add recordings to it first", "archive"
            )
        if self.stale(manifest) or dimensions not in (None, manifest.dimensions):
            raise InputError(
                f"archive {manifest.id} was indexed by another version of the model; it must be "
                "indexed again",
                "archive",
            )

    def check_room(self, needed: int) -> None:
        """Refuse what would fill the disk, or go beyond what archives may take.

        Raises:
            ServiceError: it would.
        """
        when, used = self.measured
        if time.monotonic() - when > 60:
            used = size_of(self.folder)
            self.measured = (time.monotonic(), used)
        if used + needed > self.max_bytes:
            raise ServiceError(
                f"archives take {shown_bytes(used)} here, and no more than "
                f"{shown_bytes(int(self.max_bytes))} is kept; delete recordings or archives"
            )
        if shutil.disk_usage(self.folder).free < needed + self.spare:
            raise no_room("nothing was changed")

    @contextlib.contextmanager
    def locked(self, id: str, patience: float | None = None) -> Iterator[None]:
        """Keep other writers of the archive out: threads and processes.

        Args:
            patience: seconds to wait for them.

        Raises:
            BusyError: they did not end in time.
        """
        number = id.strip(".") if id in (".create", ".build") else int(sha256(id)[:8], 16) % LOCKS
        lock = FileLock(self.folder / ".locks" / f"{number}.lock", thread_local=False)
        try:
            with lock.acquire(patience or self.patience, poll_interval=0.02):
                yield
        except Timeout as error:
            raise BusyError(
                f"archive {id} is busy indexing for another caller; try again in a minute"
            ) from error

    def open(self, id: str) -> Opened:
        """Return an archive opened for searching; the least recently used ones make room."""
        folder = self.path(id)
        with self.guard:
            if id not in self.opened:
                self.opened[id] = Opened(self, folder, id)
            self.opened.move_to_end(id)
            opened = self.opened[id]
            while len(self.opened) > 1 and (
                len(self.opened) > OPEN_MOST
                or sum(one.bytes for one in self.opened.values()) > IN_MEMORY
            ):
                self.opened.popitem(last=False)
        return opened

    def forget(self, id: str) -> None:
        with self.guard:
            self.opened.pop(id, None)
            for name in [name for name in self.others if name[0] == id]:
                del self.others[name]

    def sweep_folder(self) -> None:
        """Take away what is left of archives that were being made or deleted an hour ago."""
        for one in self.folder.glob(".*-*"):
            if re.fullmatch(r"\.(new|deleted)-[0-9a-f]{16}", one.name):
                with contextlib.suppress(OSError):
                    if time.time() - one.stat().st_mtime > 3600:
                        shutil.rmtree(one, ignore_errors=True)


class Opened:
    """An archive's index in memory, and its files mapped; used under its lock."""

    def __init__(self, archives: Archives, folder: Path, id: str) -> None:
        self.archives, self.folder, self.id = archives, folder, id
        self.lock = threading.RLock()
        self.stamp: tuple[int, ...] = ()
        self.manifest = nothing(id)
        self.index = Index(1)
        self.known = 0  # rows that the index was told of
        self.live = np.zeros(0, np.int64)
        self.vectors: np.ndarray = np.zeros((0, 1), np.float16)
        self.spans: np.ndarray = np.zeros((0, 2), np.int32)
        self.firsts = self.ends = np.zeros(0, np.int64)  # rows of each of `entries`
        self.entries: list[Entry] = []
        self.sounds: OrderedDict[str, np.ndarray] = OrderedDict()  # cepstra by recording

    @property
    def bytes(self) -> int:
        row = 2 * self.manifest.dimensions if self.index.rows.size else 48
        return len(self.index) * row + sum(one.nbytes for one in list(self.sounds.values()))

    def follow(self) -> None:
        """Bring what is in memory to what is on disk.

        Raises:
            InputError: the archive was deleted.
            ServiceError: its manifest or its vectors are damaged.
        """
        for _ in range(5):  # while we read, the files may give way to the next generation's
            try:
                stamp = stamp_of(self.folder / MANIFEST)
                if stamp == self.stamp:
                    return
                manifest = read_manifest(self.folder, self.id)
                self.take(manifest)
                self.stamp = stamp
                return
            except FileNotFoundError:
                continue
            except BaseException:  # half taken: begin anew next time
                self.stamp, self.manifest = (), nothing(self.id)
                raise
        if (self.folder / MANIFEST).exists():
            raise damaged(self.id, "its vectors are missing")
        raise missing(self.id)

    def take(self, manifest: Manifest) -> None:
        vectors, spans = mapped(self.folder, manifest)
        live = manifest.live_rows()
        if rows_of(manifest) != rows_of(self.manifest):
            self.index, self.known = self.read_index(manifest)
            told = self.index.indexed()
        else:
            told = self.live
        self.manifest, self.vectors, self.spans = manifest, vectors, spans
        gone = np.setdiff1d(told, live, assume_unique=True)
        if len(gone):
            self.index.remove(gone)
        fresh = live[live >= self.known]
        if len(fresh):
            self.index.add(fresh, vectors)
        self.live, self.known = live, manifest.rows
        self.entries = sorted(manifest.recordings, key=lambda one: one.first)
        self.firsts = np.array([one.first for one in self.entries], np.int64)
        self.ends = self.firsts + [one.segments for one in self.entries]
        self.sounds.clear()
        self.keep_index()

    def read_index(self, manifest: Manifest) -> tuple[Index, int]:
        """Return the inverted file on disk, and the rows it knows; an empty index if there is none
        or it is damaged: it is made again of the vectors."""
        index = Index(max(manifest.dimensions, 1), self.archives.large)
        saved = manifest.index
        if saved is None or saved.trained == 0:
            return index, 0
        path = self.folder / saved.file
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() != saved.sha256:
                return index, 0
            index.open(path, saved.trained)
        except (OSError, ValueError, RuntimeError):
            return Index(manifest.dimensions, self.archives.large), 0
        return index, saved.rows

    def keep_index(self) -> None:
        """Write the inverted file where the one on disk is behind; that it fails harms nobody."""
        saved, manifest = self.manifest.index, self.manifest
        if self.index.inverted is None:
            return
        enough = saved is not None and (self.folder / saved.file).is_file()
        if enough and saved and manifest.rows - saved.rows <= UNSAVED * saved.rows:
            if saved.trained == self.index.trained:
                return
        file = f"index-{manifest.generation}-{self.known}.faiss"
        with contextlib.suppress(OSError, BusyError, ServiceError, RuntimeError):
            with self.archives.locked(self.id, patience=0.5):  # searches wait meanwhile
                current = read_manifest(self.folder, self.id)
                if (current.generation, current.rows) != (manifest.generation, manifest.rows):
                    return  # somebody wrote meanwhile; the next search keeps it
                partial = self.folder / f"{file}{PARTIAL}"
                self.index.save(partial)
                sync_file(partial)
                partial.replace(self.folder / file)
                digest = hashlib.sha256((self.folder / file).read_bytes()).hexdigest()
                kept = Saved(file, self.known, self.index.trained, digest)
                write_manifest(self.folder, replace(current, index=kept))
                sweep(self.folder, replace(current, index=kept))

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Return which of `entries` each row lies in, or after."""
        return np.searchsorted(self.firsts, rows, side="right") - 1

    def found(self, rows: np.ndarray, scores: np.ndarray) -> Places:
        """Return where `rows` lie, in their order, numbered by `entries`; rows of removed
        recordings are left out."""
        from hub_search.places import Places

        which = self.places(rows)
        there = (which >= 0) & (rows < self.ends[which])
        spans = np.asarray(self.spans[rows[there]], np.int64)
        return Places(which[there], spans, scores[there])

    def cepstra(self, entry: Entry) -> np.ndarray:
        """Return the cepstra of a recording, (frames, 8) float16; where they are missing, as in
        archives made before there were any, they are made of its sound and kept.

        Raises:
            FileNotFoundError: the recording is not there any more.
        """
        with self.lock:
            found = self.sounds.pop(entry.id, None)
            if found is None:
                found = self.read_cepstra(entry)
            self.sounds[entry.id] = found  # the last used one stays longest
            while len(self.sounds) > 1 and sum(map(len, self.sounds.values())) > FRAMES_KEPT:
                self.sounds.popitem(last=False)
            return found

    def read_cepstra(self, entry: Entry) -> np.ndarray:
        path = cepstra_path(self.folder, entry.id)
        try:
            kept = np.fromfile(path, np.float16).reshape(-1, CEPSTRA)
            if abs(len(kept) - entry.seconds * RATE / FRAME) < 2:  # seconds are rounded
                return kept
        except (FileNotFoundError, ValueError):  # the latter of what is cut off
            pass
        content = cepstra_of(framed(decoded(sound_path(self.folder, entry.id)))[1])
        with contextlib.suppress(OSError):
            put_file(path, content)
        return np.frombuffer(content, np.float16).reshape(-1, CEPSTRA)


def nothing(id: str) -> Manifest:
    """Return the manifest of an archive that nothing is known of."""
    return Manifest(id, "", 0, "", "", "", 0, generation=0)


def rows_of(manifest: Manifest) -> tuple[object, ...]:
    """Return what tells whether two manifests number the same rows."""
    return manifest.made, manifest.generation, manifest.checkpoint, manifest.dimensions


# What a recording becomes.


def framed(samples: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """Return the loudness of a recording, (frames,), and its frames as encoders take them, (frames,
    bands)."""
    from hub.audio import loudness
    from hub_search.model import frames_of

    return loudness(samples), frames_of(samples)


def cut(samples: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """Return the spans of a recording, (spans, 2) int32 in frames, and its frames."""
    loud, frames = framed(samples)
    return segments.spans(loud, frames), frames


def embedded(
    spans: np.ndarray,
    frames: Tensor,
    networks: Embedder,
    system: str,
    progress: Progress | None,
) -> np.ndarray:
    """Return a vector of each span, (spans, dimensions) float16."""
    parts = []
    for start in range(0, len(spans), EMBEDDED_AT_ONCE):
        some = spans[start : start + EMBEDDED_AT_ONCE].tolist()
        parts.append(networks.embed([frames[a:b] for a, b in some], system).astype(np.float16))
        if progress is not None:
            progress(min(1.0, (start + len(some)) / len(spans)))
    return np.concatenate(parts)


def cepstra_of(frames: Tensor) -> bytes:
    """Return what is kept of the cepstra of a recording's frames, (frames, bands)."""
    from hub.audio import mfcc

    return mfcc(frames, CEPSTRA).cpu().numpy().astype("<f2").tobytes()


def as_integers(samples: np.ndarray) -> np.ndarray:
    return (np.clip(samples, -1, 1) * 32767).round().astype("<i2")


def encoded(sound: np.ndarray) -> bytes:
    """Return 16-bit samples as FLAC."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, sound, RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def decoded(path: Path, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """Return the sound of a FLAC file, (samples,) float32, from `start` to `end` in seconds.

    Raises:
        FileNotFoundError: it is not there.
        ServiceError: it is damaged.
    """
    import soundfile

    content = path.open("rb")
    with content:
        try:
            with soundfile.SoundFile(content) as sound:
                first = min(max(0, round(start * RATE)), sound.frames)
                last = sound.frames if end is None else min(max(0, round(end * RATE)), sound.frames)
                sound.seek(first)
                return sound.read(max(0, last - first), dtype="float32")
        except soundfile.LibsndfileError as error:
            raise ServiceError(
                f"recording {path.stem} is damaged on the server's disk; remove it and add it again"
            ) from error


def distinct(found: Places, k: int) -> Places:
    """Return the best `k` of places, which come best first, without those that overlap a better one
    by more than 0.3 of the shorter of the two (non-maximum suppression)."""
    kept: list[int] = []
    of_recording: dict[int, list[tuple[int, int]]] = {}
    spans = zip(found.recording.tolist(), found.spans.tolist(), strict=True)
    for index, (recording, (start, end)) in enumerate(spans):
        if len(kept) == k:
            break
        better = of_recording.setdefault(recording, [])
        if not any(
            min(end, last) - max(start, first) > SAME * min(end - start, last - first)
            for first, last in better
        ):
            kept.append(index)
            better.append((start, end))
    return found[np.array(kept, np.int64)]


def hits_of(entries: Sequence[Entry], found: Places) -> list[Hit]:
    """Return places as callers are told them, in their order."""
    return [
        Hit(entries[index].id, entries[index].name, start / 100, end / 100, round(score, 6))
        for index, (start, end), score in zip(
            found.recording.tolist(), found.spans.tolist(), found.scores.tolist(), strict=True
        )
    ]


def spread(rows: np.ndarray, recordings: np.ndarray, spans: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` of `rows`, sorted: first such whose spans do not overlap.

    Args:
        recordings: (rows,), which recording each lies in.
        spans: (all rows, 2), start and end in frames.
    """
    free: set[tuple[int, int]] = set()
    chosen, rest = [], []
    for place in np.random.default_rng(0).permutation(len(rows))[: 40 * most].tolist():
        start, end = spans[rows[place]].tolist()
        cells = {(int(recordings[place]), cell) for cell in range(start // 10, end // 10 + 1)}
        if cells & free:
            rest.append(rows[place])
        else:
            free |= cells
            chosen.append(rows[place])
        if len(chosen) == most:
            break
    return np.sort(np.array((chosen + rest)[:most], np.int64))


# Manifests.


class DamagedError(ServiceError):
    """An archive's files on disk are not what they must be."""


def read_manifest(folder: Path, id: str) -> Manifest:
    """Return the manifest in `folder`.

    Raises:
        InputError: there is none: the archive was deleted.
        DamagedError: it is not what was written.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(id) from error
    except OSError as error:
        raise damaged(id, "its manifest cannot be read") from error
    try:
        told = json.loads(content)
        check = told.pop("check")
        if check != check_of(told):
            raise ValueError("its manifest is not what was written")
        if told.pop("format") != FORMAT:
            raise ValueError("it is of another version of the hub")
        told["recordings"] = tuple(Entry(**one) for one in told["recordings"])
        told["index"] = Saved(**told["index"]) if told["index"] else None
        return Manifest(**told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = str(error) if type(error) is ValueError else "its manifest is not what was written"
        raise damaged(id, why) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    told = {"format": FORMAT, **asdict(manifest)}
    content = json.dumps({**told, "check": check_of(told)}, ensure_ascii=False, indent=1).encode()
    put_file(folder / MANIFEST, content)


def check_of(told: dict[str, Any]) -> str:
    return sha256(json.dumps(told, sort_keys=True))


def put_file(path: Path, content: bytes) -> None:
    """Write a file under another name, bring it to the disk, and rename it."""
    partial = path.with_name(path.name + PARTIAL)
    write_through(partial, content)
    partial.replace(path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def append(path: Path, values: np.ndarray, rows: int) -> None:
    """Write `values`, (count, columns), after the first `rows` rows of a file, over what a write
    that was cut off left there, and wait until the disk has it."""
    content = np.ascontiguousarray(values).tobytes()
    with path.open("rb+" if path.exists() else "xb") as file:
        file.seek(rows * values.shape[1] * values.itemsize)
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def wipe(path: Path, entry: Entry, width: int) -> None:
    """Overwrite a removed recording's rows, of `width` bytes each, with zeros."""
    with path.open("rb+") as file:
        file.seek(entry.first * width)
        file.write(bytes(entry.segments * width))
        file.flush()
        os.fsync(file.fileno())


def sweep(folder: Path, manifest: Manifest) -> None:
    """Take away what the manifest does not name; for who holds the lock."""
    sound = {f"{one.id}{end}" for one in manifest.recordings for end in (".flac", ".mfcc")}
    named = {MANIFEST, "sound", vectors_path(folder, manifest).name}
    named |= {spans_path(folder, manifest).name}
    named |= {manifest.index.file} if manifest.index else set()
    for one in [*(folder / "sound").iterdir(), *folder.iterdir()]:
        if one.name not in (sound if one.parent.name == "sound" else named):
            with contextlib.suppress(OSError):  # Windows, while somebody reads it
                one.unlink()
    for path, width in (
        (vectors_path(folder, manifest), 2 * manifest.dimensions),
        (spans_path(folder, manifest), 8),
    ):
        if path.exists() and path.stat().st_size > manifest.rows * width:
            with contextlib.suppress(OSError):
                os.truncate(path, manifest.rows * width)


def move_together(folder: Path, manifest: Manifest) -> None:
    """Copy the rows that belong to a recording into files of the next generation."""
    fresh = replace(manifest, generation=manifest.generation + 1, rows=0, recordings=(), index=None)
    vectors, spans = mapped(folder, manifest)
    for one in manifest.recordings:
        own = slice(one.first, one.first + one.segments)
        append(vectors_path(folder, fresh), vectors[own], fresh.rows)
        append(spans_path(folder, fresh), spans[own], fresh.rows)
        entry = replace(one, first=fresh.rows)
        fresh = replace(
            fresh,
            rows=fresh.rows + one.segments,
            recordings=(*fresh.recordings, entry),
        )
    write_manifest(folder, fresh)
    sweep(folder, fresh)


def mapped(folder: Path, manifest: Manifest) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors, (rows, dimensions) float16, and the spans, (rows, 2) int32, of an
    archive, as memory maps.

    Raises:
        FileNotFoundError: the files are not there.
        DamagedError: they are shorter than the manifest says.
    """
    if not manifest.rows:
        return np.zeros((0, max(manifest.dimensions, 1)), np.float16), np.zeros((0, 2), np.int32)
    try:
        return (
            np.memmap(
                vectors_path(folder, manifest),
                np.float16,
                "r",
                shape=(manifest.rows, manifest.dimensions),
            ),
            np.memmap(spans_path(folder, manifest), "<i4", "r", shape=(manifest.rows, 2)),
        )
    except ValueError as error:  # shorter than what is to be mapped
        raise damaged(manifest.id, "its vectors are cut off") from error


def vectors_path(folder: Path, manifest: Manifest) -> Path:
    return folder / f"vectors-{manifest.generation}.f16"


def spans_path(folder: Path, manifest: Manifest) -> Path:
    return folder / f"spans-{manifest.generation}.i32"


def sound_path(folder: Path, recording: str) -> Path:
    return folder / "sound" / f"{recording}.flac"


def cepstra_path(folder: Path, recording: str) -> Path:
    return folder / "sound" / f"{recording}.mfcc"


def entry_of(manifest: Manifest, recording: str) -> Entry:
    """Return a recording of an archive.

    Raises:
        InputError: it is not in it.
    """
    found = next((one for one in manifest.recordings if one.id == recording), None)
    if found is None:
        raise no_recording(manifest.id, recording)
    return found


def already(manifest: Manifest, same: str) -> Recording | None:
    """Return the recording with that content, if it is there."""
    for one in manifest.recordings:
        if one.sha256 == same:
            return Recording(one.id, one.name, one.seconds, one.segments, skipped=True)
    return None


def check_limits(manifest: Manifest, name: str, seconds: float) -> None:
    """Refuse what an archive does not take.

    Raises:
        InputError: the recording is too long, or the archive full.
    """
    if seconds > MAX_SECONDS:
        raise InputError(
            f"{name}: {seconds / 3600:.2f} hours; a recording may have at most one hour: cut it",
            "files",
        )
    if manifest.seconds + seconds > MAX_HOURS * 3600:
        raise InputError(
            f"{name}: archive {manifest.id} would have more than {MAX_HOURS:g} hours; make another",
            "files",
        )
    if len(manifest.recordings) >= MAX_RECORDINGS:
        raise InputError(
            f"{name}: archive {manifest.id} has {MAX_RECORDINGS} recordings; make another", "files"
        )


def weights_of(networks: Any) -> str:
    """Return what tells one checkpoint from another: the sha256 of its weights."""
    told = getattr(networks, "sha256", "")
    if isinstance(told, str) and told:
        return told
    digest = hashlib.sha256()
    for system, encoder in sorted(networks.encoders.items()):
        digest.update(system.encode())
        for name, one in sorted(encoder.state_dict().items()):
            digest.update(name.encode() + one.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


# Small things.


def tidy(name: str, argument: str, what: str) -> str:
    """Return a name without line breaks and what cannot be printed.

    Raises:
        InputError: nothing is left, or too much.
    """
    printable = "".join(one if one.isprintable() else " " for one in str(name))
    tidied = " ".join(printable.split())
    if not tidied or len(tidied) > MAX_NAME:
        raise InputError(
            f"the name of {what} must have 1 to {MAX_NAME} characters, got {len(tidied)}", argument
        )
    return tidied


def slug(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:24].strip("-")
    return plain or "archive"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is replaced."""
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def size_of(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size
    return total


def shown(manifest: Manifest) -> str:
    return f"archive {manifest.id}"


@contextlib.contextmanager
def full_disk(what: str) -> Iterator[None]:
    """Turn the system's word for a full disk, or one that cannot be written, into ours.

    Raises:
        ServiceError: there is no room, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise no_room(f"{what} is as it was") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ServiceError(
                f"{what} cannot be written here; the operator can name another folder"
            ) from error
        raise


def no_room(then: str) -> ServiceError:
    return ServiceError(
        f"the server's disk is full; {then}: delete recordings, or ask the operator for room"
    )


def missing(id: str) -> InputError:
    return InputError(f"no archive {id!r} is here: it was deleted, or the id is wrong", "archive")


def no_recording(id: str, recording: str) -> InputError:
    shown_id = (
        recording if isinstance(recording, str) and RECORDING.fullmatch(recording) else "that"
    )
    return InputError(
        f"archive {id} has no recording {shown_id}: it was removed, or the id is wrong", "recording"
    )


def damaged(id: str, why: str) -> DamagedError:
    return DamagedError(
        f"archive {id} is damaged ({why}): delete it and add its recordings again, or restore it "
        "from a backup"
    )
