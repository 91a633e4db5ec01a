"""Fixtures of the digits' tests: a checkpoint whose networks learned nothing, a drawing."""

import numpy as np
import pytest

from hub.checkpoints import write


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """Return a folder of checkpoints with small random networks and a map of 40 points."""
    import torch

    from hub_digits.model import HVAE, Classifier, ClassifierConfig, ModelConfig

    torch.manual_seed(0)
    small = {"width7": 16, "width14": 8, "latent1": 6, "latent7": 2, "latent14": 1, "groups7": 2}
    config = {
        "demo": "digits",
        "binary": small,
        "grey": {**small, "likelihood": "logistic", "classes": 10},
        "classifier": {"width": 8},
    }
    networks = {
        "binary": HVAE(ModelConfig(**config["binary"])),
        "grey": HVAE(ModelConfig(**config["grey"])),
        "classifier": Classifier(ClassifierConfig(width=8)),
    }
    for network in networks.values():
        for weight in network.parameters():  # some start at 0, so that codes would change nothing
            torch.nn.init.normal_(weight, std=0.2)
    tensors = {
        f"{part}.{name}": tensor
        for part, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    tensors |= {
        "map.codes": torch.randn(40, 6),
        "map.pca": torch.randn(40, 2),
        "map.tsne": 30 * torch.randn(40, 2),
        "map.labels": torch.arange(40) % 10,
        "usual.elbo": torch.linspace(-200, -50, 101),
    }
    folder = tmp_path_factory.mktemp("checkpoints") / "digits"
    write(folder, config, tensors, "# digits, untrained\n")
    return folder.parent


@pytest.fixture(scope="session")
def service(untrained):
    from hub_digits.service import Digits

    return Digits(untrained / "digits", "cpu")


def seven(side: int = 100, dark_on_light: bool = False) -> np.ndarray:
    """Return a seven made of two bars, (side, side, 4) uint8."""
    grey = np.zeros((side, side), np.uint8)
    grey[side // 5 : side // 4 + 2, side // 4 : 3 * side // 4] = 255
    for row in range(side // 5, 4 * side // 5):
        middle = int(3 * side / 4 - (row - side / 5) / 2)
        grey[row, middle - side // 15 : middle + side // 15] = 255
    grey = 255 - grey if dark_on_light else grey
    return np.stack([grey, grey, grey, np.full_like(grey, 255)], axis=2)


@pytest.fixture
def drawing():
    return seven


@pytest.fixture
def checked():
    """Return a function that checks an endpoint's arguments as the hub does."""
    from hub.endpoints import endpoints_of
    from hub_digits.service import Digits

    known = endpoints_of(Digits)
    return lambda name, **arguments: known[name].check(arguments)
