import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from hub import checkpoints
from hub.checkpoints import Folders, Root
from hub.errors import CheckpointError
from hub.lock import write_lock

torch = pytest.importorskip("torch")


@pytest.fixture
def root(tmp_path):
    """A bundled folder with a locked checkpoint of `waves`."""
    root = tmp_path / "checkpoints"
    write(root / "waves")
    checkpoints.update_lock(root, "waves")
    return root


def write(folder, demo="waves", value=1.0, **config):
    tensors = {"weight": torch.full((3, 4), value), "half": torch.ones(2, dtype=torch.float16)}
    checkpoints.write(folder, {"demo": demo, **config}, tensors, "# A card\n")


def find(root, bundled=True):
    return Folders(Root(root, bundled)).find("waves")


def refusal(root, bundled=True):
    """Return the message with which the checkpoint is refused; it must tell no absolute path."""
    with pytest.raises(CheckpointError) as caught:
        find(root, bundled)
    assert str(root.parent) not in str(caught.value)
    assert "latenthub train waves --out checkpoints/waves" in str(caught.value)
    return str(caught.value)


def test_what_was_written_is_read_again(tmp_path):
    write(tmp_path / "waves", width=8)
    config, tensors = checkpoints.read(tmp_path / "waves")
    assert config == {"demo": "waves", "width": 8, "format": checkpoints.FORMAT}
    assert tensors["weight"].tolist() == [[1.0] * 4] * 3
    assert tensors["half"].dtype == torch.float16
    assert (tmp_path / "waves/README.md").read_text() == "# A card\n"


def test_what_was_read_is_no_map_of_its_file(tmp_path):
    checkpoints.write(tmp_path / "waves", {"demo": "waves"}, {"weight": torch.ones(200_000)}, "")
    _, tensors = checkpoints.read(tmp_path / "waves")
    with (tmp_path / "waves/model.safetensors").open("r+b") as file:  # in place, as a slip may do
        file.write(bytes(800_000))
    assert tensors["weight"].sum() == 200_000


def test_tensors_that_share_memory_are_written_each_on_its_own(tmp_path):
    one = torch.arange(6.0)
    shared = {"one": one, "turned": one.reshape(2, 3).T}
    checkpoints.write(tmp_path / "waves", {"demo": "waves"}, shared, "")
    _, tensors = checkpoints.read(tmp_path / "waves")
    assert tensors["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_a_config_must_name_its_demo(tmp_path):
    with pytest.raises(CheckpointError, match='config needs "demo"'):
        checkpoints.write(tmp_path / "waves", {}, {}, "")


def test_writing_leaves_other_files_and_nothing_of_its_own(tmp_path):
    folder = tmp_path / "waves"
    folder.mkdir()
    (folder / "log.txt").write_text("kept")
    write(folder)
    write(folder, value=2.0)
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "model.safetensors", "README.md", "log.txt"}


def test_a_write_killed_before_its_end_leaves_the_old_one(tmp_path, monkeypatch):
    folder = tmp_path / "waves"
    write(folder, value=1.0)
    monkeypatch.setattr(checkpoints, "sync_folder", raise_killed)
    with pytest.raises(KeyboardInterrupt):
        write(folder, value=2.0)
    assert checkpoints.read(folder)[1]["weight"][0, 0] == 1.0
    monkeypatch.undo()
    write(folder, value=3.0)
    assert checkpoints.read(folder)[1]["weight"][0, 0] == 3.0


def test_a_write_killed_after_its_end_leaves_the_new_one(tmp_path, monkeypatch):
    folder = tmp_path / "waves"
    write(folder, value=1.0, width=1)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "settle", lambda folder: None)
        write(folder, value=2.0, width=2)
    (folder / checkpoints.COMPLETE / "config.json").replace(folder / "config.json")  # half replaced
    config, tensors = checkpoints.read(folder)
    assert (config["width"], tensors["weight"][0, 0].item()) == (2, 2.0)


def raise_killed(folder):
    raise KeyboardInterrupt


REWRITE = """
import sys, torch
from pathlib import Path
from hub import checkpoints
value = 1.0
while True:
    value += 1
    config, tensors = {"demo": "waves", "value": value}, {"w": torch.full((50_000,), value)}
    checkpoints.write(Path(sys.argv[1]), config, tensors, "")
    print(flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_kill_9_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    folder = tmp_path / "waves"
    command = [sys.executable, "-c", REWRITE, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        for pause in (0.0, 0.0013, 0.0007, 0.0021):
            writer.send_signal(signal.SIGSTOP)  # as good as a kill: nothing goes on
            config, tensors = checkpoints.read(folder)
            assert tensors["w"].unique().tolist() == [config["value"]]
            writer.send_signal(signal.SIGCONT)
            time.sleep(pause)
            if writer.poll() is not None:
                pytest.fail("the writer was disturbed by a reader that finished its work")
        writer.kill()
    config, tensors = checkpoints.read(folder)
    assert tensors["w"].unique().tolist() == [config["value"]]


def test_a_locked_checkpoint_is_found(root):
    assert find(root) == root / "waves"


def test_the_operators_folder_comes_first_then_the_bundled_one(root, tmp_path):
    own = tmp_path / "own"
    folders = Folders(Root(own, bundled=False), Root(root, bundled=True))
    assert folders.find("waves") == root / "waves"
    write(own / "waves")
    assert folders.find("waves") == own / "waves"


def test_the_standard_folders_are_the_operators_and_the_bundled(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTHUB_CHECKPOINTS", str(tmp_path / "named"))
    assert [root.path for root in Folders.standard(tmp_path).roots][:1] == [tmp_path]
    assert [root.path for root in Folders.standard().roots][:1] == [tmp_path / "named"]
    monkeypatch.delenv("LATENTHUB_CHECKPOINTS")
    assert all(root.bundled for root in Folders.standard().roots)
    bundled = checkpoints.bundled_folder()
    assert [root.bundled for root in Folders.standard(bundled).roots] == [False]


def test_one_trained_here_needs_no_lock(root, caplog):
    (root / "lock.toml").unlink()
    with caplog.at_level(logging.INFO):
        assert find(root, bundled=False)
    assert "checkpoints/waves is not locked" in caplog.text
    assert "lock.toml has no entry for 'waves'" in refusal(root, bundled=True)


def test_a_missing_folder_says_how_to_get_one(tmp_path):
    assert "there is no checkpoints/waves" in refusal(tmp_path / "checkpoints")
    with pytest.raises(CheckpointError, match="name DIR with LATENTHUB_CHECKPOINTS"):
        Folders().find("waves")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(root, name):
    (root / "waves" / name).unlink()
    assert f"checkpoints/waves has no {name}" in refusal(root)


def test_a_locked_file_of_the_plugins_own_must_be_there_too(root):
    (root / "waves/codes.npy").write_bytes(b"1")
    checkpoints.update_lock(root, "waves")
    (root / "waves/codes.npy").unlink()
    assert "checkpoints/waves has no codes.npy" in refusal(root)


def test_a_checkout_says_how_to_restore_it(root):
    (root.parent / ".git").mkdir()
    (root / "waves/model.safetensors").unlink()
    assert "restore it with `git checkout -- checkpoints/waves`" in refusal(root)


def test_pickles_are_not_read(root):
    (root / "waves/model.safetensors").rename(root / "waves/pytorch_model.bin")
    assert "has pytorch_model.bin and no model.safetensors; pickles can run code" in refusal(root)


@pytest.mark.parametrize("size", [0, 3, 8, 60, -1])
def test_a_truncated_file_is_told_from_a_damaged_one(root, size):
    weights = root / "waves/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    assert "checkpoints/waves/model.safetensors is truncated: it has" in refusal(root)
    with pytest.raises(CheckpointError, match="truncated"):
        checkpoints.read(root / "waves")


@pytest.mark.parametrize(
    "content",
    [
        b"version https://git-lfs.github.com/spec/v1\n",
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b'{"a": {}}',
        (2).to_bytes(8, "little") + b"\xff\xff",
    ],
)
def test_what_is_no_safetensors_is_refused(root, content):
    (root / "waves/model.safetensors").write_bytes(content)
    assert "damaged: its header is not that of safetensors" in refusal(root)


def test_one_flipped_bit_is_noticed(root):
    weights = root / "waves/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "checkpoints/waves/model.safetensors is damaged or changed: its sha256" in refusal(root)


def test_bytes_after_the_end_are_noticed(root):
    with (root / "waves/model.safetensors").open("ab") as file:
        file.write(b"more")
    assert "is damaged: it has" in refusal(root, bundled=False)


def test_another_demos_checkpoint_is_refused_by_name(root):
    write(root / "waves", demo="trees")
    assert "checkpoints/waves holds the checkpoint of 'trees', not of 'waves'" in refusal(root)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "checkpoints/waves/config.json is not readable JSON"),
        ("[" * 100_000, "checkpoints/waves/config.json is not readable JSON"),
        ("[]", "does not say whose it is"),
        ('{"format": 1}', "does not say whose it is"),
        ('{"demo": "waves"}', '"format" must be a whole number, got None'),
        (
            '{"demo": "waves", "format": 2}',
            "is of format 2; this hub reads up to format 1: upgrade",
        ),
    ],
)
def test_a_config_that_is_wrong_or_newer_is_refused(root, config, message):
    (root / "waves/config.json").write_text(config)
    assert message in refusal(root)


def test_a_file_is_hashed_once_and_again_when_it_changes(root, monkeypatch):
    hashed = []
    hash_it = checkpoints.file_sha256
    monkeypatch.setattr(checkpoints, "file_sha256", lambda p: hashed.append(p.name) or hash_it(p))
    folders = Folders(Root(root, bundled=True))
    folders.find("waves")
    folders.find("waves")
    assert sorted(hashed) == ["config.json", "model.safetensors"]
    os.utime(root / "waves/config.json", ns=(1, 1))
    folders.find("waves")
    assert hashed[2:] == ["config.json"]


def test_restoring_a_file_mends_the_checkpoint(root):
    folders = Folders(Root(root, bundled=True))
    weights = root / "waves/model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match="truncated"):
        folders.find("waves")
    weights.write_bytes(content)
    assert folders.find("waves")


def test_the_wording_of_the_card_may_change(root):
    (root / "waves/README.md").write_text("# Another card\n")
    assert find(root)
    verified = Folders(Root(root, bundled=True)).verify("waves")
    assert [file.name for file in verified.files if not file.ok] == ["README.md"]
    assert not verified.ok


def test_verify_tells_each_file(root):
    folders = Folders(Root(root, bundled=True))
    assert folders.verify("waves").ok
    (root / "waves/config.json").unlink()
    (root / "waves/extra.txt").write_text("1")
    verified = folders.verify("waves")
    states = {
        file.name: (file.ok, bool(file.expected), bool(file.found)) for file in verified.files
    }
    assert states["config.json"] == (False, True, False)
    assert states["extra.txt"] == (False, False, True)
    assert "has no config.json" in verified.problem


def test_the_lock_keeps_its_order_and_the_other_entries(root):
    write(root / "trees", demo="trees")
    checkpoints.update_lock(root, "trees")
    first = (root / "lock.toml").read_bytes()
    checkpoints.update_lock(root, "waves")
    assert (root / "lock.toml").read_bytes() == first
    assert list(checkpoints.read_lock(root / "lock.toml")) == ["trees", "waves"]


def test_a_revision_is_kept_only_while_its_files_are(root):
    lock = root / "lock.toml"
    entry = checkpoints.read_lock(lock)["waves"]
    pushed = replace(entry, repo_id="somebody/waves", revision="a" * 40)
    write_lock(lock, {"waves": pushed})
    assert checkpoints.update_lock(root, "waves") == pushed
    write(root / "waves", value=2.0)
    changed = checkpoints.update_lock(root, "waves")
    assert (changed.repo_id, changed.revision) == ("somebody/waves", "")


def test_only_a_demos_own_checkpoint_is_locked(root):
    write(root / "waves", demo="trees")
    with pytest.raises(CheckpointError, match="of 'trees', not of 'waves'"):
        checkpoints.update_lock(root, "waves")


@pytest.mark.parametrize(
    "text",
    [
        "[waves",
        "waves = 1",
        "[waves]",
        "[waves]\nfiles = {a = 1}",
        "[waves]\nfiles = {a = 'b'}",
        f"[waves]\nfiles = {{'../a' = '{64 * 'a'}'}}",
        f"[waves]\nfiles = {{}}\nrepo_id = '../../etc'\nrevision = '{40 * 'a'}'",
        "[waves]\nfiles = {}\nrepo_id = 'a/b'\nrevision = 'main'",
        "[waves]\nfiles = {}\nbytes = 'many'",
    ],
)
def test_a_lock_that_is_none_is_named(root, text):
    (root / "lock.toml").write_text(text)
    with pytest.raises(
        CheckpointError, match=r"^checkpoints/lock.toml is not a lock file: .*; rest"
    ):
        find(root)


def test_the_sha256_of_a_checkpoint_is_that_of_its_weights(root):
    locked = checkpoints.read_lock(root / "lock.toml")["waves"].files["model.safetensors"]
    assert checkpoints.sha256_of(root / "waves") == locked


def test_messages_show_no_more_than_two_parts_of_a_path(tmp_path):
    assert checkpoints.shown(tmp_path / "a" / "b") == "a/b"
    assert checkpoints.shown(tmp_path.parents[-1] / "b") == "b"


def test_importing_it_imports_neither_torch_nor_numpy():
    code = "import sys, hub.checkpoints; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_config_is_readable_json(tmp_path):
    write(tmp_path / "waves", width=8)
    text = (tmp_path / "waves/config.json").read_text()
    assert text.endswith("}\n") and json.loads(text)["width"] == 8


def test_a_name_that_a_checkpoint_lacks_is_told(root):
    config, tensors = checkpoints.read(root / "waves")
    with pytest.raises(
        CheckpointError, match="another version of its plugin: model.safetensors ha"
    ):
        tensors["bias"]
    with pytest.raises(CheckpointError, match="config.json has no 'width'; it has demo, format"):
        config["width"]
    assert tensors.get("bias") is None and "width" not in config


def test_tensors_of_another_model_are_told_without_a_traceback(root):
    _, tensors = checkpoints.read(root / "waves")
    with (
        pytest.raises(CheckpointError, match="checkpoints/waves does not fit the model") as caught,
        checkpoints.fitting(root / "waves"),
    ):
        torch.nn.Linear(4, 5).load_state_dict(tensors)
    assert 'Missing key(s) in state_dict: "bias"' in str(caught.value)
    assert "size mismatch for weight" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(RuntimeError, match="its own"), checkpoints.fitting(root / "waves"):
        raise RuntimeError("its own")


def test_one_trained_here_is_told_to_be_unlocked_once(root, caplog):
    (root / "lock.toml").unlink()
    folders = Folders(Root(root, bundled=False))
    with caplog.at_level(logging.INFO):
        folders.find("waves")
        folders.find("waves")
    assert caplog.text.count("is not locked") == 1
