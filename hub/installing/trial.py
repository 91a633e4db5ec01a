"""Whether the hub starts, and whether demos keep the contract: asked of a fresh process each time.

python -m hub.installing.trial FILE    build the whole site, write what works of it as JSON
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.errors import PluginError

START_SECONDS = 600
CONTRACT_SECONDS = 1800
SLOW = "not quick_evaluation"  # may take minutes and a data set; an author runs it


@dataclass(frozen=True)
class Start:
    """How the hub starts."""

    ready: frozenset[str]  # demos whose page and API work
    problems: Mapping[str, str]  # of the others: why


def start(told: Path, environment: Mapping[str, str] | None = None) -> Start:
    """Return how the hub starts in a fresh process.

    Args:
        told: a file for its answer.
        environment: variables to be set for it.

    Raises:
        PluginError: it does not.
    """
    command = [sys.executable, "-m", "hub.installing.trial", str(told)]
    try:
        done = run(command, environment, START_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise PluginError(f"the hub did not start within {START_SECONDS} s") from error
    if done.returncode or not told.is_file():
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise PluginError(f"the hub does not start (exit code {done.returncode}): {last}")
    found = json.loads(told.read_text("utf-8"))
    return Start(frozenset(found["ready"]), found["problems"])


def check(after: Start, demos: Sequence[str], before: Collection[str]) -> None:
    """Raise PluginError unless the new demos work, and those that worked before still do."""
    for demo in demos:
        if demo not in after.ready:
            why = after.problems.get(demo, "it was not found")
            raise PluginError(f"{demo} does not work here: {why}")
    for demo in sorted(set(before) - after.ready):
        why = after.problems.get(demo, "it is not found any more")
        raise PluginError(f"{demo}, which is installed, would not work any more: {why}")


def contract(work: Path, demos: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run the contract's tests; return how they went, such as "25 passed, 4 skipped".

    Raises:
        PluginError: one fails.
    """
    settings = work / "pytest.ini"  # not whatever lies in the folders above
    settings.write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb", "short"]
    command += ["-c", str(settings), "--rootdir", str(work), "-k", SLOW]
    command += [f"--latenthub-demo={demo}" for demo in demos]
    command += [str(Path(__file__).parents[1] / "contract.py")]  # and no test of any dependency
    try:
        done = run(command, environment, CONTRACT_SECONDS, work)
    except subprocess.TimeoutExpired as error:
        raise PluginError(f"the contract's tests did not end in {CONTRACT_SECONDS} s") from error
    failed = re.findall(r"^(?:FAILED|ERROR) (?:\S*::)?(.*)$", done.stdout, re.MULTILINE)
    if done.returncode:
        why = "; ".join(failed) or done.stdout[-500:]
        raise PluginError(f"the contract is broken: {why}; `pytest --latenthub-demo` tells more")
    last = done.stdout.strip().splitlines()[-1]
    return ", ".join(re.findall(r"\d+ (?:passed|skipped)", last))


def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None,
    seconds: float,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **(environment or {})}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, env=variables, cwd=folder
    )


def main(told: Path) -> None:
    """Build the site of all that is installed; write what works."""
    from hub.app import Hub
    from hub.site.pages import build_site

    with Hub.open() as hub:
        site = build_site(hub)
        problems = {one.name: one.reason for one in hub.broken} | site.problems
        ready = sorted(set(hub.demos) - set(site.problems))
    told.write_text(json.dumps({"ready": ready, "problems": problems}), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
