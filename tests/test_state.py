"""Where demos keep their state."""

import os
import sys
from pathlib import Path

import pytest

from hub import state
from hub.errors import SettingsError


def test_the_operator_names_the_folder_and_each_demo_has_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTHUB_STATE", str(tmp_path / "there"))
    assert state.folder("search") == tmp_path / "there" / "search"
    assert (tmp_path / "there" / "search").is_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_it_is_the_user_s_data_folder_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("LATENTHUB_STATE", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state.root() == tmp_path / ".local" / "share" / "latenthub"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert state.root() == tmp_path / "data" / "latenthub"


def test_a_space_keeps_it_on_the_disk_that_was_attached(monkeypatch, tmp_path):
    monkeypatch.delenv("LATENTHUB_STATE", raising=False)
    monkeypatch.setenv("SPACE_ID", "somebody/hub")
    monkeypatch.setattr(state, "SPACE_DISK", tmp_path)
    assert state.root() == tmp_path / "latenthub"
    monkeypatch.setattr(state, "SPACE_DISK", tmp_path / "none")
    assert state.root() != tmp_path / "none" / "latenthub"


def test_only_the_hub_s_user_may_look_into_it(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTHUB_STATE", str(tmp_path))
    if os.name == "posix":
        assert state.folder("search").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_one_clear_error(monkeypatch, tmp_path):
    Path(tmp_path / "file").write_text("")
    monkeypatch.setenv("LATENTHUB_STATE", str(tmp_path / "file"))
    with pytest.raises(SettingsError, match="search keeps its state.*LATENTHUB_STATE") as error:
        state.folder("search")
    assert str(tmp_path) not in str(error.value)


def test_how_much_is_kept_can_be_set(monkeypatch):
    monkeypatch.setenv("LATENTHUB_STATE_MB", "5")
    assert state.most_bytes() == 5e6
