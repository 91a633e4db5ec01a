"""Fixtures that test files share: a small plugin, its checkpoint, a Hub, a free port."""

import json
import socket
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def small(monkeypatch):
    """Install the plugin of tests/small for one test; return the folder, to go into PYTHONPATH."""
    folder = HERE / "small"
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "hub_small"]:
        del sys.modules[name]


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """Name a folder with the small plugin's checkpoint in LATENTHUB_CHECKPOINTS; return it."""
    import numpy as np
    from safetensors.numpy import save_file

    folder = tmp_path / "checkpoints" / "small"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"demo": "small", "format": 1, "shade": 200}))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# small\n")
    save_file({"weight": np.zeros(4, np.float32)}, folder / "model.safetensors")
    monkeypatch.setenv("LATENTHUB_CHECKPOINTS", str(folder.parent))
    return folder.parent


@pytest.fixture
def port():
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def hub_server(monkeypatch, tmp_path):
    """Serve a Hugging Face Hub on this machine, see tests/hub_server; return it.

    The client in this process, and those started from it, speak to it, without a token, and keep
    their cache in a folder of the test's own.
    """
    monkeypatch.syspath_prepend(HERE)
    from huggingface_hub import constants

    from hub_server import HubServer

    home = tmp_path / "huggingface"
    for name, value in {
        "HF_HOME": home,
        "HF_HUB_CACHE": home / "hub",
        "HF_XET_CACHE": home / "xet",
        "HF_TOKEN_PATH": home / "token",
        "HF_STORED_TOKENS_PATH": home / "stored_tokens",
    }.items():
        monkeypatch.setenv(name, str(value))
        monkeypatch.setattr(constants, name, str(value))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server
