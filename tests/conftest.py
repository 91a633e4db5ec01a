"""Fixtures that test files share: a small plugin, its checkpoint, a free port."""

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
