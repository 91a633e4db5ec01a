"""Which files a caller may name: those that were uploaded here, and results."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gradio.data_classes import _StaticFiles
from gradio.utils import get_cache_folder, get_upload_folder

OWN_FILE = re.compile(r"https?://[^/]+(?:/[\w.~/-]+)?/gradio_api/file=(/[^?#]*)")
NOT_UPLOADED = "a file that was not uploaded here"


def only_uploads(value: Any) -> Any:
    """Return `value` with each file that was not uploaded here replaced by a text that says so."""
    if isinstance(value, list):
        return [only_uploads(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "path" in value and ("meta" in value or "url" in value):
        path = own_file(value["path"])
        return {**value, "path": path} if is_upload(path) else NOT_UPLOADED
    return {key: only_uploads(one) for key, one in value.items()}


def own_file(path: Any) -> Any:
    """Return the path that an address of a file here stands for: how MCP clients name a file."""
    found = OWN_FILE.fullmatch(path) if isinstance(path, str) else None
    return unquote(found[1]) if found else path


def addressed(value: Any) -> Any:
    """Return a list of files with those named by their address here as gradio's FileData.

    MCP clients name files so. Gradio reads the address of one file, but none in a list.
    """
    if not isinstance(value, list):
        return value
    file = {"meta": {"_type": "gradio.FileData"}}
    return [
        {"path": one, **file} if isinstance(one, str) and OWN_FILE.fullmatch(one) else one
        for one in value
    ]


def is_upload(path: Any) -> bool:
    """Tell whether `path` names a file in the folder where Gradio keeps uploads and results."""
    if not isinstance(path, str) or "\0" in path:
        return False
    folder = Path(get_upload_folder()).resolve()
    try:
        found = Path(path).resolve()
        return found.is_relative_to(folder) and found.is_file()
    except (OSError, ValueError):
        return False


def names_others(value: Any) -> bool:
    """Tell whether Gradio would take a part of `value` for a file that was not uploaded here."""
    if isinstance(value, list):
        return any(map(names_others, value))
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("path"), str) and not is_upload(value["path"]):
        return True
    return any(map(names_others, value.values()))


def is_served(path: str) -> bool:
    """Tell whether the file at `path` may be read by whoever knows it.

    Those are uploads, results, the files of pages and their examples; links to others are not.
    """
    if "\0" in path:
        return False
    folders = [Path(get_upload_folder()), get_cache_folder(), *map(Path, _StaticFiles.all_paths)]
    try:
        found = Path(path).resolve()
        return found.is_file() and any(found.is_relative_to(one.resolve()) for one in folders)
    except (OSError, ValueError):
        return False
