"""The tutorial's plugin is built as the tutorial says, and works; the reference is complete."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hub.demo import NAME

ROOT = Path(__file__).parents[1]
TUTORIAL = (ROOT / "docs" / "plugins.md").read_text()
README = (ROOT / "README.md").read_text()
README_BLOCK = re.compile(r"`([\w./]+)`:\n\n```(python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"(?:^`([\w./]+)`:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with all files that the tutorial names, installed as pip would."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name, _, text in BLOCK.findall(TUTORIAL):
        if name:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
    point = re.search(r"entry-points.latenthub\]\n(.*)\n", (folder / "pyproject.toml").read_text())
    name, value = point[1].replace('"', "").split(" = ")
    assert NAME.fullmatch(name)
    installed = folder / f"latenthub_{name}-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: latenthub-{name}\nVersion: 0.1.0\n"
    )
    (installed / "entry_points.txt").write_text(f"[latenthub]\n{name} = {value}\n")
    return folder


def run(folder, *command):
    environment = {**os.environ, "PYTHONPATH": str(folder), "LATENTHUB_CHECKPOINTS": "checkpoints"}
    path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tutorials_plugin_works_as_the_tutorial_goes(folder):
    said = ""
    for name, language, text in BLOCK.findall(TUTORIAL):
        if language == "python" and not name:
            run(folder, sys.executable, "-c", text)
        for line in text.splitlines() if language == "sh" else ():
            if not line.startswith(("pip", "export")):  # the fixture has done that
                said += run(folder, *line.split())
    assert "Rebuild a digit from a handful of numbers." in said
    assert "directions-003.png" in said
    assert "the mean picture" in said
    assert re.search(r"\d+ passed", said) and "skipped" not in said


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_readmes_shorter_plugin_works_too(folder, tmp_path):
    blocks = [(name, text) for name, language, text in README_BLOCK.findall(README) if language]
    assert [name.partition("/")[2] for name, _ in blocks] == [
        "__init__.py",
        "service.py",
        "page.py",
    ]
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    run(tmp_path, "latenthub", "train", "linear", "--out", "checkpoints/linear")
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    run(tmp_path, *"latenthub call linear directions --set count=3 --out pictures".split())
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 3
    run(tmp_path, *"pytest --latenthub-demo linear -k page_opens_before".split())


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
    spec = importlib.util.spec_from_file_location(
        "write_reference", ROOT / "docs/write_reference.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
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
    assert [name for name in kinds if f"{name}(" not in table] == []


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
