"""The tutorial's plugin is built as the tutorial says, and works; the reference is complete."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from hub.demo import NAME

ROOT = Path(__file__).parents[1]
TUTORIAL = (ROOT / "docs" / "plugins.md").read_text()
README = (ROOT / "README.md").read_text()
README_BLOCK = re.compile(r"`([\w./]+)`:\n\n```(python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"(?:^`([\w./]+)`:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def module(name):
    """Import a program of docs/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


class Reader:
    """Does what the tutorial says, block by block, as a reader would in a shell."""

    def __init__(self, folder):
        self.here = folder
        self.site = folder / "site"  # where pip would note what is installed
        self.site.mkdir()
        self.paths = [self.site]
        self.variables = {}
        self.said = ""

    def read(self, name, language, text):
        if name:
            (self.here / name).parent.mkdir(exist_ok=True)
            (self.here / name).write_text(text)
        elif language == "python":
            self.run(sys.executable, "-c", text)
        for line in text.splitlines() if language == "sh" else ():
            command, *arguments = shlex.split(line)
            if command == "cd":
                self.here /= arguments[0]
            elif command == "export":
                self.variables |= [arguments[0].split("=")]
            elif command == "pip":
                assert line == "pip install --no-deps -e ."
                self.install()
            else:
                self.said += self.run(command, *arguments)

    def install(self):
        """Install the package in this folder as an editable one, without the seconds pip takes."""
        package = tomllib.loads((self.here / "pyproject.toml").read_text())["project"]
        [(name, value)] = package["entry-points"]["latenthub"].items()
        assert NAME.fullmatch(name) and (self.here / value / "__init__.py").is_file()
        told = self.site / f"{package['name'].replace('-', '_')}-{package['version']}.dist-info"
        told.mkdir()
        needs = "".join(f"Requires-Dist: {one}\n" for one in package["dependencies"])
        head = f"Metadata-Version: 2.1\nName: {package['name']}\nVersion: {package['version']}\n"
        (told / "METADATA").write_text(head + needs)
        (told / "entry_points.txt").write_text(f"[latenthub]\n{name} = {value}\n")
        self.paths.append(self.here)

    def run(self, *command):
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            command,
            cwd=self.here,
            env={
                **os.environ,
                **self.variables,
                "PATH": programs,
                "PYTHONPATH": os.pathsep.join(map(str, self.paths)),
            },
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Return who has read the tutorial to its end."""
    reader = Reader(tmp_path_factory.mktemp("tutorial"))
    written = set()
    for name, language, text in BLOCK.findall(TUTORIAL):
        if name and (reader.here / name).exists() and name not in written:
            assert (reader.here / name).read_text() == text, "run docs/write_tutorial.py"
            continue
        written.add(name)
        reader.read(name, language, text)
    return reader


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tutorials_plugin_works_as_the_tutorial_goes(reader):
    assert "See how digits differ." in reader.said  # of the first ten lines
    assert "directions-003.png" in reader.said
    assert "8 principal components" in reader.said
    assert "draw-003.png" in reader.said
    assert re.search(r"\d+ passed", reader.said)
    assert reader.said.count("SKIPPED") == reader.said.count("needs one more package")


def test_the_tutorial_begins_with_ten_lines():
    code = next(text for name, _, text in BLOCK.findall(TUTORIAL) if name.endswith("__init__.py"))
    assert 8 <= len([line for line in code.splitlines() if line.strip()]) <= 11


def test_the_tutorial_shows_what_latenthub_new_writes():
    """`python docs/write_tutorial.py` writes it anew."""
    assert module("write_tutorial").rewritten(TUTORIAL) == TUTORIAL


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_readmes_shorter_plugin_works_too(reader, tmp_path):
    blocks = [(name, text) for name, language, text in README_BLOCK.findall(README) if language]
    assert [name.partition("/")[2] for name, _ in blocks] == [
        "__init__.py",
        "service.py",
        "page.py",
    ]
    begun = reader.site.parent
    shutil.copytree(begun / "checkpoints", tmp_path / "checkpoints")
    other = Reader(tmp_path)
    shutil.copy(begun / "pyproject.toml", tmp_path)
    for name, text in blocks:
        other.read(name, "python", text)
    other.read("", "sh", "pip install --no-deps -e .\nexport LATENTHUB_CHECKPOINTS=checkpoints\n")
    other.run(*"latenthub call linear directions --set count=3 --out pictures".split())
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 3
    other.run(*"pytest --latenthub-demo linear -k page_opens_before".split())


def test_the_readme_asks_the_api_for_what_there_is():
    from hub.demo import resolve
    from hub.endpoints import endpoints_of
    from hub.plugins import discover

    calls = re.findall(r"hub\.predict\((.*), api_name=\"/([a-z]+)_(\w+)\"\)", README)
    shell = re.findall(r"^latenthub call (\w+) (\w+) (.*)$", README, re.MULTILINE)
    assert calls and shell
    for arguments, demo, name in [
        *((re.findall(r"(\w+)=(\d+)", given), demo, name) for given, demo, name in calls),
        *((re.findall(r"--set (\w+)=(\d+)", given), demo, name) for demo, name, given in shell),
    ]:
        endpoint = endpoints_of(resolve(discover().demos[demo].service))[name]
        endpoint.check({key: int(value) for key, value in arguments})


# The reference.

REFERENCE = (ROOT / "docs" / "reference.md").read_text()
SOURCES = [*(ROOT / "hub").rglob("*.py"), *(ROOT / "plugins").rglob("*.py"), ROOT / "app.py"]


def test_the_reference_is_as_the_code_says():
    """`python docs/write_reference.py` writes it anew."""
    script = module("write_reference")
    assert script.rewritten(REFERENCE) == REFERENCE
    assert script.endpoints_page() == (ROOT / "docs" / "endpoints.md").read_text()


def test_every_environment_variable_is_registered():
    from hub.settings import VARIABLES

    code = "".join(path.read_text() for path in SOURCES)
    variable = re.compile(r"\bLATENTHUB_[A-Z][A-Z_]*[A-Z]\b")
    assert set(variable.findall(code)) == {one.name for one in VARIABLES}


def test_every_kind_is_documented():
    import hub

    kinds = {
        name for name in hub.__all__ if getattr(hub, name).__module__ in ("hub.kinds", "hub.media")
    }
    table = REFERENCE.partition("## Kinds")[2].partition("## Errors")[0]
    assert len(kinds) >= 8
    assert [name for name in kinds if not re.search(rf"\b{name}[(\]]", table)] == []


@pytest.mark.parametrize(
    "page",
    sorted(
        str(page.relative_to(ROOT)) for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    ),
)
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target
