"""Checkpoints to and from the Hugging Face Hub.

What is fetched goes into the Hugging Face cache, at the full commit SHA that the lock pins, so that
the tools people know see it there: the layout and the links are made by huggingface_hub. Three
things are ours, because that library (2.4) does otherwise:

- A download that was cut off goes on where it stopped, also after `kill -9`. It is kept beside the
  cache's blobs, `<etag>.latenthub.incomplete`, and becomes a blob when it is whole and sound. Xet
  would begin again, so files come by plain HTTP, which the Hub offers for those too; an upload
  takes the way the library chooses, Xet where that is on.
- Each file is compared with its sha256: the library takes whatever has the right size.
- Each error says what to do, and none of them shows a token (hub.remote).

huggingface_hub is imported when something is asked of the Hub, or found in its cache.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from hub.checkpoints import (
    CARD,
    CONFIG,
    PICKLES,
    WEIGHTS,
    check_owner,
    check_weights,
    file_names,
)
from hub.errors import CheckpointError
from hub.files import file_sha256, shown_bytes, sync_folder
from hub.lock import PATTERNS, Locked
from hub.remote import (
    FULL,
    PUSH_TIMEOUT,
    check_repo_id,
    headers,
    hub_address,
    is_offline,
    quiet,
    the_hub,
    told,
)

Report: TypeAlias = Callable[[int, int], None]  # (bytes there, bytes in all); may raise to stop
ROOM = 16_000_000  # bytes left free on the disk beside what is fetched
ATTEMPTS, PAUSE = 3, 1.0  # to go on with a file that was cut off; seconds between two


@dataclass(frozen=True)
class RemoteFile:
    """A file on the Hub, as the Hub tells of it."""

    name: str
    url: str
    etag: str  # the name of its blob in the cache
    size: int  # bytes


def silent(there: int, total: int) -> None:
    """Report to nobody."""


# Pulling.


def fetch(pin: Locked, report: Report = silent, offline: bool = False) -> Path:
    """Bring the files of a pin into the Hugging Face cache; return their folder there.

    Safe to call from several processes at once. What is there already is not asked for again.

    Args:
        offline: ask the Hub nothing; so does HF_HUB_OFFLINE=1.

    Raises:
        CheckpointError: it cannot be fetched; the message says why, and what to do. What was there
            before is as it was.
    """
    folder = pin.folder
    missing = {name: sha for name, sha in pin.files.items() if sha256_at(folder / name) != sha}
    if not missing:
        return folder
    with told(pin.repo_id, pin.revision):
        if offline or is_offline():
            raise CheckpointError(
                f"{pin.source} is not whole in the Hugging Face cache ({', '.join(missing)}), and "
                "this is offline; pull it where there is a network, without --offline or "
                "HF_HUB_OFFLINE"
            )
        download(pin.repo_id, pin.revision, missing, report)
    return folder


def resolve(demo: str, repo_id: str, revision: str = "main", report: Report = silent) -> Locked:
    """Fetch what is at a branch, tag or commit now, and return its pin; no lock is written.

    The config comes first, and the rest only if it is a checkpoint of `demo`.

    Raises:
        SettingsError: `repo_id` is not "owner/name".
        CheckpointError: it cannot be fetched, or is no sound checkpoint of `demo`.
    """
    check_repo_id(repo_id)
    with told(repo_id, revision):
        sha, names = look_up(repo_id, revision)
        pin = Locked(dict.fromkeys(names, ""), repo_id, sha)
        if CONFIG not in names:
            raise CheckpointError(
                f"{pin.source} has no {CONFIG}: it is not a checkpoint of latenthub; see what is "
                f"there at {hub_address()}/{repo_id}"
            )
        download(repo_id, sha, {CONFIG: ""}, silent)
        check_owner(pin.folder, demo)
        if WEIGHTS in names:
            download(repo_id, sha, pin.files, report)
        check_weights(pin.folder)
    files = {name: file_sha256(pin.folder / name) for name in names}
    size = sum((pin.folder / name).stat().st_size for name in names)
    return Locked(files, repo_id, sha, size)


def look_up(repo_id: str, revision: str) -> tuple[str, list[str]]:
    """Return the full SHA of a revision, and the names of its files that may be a checkpoint's."""
    from huggingface_hub import HfApi, constants

    if is_offline():
        raise CheckpointError(
            f"{repo_id} cannot be asked what {revision!r} is: this is offline (HF_HUB_OFFLINE)"
        )
    info = HfApi().model_info(repo_id, revision=revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    if info.sha is None:
        raise CheckpointError(f"{the_hub()} does not tell which commit {repo_id} is at")
    names = sorted(one.rfilename for one in info.siblings or [])
    pickles = [name for name in names if name.endswith(PICKLES)]
    names = [name for name in names if PATTERNS["name"].fullmatch(name) and name not in pickles]
    if WEIGHTS not in names and CONFIG in names:
        found = f"it has {pickles[0]}, but pickles can run code" if pickles else "nothing to load"
        raise CheckpointError(f"{repo_id}@{info.sha[:8]} has no {WEIGHTS}: {found}")
    return info.sha, names


def download(repo_id: str, revision: str, wanted: Mapping[str, str], report: Report) -> None:
    """Bring files at a full commit SHA into the cache.

    Args:
        wanted: name -> sha256; an empty one is not known: the Hub's own hash is compared then.
    """
    files = [ask(repo_id, revision, name) for name in wanted]
    total, done = sum(file.size for file in files), 0
    for file in files:

        def there(count: int, before: int = done) -> None:
            report(before + count, total)

        there(0)
        fetch_file(repo_id, revision, file, wanted[file.name], there)
        done += file.size
    report(total, total)


def ask(repo_id: str, revision: str, name: str) -> RemoteFile:
    """Return what the Hub tells of a file."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(repo_id, name, revision=revision)
    limit = constants.HF_HUB_ETAG_TIMEOUT
    about = get_hf_file_metadata(url, headers=headers(), timeout=limit)
    if about.etag is None or about.size is None or "/" in about.etag:
        raise CheckpointError(
            f"{the_hub()} does not tell the size and hash of {name}; if HF_ENDPOINT names a "
            "mirror, try without it"
        )
    return RemoteFile(name, url, about.etag, about.size)


def fetch_file(
    repo_id: str, revision: str, file: RemoteFile, sha256: str, report: Callable[[int], None]
) -> None:
    """Bring one file into the cache, going on where an earlier download stopped."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.utils import WeakFileLock

    folder = Locked({}, repo_id, revision).folder
    repo = folder.parent.parent
    blob = repo / "blobs" / file.etag
    guard = Path(constants.HF_HUB_CACHE) / ".locks" / repo.name / f"{file.etag}.latenthub.lock"
    for path in (blob, guard):
        path.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(guard):
        if not genuine(blob, file, sha256):
            fill(blob, file, sha256, report)
        if not genuine(folder / file.name, file, sha256):
            (folder / file.name).unlink(missing_ok=True)  # a copy, where there are no links
            hf_hub_download(repo_id, file.name, revision=revision)  # has the blob: makes the link


def fill(blob: Path, file: RemoteFile, sha256: str, report: Callable[[int], None]) -> None:
    """Download a blob, or the rest of it, and put it into its place once it is sound."""
    partial = blob.with_name(f"{file.etag}.latenthub.incomplete")
    begun = size_of(partial)
    if begun > file.size:
        partial.unlink()
        begun = 0
    free = shutil.disk_usage(blob.parent).free
    if free < file.size - begun + ROOM:
        raise OSError(errno.ENOSPC, f"{shown_bytes(free)} free")
    receive(partial, file, report)
    if begun and not genuine(partial, file, sha256):  # what was there before may have been bad
        partial.unlink()
        receive(partial, file, report)
    if not genuine(partial, file, sha256):
        found = file_sha256(partial)
        partial.unlink()
        raise CheckpointError(
            f"{file.name} came with a wrong hash: its sha256 is {found[:12]}…, not "
            f"{(sha256 or file.etag)[:12]}…; pull again, and if it stays so, the file is not the "
            "one that was pinned, or a proxy changes it on the way"
        )
    partial.replace(blob)
    sync_folder(blob.parent)


def receive(partial: Path, file: RemoteFile, report: Callable[[int], None]) -> None:
    """Append to `partial` what it lacks of the file; a connection that is cut is taken up again.

    huggingface_hub's own `http_get` keeps up to 10 MB in memory, and so would lose the whole of a
    small checkpoint.
    """
    vain = 0  # attempts in a row that brought nothing
    while (begun := size_of(partial)) < file.size:
        try:
            receive_once(partial, file, report)
        except Exception as error:
            if not is_cut(error):
                raise
            vain = vain + 1 if size_of(partial) <= begun else 0
            if vain >= ATTEMPTS:
                raise
            time.sleep(PAUSE)
    report(file.size)


def receive_once(partial: Path, file: RemoteFile, report: Callable[[int], None]) -> None:
    try:
        with partial.open("ab") as out:
            receive_into(out, file, report)
    except OSError as error:
        # the rest of the machine needs the room more; once closed, as what is still in the
        # writer's buffer would be written, and fail, before anything could be cut off
        if error.errno in FULL:
            partial.unlink(missing_ok=True)
        raise


def receive_into(out: BinaryIO, file: RemoteFile, report: Callable[[int], None]) -> None:
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import hf_raise_for_status

    there = out.tell()
    # compressed on the way, a part of a file could not be asked for
    asked = {**headers(), "Accept-Encoding": "identity"}
    if there:
        asked["Range"] = f"bytes={there}-"
    limit = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", file.url, headers=asked, timeout=limit) as answer:
        if answer.is_error:
            answer.read()
        hf_raise_for_status(answer)
        if answer.status_code != 206:  # all of it, whatever part was asked for
            there = 0
            out.truncate(0)
        for block in answer.iter_bytes():
            out.write(block)
            there += len(block)
            report(min(there, file.size))
            if there > file.size:
                raise EOFError(f"more than {file.size:,} bytes")
        out.flush()
        os.fsync(out.fileno())
    if there != file.size:
        raise EOFError(f"{there:,} of {file.size:,} bytes")


def is_cut(error: Exception) -> bool:
    """Tell whether it is the connection that failed, which may be better the next time."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"NetworkError", "TimeoutException", "RemoteProtocolError", "EOFError"})


def size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def genuine(path: Path, file: RemoteFile, sha256: str) -> bool:
    """Tell whether a file is there and is what is wanted: by sha256, else by the Hub's own hash."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    if sha256 or PATTERNS["sha256"].fullmatch(file.etag):
        return file_sha256(path) == (sha256 or file.etag)
    if PATTERNS["revision"].fullmatch(file.etag):  # git's name for the content
        head = b"blob %d\0" % file.size
        return hashlib.sha1(head + path.read_bytes()).hexdigest() == file.etag
    return True


def sha256_at(path: Path) -> str:
    return file_sha256(path) if path.is_file() else ""


# Pushing.


def push(folder: Path, demo: str, repo_id: str, private: bool = False, message: str = "") -> Locked:
    """Upload a checkpoint in one commit, creating the repository where there is none; return its
    pin.

    Files of the repository that the checkpoint does not have are left alone.

    Args:
        private: refuse a repository that is public.
        message: of the commit.

    Raises:
        SettingsError: `repo_id` is not "owner/name".
        CheckpointError: the folder holds no sound checkpoint of `demo`, or the Hub refuses.
    """
    check_repo_id(repo_id)
    check_owner(folder, demo)
    check_weights(folder)
    if not (folder / CARD).is_file():
        raise CheckpointError(f"the checkpoint of {demo} has no {CARD}, its model card")
    names = file_names(folder)
    files = {name: file_sha256(folder / name) for name in names}
    size = sum((folder / name).stat().st_size for name in names)
    with told(repo_id, "main", writing=True), quiet():
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.utils import get_session

        get_session().timeout = PUSH_TIMEOUT
        api = HfApi(library_name="latenthub")
        api.create_repo(repo_id, private=private or None, exist_ok=True)
        if private and not api.model_info(repo_id).private:
            raise CheckpointError(
                f"{repo_id} is public; make it private in its settings, or push without --private"
            )
        additions = [CommitOperationAdd(name, folder / name) for name in names]
        commit = api.create_commit(
            repo_id, additions, commit_message=message or f"Checkpoint of {demo}, by latenthub"
        )
    return Locked(files, repo_id, commit.oid, size)
