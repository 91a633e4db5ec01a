"""Find plugin packages, and keep those that fail from taking the hub down."""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pluggy

from hub import __version__, hookspecs
from hub.demo import Demo
from hub.errors import HubError, NotFoundError, PluginError
from hub.timelimit import within_limit

GROUP = "latenthub"
HUB = "latenthub"  # the distribution that a plugin's requirements name
SPECIFIED = re.compile(rf"{HUB}\s*(\[[^]]*\])?\s*\(?\s*[<>=!~]", re.IGNORECASE)
# Of an absolute path, all but its last part; not of an address such as http://host/a/b.
FOLDERS = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\"<>:;,()]+[/\\])+")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Quarantined:
    """A plugin that is installed and does not work."""

    name: str  # of its entry point
    package: str  # distribution and version
    error: Exception

    @property
    def reason(self) -> str:
        """Why, on one line, safe to show."""
        return told(self.error)


@dataclass(frozen=True)
class Installed:
    """A demo, and the package that brings it."""

    demo: Demo
    package: str  # distribution and version


@dataclass(frozen=True)
class Discovered:
    """What the installed plugin packages contribute."""

    installed: dict[str, Installed]  # by the demo's name, sorted
    broken: tuple[Quarantined, ...]

    @property
    def demos(self) -> dict[str, Demo]:
        return {name: one.demo for name, one in self.installed.items()}


def discover(
    points: Iterable[EntryPoint] | None = None,
    only: Collection[str] = (),
    disable: Collection[str] = (),
    strict: bool = False,
) -> Discovered:
    """Load every plugin on its own; one broken package must not take the hub down.

    Args:
        points: entry points to load; None: those installed, in the group `latenthub`.
        only: names of the demos to keep; none: all.
        disable: names of the demos to leave out.
        strict: raise the first plugin's error instead of putting it into quarantine.

    Raises:
        NotFoundError: `only` or `disable` names what is not installed.
        PluginError: a plugin fails, and `strict` is set.
    """
    if points is None:
        points = importlib.metadata.entry_points(group=GROUP)
    points = sorted(points, key=lambda point: (point.name, package_of(point)))
    check_names([*only, *disable], {point.name for point in points})
    wanted = [p for p in points if (not only or p.name in only) and p.name not in disable]
    found: dict[str, Installed] = {}
    broken: list[Quarantined] = []
    for point in wanted:
        try:
            check_hub(point)
            demo = within_limit("its import", point.value, functools.partial(load, point))
            if demo.name in found:
                other = found[demo.name].package
                raise PluginError(
                    f"{other} and {package_of(point)} both name their demo {demo.name!r}; "
                    "rename or uninstall one"
                )
            found[demo.name] = Installed(demo, package_of(point))
        except Exception as error:  # whatever a foreign package raises on import
            if strict:
                raise PluginError(f"plugin {point.name} ({package_of(point)}): {error}") from error
            log.exception("plugin %s (%s) is left out", point.name, package_of(point))
            broken.append(Quarantined(point.name, package_of(point), error))
    return Discovered(found, tuple(broken))


def check_hub(point: EntryPoint) -> None:
    """Raise PluginError where the plugin's package asks for another version of the hub.

    What it asks for stands in its metadata, as `latenthub>=0.1,<0.2` among its dependencies, so
    nothing of it is imported. pip keeps to that too, unless it is told `--no-deps`.
    """
    if point.dist is None:
        return
    for text in filter(SPECIFIED.match, point.dist.requires or ()):
        check_requirement(package_of(point), text)


def check_requirement(package: str, text: str) -> None:
    """Raise PluginError where `text`, a requirement of `package`, does not allow this hub."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        needed = Requirement(text)
    except InvalidRequirement as error:
        raise PluginError(f"{package} asks for {text!r}, which is no requirement") from error
    applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
    if applies and not needed.specifier.contains(__version__, prereleases=True):
        raise PluginError(
            f"{package} needs {HUB}{needed.specifier}, and this is {HUB} {__version__}; install a "
            f"version of it that is made for this hub, or the hub that it needs"
        )


def load(point: EntryPoint) -> Demo:
    """Import one plugin and return its demo.

    pluggy checks its hooks: a misspelt one is an error, not a plugin that does nothing.

    Raises:
        PluginError: its hooks do not fit, or the demo's name is not the entry point's.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(point.load(), name=point.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        text = " ".join(str(error).split())  # it has several lines
        raise PluginError(re.sub(r"<module '([\w.]+)'[^>]*>", r"\1", text)) from error
    demos = manager.hook.hub_demo()
    if len(demos) != 1 or not isinstance(demos[0], Demo):
        raise PluginError(
            f"{point.value} must implement hub_demo() returning one Demo, got {demos!r}"
        )
    if demos[0].name != point.name:
        raise PluginError(
            f"entry point {point.name!r} brings a demo named {demos[0].name!r}; "
            "give both the same name"
        )
    return demos[0]


def told(error: Exception) -> str:
    """Return what an error of a plugin says, on one line, without the folders of any path."""
    known = isinstance(error, HubError)
    text = str(error) if known else f"{type(error).__name__}: {error}"
    return FOLDERS.sub("", " ".join(text.split()))


def package_of(point: EntryPoint) -> str:
    """Return the distribution and version that an entry point belongs to."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def check_names(names: Collection[str], known: Collection[str]) -> None:
    """Raise NotFoundError unless every name is known."""
    for name in names:
        if name not in known:
            raise NotFoundError(
                f"no demo {name!r}; installed: {', '.join(sorted(known)) or 'none'}"
            )
