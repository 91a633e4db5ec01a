"""Fixtures of the denoiser's tests: a checkpoint whose networks learned nothing, what can be asked
of it, and the bundled checkpoint where there is one."""

from dataclasses import asdict
from pathlib import Path

import pytest

TEXTS = [
    "The green frogs sing at night in the pond.",
    "The yellow birds sing in the morning, high in the trees.",
    "At night the yellow moon shines, and green frogs sing.",
    "In the morning the trees shine, and birds sing songs.",
] * 8


def write_small_parts(folder: Path) -> None:
    """Leave in `folder` what the recipes would, of small networks that learned nothing."""
    import torch

    from hub.training import save_part
    from hub_denoise.pictures.networks import PARTS, built
    from hub_denoise.speech.model import Masker
    from hub_denoise.speech.model import ModelConfig as SpeechConfig
    from hub_denoise.text.data import Corpus, Vocabulary, counted
    from hub_denoise.text.model import Filler
    from hub_denoise.text.model import ModelConfig as TextConfig
    from hub_denoise.text.trigram import Trigrams

    torch.manual_seed(0)
    told = {"steps": 0, "minutes": 0.0, "device": "CPU"}
    for part in PARTS:
        model = {"width": 8, "growth": 4, "depth": 2, "blocks": 1, "told": part != "upscale"}
        model |= {"channels": 3 if part == "colour" else 1}
        model = {"digit_width": 4, "code": 8} if part == "digits" else model
        network = built(part, model)
        if part != "digits":  # it starts as the identity
            torch.nn.init.normal_(network.tail.weight, std=0.02)
        facts = {"model": model, "training": told}
        save_part(folder / f"{part}.safetensors", network.state_dict(), facts)
    for name in ("speech", "text"):
        (folder / name).mkdir()
    speech = Masker(SpeechConfig(width=8, blocks=1, stem=4))
    save_part(folder / "speech" / "speech.safetensors", speech.state_dict(), told)
    counts = counted(TEXTS)
    vocabulary = Vocabulary.learned(counts, 80)
    trigrams = Trigrams.of(Corpus.of(TEXTS, counts), counts, vocabulary.words, pruned=True)
    text = TextConfig(
        vocabulary=vocabulary.size, words=len(vocabulary.words), own=8, embedding=8, width=16
    )
    tensors = Filler(text).state_dict() | vocabulary.tensors()
    tensors |= trigrams.tensors(len(vocabulary.words))
    save_part(folder / "text" / "text.safetensors", tensors, {"model": asdict(text), **told})


@pytest.fixture(scope="session")
def small_parts():
    """Return what leaves the parts of a small checkpoint in a folder."""
    return write_small_parts


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """Return a folder of checkpoints with small random networks."""
    from hub_denoise.model import assemble

    folder = tmp_path_factory.mktemp("checkpoints") / "denoise"
    (folder / ".parts").mkdir(parents=True)
    write_small_parts(folder / ".parts")
    assemble(folder)
    return folder.parent


@pytest.fixture(scope="session")
def service(untrained):
    from hub_denoise.service import Denoise

    return Denoise(untrained / "denoise", "cpu")


@pytest.fixture(scope="session")
def bundled():
    """Return the service of the checkpoint that comes with the hub."""
    from hub_denoise.service import Denoise

    folder = Path(__file__).resolve().parents[3] / "checkpoints" / "denoise"
    if not folder.is_dir():
        pytest.skip("there is no bundled checkpoint")
    return Denoise(folder, "cpu")


@pytest.fixture(scope="session")
def ask(service):
    """Return a function that calls an endpoint as the hub does, its arguments checked."""
    from hub.endpoints import endpoints_of
    from hub_denoise.service import Denoise

    known = endpoints_of(Denoise)

    def asking(name, asked=service, **arguments):
        found = getattr(asked, name)(**known[name].check(arguments))
        known[name].encode(found, lambda content, suffix: suffix)  # it can be sent
        return found

    return asking
