"""Packages from elsewhere, installed with pip: one that works, and one broken in each way."""

import json
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

PACKAGES = Path(__file__).parents[1] / "third_party"
LIMITS = {"LATENTHUB_PLUGIN_SECONDS": "4"}

LEFT_OUT = {
    "breaks-at-import": "No module named 'a_package_nobody_has'",
    "exits-at-import": "its import asked the whole process to exit",
    "hangs-at-import": "did not end within 4 s: it was at hangs_at_import/__init__.py, line 5",
    "mirror": "acme-mirror 1.0 and other-mirror 1.0 both name their demo 'mirror'",
    "wrong-hook": "unknown hook 'hub_demos' in plugin wrong_hook",
    "wrong-hub": "wrong-hub 1.0 needs latenthub<8,>=7, and this is latenthub 0.1.0",
}
NOT_DRAWN = {
    "breaks-at-page": "breaks-at-page has no endpoint 'no_such_endpoint'",
    "hangs-at-page": "its page did not end within 4 s: it was at hangs_at_page/__init__.py, line",
    "mirror-a": "mirror-a and mirror both bring the API name 'mirror_a_text'",
}
SERVED = ["breaks-at-load", "breaks-in-endpoint", "hangs-in-endpoint", "mirror"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def environment(make_environment):
    """Return an environment with all packages of tests/third_party installed, as pip does it."""
    made = make_environment()
    made.pip_install(*sorted(PACKAGES.iterdir()))
    checkpoints = made.folder / "checkpoints"
    for name in [*SERVED, *NOT_DRAWN]:
        (checkpoints / name).mkdir(parents=True)
        (checkpoints / name / "config.json").write_text(json.dumps({"demo": name, "format": 1}))
        save_file({"weight": np.zeros(1, np.float32)}, checkpoints / name / "model.safetensors")
    made.variables |= LIMITS | {"LATENTHUB_CHECKPOINTS": str(checkpoints)}
    return made


@pytest.fixture(scope="module")
def served(environment):
    """Return the address of a hub that is served there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [environment.python, "-m", "hub", "serve", "--port", str(port)],
        cwd=environment.folder,
        env=environment.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    timer = threading.Timer(120, process.kill)
    timer.start()
    log = []
    for line in process.stdout:
        log.append(line)
        if "Latenthub is on" in line:
            break
    timer.cancel()
    assert log and "Latenthub is on" in log[-1], "".join(log)
    threading.Thread(target=process.stdout.read, daemon=True).start()
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(60)


def ask(url, data=None):
    """Return what an address answers, to a GET or to a POST of JSON."""
    content = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, content, {"content-type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=60) as response:
        return response.read().decode()


def call(url, api, *values):
    """Return the last event and its data that an API call ends with."""
    event = json.loads(ask(f"{url}/gradio_api/call/{api}", {"data": values}))["event_id"]
    lines = ask(f"{url}/gradio_api/call/{api}/{event}").strip().splitlines()
    return lines[-2].removeprefix("event: "), lines[-1].removeprefix("data: ")


def text_of(page):
    """Return what a page says, in lower case: sentences begin with a capital."""
    return unescape(re.sub(r"</?code>", "`", page)).lower()


def test_list_shows_those_that_work_and_why_others_do_not(environment):
    told = json.loads(environment.run("hub", "list", "--json").stdout)
    assert {*SERVED, *NOT_DRAWN} <= {one["name"] for one in told["demos"]}
    reasons = {one["name"]: one["reason"] for one in told["broken"]}
    assert reasons.keys() == LEFT_OUT.keys()
    for name, reason in LEFT_OUT.items():
        assert reason in reasons[name]
    assert str(environment.folder) not in json.dumps(told)


def test_doctor_names_each_that_is_broken(environment):
    done = environment.run("hub", "doctor", "--json", check=False)
    checks = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    for name in LEFT_OUT.keys() - {"mirror"}:
        assert checks[f"plugin {name}"]["state"] == "bad"
    assert done.returncode == 1


def test_the_gallery_shows_each_broken_one_with_its_reason(served, environment):
    home = text_of(ask(served))
    for name, reason in [*LEFT_OUT.items(), *NOT_DRAWN.items()]:
        assert reason.lower() in home, f"{name}: {reason}"
    assert str(environment.folder) not in home


@pytest.mark.parametrize("name", NOT_DRAWN)
def test_a_page_that_cannot_be_drawn_says_why(served, name):
    assert NOT_DRAWN[name].lower() in text_of(ask(f"{served}/{name}"))


def test_those_that_work_answer(served):
    assert "A mirror" in ask(f"{served}/mirror")
    assert call(served, "mirror_a_text", "stressed") == ("complete", '["desserts"]')


@pytest.mark.parametrize(
    ("api", "told"),
    [
        ("breaks_at_load_answer", "breaks-at-load: its model could not be loaded"),
        ("breaks_in_endpoint_answer", "breaks-in-endpoint.answer failed inside the model"),
        ("hangs_in_endpoint_answer", "hangs-in-endpoint.answer took longer than 1 s"),
    ],
)
def test_a_call_that_fails_is_told_and_others_go_on(served, environment, api, told):
    began = time.monotonic()
    event, data = call(served, api)
    assert event == "error" and told in json.loads(data)["error"]
    assert str(environment.folder) not in data
    assert time.monotonic() - began < 30
    assert call(served, "mirror_a_text", "was") == ("complete", '["saw"]')


def test_a_plugin_that_is_left_out_has_no_api(served):
    assert "a_package_nobody_has" in unescape(missing(f"{served}/breaks-at-import"))
    assert "not_an_api" in missing(f"{served}/gradio_api/call/not_an_api", {"data": []})


def missing(url, data=None):
    """Return the text of an answer 404."""
    try:
        content = None if data is None else json.dumps(data).encode()
        headers = {"accept": "text/html", "content-type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(url, content, headers), timeout=60)
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return error.read().decode()
    raise AssertionError(f"{url} is there")


def test_one_of_them_keeps_a_strict_hub_from_starting(environment):
    done = environment.run("hub", "serve", "--strict", "--disable", "hangs-at-import", check=False)
    assert done.returncode == 1
    assert "plugin breaks-at-import (breaks-at-import 1.0)" in done.stderr


def test_the_contract_runs_for_a_package_from_elsewhere(environment):
    """Its author has pytest and the hub, and nothing else of this project."""
    environment.run("pip", "uninstall", "--yes", "hangs-at-import", "hangs-at-page")
    del environment.variables["LATENTHUB_PLUGIN_SECONDS"]
    contract = ["pytest", "-q", "-p", "no:cacheprovider", "-p", "no:timeout"]
    contract += ["--latenthub-demo", "mirror", "--rootdir", ".", "checkpoints"]
    done = environment.run(*contract, check=False)
    assert "both name their demo 'mirror'" in done.stdout
    environment.run("pip", "uninstall", "--yes", "other-mirror")
    done = environment.run(*contract, check=False)
    failed = re.findall(r"^FAILED ::(\w+)", done.stdout, re.MULTILINE)
    assert failed == ["test_names_are_unique"], done.stdout
    assert "mirror-a has these API names too" in done.stdout
    assert re.search(r"2\d passed", done.stdout), done.stdout
