"""The contract passes a good plugin, and finds what is wrong with a bad one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = Path(__file__).parent / "small"
RADIO = 'gr.Radio([("two", 2), ("also two", "2")], value=2)'  # an address cannot tell which


@pytest.fixture
def plugin(tmp_path):
    """Return a copy of the small plugin without its endpoint that fails: it keeps the contract."""
    folder = tmp_path / "plugin"
    shutil.copytree(SMALL, folder, ignore=shutil.ignore_patterns("__pycache__"))
    service = folder / "hub_small" / "service.py"
    service.write_text(service.read_text().partition("    @endpoint\n    def fail")[0])
    return folder


def run(folder, *arguments):
    """Run pytest in `folder`, where the plugin is installed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=170,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_good_plugin_passes(plugin, checkpoints):
    code, out = run(plugin, "--latenthub-demo", "small", "-k", "not model_card")
    assert code == 0, out
    assert re.search(r"\b2\d passed", out)
    assert out.count("SKIPPED") == out.count("needs one more package")


def test_the_option_adds_to_a_plugins_own_tests(plugin):
    (plugin / "test_own.py").write_text("def test_mine(): pass\n")
    code, out = run(plugin, "--latenthub-demo", "small", "-k", "mine or describes", "-vv")
    assert code == 0, out
    assert "test_mine PASSED" in out
    assert "test_a_demo_describes_itself[small] PASSED" in out


def test_without_being_asked_the_contract_adds_nothing(plugin):
    (plugin / "test_own.py").write_text("def test_mine(): pass\n")
    code, out = run(plugin)
    assert code == 0 and "1 passed" in out


WRONG = {
    "told": [
        ("__init__.py", "of every kind.", "of every kind", "describes_itself"),
        ("__init__.py", '"one throw"', '""', "published_numbers_have_sources"),
        ("__init__.py", "from hub import", "import numpy\nfrom hub import", "listing_stays_light"),
        ("__init__.py", "recipe:train", "recipe:trian", "every_part_can_be_imported"),
        ("service.py", "import numpy", "import torch\nimport numpy", "without_torch_or_gradio"),
        ("service.py", "Count `steps` down", "Count down", "endpoints_are_documented"),
        ("service.py", "Range(1, 9)] = 3", "Range(1, 9)] = 10", "defaults_are_what"),
        ("service.py", 'if text == "quiet"', "if text", "every_endpoint_answers"),
        ("service.py", "batch=8)", 'batch=8, examples=[{"b": 1}])', "endpoints_have_examples"),
        ("service.py", 'light" else 0', 'light" else {}[color]', "at_its_limits"),
        ("page.py", "gr.Slider(1, 8, 2,", "gr.Slider(1, 8, 9,", "link_holds_a_state"),
        (
            "page.py",
            "count=count)",
            f"count=count, either={RADIO})",
            "link_opens_the_page_as_it_was",
        ),
    ],
    "drawn": [
        ("page.py", "count = gr.S", "small.draw()\n        count = gr.S", "page_opens_before"),
        ("page.py", "return blocks", "return 3", "part_of_the_site"),
        ("service.py", "def draw", "def add_up", "part_of_the_site"),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_found(plugin, checkpoints, wrong):
    for file, before, after, _ in WRONG[wrong]:
        path = plugin / "hub_small" / file
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))
    code, out = run(plugin, "--latenthub-demo", "small")
    assert code == 1, out
    failed = out.partition("short test summary")[2]
    assert [test for *_, test in WRONG[wrong] if test not in failed] == [], out
