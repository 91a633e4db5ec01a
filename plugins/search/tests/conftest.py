"""Fixtures of the search's tests: a checkpoint whose encoders learned nothing, spoken words made of
tones, a folder for archives."""

from dataclasses import asdict

import numpy as np
import pytest

from hub.checkpoints import write

RATE = 16_000
TONES = {  # the formants of a few made-up words, Hz, one pair per syllable
    "mado": [(700, 1200), (450, 900)],
    "siki": [(300, 2300), (320, 2500)],
    "rune": [(350, 800), (500, 1900)],
    "talo": [(800, 1300), (420, 750)],
}


@pytest.fixture(scope="session")
def state_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module", autouse=True)  # not for the session: tests elsewhere want the data
def state(state_folder):
    """Keep what the tests make out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTHUB_STATE", str(state_folder))
        # None: the archive of real speakers takes long.
        patch.setenv("LATENTHUB_DATA", str(state_folder))
        yield state_folder


def spoken(word: str, pitch: float = 120.0, seconds: float = 0.28) -> np.ndarray:
    """Return a made-up word as a voice of that pitch would say it, (samples,) float32."""
    parts = []
    for formants in TONES[word]:
        time = np.arange(round(seconds * RATE)) / RATE
        overtones = np.arange(1, int(4000 / pitch))
        gains = sum(np.exp(-(((overtones * pitch - f) / 180) ** 2)) for f in formants)
        waves = np.sin(2 * np.pi * pitch * overtones[:, None] * time)
        syllable = (gains[:, None] * waves).sum(0) * np.hanning(len(time)) ** 0.3
        parts += [0.3 * syllable / np.abs(syllable).max(), np.zeros(RATE // 50)]
    return np.concatenate(parts).astype(np.float32)


def silence(seconds: float, level: float = 1e-4) -> np.ndarray:
    chance = np.random.default_rng(0)
    return (level * chance.standard_normal(round(seconds * RATE))).astype(np.float32)


def sentence(words: list[str], pitch: float = 120.0) -> np.ndarray:
    """Return made-up words said one after another, with pauses around them."""
    parts = [silence(0.4)]
    for word in words:
        parts += [spoken(word, pitch), silence(0.12)]
    return np.concatenate([*parts, silence(0.4)])


@pytest.fixture(scope="session")
def say():
    return sentence


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """Return a folder of checkpoints with small random encoders."""
    import torch

    from hub_search.model import Encoder, ModelConfig
    from hub_search.service import SYSTEMS

    torch.manual_seed(0)
    config = ModelConfig(width=16, hidden=16, dimensions=24)
    tensors = {
        f"{system}.{name}": tensor
        for system in SYSTEMS
        for name, tensor in Encoder(config).state_dict().items()
    }
    tensors["usual"] = torch.tensor([[2.5], [1.0]]).repeat(1, 40)
    told = {"demo": "search", "model": asdict(config), "systems": list(SYSTEMS)}
    folder = tmp_path_factory.mktemp("checkpoints") / "search"
    write(folder, told, tensors, "# search, untrained\n")
    return folder.parent


@pytest.fixture(scope="module")
def service(untrained):
    from hub_search.service import Search

    return Search(untrained / "search", "cpu")


@pytest.fixture
def checked():
    """Return a function that checks an endpoint's arguments as the hub does."""
    from hub.endpoints import endpoints_of
    from hub_search.service import Search

    known = endpoints_of(Search)
    return lambda name, **arguments: known[name].check(arguments)
