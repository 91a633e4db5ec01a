import re
import subprocess
import sys
import types
from importlib.metadata import EntryPoint

import pytest

from hub import Demo, hookimpl
from hub.errors import NotFoundError, PluginError
from hub.plugins import discover


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


def test_discovery_imports_neither_torch_nor_gradio_nor_numpy():
    code = (
        "import sys; from hub.plugins import discover; discover(); import hub.app;"
        "print([name for name in ('torch', 'gradio', 'numpy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
