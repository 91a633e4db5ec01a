"""Environments of their own, into which packages are installed with pip."""

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass
class Environment:
    """A virtual environment that has this one's packages, so that only plugins are installed."""

    folder: Path
    variables: dict[str, str]

    @property
    def python(self):
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def run(self, *command, timeout=400, check=True, **variables):
        """Run `python -m COMMAND...` there; return what it has printed, and its exit code."""
        done = subprocess.run(
            [self.python, "-m", *map(str, command)],
            cwd=self.folder,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done

    def pip_install(self, *packages):
        """Build the packages and install them, without asking an index."""
        self.run("pip", "install", "--no-deps", "--no-build-isolation", "--no-index", *packages)


@pytest.fixture(scope="module")
def make_environment(tmp_path_factory):
    """Return a function that makes a new environment."""

    def make():
        folder = tmp_path_factory.mktemp("environment")
        venv.create(folder, with_pip=False)  # pip is seen below, as all of this environment
        variables = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("LATENTHUB_", "PYTHON", "PIP_"))
        }
        variables |= {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]]),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_CONFIG_FILE": os.devnull,
        }
        made = Environment(folder, variables)
        place = subprocess.run(
            [made.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        )
        here = sysconfig.get_path(
            "purelib"
        )  # and what its .pth files name, such as the hub's source
        (Path(place.stdout.strip()) / "project.pth").write_text(
            f"import site; site.addsitedir({here!r})\n"
        )
        return made

    return make
