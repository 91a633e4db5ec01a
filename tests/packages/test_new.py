"""`latenthub new` writes a plugin that installs, shows up and keeps the contract."""

import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

import hub
from hub import scaffold
from hub.demo import NAME
from hub.errors import SettingsError

pytestmark = pytest.mark.timeout(600)
NAMES = ["ab", "faces", "very-long-name-of-thirty-chars"]


@pytest.mark.slow
def test_a_new_plugin_installs_shows_up_and_keeps_the_contract(make_environment, tmp_path):
    environment = make_environment()
    folder = tmp_path / "latenthub-faces"
    told = environment.run("hub", "new", "faces", "--title", "Faces, and so on", "--out", folder)
    assert "pytest --latenthub-demo faces" in told.stdout
    environment.pip_install(folder)
    environment.run("hub", "train", "faces", "--out", tmp_path / "checkpoints" / "faces")
    variables = {"LATENTHUB_CHECKPOINTS": str(tmp_path / "checkpoints")}
    listed = environment.run("hub", "list", **variables).stdout
    assert "faces" in listed and "latenthub-faces 0.1.0" in listed
    card = (tmp_path / "checkpoints" / "faces" / "README.md").read_text()
    assert float(re.search(r"\| error \| ([\d.]+)", card)[1]) < 5  # 8 principal components: 6.3
    tests = ["--latenthub-demo", "faces", "-q", "-p", "no:cacheprovider", "-m", "not slow", folder]
    done = environment.run("pytest", *tests, **variables)
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert passed >= 25 and "skipped" not in done.stdout, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_formatted_and_linted(tmp_path, name):
    scaffold.write(scaffold.Plugin(name), tmp_path / name)
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", str(tmp_path / name)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def test_nothing_of_the_template_s_names_is_left(tmp_path):
    for path in scaffold.write(scaffold.Plugin("two-words"), tmp_path):
        assert "example" not in path.relative_to(tmp_path).as_posix()
        if path.suffix != ".png":
            assert not re.search(r"\b(hub_|latenthub-)?[Ee]xample\b", path.read_text()), path
    assert "class TwoWords:" in (tmp_path / "hub_two_words" / "service.py").read_text()
    assert 'title="Two words"' in (tmp_path / "hub_two_words" / "__init__.py").read_text()


def test_a_new_plugin_asks_for_this_hub(tmp_path):
    scaffold.write(scaffold.Plugin("faces"), tmp_path)
    text = re.search(r'"(latenthub[<>=].*?)"', (tmp_path / "pyproject.toml").read_text())[1]
    assert Requirement(text).specifier.contains(hub.__version__)


@pytest.mark.parametrize(
    "name", ["", "Faces", "my faces", "../faces", "1st", "a-", "a--b", "a" * 31]
)
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(SettingsError, match="a demo's name"):
        scaffold.Plugin(name)


def test_a_name_that_the_hub_or_gradio_needs_is_refused():
    from gradio.routes import INTERNAL_ROUTES

    assert {name for name in INTERNAL_ROUTES if NAME.fullmatch(name)} == {*scaffold.GRADIO}
    for name in ("metrics", "soak", "login"):
        with pytest.raises(SettingsError, match=f"has a use for the name '{name}' itself"):
            scaffold.Plugin(name)


@pytest.mark.parametrize("title", ['say "this"', "two\nlines", "x" * 51])
def test_a_title_that_is_none_is_refused(title):
    with pytest.raises(SettingsError, match="a title is one line of at most 50"):
        scaffold.Plugin("faces", title)


def test_a_name_that_is_taken_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="'faces' is installed already"):
        scaffold.write(scaffold.Plugin("faces"), tmp_path, taken=["faces"])


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SettingsError, match="is there already; name another folder with --out"):
        scaffold.write(scaffold.Plugin("faces"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(SettingsError, match="is there already"):
        scaffold.write(scaffold.Plugin("faces"), tmp_path / "mine.txt")


def test_each_name_has_a_picture_of_its_own(tmp_path):
    from PIL import Image

    for name in ("one", "two"):
        scaffold.draw_thumbnail(name, tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()
    assert Image.open(tmp_path / "one.png").size == (960, 720)
