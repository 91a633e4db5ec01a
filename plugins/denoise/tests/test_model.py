"""One checkpoint of all parts: written, read, and what is told where it cannot be."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from hub.errors import CheckpointError
from hub.site.views import parameters_of
from hub_denoise.model import assemble, load, named


@pytest.fixture
def copy(untrained, tmp_path):
    return shutil.copytree(untrained / "denoise", tmp_path / "denoise")


def test_all_parts_come_back(untrained):
    networks = load(untrained / "denoise")
    assert list(networks.pictures.parts) == ["grey", "upscale", "digits", "colour"]
    assert networks.speech.config.width == 8 and networks.speech.config.stem == 4
    assert "frogs" in networks.text.vocabulary.words
    assert networks.few_labels == {}
    parts = untrained / "denoise" / ".parts"
    for name, one in load_file(parts / "speech" / "speech.safetensors").items():
        assert torch.allclose(networks.speech.state_dict()[name].float(), one.float(), atol=1e-3)
    assert not any(weight.requires_grad for weight in networks.speech.parameters())


def test_weights_on_the_disk_are_rounded_and_the_card_tells_of_the_training(untrained):
    folder = untrained / "denoise"
    tensors = load_file(folder / "model.safetensors")
    for name, one in tensors.items():
        assert one.dtype in (torch.float16, torch.int64, torch.int8, torch.uint8)
        assert name.startswith("speech.") or one.ndim < 2 or one.dtype == torch.int8
    exact = load_file(folder / ".parts" / "grey.safetensors")
    for name, one in named(tensors, "pictures.grey.").items():
        step = exact[name].flatten(1).abs().amax(1) / 127
        assert ((one - exact[name]).flatten(1).abs().amax(1) <= 0.6 * step + 1e-6).all()
    config = json.loads((folder / "config.json").read_text())
    assert list(config["training"]) == ["grey", "upscale", "digits", "colour", "speech", "text"]
    assert config["parameters"]["grey"] == sum(one.numel() for one in exact.values())
    assert parameters_of(folder) == sum(config["parameters"].values())
    assert "steps 0, minutes 0.0" in (folder / "README.md").read_text()


def test_a_checkpoint_may_do_without_colours(copy):
    (copy / ".parts" / "colour.safetensors").unlink()
    assemble(copy)
    assert list(load(copy).pictures.parts) == ["grey", "upscale", "digits"]


def test_a_part_that_is_missing_is_named(copy):
    (copy / ".parts" / "speech" / "speech.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has no speech/speech\.safetensors; train"):
        assemble(copy)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"speech": {"width": 16}}, "do not fit each other"),
        ({"speech": {"depth": 16}}, "depth"),
        ({"pictures": {}}, "no pictures.grey"),
        ({"pictures": {"digits": 3}}, "do not fit each other"),
        ({"text": None}, "do not fit each other"),
    ],
)
def test_a_config_that_does_not_fit_is_one_clear_error(copy, change, told):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(CheckpointError, match=told) as error:
        load(copy)
    assert "\n" not in str(error.value)
