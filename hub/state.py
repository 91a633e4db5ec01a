"""Where demos keep what visitors bring and what must outlive the hub, such as archives.

Each demo has a folder of its own, `<state>/<demo>/`, and answers for what is in it. The root is the
folder that LATENTHUB_STATE names; else, on a Space, the disk that its owner attached, if there is
one; else the folder that the system keeps for the data of programs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hub import settings
from hub.errors import SettingsError
from hub.files import reason

SPACE_DISK = Path("/data")  # where a Space's persistent storage is


def root() -> Path:
    """Return the folder of all state; it may not be there yet."""
    if settings.STATE.text:
        return Path(settings.STATE.text).expanduser()
    if settings.SPACE_ID.text and os.access(SPACE_DISK, os.W_OK):
        return SPACE_DISK / "latenthub"
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "latenthub"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "latenthub"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "latenthub"


def folder(demo: str) -> Path:
    """Return the folder in which `demo` keeps its state, made where it is missing; only the hub's
    own user may look into it.

    Raises:
        SettingsError: it cannot be made or written.
    """
    path = root() / demo
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        writable = os.access(path, os.W_OK | os.X_OK)
    except OSError as error:
        raise unusable(demo, reason(error)) from error
    if not writable:
        raise unusable(demo, "it cannot be written")
    return path


def most_bytes() -> float:
    """Return how many bytes a demo may keep there."""
    return 1e6 * settings.STATE_MB.positive(10_000)


def unusable(demo: str, why: str) -> SettingsError:
    return SettingsError(
        f"the folder in which {demo} keeps its state cannot be used: {why}; set "
        f"{settings.STATE.name} to a folder that the hub may write"
    )
