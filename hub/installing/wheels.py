"""What a wheel says of itself, read without installing it."""

from __future__ import annotations

import configparser
import importlib.metadata
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from packaging.utils import canonicalize_name

from hub.demo import NAME
from hub.errors import PluginError
from hub.plugins import GROUP, SPECIFIED, check_requirement

OWN = (".dist-info/", ".data/")  # folders in a wheel that belong to it alone


@dataclass(frozen=True)
class Wheel:
    """A wheel on the disk."""

    path: Path
    name: str  # normalized, such as "latenthub-faces"
    version: str
    requires: tuple[str, ...]  # its Requires-Dist lines
    demos: tuple[str, ...]  # its entry points in the hub's group
    files: frozenset[str]  # that it puts into site-packages

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @staticmethod
    def normal(name: str) -> str:
        return canonicalize_name(name)


def read(path: Path) -> Wheel:
    """Return what a wheel says of itself.

    Raises:
        PluginError: it is no wheel.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
            headers = HeaderParser().parsestr(archive.read(metadata).decode("utf-8"))
            points = metadata.replace("METADATA", "entry_points.txt")
            text = archive.read(points).decode("utf-8") if points in names else ""
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise PluginError(f"{path.name} is no wheel: {error}") from error
    return Wheel(
        path,
        Wheel.normal(headers["Name"]),
        headers["Version"],
        tuple(headers.get_all("Requires-Dist") or ()),
        tuple(entry_points(text)),
        frozenset(one for one in names if not any(own in one for own in OWN)),
    )


def entry_points(text: str) -> list[str]:
    """Return the names in the hub's group of an entry_points.txt."""
    parser = configparser.ConfigParser(delimiters="=", interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    parser.read_string(text)
    return list(parser[GROUP]) if parser.has_section(GROUP) else []


def check(wheels: Sequence[Wheel]) -> list[str]:
    """Return the demos that the wheels bring.

    Raises:
        PluginError: there is no demo, one is made for another hub, or a name cannot be had.
    """
    demos = [demo for wheel in wheels for demo in wheel.demos]
    if not demos:
        named = " or ".join(map(str, wheels))
        raise PluginError(f"{named} brings no demo: it has no entry point in the group {GROUP!r}")
    for wheel in wheels:
        for text in filter(SPECIFIED.match, wheel.requires):
            check_requirement(str(wheel), text)
        for demo in wheel.demos:
            if not NAME.fullmatch(demo):
                raise PluginError(f"{wheel}: {demo!r} cannot be the name of a demo")
            if demos.count(demo) > 1:
                raise PluginError(f"two of the packages bring the demo {demo!r}; choose one")
        check_installed(wheel)
    return sorted(demos)


def check_installed(wheel: Wheel) -> None:
    """Raise PluginError where another package that is installed has a demo or a file of its."""
    for other in importlib.metadata.distributions():
        if Wheel.normal(other.metadata["Name"]) == wheel.name:
            continue
        label = f"{other.metadata['Name']} {other.version}"
        for point in other.entry_points:
            if point.group == GROUP and point.name in wheel.demos:
                raise PluginError(f"{label} brings the demo {point.name!r} already; uninstall it")
        shared = sorted(wheel.files & names_of(other.files or ()))
        if shared:
            raise PluginError(f"{wheel} would write over {shared[0]}, which is a file of {label}")


def names_of(files: Iterable[importlib.metadata.PackagePath]) -> set[str]:
    return {file.as_posix() for file in files}
