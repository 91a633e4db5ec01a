"""Install plugin packages: tried beside this environment first, taken back if that fails.

The way of an installation:
1. pip builds or downloads the packages' wheels, under the project's constraints.
2. What they say of themselves is checked: demos, names, the hub they need (hub.installing.wheels).
3. pip resolves what else they need; the wheels of that are fetched.
4. All are installed into a folder of their own, in front of this environment. With them the hub
   must start, and each new demo keep the contract (hub.installing.trial).
5. They are installed for real. If the hub does not start then, all is put back as it was, from
   copies (hub.installing.copies).
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.errors import PluginError, SettingsError
from hub.installing import trial
from hub.installing.copies import Copies
from hub.installing.wheels import Wheel, check, read
from hub.plugins import HUB

MINUTES = 30  # pip may take for one step: a wheel such as torch's is large


@dataclass(frozen=True)
class Installed:
    """What was installed."""

    demos: tuple[str, ...]
    packages: tuple[str, ...]  # "name version", of the plugins and of what they need
    contract: str  # how its tests went, such as "25 passed, 4 skipped"; empty: they were left out


def install(
    packages: Sequence[str], contract: bool = True, say: Callable[[str], None] = print
) -> Installed:
    """Install plugin packages, or change nothing.

    Args:
        packages: whatever pip takes: names, folders, wheels, addresses of git repositories.
        contract: whether each new demo must pass the contract's tests.
        say: is told each step.

    Raises:
        SettingsError: pip or pytest is missing, or pip cannot find, build or resolve a package.
        PluginError: a package does not fit, or the hub would not start with it.
    """
    needed = ["pip", *(["pytest"] if contract else [])]
    for module in needed:
        if importlib.util.find_spec(module) is None:
            raise SettingsError(f"this environment has no {module}, which installing needs")
    with tempfile.TemporaryDirectory(prefix="latenthub-install-") as work:
        return Installation(Path(work), say).run(packages, contract)


class Installation:
    """One installation; its files go into `work`."""

    def __init__(self, work: Path, say: Callable[[str], None]) -> None:
        self.work = work
        self.say = say
        self.staged = work / "staged"

    def run(self, packages: Sequence[str], contract: bool) -> Installed:
        self.say("building the packages")
        plugins, asked = [], []
        for number, package in enumerate(packages):
            found = self.wheels(f"plugin-{number}", [package])
            plugins += found
            asked += [f"{wheel.path}{extras(package)}" for wheel in found]
        demos = check(plugins)
        self.say(f"{', '.join(demos)}: looking for what it needs")
        wheels = [*plugins, *self.dependencies(plugins, asked)]
        self.say(f"trying the hub with {', '.join(map(str, wheels))}")
        self.pip("install", "--no-deps", "--no-index", "--target", self.staged, *paths(wheels))
        environment = {"PYTHONPATH": str(self.staged)}
        tried = trial.start(self.work / "tried.json", environment)
        # the start of the hub as it is takes seconds, and says something only in this case
        others = tried.problems.keys() - set(demos)
        before = trial.start(self.work / "before.json").ready if others else frozenset()
        trial.check(tried, demos, before)
        passed = ""
        if contract:
            self.say(f"trying the contract with {', '.join(demos)}")
            passed = trial.contract(self.work, demos, environment)
        self.say("installing")
        self.replace(wheels, demos, tried.ready)
        return Installed(tuple(demos), tuple(map(str, wheels)), passed)

    def replace(
        self, wheels: Sequence[Wheel], demos: Sequence[str], expected: Collection[str]
    ) -> None:
        """Install the wheels; put all back as it was if that, or the hub's start, fails.

        Args:
            expected: demos that worked when this was tried.
        """
        copies = Copies(self.work / "copies", [wheel.name for wheel in wheels])
        try:
            self.pip("install", "--no-deps", "--no-index", "--force-reinstall", *paths(wheels))
            trial.check(trial.start(self.work / "installed.json"), demos, expected)
        except BaseException as error:
            copies.restore()
            if isinstance(error, (PluginError, SettingsError)):
                raise type(error)(f"{error}; all is as it was before") from error
            raise

    def wheels(self, folder: str, packages: Sequence[str]) -> list[Wheel]:
        """Build or download the wheels of packages, without what they need."""
        target = self.work / folder
        self.pip("wheel", "--no-deps", *under_constraints(), "--wheel-dir", target, *packages)
        return [read(path) for path in sorted(target.glob("*.whl"))]

    def dependencies(self, plugins: Sequence[Wheel], asked: Sequence[str]) -> list[Wheel]:
        """Return the wheels that must be installed with those of the plugins.

        Args:
            asked: the plugins as pip takes them, their extras included.

        Raises:
            PluginError: the hub itself would have to be another.
        """
        report = self.work / "report.json"
        self.pip("install", "--dry-run", "--report", report, *under_constraints(), *asked)
        ours = {wheel.name for wheel in plugins}
        wanted = []
        for one in json.loads(report.read_text("utf-8"))["install"]:
            name, version = one["metadata"]["name"], one["metadata"]["version"]
            if name == HUB:
                raise PluginError(f"it needs {HUB} {version}; upgrade the hub by itself first")
            if Wheel.normal(name) not in ours:
                wanted.append(f"{name}=={version}")
        return self.wheels("dependencies", wanted) if wanted else []

    def pip(self, command: str, *arguments: object) -> None:
        """Run pip in this environment.

        Raises:
            SettingsError: it fails; with the lines in which it says why.
        """
        done = subprocess.run(
            [sys.executable, "-m", "pip", command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60 * MINUTES,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"},
        )
        if done.returncode:
            raise SettingsError(f"pip {command} failed: {reason(done.stdout)}")


def reason(output: str) -> str:
    """Return why pip failed, on one line: what it says of a conflict, and its errors."""
    conflict = re.search(
        r"^The conflict is caused by:\n(.*?)\n\n", output, re.MULTILINE | re.DOTALL
    )
    errors = re.findall(r"^\s*(?:ERROR: |E?error: |\w+Error: )(.*)$", output, re.MULTILINE)
    lines = [*(conflict[1].splitlines() if conflict else ()), *dict.fromkeys(errors)]
    return "; ".join(line.strip() for line in lines) or output.strip()[-300:]


def extras(package: str) -> str:
    """Return the extras that are asked for, such as "[train]"; empty: none."""
    found = re.search(r"(\[[\w\s,.-]+\])\s*([<>=!~@;].*)?$", package)
    return found[1] if found else ""


def paths(wheels: Sequence[Wheel]) -> list[Path]:
    return [wheel.path for wheel in wheels]


def under_constraints() -> list[str]:
    """Return pip's option for the tested versions, which come with the hub."""
    package = Path(__file__).parents[1]
    beside = package.parent / "constraints.txt"
    path = beside if (package.parent / "pyproject.toml").is_file() else package / "_constraints.txt"
    return ["--constraint", str(path)] if path.is_file() else []
