"""Copies of what is installed, from which it is put back whatever happens to the environment.

Files are copied and removed here and not by pip: a package can keep Python from starting at all,
and pip with it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from hub.errors import SettingsError


class Copies:
    """The files of some packages as they are now.

    Args:
        folder: where the copies go.
        names: of packages, installed or not.

    Raises:
        SettingsError: one was installed without a record of its files, and cannot be put back.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.names = names
        self.copies: dict[Path, Path] = {}  # where it was -> the copy
        folder.mkdir(parents=True)
        for name in names:
            for path in files_of(name):
                copy = folder / str(len(self.copies))
                shutil.copy2(path, copy)
                self.copies[path] = copy

    def restore(self) -> None:
        """Remove what is installed of these packages now, and put the copies back."""
        importlib.invalidate_caches()
        for name in self.names:
            with contextlib.suppress(SettingsError):  # half-installed, without its record
                remove(files_of(name))
        for path, copy in self.copies.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(copy, path)
        importlib.invalidate_caches()


def files_of(name: str) -> list[Path]:
    """Return the files of an installed package that lie in this environment; none: not installed.

    Raises:
        SettingsError: there is no record of them.
    """
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return []
    if found.files is None:
        raise SettingsError(
            f"{name} {found.version} was not installed by pip and cannot be replaced; uninstall it"
        )
    prefix = Path(sys.prefix).resolve()
    paths = [Path(str(file.locate())) for file in found.files]
    return [path for path in paths if path.is_file() and prefix in path.resolve().parents]


def remove(paths: Sequence[Path]) -> None:
    """Remove files, what Python compiled of them, and the folders that are empty then."""
    for path in paths:
        path.unlink(missing_ok=True)
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink(missing_ok=True)
    folders = {folder for path in paths for folder in (path.parent / "__pycache__", *path.parents)}
    prefix = Path(sys.prefix).resolve()
    for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
        if prefix in folder.resolve().parents:
            with contextlib.suppress(OSError):  # it holds something else
                folder.rmdir()
