"""Checkpoints to and from a Hub, over real HTTP, with the real client: see tests/hub_server."""

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants, hf_hub_download, scan_cache_dir
from safetensors.numpy import save

from hub import sync
from hub.checkpoints import FORMAT, Folders, Root, update_lock
from hub.errors import CheckpointError, SettingsError
from hub.files import file_sha256
from hub.lock import Locked, write_entry

REPO = "somebody/waves"
TOKENS = ("hf_ofsomebodywhomaywriteeverything", "hf_ofsomebodywhomayonlyreadthings")


def checkpoint(value=1.0, size=50_000, **config):
    """Return the files of a checkpoint of `waves`; its weights take 4 bytes a number."""
    return {
        "config.json": json.dumps({"demo": "waves", "format": FORMAT, **config}).encode(),
        "model.safetensors": save({"weight": np.full(size, value, np.float32)}),
        "README.md": b"---\nlicense: mit\n---\n# Waves\n",
    }


@pytest.fixture
def repo(hub_server):
    repo = hub_server.create(REPO)
    repo.commit(checkpoint())
    return repo


@pytest.fixture
def pin(repo):
    return pin_of(repo)


def pin_of(repo, sha=None):
    """Return the pin of what the repository has at a commit, by what is in it, not by a pull."""
    files = {n: c for n, c in repo.commits[sha or repo.head].items() if not n.startswith(".")}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return Locked(hashes, repo.id, sha or repo.head, sum(map(len, files.values())))


@pytest.fixture
def root(tmp_path):
    """The operator's folder of checkpoints, empty."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


def folders(root):
    return Folders(Root(root, bundled=False))


def refusal(pin, **settings):
    """Return why a pull fails; no message shows a token or a path."""
    with pytest.raises(CheckpointError) as caught:
        sync.fetch(pin, **settings)
    assert not any(token in str(caught.value) for token in TOKENS)
    assert str(Path(constants.HF_HUB_CACHE).parent) not in str(caught.value)
    return str(caught.value)


# What comes, and where it goes.


@pytest.mark.parametrize("lfs", [True, False])
@pytest.mark.parametrize("xet", [True, False])
def test_a_pull_puts_the_pinned_files_where_other_tools_find_them(
    hub_server, pin, monkeypatch, xet, lfs
):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
    monkeypatch.setenv("HF_TOKEN", hub_server.token)
    hub_server.lfs = lfs  # weights come by a redirect to another host, which must get no token
    folder = sync.fetch(pin)
    assert {path.name for path in folder.iterdir()} == set(pin.files)
    assert all(file_sha256(folder / name) == sha for name, sha in pin.files.items())
    assert bool(hub_server.asked("GET", "^/cdn/")) == lfs
    [seen] = scan_cache_dir(constants.HF_HUB_CACHE).repos
    assert (seen.repo_id, [r.commit_hash for r in seen.revisions]) == (REPO, [pin.revision])
    found = hf_hub_download(REPO, "config.json", revision=pin.revision, local_files_only=True)
    assert Path(found).parent == folder


def test_a_pull_tells_how_far_it_is(pin):
    told = []
    sync.fetch(pin, lambda there, total: told.append((there, total)))
    assert told[0] == (0, pin.bytes) and told[-1] == (pin.bytes, pin.bytes)
    assert told == sorted(told)


def test_what_is_there_is_not_asked_for_again(hub_server, pin):
    sync.fetch(pin)
    hub_server.requests.clear()
    sync.fetch(pin)
    assert hub_server.requests == []


def test_a_fetched_checkpoint_is_found_by_its_pin(pin, root):
    write_entry(root / "lock.toml", "waves", pin)
    with pytest.raises(CheckpointError) as missing:
        folders(root).find("waves")
    assert str(missing.value) == (
        f"{REPO}@{pin.revision[:8]} is not in the Hugging Face cache yet; "
        "fetch it with `latenthub pull waves`"
    )
    assert folders(root).wanted("waves") == pin
    folder = sync.fetch(pin)
    assert folders(root).find("waves") == folder
    assert folders(root).wanted("waves") is None
    verified = folders(root).verify("waves")
    assert verified.ok and [file.name for file in verified.files] == sorted(pin.files)


def test_a_branch_is_resolved_to_its_full_sha_and_hashed(repo):
    repo.tag("v1")
    repo.commit(checkpoint(value=2.0))
    assert sync.resolve("waves", REPO) == pin_of(repo)
    assert sync.resolve("waves", REPO, "v1") == pin_of(repo, repo.refs["v1"])


def test_what_is_no_checkpoint_of_the_demo_is_not_pinned(repo):
    with pytest.raises(CheckpointError, match="holds the checkpoint of 'waves', not of 'trees'"):
        sync.resolve("trees", REPO)
    repo.commit({"config.json": json.dumps({"demo": "waves", "format": FORMAT + 1}).encode()})
    with pytest.raises(
        CheckpointError, match=rf"{REPO}@\w{{8}}/config.json is of format 2; .*upgr"
    ):
        sync.resolve("waves", REPO)
    repo.commit(checkpoint())
    repo.commit({"model.safetensors": checkpoint()["model.safetensors"][:-9]})
    with pytest.raises(CheckpointError, match=rf"{REPO}@\w{{8}}/model.safetensors is truncated"):
        sync.resolve("waves", REPO)
    repo.commit({"pytorch_model.bin": b"\x80\x04"}, deleted=("model.safetensors",))
    with pytest.raises(
        CheckpointError, match="no model.safetensors: it has pytorch_model.bin, but"
    ):
        sync.resolve("waves", REPO)
    repo.commit({}, deleted=("config.json",))
    with pytest.raises(
        CheckpointError, match="no config.json: it is not a checkpoint of latenthub"
    ):
        sync.resolve("waves", REPO)
    with pytest.raises(SettingsError, match="named OWNER/NAME, got 'waves'"):
        sync.resolve("waves", "waves")


def test_another_demos_weights_are_not_fetched(hub_server, repo):
    with pytest.raises(CheckpointError):
        sync.resolve("trees", REPO)
    assert hub_server.asked("GET", "model.safetensors") == []


# Where it is looked for.


def test_the_operators_pin_comes_before_the_bundled_folder(repo, pin, root, tmp_path):
    bundled = tmp_path / "bundled"
    files = checkpoint(value=3.0)
    (bundled / "waves").mkdir(parents=True)
    for name, content in files.items():
        (bundled / "waves" / name).write_bytes(content)
    update_lock(bundled, "waves")
    both = Folders(Root(root, bundled=False), Root(bundled, bundled=True))
    assert both.find("waves") == bundled / "waves"
    write_entry(root / "lock.toml", "waves", pin)
    with pytest.raises(CheckpointError, match="not in the Hugging Face cache yet; fetch it"):
        both.find("waves")
    sync.fetch(pin)
    assert both.find("waves") == pin.folder
    shutil.copytree(bundled / "waves", root / "waves")
    write_entry(root / "lock.toml", "waves", replace(pin, repo_id="", revision="", files={}))
    assert both.find("waves") == root / "waves"


def test_the_pin_in_a_plugins_own_package_comes_last(pin, root, tmp_path):
    package = tmp_path / "lock.toml"
    write_entry(package, "waves", pin)
    own = Folders(Root(root, bundled=False), package_lock={"waves": package}.get)
    assert own.wanted("waves") == pin and own.wanted("trees") is None
    sync.fetch(pin)
    assert own.find("waves") == pin.folder
    with pytest.raises(CheckpointError, match="there is no checkpoints/trees"):
        own.find("trees")


def test_the_cache_stands_in_for_a_damaged_folder_of_the_same_files(pin, root, caplog):
    folder = sync.fetch(pin)
    shutil.copytree(folder, root / "waves")
    write_entry(root / "lock.toml", "waves", pin)
    here = folders(root)
    assert here.find("waves") == root / "waves"
    (root / "waves/config.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        assert here.find("waves") == here.find("waves") == folder
    assert caplog.text.count(f"{REPO}@{pin.revision[:8]} is used") == 1
    shutil.rmtree(folder)
    with pytest.raises(
        CheckpointError, match="fetch it with `latenthub pull waves`, make it again"
    ):
        here.find("waves")


def test_until_a_new_pin_is_fetched_a_running_hub_keeps_the_old_one(repo, pin, root, caplog):
    write_entry(root / "lock.toml", "waves", pin)
    sync.fetch(pin)
    here = folders(root)
    assert here.find("waves") == pin.folder
    repo.commit(checkpoint(value=2.0))
    new = pin_of(repo)
    write_entry(root / "lock.toml", "waves", new)
    assert here.find("waves") == pin.folder and "is used" in caplog.text
    with pytest.raises(CheckpointError, match=f"{REPO}@{new.revision[:8]} is not in the Hugging"):
        folders(root).find("waves")  # one that starts now: nothing says that the old one is sound
    sync.fetch(new)
    assert here.find("waves") == folders(root).find("waves") == new.folder


# What goes wrong.


def test_a_corrupted_file_of_the_right_size_is_refused_and_mended(hub_server, pin):
    hub_server.faults.corrupt = {"model.safetensors"}
    assert "model.safetensors came with a wrong hash: its sha256 is" in refusal(pin)
    assert not (pin.folder / "model.safetensors").exists()
    hub_server.faults.corrupt = set()
    sync.fetch(pin)
    blob = (pin.folder / "model.safetensors").resolve()
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + b"?")
    sync.fetch(pin)
    assert blob.read_bytes() == content


@pytest.mark.parametrize("pinned", [True, False])
def test_a_wrong_hash_is_noticed_before_there_is_a_pin_too(hub_server, repo, pinned):
    hub_server.faults.corrupt = {"model.safetensors"}
    hub_server.lfs = pinned  # the etag is the file's sha256, or git's hash
    with pytest.raises(CheckpointError, match="came with a wrong hash"):
        sync.resolve("waves", REPO)


def test_a_connection_cut_in_mid_file_is_taken_up_again(hub_server, pin):
    hub_server.faults.cut_after, hub_server.faults.cuts = 60_000, 2
    sync.fetch(pin)
    ranges = [request.range for request in hub_server.asked("GET", "model.safetensors")]
    assert ranges[0] == "" and len(ranges) == 3
    assert all(int(one.removeprefix("bytes=").rstrip("-")) > 0 for one in ranges[1:])


def test_a_server_that_knows_no_ranges_sends_all_again(hub_server, pin):
    hub_server.faults.cut_after, hub_server.faults.cuts = 60_000, 1
    hub_server.faults.ignore_ranges = True
    sync.fetch(pin)
    assert file_sha256(pin.folder / "model.safetensors") == pin.files["model.safetensors"]


def test_a_bad_beginning_is_thrown_away(hub_server, pin):
    hub_server.faults.statuses["GET .*safetensors"] = 503
    refusal(pin)
    blobs = pin.folder.parents[1] / "blobs"
    name = f"{sync.ask(REPO, pin.revision, 'model.safetensors').etag}.latenthub.incomplete"
    for bad in (b"?" * 1000, b"?" * 900_000):  # not its beginning; more than all of it
        shutil.rmtree(pin.folder, ignore_errors=True)
        (blobs / name).write_bytes(bad)
        hub_server.faults.statuses.clear()
        sync.fetch(pin)
        assert file_sha256(pin.folder / "model.safetensors") == pin.files["model.safetensors"]
        (pin.folder / "model.safetensors").resolve().unlink()


PULL = """
import sys
from hub import sync
from hub.lock import read_lock
from pathlib import Path
print(sync.fetch(read_lock(Path(sys.argv[1]))["waves"]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
@pytest.mark.parametrize("lfs", [True, False])
def test_kill_9_in_mid_file_leaves_the_old_one_and_the_next_pull_goes_on(
    hub_server, repo, pin, root, tmp_path, monkeypatch, lfs
):
    hub_server.lfs = lfs
    write_entry(root / "lock.toml", "waves", pin)
    sync.fetch(pin)
    repo.commit(checkpoint(value=2.0, size=500_000))
    new = pin_of(repo)
    write_entry(tmp_path / "new.toml", "waves", new)
    hub_server.faults.bytes_per_second = 400_000
    blobs = new.folder.parents[1] / "blobs"
    command = [sys.executable, "-c", PULL, str(tmp_path / "new.toml")]
    with subprocess.Popen(command, env=os.environ) as puller:
        wait_until(lambda: any(p.stat().st_size > 200_000 for p in blobs.glob("*.incomplete")))
        puller.send_signal(signal.SIGKILL)
    [partial] = blobs.glob("*.latenthub.incomplete")
    kept = partial.stat().st_size
    assert 200_000 < kept < 2_000_000
    assert (
        folders(root).find("waves") == pin.folder
        and not new.folder.joinpath("model.safetensors").exists()
    )
    hub_server.faults.bytes_per_second = None
    hub_server.requests.clear()
    sync.fetch(new)
    place = "/cdn/" if lfs else "model.safetensors"
    assert [request.range for request in hub_server.asked("GET", place)] == [f"bytes={kept}-"]
    write_entry(root / "lock.toml", "waves", new)
    assert folders(root).find("waves") == new.folder
    assert list(blobs.glob("*.incomplete")) == []


def wait_until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def test_two_processes_pull_into_one_cache_at_once(hub_server, pin, root):
    write_entry(root / "lock.toml", "waves", pin)
    hub_server.faults.bytes_per_second = 200_000
    command = [sys.executable, "-c", PULL, str(root / "lock.toml")]
    pullers = [
        subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [puller.communicate(timeout=60)[0].strip() for puller in pullers] == [
        str(pin.folder),
        str(pin.folder),
    ]
    assert folders(root).find("waves") == pin.folder
    assert len(hub_server.asked("GET", "model.safetensors")) == 1  # the second found it there


def test_two_hubs_share_one_cache_while_one_pulls(hub_server, repo, pin, root):
    """The other finds the old one at every moment, and the new one once it is whole."""
    sync.fetch(pin)
    repo.commit(checkpoint(value=2.0))
    new = pin_of(repo)
    write_entry(root / "lock.toml", "waves", pin)
    write_entry(root / "new.toml", "waves", new)
    hub_server.faults.bytes_per_second = 300_000
    command = [sys.executable, "-c", PULL, str(root / "new.toml")]
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL) as puller:
        looks = 0
        while puller.poll() is None:
            assert folders(root).find("waves") == pin.folder
            looks += 1
    assert puller.returncode == 0 and looks > 5
    write_entry(root / "lock.toml", "waves", new)
    assert folders(root).find("waves") == new.folder


@pytest.fixture
def full_disk(tmp_path, monkeypatch):
    """Put the cache on a disk of 1 MB, a real one."""
    place = tmp_path / "small-disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(place))
    monkeypatch.setenv("HF_HUB_CACHE", str(place))
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told_before_and_while_it_fills(hub_server, repo, full_disk, monkeypatch):
    repo.commit(checkpoint(size=500_000))
    pin = pin_of(repo)
    assert re.match(r"the disk is full \(.* free\): make room for the Hugging Face c", refusal(pin))
    monkeypatch.setattr(sync, "ROOM", -10_000_000)  # another process takes the room meanwhile
    assert "the disk is full (No space left on device): make room for" in refusal(pin)
    assert shutil.disk_usage(full_disk).free > 800_000  # nothing of it is left behind
    repo.commit(checkpoint(size=100))
    assert sync.fetch(pin_of(repo)).is_relative_to(full_disk)


def test_a_file_larger_than_the_process_may_write_is_told(repo, pin, root):
    write_entry(root / "lock.toml", "waves", pin)
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000)); {PULL}"
    limit = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); " + limit
    command = [sys.executable, "-c", limit, str(root / "lock.toml")]
    run = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert "CheckpointError: a file is larger than this system lets a process write" in run.stderr


# What the Hub refuses.


@pytest.mark.parametrize(
    ("fault", "token", "message"),
    [
        ({"delete": True}, None, "there is no repository somebody/waves at http://127.0.0.1:"),
        ({"delete": True}, None, "or it is private: then log in with `hf auth login`, or name a"),
        ({"private": True}, None, "or it is private: then log in with `hf auth login`"),
        ({"delete": True}, "reader", "or the token may not read it"),
        ({"private": True}, "wrong", "does not accept the token; log in with `hf auth login`"),
        ({"gated": True}, None, "somebody/waves is gated: ask for access at http://127.0.0.1:"),
        ({"gated": True}, "reader", "is gated: ask for access at http://127.0.0.1:"),
        ({"revision": "c" * 40}, None, "somebody/waves has no revision 'cccccccc'; its branches"),
        ({"file": "gone.npy"}, None, "a file that the lock names is not in somebody/waves@"),
        ({"status": 403}, "reader", "the token may not read somebody/waves; use one with that"),
        ({"status": 429}, None, "has had too many requests from here; try again in some minutes"),
        ({"status": 500}, None, "is out of order (status 500); try again later"),
        ({"status": 418}, None, "refused the request for somebody/waves (status 418)"),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_sentence(
    hub_server, repo, pin, monkeypatch, fault, token, message
):
    if token:
        monkeypatch.setenv("HF_TOKEN", getattr(hub_server, token, "hf_unknown"))
    if "status" in fault:
        hub_server.faults.statuses["resolve"] = fault["status"]
    elif "delete" in fault:
        hub_server.repos.clear()
    elif "revision" in fault:
        pin = replace(pin, revision=fault["revision"])
    elif "file" in fault:
        pin = replace(pin, files={**pin.files, fault["file"]: "a" * 64})
    else:
        for name, value in fault.items():
            setattr(repo, name, value)
    assert message in refusal(pin)
    with pytest.raises(CheckpointError) if "file" not in fault else contextlib.nullcontext():
        sync.resolve("waves", REPO, pin.revision)


def test_with_a_token_a_private_repository_is_pulled(hub_server, repo, pin, monkeypatch):
    repo.private = True
    monkeypatch.setenv("HF_TOKEN", hub_server.reader)
    assert sync.resolve("waves", REPO) == pin
    monkeypatch.delenv("HF_TOKEN")
    Path(constants.HF_TOKEN_PATH).parent.mkdir(parents=True, exist_ok=True)
    Path(constants.HF_TOKEN_PATH).write_text(hub_server.reader)  # as `hf auth login` does
    shutil.rmtree(constants.HF_HUB_CACHE)
    assert sync.fetch(pin) == pin.folder


def test_a_token_that_is_no_word_is_not_shown(pin, monkeypatch, caplog):
    monkeypatch.setenv("HF_TOKEN", "hf_secret\nword")
    assert "hf_secret" not in refusal(pin) + caplog.text


def test_a_hub_that_is_down_is_told_and_the_cache_goes_on(hub_server, pin, root):
    write_entry(root / "lock.toml", "waves", pin)
    folder = sync.fetch(pin)
    hub_server.close()
    assert folders(root).find("waves") == sync.fetch(pin) == folder
    shutil.rmtree(folder)
    assert "cannot be reached; look at the network, a proxy, and HF_ENDPOINT" in refusal(pin)


def test_a_hub_that_does_not_answer_is_given_up(hub_server, pin, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    hub_server.faults.delay = 30
    began = time.monotonic()
    message = refusal(pin)
    assert "did not answer in time; try again, or give it longer than HF_HUB_ETAG_TIM" in message
    with pytest.raises(CheckpointError, match="did not answer in time"):
        sync.resolve("waves", REPO)
    assert time.monotonic() - began < 10


def test_a_file_that_stops_coming_is_given_up(hub_server, pin, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    monkeypatch.setattr(sync, "ATTEMPTS", 1)
    hub_server.faults.bytes_per_second = 200
    assert "HF_HUB_DOWNLOAD_TIMEOUT=1 seconds" in refusal(pin)


def test_a_file_that_is_always_cut_at_its_beginning_is_given_up(hub_server, pin, monkeypatch):
    monkeypatch.setattr(sync, "PAUSE", 0.0)
    hub_server.faults.cut_after = 0
    assert "was cut (RemoteProtocolError); pull again: it goes on where it stopped" in refusal(pin)


@pytest.mark.parametrize("endpoint", ["hub.example", "ftp://hub.example", "http://"])
def test_an_endpoint_that_is_no_address_is_told(pin, monkeypatch, endpoint):
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    assert f"HF_ENDPOINT must be the address of a Hub, got {endpoint!r}" in refusal(pin)


def test_an_endpoint_is_shown_without_its_password(pin, hub_server, monkeypatch):
    address = hub_server.url.replace("//", "//somebody:secret@")
    monkeypatch.setattr(constants, "ENDPOINT", address)
    hub_server.close()
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    assert f"{hub_server.url} cannot be reached" in refusal(pin)


@pytest.mark.parametrize("by", ["argument", "HF_HUB_OFFLINE"])
def test_offline_takes_what_is_in_the_cache_and_asks_nothing(hub_server, pin, monkeypatch, by):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", by == "HF_HUB_OFFLINE")
    offline = by == "argument"
    assert "is not whole in the Hugging Face cache (" in refusal(pin, offline=offline)
    assert hub_server.requests == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    sync.fetch(pin)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", by == "HF_HUB_OFFLINE")
    hub_server.requests.clear()
    assert sync.fetch(pin, offline=offline) == pin.folder
    if by == "HF_HUB_OFFLINE":
        with pytest.raises(CheckpointError, match="cannot be asked what 'main' is: this is offl"):
            sync.resolve("waves", REPO)
    assert hub_server.requests == []


def test_a_cache_that_cannot_be_written_is_told(pin, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    assert "the Hugging Face cache (HF_HOME names another place) cannot be written" in refusal(pin)
