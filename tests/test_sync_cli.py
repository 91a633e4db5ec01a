"""pull, push and verify as an operator runs them, against a Hub on this machine."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time

import httpx
import numpy as np
import pytest
import yaml
from huggingface_hub import constants
from PIL import Image
from safetensors.numpy import save

from hub.cli import main
from hub.lock import read_lock

REPO = "somebody/small"


@pytest.fixture
def run(small, checkpoints, hub_server, capsys, monkeypatch):
    """Return a function that runs a command and gives its exit code, its output and its errors."""
    monkeypatch.delenv("LATENTHUB_DEBUG", raising=False)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        captured = capsys.readouterr()
        assert hub_server.token not in captured.out + captured.err
        return end.value.code, captured.out, captured.err

    return run


@pytest.fixture
def write_token(hub_server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub_server.token)


def files(shade=100, size=4000, **config):
    told = {"demo": "small", "format": 1, "shade": shade, **config}
    return {
        "config.json": json.dumps(told).encode(),
        "model.safetensors": save({"weight": np.ones(size, np.float32)}),
        "README.md": b"---\nlicense: mit\n---\n# Small\n",
    }


@pytest.fixture
def repo(hub_server):
    repo = hub_server.create(REPO)
    repo.commit(files())
    return repo


def pinned(checkpoints):
    return read_lock(checkpoints / "lock.toml").get("small")


# Pull.


def test_a_repository_is_pinned_and_used_from_then_on(run, repo, checkpoints):
    shutil.rmtree(checkpoints / "small")
    code, out, err = run("pull", "small", "--repo", REPO)
    pin = pinned(checkpoints)
    assert (code, err) == (0, "")
    assert out == f"small: {REPO}@{repo.head[:8]} is pinned in checkpoints/lock.toml, 16.2 kB\n"
    assert (pin.repo_id, pin.revision) == (REPO, repo.head)
    assert set(pin.files) == {"config.json", "model.safetensors", "README.md"}
    code, out, _ = run("call", "small", "draw", "--out", str(checkpoints), "--json")
    assert code == 0
    assert run("verify", "small")[0] == 0
    told = f"checkpoint: ready, {REPO}@{repo.head[:8]} on the Hugging Face Hub"
    assert told in run("info", "small")[1]
    verified = json.loads(run("verify", "small", "--json")[1])["demos"][0]
    assert [file["name"] for file in verified["files"]] == sorted(pin.files) and verified["ok"]


def test_a_pin_is_fetched_once(run, repo, checkpoints, hub_server):
    shutil.rmtree(checkpoints / "small")
    run("pull", "small", "--repo", REPO)
    shutil.rmtree(constants.HF_HUB_CACHE)
    code, _, err = run("pull", "small", "--offline")
    assert code == 1 and f"small: {REPO}@{repo.head[:8]} is not whole in the Hugging F" in err
    code, out, _ = run("pull", "small", "--json")
    row = json.loads(out)["demos"][0]
    assert code == 0 and row["source"] == f"{REPO}@{repo.head[:8]}" and row["bytes"] > 16_000
    hub_server.close()
    assert f"{REPO}@{repo.head[:8]} is here and sound" in run("pull", "small")[1]
    assert run("pull", "small", "--offline")[0] == 0
    hub_server.requests.clear()


def test_a_demo_without_a_pin_is_no_error_unless_it_is_named(run, checkpoints):
    code, out, _ = run("pull")
    assert code == 0 and "small: checkpoints/small is here and sound" in out
    shutil.rmtree(checkpoints / "small")
    code, out, _ = run("pull")
    assert code == 0 and "small: no lock pins a repository for it; there is no" in out
    code, _, err = run("pull", "small")
    assert code == 1 and "small: there is no checkpoints/small" in err


@pytest.mark.parametrize(
    ("commit", "message"),
    [
        (
            {"config.json": b'{"demo": "waves", "format": 1}'},
            "holds the checkpoint of 'waves', not",
        ),
        ({"config.json": b'{"demo": "small", "format": 9}'}, "is of format 9; this hub reads up"),
        ({"config.json": b'{"demo": "small", "format": 1}'}, "cannot be loaded by hub_small.servi"),
        ({"model.safetensors": b"\x10\0\0\0\0\0\0\0{}"}, "model.safetensors is truncated"),
    ],
)
def test_what_is_not_sound_changes_no_pin(run, repo, checkpoints, commit, message):
    run("pull", "small", "--repo", REPO)
    before = (checkpoints / "lock.toml").read_text()
    repo.commit(commit)
    code, _, err = run("pull", "small", "--repo", REPO)
    assert code == 1 and message in err and "Traceback" not in err
    assert (checkpoints / "lock.toml").read_text() == before
    assert run("call", "small", "shout", "--set", "text=a")[0] == 0


def test_a_checkpoint_of_another_architecture_is_told_before_it_is_pinned(
    run, repo, checkpoints, monkeypatch
):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load

    class Net:
        def __init__(self, checkpoint, device):
            tensors = load((checkpoint / "model.safetensors").read_bytes())
            torch.nn.Linear(3, 2).load_state_dict(tensors)

    monkeypatch.setattr("hub.cli.sync.resolve", lambda reference: Net)
    code, _, err = run("pull", "small", "--repo", REPO)
    assert code == 1 and pinned(checkpoints) is None
    assert f"{REPO}@{repo.head[:8]} does not fit the model that should read it" in err
    assert 'Missing key(s) in state_dict: "bias"' in err and "size mismatch for weight" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--repo", REPO), "--repo is the repository of one demo: name that demo"),
        (("small", "--repo", "small"), "a repository on the Hub is named OWNER/NAME, got 'small'"),
        (("small", "--revision", "v1"), "--revision and --lock belong to a new pin"),
        (("small", "--repo", REPO, "--offline"), "so it cannot be --offline"),
        (("smal",), "no demo 'smal'; installed:"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(run, arguments, message):
    code, _, err = run("pull", *arguments)
    assert code == 2 and message in err


def test_a_plugins_own_lock_can_be_written(run, repo, checkpoints, tmp_path):
    code, out, _ = run("pull", "small", "--repo", REPO, "--lock", str(tmp_path / "own/lock.toml"))
    assert code == 0 and "is pinned in own/lock.toml" in out
    assert read_lock(tmp_path / "own/lock.toml")["small"].revision == repo.head
    assert pinned(checkpoints) is None


def test_a_pin_within_a_plugins_package_is_found(repo, small, tmp_path, hub_server):
    """In a process of its own: the package, its lock, and no folder of checkpoints."""
    package = tmp_path / "packages"
    shutil.copytree(small, package)
    environment = {**os.environ, "PYTHONPATH": str(package)}
    environment.pop("LATENTHUB_CHECKPOINTS", None)
    lock = package / "hub_small" / "lock.toml"

    def latenthub(*arguments):
        command = [sys.executable, "-m", "hub", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert latenthub("pull", "small", "--repo", REPO, "--lock", str(lock)).returncode == 0
    shutil.rmtree(constants.HF_HUB_CACHE)
    found = latenthub("info", "small")
    assert f"{REPO}@{repo.head[:8]} is not in the Hugging Face cache yet" in found.stdout
    pulled = latenthub("pull", "small")
    assert (pulled.returncode, pulled.stderr) == (0, "")
    assert json.loads(latenthub("info", "small", "--json").stdout)["checkpoint"]["state"] == "ready"


# Push.


def test_a_push_writes_the_card_uploads_in_one_commit_and_pins_it(
    run, checkpoints, hub_server, write_token
):
    code, out, err = run("push", "small", "--repo", REPO, "--private")
    assert (code, err) == (0, "")
    repo = hub_server.repos[REPO]
    assert f"small: pushed to {hub_server.url}/{REPO}, and {REPO}@{repo.head[:8]} is pinned" in out
    assert repo.private and len(hub_server.asked("POST", "/commit/")) == 1
    pin = pinned(checkpoints)
    assert (pin.repo_id, pin.revision) == (REPO, repo.head)
    for name in pin.files:
        assert repo.files[name] == (checkpoints / "small" / name).read_bytes()
    front = yaml.safe_load(repo.files["README.md"].split(b"---\n")[1])
    [metric] = front["model-index"][0]["results"][0]["metrics"]
    assert (metric["type"], metric["value"]) == ("error", round(200 / 255, 4))
    assert run("verify", "small")[0] == 0
    shutil.rmtree(checkpoints / "small")
    assert run("pull", "small")[0] == 0 and run("verify", "small")[0] == 0


@pytest.mark.filterwarnings("ignore:Use 'content=")  # the client's own, when it sends through LFS
@pytest.mark.parametrize("xet", [True, False])
@pytest.mark.parametrize("lfs", [True, False])
def test_weights_go_up_as_the_hub_takes_them(
    run, checkpoints, hub_server, write_token, monkeypatch, xet, lfs
):
    """Through Xet, through LFS, or within the commit; and down again by ranges of plain HTTP."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
    hub_server.lfs = lfs
    noise = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8)
    (checkpoints / "small" / "model.safetensors").write_bytes(save({"weight": noise}))
    assert run("push", "small", "--repo", REPO, "--no-eval")[0] == 0
    assert bool(hub_server.asked("POST", "/xet/v1/xorbs/")) == (lfs and xet)
    assert bool(hub_server.asked("PUT", "/lfs-upload/")) == (lfs and not xet)
    shutil.rmtree(checkpoints / "small")
    assert run("pull", "small")[0] == 0 and run("verify", "small")[0] == 0
    assert hub_server.asked("GET", "/xet/v1/reconstructions/") == []


def test_an_upload_through_xet_that_fails_is_told(
    run, checkpoints, hub_server, write_token, monkeypatch
):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    hub_server.lfs = True
    hub_server.faults.statuses["/xet/v1/shards"] = 403
    code, _, err = run("push", "small", "--repo", REPO, "--no-eval")
    assert code == 1 and "a file could not be uploaded to http://127.0.0.1" in err
    assert "HF_HUB_DISABLE_XET=1" in err and pinned(checkpoints) is None


def test_a_card_written_by_hand_keeps_its_text(run, checkpoints, hub_server, write_token):
    card = checkpoints / "small" / "README.md"
    card.write_text("---\nlicense: mit\npipeline_tag: other\n---\n# By hand\n\nOf three.\n")
    assert run("push", "small", "--repo", REPO)[0] == 0
    head, body = card.read_text().split("---\n")[1:]
    assert body == "# By hand\n\nOf three.\n" and yaml.safe_load(head)["pipeline_tag"] == "other"
    assert "model-index" in yaml.safe_load(head)


def test_without_an_evaluation_the_cards_numbers_stay(run, checkpoints, hub_server, write_token):
    (checkpoints / "small" / "README.md").unlink()
    assert run("push", "small", "--repo", REPO, "--quick")[0] == 0
    (checkpoints / "small" / "config.json").write_bytes(files(shade=10)["config.json"])
    run("verify", "small", "--update-lock")
    assert run("push", "small", "--repo", REPO, "--no-eval")[0] == 0
    front = yaml.safe_load(hub_server.repos[REPO].files["README.md"].split(b"---\n")[1])
    [metric] = front["model-index"][0]["results"][0]["metrics"]
    assert (metric["type"], metric["value"]) == ("error_quick", round(200 / 255, 4))
    assert front["license"] == "mit" and front["tags"] == ["tests"]  # from the demo's own Card


def test_another_folder_that_was_pushed_is_used_from_then_on(
    run, checkpoints, hub_server, write_token, tmp_path
):
    other = tmp_path / "runs" / "small"
    other.mkdir(parents=True)
    for name, content in files(shade=10).items():
        (other / name).write_bytes(content)
    assert run("push", "small", "--repo", REPO, "--checkpoint", str(other))[0] == 0
    verified = json.loads(run("verify", "small", "--json")[1])
    assert verified["ok"]
    code, out, _ = run("eval", "small", "--json")
    assert json.loads(out)["metrics"]["error"]["value"] == 10 / 255
    assert run("push", "small", "--repo", "somebody/again", "--no-eval")[0] == 0  # from the cache
    assert pinned(checkpoints).repo_id == "somebody/again"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "wants to know who asks; log in with `hf auth login`"),
        ("reader", f"the token may not write to {REPO}; use one with that permission"),
        ("wrong", "does not accept the token"),
    ],
)
def test_who_may_not_write_is_told(run, checkpoints, hub_server, monkeypatch, token, message):
    if token:
        monkeypatch.setenv("HF_TOKEN", getattr(hub_server, token, "hf_unknown"))
    code, _, err = run("push", "small", "--repo", REPO)
    assert code == 1 and message in err
    assert REPO not in hub_server.repos and pinned(checkpoints) is None


def test_a_private_push_into_a_public_repository_is_refused(run, repo, checkpoints, write_token):
    head = repo.head
    code, _, err = run("push", "small", "--repo", REPO, "--private")
    assert code == 1 and f"{REPO} is public; make it private in its settings" in err
    assert repo.head == head


def test_a_damaged_checkpoint_is_not_pushed(run, checkpoints, hub_server, write_token):
    weights = checkpoints / "small" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    code, _, err = run("push", "small", "--repo", REPO)
    assert code == 1 and "is truncated" in err and REPO not in hub_server.repos


def test_eval_writes_the_card(run, checkpoints):
    (checkpoints / "small" / "README.md").unlink()
    code, _, err = run("eval", "small", "--write-card")
    assert code == 0 and err == "written into checkpoints/small/README.md\n"
    assert run("eval", "small", "--check")[0] == 0
    assert "A small demo" in (checkpoints / "small" / "README.md").read_text()
    assert run("eval", "small", "--check", "--write-card")[0] == 2


# Serving.


@contextlib.contextmanager
def served(port, small, *options):
    """Serve the small demo in a process of its own; give what it logged once it answers."""
    command = [sys.executable, "-m", "hub", "serve", "--only", "small", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(small)}
    with subprocess.Popen(
        [*command, *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout.readline().startswith("Latenthub is on ")
            yield server
        finally:
            server.terminate()


def shade_of(port, small):
    """Return the shade that a served hub draws in, which its checkpoint tells."""
    from gradio_client import Client

    client = Client(f"http://127.0.0.1:{port}", verbose=False)
    with Image.open(client.predict(api_name="/small_draw")[0]) as picture:
        return picture.getpixel((0, 0))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_a_pull_killed_in_mid_file_leaves_the_old_checkpoint_serving(
    run, repo, checkpoints, port, small, hub_server, tmp_path
):
    shutil.rmtree(checkpoints / "small")
    assert run("pull", "small", "--repo", REPO)[0] == 0
    old = repo.head
    repo.commit(files(shade=30, size=400_000))
    command = [sys.executable, "-m", "hub", "pull", "small", "--repo", REPO]
    environment = {**os.environ, "PYTHONPATH": str(small)}
    blobs = pinned(checkpoints).folder.parents[1] / "blobs"
    with served(port, small):
        assert shade_of(port, small) == 100
        hub_server.faults.bytes_per_second = 400_000
        with subprocess.Popen(command, env=environment) as puller:
            end = time.monotonic() + 30
            while not any(part.stat().st_size > 100_000 for part in blobs.glob("*.incomplete")):
                assert time.monotonic() < end and puller.poll() is None
                time.sleep(0.02)
            puller.kill()
        assert pinned(checkpoints).revision == old
        assert shade_of(port, small) == 100
    assert shade_drawn(run, tmp_path / "old") == 100  # by one that starts now
    hub_server.faults.bytes_per_second = None
    assert run("pull", "small", "--repo", REPO)[0] == 0
    assert hub_server.asked("GET", "model.safetensors")[-1].range > "bytes=0-"
    assert shade_drawn(run, tmp_path / "new") == 30


def shade_drawn(run, folder):
    """Return the shade that a call here, without a server, draws in."""
    assert run("call", "small", "draw", "--out", str(folder))[0] == 0
    with Image.open(folder / "draw-000.png") as picture:
        return picture.getpixel((0, 0))


@pytest.mark.slow
@pytest.mark.parametrize("up", [True, False])
def test_serve_fetches_what_is_missing_and_serves_without_it_too(
    run, repo, checkpoints, port, small, hub_server, up
):
    shutil.rmtree(checkpoints / "small")
    run("pull", "small", "--repo", REPO)
    shutil.rmtree(constants.HF_HUB_CACHE)
    if not up:
        hub_server.close()
    with served(port, small, "--pull") as server:
        page = httpx.get(f"http://127.0.0.1:{port}/").text
        server.terminate()
        log = server.stderr.read()
    if up:
        assert "Ready" in page and f"small: {REPO}@{repo.head[:8]} is here" in log
    else:
        assert "No checkpoint" in page
        assert "small: its checkpoint is not fetched: the Hub at http://127.0.0.1" in log
        assert "Traceback" not in log
