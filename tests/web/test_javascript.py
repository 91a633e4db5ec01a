"""The API as @gradio/client sees it, in Node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "javascript"


@pytest.fixture(scope="module")
def found(url):
    """What tests/javascript/client.js got of the served sample."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed")
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]["@gradio/client"]
    installed = FOLDER / "node_modules/@gradio/client/package.json"
    if not installed.is_file() or json.loads(installed.read_text())["version"] != wanted:
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=FOLDER, check=True, timeout=150
        )
    run = subprocess.run(
        ["node", "client.js", url], cwd=FOLDER, capture_output=True, text=True, timeout=100
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_endpoints_are_described(found):
    assert "/sample_generate" in found["endpoints"]
    assert (found["count"]["parameter_name"], found["count"]["parameter_default"]) == ("count", 4)


def test_pictures_come_back(found):
    assert (found["pictures"], bytes(found["bytes"])) == (2, b"PNG")


def test_a_picture_goes_in(found):
    assert found["inverted"] == "result.png"


def test_arguments_go_by_position_too(found):
    assert found["json"] == {"text": "HELLO ANN"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("digit", "digit must be a whole number from 0 to 9, or null; got 10"),
        ("nan", "temperature must be a number from 0.1 to 2; got None"),  # JSON has no NaN
        ("text", "(its content is no picture)"),
        ("unknown", "digti"),
        ("inside", "failed inside"),
    ],
)
def test_what_is_wrong_is_told(found, call, message):
    assert message in found[call]
    assert "/tmp" not in found[call] and "/secret" not in found[call]


def test_the_next_call_works(found):
    assert found["after"] == "Hello Bo"
