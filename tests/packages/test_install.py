"""`latenthub install`: tried before anything changes, put back where the hub would not start."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from hub.installing import extras, reason

PACKAGES = Path(__file__).parents[1] / "third_party"
PIP = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # that is how pip spells "no isolation" in a variable
    "LATENTHUB_PLUGIN_SECONDS": "6",
}

pytestmark = pytest.mark.timeout(600)  # pip, and several starts of the hub
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(make_environment):
    made = make_environment()
    made.variables |= PIP
    made.pip_install(PACKAGES / "acme_mirror")
    return made


def install(environment, *arguments):
    """Run `latenthub install`; return its exit code and what it has printed."""
    done = environment.run("hub", "install", *arguments, check=False)
    return done.returncode, done.stdout, done.stderr


def state(environment):
    """Return the sha256 of every file of the environment, but for what Python compiled."""
    return {
        path.relative_to(environment.folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in environment.folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def mirror(folder, version, **replaced):
    """Write the package of tests/third_party/acme_mirror with another version and other texts."""
    shutil.copytree(PACKAGES / "acme_mirror", folder)
    for name, before, after in [("pyproject.toml", '"1.0"', f'"{version}"'), *replaced.values()]:
        path = folder / name
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))
    return folder


@slow
def test_a_good_package_is_installed_in_place_of_an_older_one(environment, tmp_path):
    code, out, err = install(environment, mirror(tmp_path / "newer", "1.1"), "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["demos"] == ["mirror"] and told["packages"] == ["acme-mirror 1.1"]
    assert "passed" in told["contract"] and "failed" not in told["contract"]
    assert "trying the contract with mirror" in err
    listed = environment.run("hub", "list").stdout
    assert "acme-mirror 1.1" in listed and "acme-mirror 1.0" not in listed


@slow
@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("wrong_hub", "wrong-hub 1.0 needs latenthub<8,>=7, and this is latenthub"),
        ("takes_a_name", "brings the demo 'mirror' already; uninstall it"),
        ("breaks_at_import", "breaks-at-import does not work here: ModuleNotFoundError"),
        ("hangs_at_page", "hangs-at-page does not work here: its page did not end within 6 s"),
    ],
)
def test_a_package_that_does_not_fit_changes_nothing(environment, package, why):
    before = state(environment)
    code, _, err = install(environment, PACKAGES / package)
    assert code == 1 and why in err, err
    assert state(environment) == before


@slow
def test_a_package_that_breaks_the_contract_changes_nothing(environment, tmp_path):
    before = state(environment)
    vague = ("acme_mirror/__init__.py", '"Write a text backwards."', '"Write a text backwards"')
    package = mirror(tmp_path / "vague", "1.1", summary=vague)
    code, _, err = install(environment, package)
    assert code == 1 and "the contract is broken: test_a_demo_describes_itself[mirror]" in err, err
    assert state(environment) == before


@slow
def test_all_is_put_back_when_the_hub_does_not_start_afterwards(environment, tmp_path):
    """A .pth file that ends Python does so only where it is installed for real; then pip cannot run
    either."""
    package = mirror(
        tmp_path / "ending",
        "2.0",
        wheel=(
            "pyproject.toml",
            'packages = ["acme_mirror"]\n',
            'packages = ["acme_mirror"]\nforce-include = { "ending.pth" = "ending.pth" }\n',
        ),
    )
    (package / "ending.pth").write_text("import os; os._exit(7)\n")
    before = state(environment)
    assert any("acme_mirror-1." in str(path) for path in before)
    code, _, err = install(environment, package, "--no-contract")
    assert code == 1, err
    assert "the hub does not start (exit code 7)" in err and "all is as it was before" in err
    assert state(environment) == before
    assert "acme-mirror 1." in environment.run("hub", "list").stdout


@slow
def test_what_pip_cannot_do_is_told_in_a_line(environment, tmp_path):
    before = state(environment)
    code, _, err = install(environment, "a-package-nobody-has")
    assert code == 2 and "No matching distribution found for a-package-nobody-has" in err
    needs = ("pyproject.toml", '"latenthub>=0.1,<0.2"', '"latenthub>=0.1", "a-package-nobody-has"')
    code, _, err = install(environment, mirror(tmp_path / "needing", "1.3", needs=needs))
    assert code == 2 and "a-package-nobody-has" in err.splitlines()[-1]
    other = ("pyproject.toml", '"latenthub>=0.1,<0.2"', '"latenthub", "numpy<1"')
    code, _, err = install(environment, mirror(tmp_path / "older", "1.4", needs=other))
    assert code == 2 and "numpy<1" in err.splitlines()[-1] and "constraint" in err
    plain = ("pyproject.toml", "latenthub]\nmirror", "another_group]\nmirror")
    code, _, err = install(environment, mirror(tmp_path / "plain", "1.5", point=plain))
    assert code == 1 and "acme-mirror 1.5 brings no demo" in err
    assert state(environment) == before


def test_a_conflict_is_told_with_what_asks_for_what():
    output = """
ERROR: Cannot install faces==1.0 because these package versions have conflicting dependencies.

The conflict is caused by:
    faces 1.0 depends on numpy<1
    The user requested (constraint) numpy==2.4.6

To fix this you could try to:
"""
    assert reason(output) == (
        "faces 1.0 depends on numpy<1; The user requested (constraint) numpy==2.4.6; Cannot "
        "install faces==1.0 because these package versions have conflicting dependencies."
    )


@pytest.mark.parametrize(
    ("package", "found"),
    [
        ("faces", ""),
        ("faces[train]==1.0", "[train]"),
        ("faces[train]", "[train]"),
        ("./a folder/faces[train, test]", "[train, test]"),
        ("faces[train] @ git+https://example.org/faces.git", "[train]"),
        ("git+https://example.org/faces.git", ""),
    ],
)
def test_extras_are_asked_for_of_the_wheel_too(package, found):
    assert extras(package) == found


def test_nothing_of_the_site_can_install():
    site = Path(__file__).parents[2] / "hub" / "site"
    for path in site.rglob("*.py"):
        assert "installing" not in path.read_text(), path
