"""The Hugging Face Hub as its client reaches it, and how what it refuses is told.

A message says what is wrong and what to do; none shows a token, or where on this machine a file is.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from urllib.parse import urlsplit

from hub.errors import CheckpointError, SettingsError
from hub.files import reason
from hub.lock import PATTERNS

FULL = (errno.ENOSPC, errno.EDQUOT)  # an OSError's number where the disk has no room
PUSH_TIMEOUT = 60.0  # seconds without an answer, for requests that the library gives no limit


def check_repo_id(repo_id: str) -> None:
    if not PATTERNS["repo_id"].fullmatch(repo_id):
        raise SettingsError(f"a repository on the Hub is named OWNER/NAME, got {repo_id!r}")


def is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def headers() -> dict[str, str]:
    """Return the headers of a request, with the token of HF_TOKEN or of `hf auth login`."""
    from huggingface_hub.utils import build_hf_headers

    from hub import __version__

    return dict(build_hf_headers(library_name="latenthub", library_version=__version__))


def hub_address() -> str:
    """Return the Hub's address without what a user may have put before its host."""
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    if not parts.hostname:
        return constants.ENDPOINT
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def the_hub() -> str:
    return f"the Hub at {hub_address()}"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the client's own warnings and progress bars away: every error is told once, by us."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
        logging,
    )

    level, bars = logging.get_verbosity(), not are_progress_bars_disabled()
    logging.set_verbosity(logging.ERROR)
    if bars:
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            enable_progress_bars()


@contextlib.contextmanager
def told(repo_id: str, revision: str, writing: bool = False) -> Iterator[None]:
    """Turn what the Hub, the network or the disk refuses into one clear message.

    The cause is left out: a client's error may hold the request, and that the token.

    Raises:
        CheckpointError: in place of theirs.
    """
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        message = explained(error, repo_id, revision, writing)
        if message is None:
            raise
        raise CheckpointError(message) from None


NETWORK = {
    "FileMetadataError",
    "InvalidURL",
    "LocalEntryNotFoundError",
    "OfflineModeIsEnabled",
    "TransportError",
}
LOGIN = "log in with `hf auth login`, or name a token in HF_TOKEN"


def explained(error: BaseException, repo_id: str, revision: str, writing: bool) -> str | None:
    """Return what to say of an error of the Hub's client; None: it is not one of those.

    Kinds are told by name: httpx, with its errors, was another package before huggingface_hub 2.
    """
    for one in chain(error):
        kinds = {kind.__name__ for kind in type(one).__mro__}
        status = getattr(getattr(one, "response", None), "status_code", None)
        message = None
        if "HfHubHTTPError" in kinds:
            message = of_status(kinds, status, repo_id, revision, writing)
        elif kinds & NETWORK:
            message = of_network(kinds, one)
        elif isinstance(one, OSError) and one.errno is not None:
            message = of_disk(one)
        elif isinstance(one, EOFError):
            message = (
                f"a file of {repo_id} came truncated: {one}; pull again, and if it stays so, what "
                "the Hub has is damaged"
            )
        elif isinstance(one, ValueError) and "metadata in README.md" in str(one):
            message = f"the Hub refuses the model card's head: {reason(one)[:300]}"
        if message is not None:
            return message
    # Xet's client has no kinds of errors of its own
    if writing and isinstance(error, (RuntimeError, OSError)):
        return (
            f"a file could not be uploaded to {hub_address()} ({type(error).__name__}); push "
            "again, and if it stays so, with HF_HUB_DISABLE_XET=1"
        )
    return None


def chain(error: BaseException) -> list[BaseException]:
    """Return what is behind an error, the first cause first, then the error."""
    found = [error]
    while (error := error.__cause__ or error.__context__) is not None:  # type: ignore[assignment]
        found.append(error)
    return found[::-1]


def of_status(
    kinds: set[str], status: int | None, repo_id: str, revision: str, writing: bool
) -> str:
    from huggingface_hub import get_token

    hub, repo = the_hub(), f"the repository {repo_id}"
    page = f"{hub_address()}/{repo_id}"
    short = revision[:8] if PATTERNS["revision"].fullmatch(revision) else revision
    has_token = get_token() is not None
    if "GatedRepoError" in kinds:
        return f"{repo} is gated: ask for access at {page}, then {LOGIN}, and pull again"
    if "DisabledRepoError" in kinds:
        return f"{repo} was disabled by the Hub; {page} may tell why"
    if "RevisionNotFoundError" in kinds:
        return f"{repo} has no revision {short!r}; its branches and tags are at {page}/tree/main"
    if "EntryNotFoundError" in kinds:
        return f"a file that the lock names is not in {repo_id}@{short}; see {page}/tree/{short}"
    if "RepositoryNotFoundError" in kinds and not writing:
        hint = "the token may not read it" if has_token else f"it is private: then {LOGIN}"
        return f"there is no repository {repo_id} at {hub_address()}, or {hint}"
    if status == 401 or "RepositoryNotFoundError" in kinds:
        if has_token:
            return f"{hub} does not accept the token; {LOGIN} that is valid"
        return f"{hub} wants to know who asks; {LOGIN}"
    if status == 403:
        what = "write to" if writing else "read"
        return (
            f"the token may not {what} {repo_id}; use one with that permission, made at "
            f"{hub_address()}/settings/tokens"
        )
    if status == 429:
        return f"{hub} has had too many requests from here; try again in some minutes"
    if status is not None and status >= 500:
        return f"{hub} is out of order (status {status}); try again later"
    return f"{hub} refused the request for {repo_id} (status {status})"


def of_network(kinds: set[str], error: BaseException) -> str:
    from huggingface_hub import constants

    hub = the_hub()
    if "OfflineModeIsEnabled" in kinds:
        return "this is offline (HF_HUB_OFFLINE=1), and not all files are in the Hugging Face cache"
    if "TimeoutException" in kinds:
        return (
            f"{hub} did not answer in time; try again, or give it longer than "
            f"HF_HUB_ETAG_TIMEOUT={constants.HF_HUB_ETAG_TIMEOUT:g} and "
            f"HF_HUB_DOWNLOAD_TIMEOUT={constants.HF_HUB_DOWNLOAD_TIMEOUT:g} seconds"
        )
    if kinds & {"InvalidURL", "UnsupportedProtocol"}:
        return f"HF_ENDPOINT must be the address of a Hub, got {hub_address()!r}"
    if kinds & {"ConnectError", "ProxyError"}:
        return f"{hub} cannot be reached; look at the network, a proxy, and HF_ENDPOINT"
    if "FileMetadataError" in kinds:
        return f"{hub} does not answer as a Hub does; look at HF_ENDPOINT and at a proxy"
    if "LocalProtocolError" in kinds:  # its text quotes the header, and with it the token
        return f"the token cannot be sent as it stands; {LOGIN} that is one word"
    kind = type(error).__name__
    return f"the connection to {hub} was cut ({kind}); pull again: it goes on where it stopped"


def of_disk(error: OSError) -> str | None:
    where = "the Hugging Face cache (HF_HOME names another place)"
    if error.errno in FULL:
        return f"the disk is full ({reason(error)}): make room for {where}, and pull again"
    if error.errno == errno.EFBIG:
        return (
            f"a file is larger than this system lets a process write; see `ulimit -f`, or {where}"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        return f"{where} cannot be written: {reason(error)}"
    return None
