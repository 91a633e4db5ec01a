import importlib.metadata
import re
import subprocess
import sys
import time
import types
from importlib.metadata import EntryPoint

import pytest

from hub import Demo, __version__, hookimpl
from hub.errors import NotFoundError, PluginError
from hub.plugins import Quarantined, discover


def demo(name):
    return Demo(name=name, title=name, summary="A test.", service="a:B", page="a:page")


@pytest.fixture
def point(monkeypatch):
    """Return a function that makes an entry point, its module made of the given names."""

    def make(name, module=None, **names):
        module = module or f"made_{name}"
        if names:
            made = types.ModuleType(module)
            vars(made).update(names)
            monkeypatch.setitem(sys.modules, module, made)
        return EntryPoint(name, module, "latenthub")

    return make


def good(name):
    return {"hub_demo": hookimpl(specname="hub_demo")(lambda: demo(name))}


def misspelt():
    @hookimpl
    def hub_demos():
        return None

    return {"hub_demos": hub_demos}


def raising():
    @hookimpl
    def hub_demo():
        raise RuntimeError("no licence file")

    return {"hub_demo": hub_demo}


def test_every_plugin_is_found_in_the_order_of_names(point):
    found = discover([point("waves", **good("waves")), point("ants", **good("ants"))])
    assert list(found.demos) == ["ants", "waves"] and not found.broken


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({}, "ModuleNotFoundError: No module named 'made_bad'"),
        (misspelt(), "unknown hook 'hub_demos'"),
        (raising(), "RuntimeError: no licence file"),
        ({"hub_demo": hookimpl(specname="hub_demo")(lambda: 3)}, "must implement hub_demo.. ret"),
        ({"nothing": 1}, "must implement hub_demo"),
        (good("other"), "entry point 'bad' brings a demo named 'other'"),
    ],
)
def test_a_broken_plugin_is_left_out_with_its_reason(point, caplog, names, reason):
    found = discover([point("bad", **names), point("waves", **good("waves"))])
    assert list(found.demos) == ["waves"]
    [broken] = found.broken
    assert broken.name == "bad"
    assert re.search(reason, broken.reason)
    assert "Traceback" in caplog.text


def test_a_name_taken_twice_is_refused_naming_both(point):
    points = [point("waves", "one", **good("waves")), point("waves", "two", **good("waves"))]
    found = discover(points)
    assert list(found.demos) == ["waves"]
    assert found.broken[0].reason.startswith("one and two both name their demo 'waves'")


def test_strict_raises_the_first_error(point):
    with pytest.raises(PluginError, match="plugin bad .*No module named"):
        discover([point("bad")], strict=True)


def test_only_and_disable_choose(point):
    points = [point(name, **good(name)) for name in ("ants", "bees", "cats")]
    assert list(discover(points, only=["bees"]).demos) == ["bees"]
    assert list(discover(points, disable=["bees"]).demos) == ["ants", "cats"]


def test_a_name_that_is_not_installed_is_an_error(point):
    with pytest.raises(NotFoundError, match="no demo 'digts'; installed: ants"):
        discover([point("ants", **good("ants"))], only=["digts"])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes a package with one entry point, and returns that."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name, code, *requires):
        info = tmp_path / f"latenthub_{name}-1.0.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: latenthub-{name}\nVersion: 1.0\n{needs}"
        )
        (info / "entry_points.txt").write_text(f"[latenthub]\n{name} = hub_{name}\n")
        (tmp_path / f"hub_{name}.py").write_text(code)
        [distribution] = importlib.metadata.distributions(path=[str(tmp_path)])
        [found] = distribution.entry_points
        return found

    return make


GOOD = """
from hub import Demo, hookimpl

@hookimpl
def hub_demo():
    return Demo("kept", "Kept", "A test.", "a:B", "a:page")
"""


@pytest.mark.parametrize(
    "needed", ["latenthub>=9", "latenthub (<0.1)", "Latenthub[train] == 3 ; python_version > '3'"]
)
def test_the_hub_a_plugin_needs_is_checked_before_it_is_imported(package, needed):
    found = discover([package("newer", "raise RuntimeError('imported')", needed)])
    [broken] = found.broken
    assert re.search(
        rf"^latenthub-newer 1.0 needs latenthub[<>=]+[\d.]+, and this is latenthub {__version__};",
        broken.reason,
    )


@pytest.mark.parametrize(
    "needed", ["latenthub", "latenthub>=0.1", "latenthub>9; extra == 'train'", "latenthub-waves>9"]
)
def test_a_plugin_made_for_this_hub_is_kept(package, needed):
    assert list(discover([package("kept", GOOD, needed)]).demos) == ["kept"]


def test_what_is_no_requirement_is_told(package):
    [broken] = discover([package("odd", GOOD, "latenthub>=")]).broken
    assert "asks for 'latenthub>=', which is no requirement" in broken.reason


def test_an_import_that_hangs_is_given_up_and_its_line_told(package, monkeypatch):
    monkeypatch.setenv("LATENTHUB_PLUGIN_SECONDS", "0.2")
    before = time.monotonic()
    [broken] = discover([package("stuck", "x = 1\nwhile True:\n    pass\n")]).broken
    assert time.monotonic() - before < 5
    assert re.match(
        r"its import did not end within 0.2 s: it was at [\w.-]+/hub_stuck.py, line [23]; "
        "LATENTHUB_PLUGIN_SECONDS allows it more",
        broken.reason,
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no file '/srv/hub/data/words.txt'", "no file 'words.txt'"),
        ("cannot import 'x' from 'y' (/opt/lib/y.py)", "cannot import 'x' from 'y' (y.py)"),
        (r"no file C:\Users\me\words.txt\n or so", "no file words.txt or so"),
        ("see https://example.org/a/b and /faces", "see https://example.org/a/b and /faces"),
        ("1/2 of a/b/c", "1/2 of a/b/c"),
    ],
)
def test_what_a_plugin_raises_is_told_without_folders(text, shown):
    assert Quarantined("bad", "bad 1.0", PluginError(text.replace("\\n", "\n"))).reason == shown


def test_a_plugin_cannot_end_the_hub(package):
    [broken] = discover([package("leaving", "import sys\nsys.exit('no licence')")]).broken
    assert broken.reason == "its import asked the whole process to exit"


def test_discovery_imports_neither_torch_nor_gradio_nor_numpy():
    code = (
        "import sys; from hub.plugins import Quarantined, discover; discover(); import hub.app;"
        "print([name for name in ('torch', 'gradio', 'numpy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
