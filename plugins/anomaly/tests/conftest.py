"""Fixtures of the anomaly detector's tests: its demo served, with a network that trains in no
time."""

import functools
import socket

import pytest


@pytest.fixture(scope="module")
def quickly():
    """Train for a second: what is measured is measured by `evaluate`."""
    from hub_anomaly.tables import fitted as fitting
    from hub_anomaly.tables.model import ModelConfig

    real = fitting.Detector.fit.__func__
    config = ModelConfig(width=64, layers=2, steps=150, batch=64)

    def fit(cls, rows, given=None, *others, **named):
        return real(cls, rows, config, *others, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting.Detector, "fit", classmethod(fit))
        yield


@pytest.fixture(scope="session")
def hub_of_anomaly():
    """Return what makes a hub of this demo alone, whether it is installed or not."""
    from hub.app import Hub
    from hub.checkpoints import Folders
    from hub.executors.local import LocalExecutor
    from hub.plugins import Discovered, Installed
    from hub_anomaly import hub_demo

    def make(folder):
        demo = hub_demo()
        found = Discovered({demo.name: Installed(demo, "tests 1.0")}, ())
        return Hub(found, Folders.standard(folder), functools.partial(LocalExecutor, device="cpu"))

    return make


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """Return a checkpoint that brings no detector."""
    from hub.checkpoints import write

    folder = tmp_path_factory.mktemp("bare") / "anomaly"
    card = "---\nlicense: apache-2.0\n---\n# anomaly\n"
    write(folder, {"demo": "anomaly", "pictures": {}, "tables": {}}, {}, card)
    return folder


@pytest.fixture(scope="module")
def served(hub_of_anomaly, quickly, bare):
    """Serve the demo with a checkpoint that brings no detector; return its page's address."""
    from hub.site.server import start

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with hub_of_anomaly(bare.parent) as hub, start(hub, port=port) as running:
        yield running.url.rstrip("/") + "/anomaly"


@pytest.fixture(scope="session")
def seeing(tmp_path_factory):
    """Return a checkpoint with three detectors of pictures, whose networks are not trained: to them
    brushed metal is usual, upright strokes, and squares."""
    import numpy as np
    import torch

    from hub.checkpoints import write
    from hub_anomaly.pictures.detector import Detector, as_inputs
    from hub_anomaly.pictures.made import brushed_metal
    from hub_anomaly.pictures.model import ModelConfig, Restorer

    torch.manual_seed(0)
    strokes, squares = (np.zeros((60, 28, 28), np.uint8) for _ in range(2))
    for number in range(60):
        strokes[number, 4:24, 12 + number % 3 : 15 + number % 2] = 255 - number
        squares[number, number % 5 :, 4 : 24 + number % 4] = 100 + 2 * number
    plates = np.stack([brushed_metal(seed=seed) for seed in range(60)])
    usual = {"tiles": plates, "mnist_1": strokes, "fashion_mnist_8": squares}
    tensors, config = {}, {"demo": "anomaly", "pictures": {}, "tables": {}}
    for name, pictures in usual.items():
        side = 80 if name == "tiles" else 32
        inputs = as_inputs(torch.from_numpy(pictures), side)
        network = Restorer(ModelConfig(side=side, width=4)).eval()
        torch.nn.init.normal_(network.tail.weight, std=0.01)
        kind = "texture" if name == "tiles" else "object"
        detector = Detector.of(name, kind, network, inputs[:40], inputs[40:])
        held, config["pictures"][name] = detector.packed()
        tensors |= {f"pictures.{name}.{tensor}": one for tensor, one in held.items()}
    folder = tmp_path_factory.mktemp("seeing") / "anomaly"
    write(folder, config, tensors, "---\nlicense: apache-2.0\n---\n# anomaly\n")
    return folder
