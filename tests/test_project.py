"""What holds for the project as a whole: exports, licence, pins, names, README."""

import ast
import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

import hub

ROOT = Path(__file__).parents[1]
PROJECTS = [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
PLUGINS = [path.parent.name for path in PROJECTS[1:]]
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
README = (ROOT / "README.md").read_text()
IMPORTED_AS = {
    "PIL": "pillow",
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
    "markdown_it": "markdown-it-py",
}


def project(path):
    return tomllib.loads(path.read_text())["project"]


def requirements(path):
    """Return all that a project may need, its extras included."""
    told = project(path)
    texts = [*told["dependencies"], *sum(told.get("optional-dependencies", {}).values(), [])]
    return [Requirement(text) for text in texts]


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_the_package_exports_what_it_says_in_order():
    assert hub.__all__ == sorted(hub.__all__)
    assert all(hasattr(hub, name) for name in hub.__all__)


def test_everything_is_under_apache_2():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text
    assert {project(path)["license"] for path in PROJECTS} == {"Apache-2.0"}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_one_pin_that_fits(python):
    environment = {"python_version": python, "python_full_version": f"{python}.5"}
    pinned = {}
    for pin in pins():
        if pin.marker is None or pin.marker.evaluate(environment):
            assert pin.name not in pinned, f"{pin.name} is pinned twice for Python {python}"
            pinned[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    for path in PROJECTS:
        for needed in requirements(path):
            if needed.name == "latenthub" or (
                needed.marker and not needed.marker.evaluate(environment)
            ):
                continue
            version = pinned[canonicalize_name(needed.name)]
            assert needed.specifier.contains(version), f"{needed} is pinned to {version}"


def test_pins_name_versions_and_no_addresses():
    assert all(re.fullmatch(r"==[\w.!+]+", str(pin.specifier)) for pin in pins())
    assert "://" not in "".join(str(pin) for pin in pins())


def test_what_the_hub_imports_is_among_its_dependencies():
    known = {canonicalize_name(one.name) for one in requirements(PROJECTS[0])} | {"pytest", "hub"}
    template = ROOT / "hub" / "scaffold" / "template"  # a plugin, with dependencies of its own
    for path in (ROOT / "hub").rglob("*.py"):
        if path.is_relative_to(template):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names):
                assert canonicalize_name(IMPORTED_AS.get(name, name)) in known, f"{path}: {name}"


def test_the_hub_names_no_plugin():
    for path in (ROOT / "hub").rglob("*"):
        if path.suffix in (".py", ".js", ".html", ".css"):
            text = path.read_text().replace('="search"', "")  # HTML's word for a kind of field
            for name in PLUGINS:
                assert not re.search(rf"hub_{name}|[\"'/]{name}[\"'/]", text), (
                    f"{path} names {name}"
                )


def test_every_plugin_is_laid_out_alike():
    for name in PLUGINS:
        folder = ROOT / "plugins" / name
        told = project(folder / "pyproject.toml")
        assert told["name"] == f"latenthub-{name}"
        assert told["entry-points"]["latenthub"] == {name: f"hub_{name}"}
        assert (folder / f"hub_{name}" / "__init__.py").is_file()
        assert list((folder / "tests").glob("test_*.py"))


def test_no_file_tells_where_it_was_written():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".txt", ".html", ".js", ".css", ".json", ""):
            folders = "|".join(("work", "root", "home"))
            assert not re.search(rf"(?<![\w.])/({folders})/", path.read_text()), name


def test_every_make_target_is_explained():
    text = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split()) - {"help"}
    assert set(re.findall(r"^#   make (\w+)", text, re.MULTILINE)) == targets
    for target in ("install", "serve", "test", "check", "fix"):
        assert f"make {target}" in README


def test_continuous_integration_is_a_program():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert {"make install", "make check", "make test"} <= set(
        re.findall(r"^step (.*)$", script.read_text(), re.MULTILINE)
    )


def test_a_wheel_carries_the_site_and_the_checkpoints(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    assert "hub/_constraints.txt" in names
    for folder, pattern, inside in [
        ("hub", "**/*", "hub"),
        ("checkpoints", "*/*", "hub/_checkpoints"),
    ]:
        files = [one for one in (ROOT / folder).glob(pattern) if one.is_file()]
        for one in files:
            if "__pycache__" not in one.parts and one.suffix != ".pyi":
                assert f"{inside}/{one.relative_to(ROOT / folder).as_posix()}" in names


# The README.


def test_every_plugin_that_is_ready_is_in_the_readme():
    ready = [name for name in PLUGINS if (ROOT / "checkpoints" / name).is_dir()]
    assert ready
    assert [name for name in ready if f"| `{name}`" not in README] == []


def test_the_readmes_table_is_what_the_checkpoints_say():
    """`python docs/demo_table.py` writes it anew."""
    specification = importlib.util.spec_from_file_location(
        "demo_table", ROOT / "docs/demo_table.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.rewritten(README) == README


def test_pictures_are_there_and_small():
    pictures = re.findall(
        r"\((docs/pictures/[\w-]+\.png)\)|src=\"(docs/pictures/[\w-]+\.png)\"", README
    )
    assert pictures
    for one in pictures:
        assert 0 < (ROOT / (one[0] or one[1])).stat().st_size < 200_000
