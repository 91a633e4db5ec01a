"""A hub served with the sample plugin, for all tests of the site."""

import functools
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

HERE = Path(__file__).parent
CARD = """---
license: apache-2.0
model-index:
- name: sample
  results:
  - task: {type: unconditional-image-generation}
    dataset: {name: a made set, type: made}
    metrics:
    - name: nll_nats
      type: nll_nats
      value: 80.5
      args: {unit: nats, higher_is_better: false, protocol: 8 images}
---
"""


def a_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def unused_port():
    """Return a function that returns a port nobody listens on."""
    return a_free_port


def write_checkpoint(folder):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"demo": "sample", "format": 1}')
    (folder / "README.md").write_text(CARD)
    save_file({"weights": np.zeros(1000, np.float32)}, folder / "model.safetensors")


@pytest.fixture(scope="session")
def sample():
    """The demo of the sample plugin, importable by its references."""
    sys.path.insert(0, str(HERE))
    import hub_sample

    yield hub_sample.hub_demo()
    sys.path.remove(str(HERE))


@pytest.fixture(scope="session")
def hub_of(sample):
    """Return a hub of the given demos, their checkpoints in a folder; the sample's by default."""
    from hub.app import Hub
    from hub.checkpoints import Folders
    from hub.executors.local import LocalExecutor
    from hub.plugins import Discovered, Installed

    def make(folder, *demos, broken=()):
        installed = {demo.name: Installed(demo, "tests 1.0") for demo in demos or (sample,)}
        executor = functools.partial(LocalExecutor, device="cpu")
        return Hub(Discovered(installed, tuple(broken)), Folders.standard(folder), executor)

    return make


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory):
    """A folder with the sample's checkpoint."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write_checkpoint(folder / "sample")
    return folder


@pytest.fixture(scope="session")
def site(hub_of, sample, sample_folder):
    """The sample served, beside a demo without checkpoint, a failing page, and a broken plugin."""
    from dataclasses import replace

    from hub.plugins import Quarantined
    from hub.site.server import start

    bare = replace(sample, name="bare", title="Without a checkpoint", tags=("testing",))
    lost = replace(
        sample, name="lost", title="Without a page", page="hub_sample.page:nothing", tags=()
    )
    broken = Quarantined("bad", "latenthub-bad 0.1", ImportError("No module named 'nothing'"))
    with (
        hub_of(sample_folder, sample, bare, lost, broken=[broken]) as hub,
        start(hub, port=a_free_port()) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def url(site):
    return site.url
