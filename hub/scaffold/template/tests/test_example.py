import itertools

import numpy as np
import pytest
import torch

from hub import checkpoints
from hub_example.model import PIXELS, AutoEncoder, ModelConfig, load
from hub_example.service import SEVEN, Example
from hub_example.train import TrainConfig, fit


@pytest.fixture
def checkpoint(tmp_path):
    """Return a folder with a model that has learned nothing."""
    torch.manual_seed(0)
    model = ModelConfig(code=3, width=5)
    config = {"demo": "example", "model": vars(model)}
    checkpoints.write(tmp_path, config, AutoEncoder(model).state_dict(), card="")
    return tmp_path


def test_training_memorises_one_batch():
    torch.manual_seed(0)
    images = torch.rand(8, PIXELS).round()
    losses = fit(AutoEncoder(ModelConfig()), itertools.repeat(images), TrainConfig(steps=300))
    assert losses[0] == pytest.approx(0.25, rel=0.1)  # untrained, all pixels are about 1/2
    assert losses[-1] < 0.01


def test_codes_are_drawn_as_those_of_the_pictures_are_spread():
    torch.manual_seed(0)
    model = AutoEncoder(ModelConfig(code=2))
    images = torch.rand(500, PIXELS)
    model.fit_codes(images)
    covariance = model.code_factor @ model.code_factor.T
    assert torch.allclose(model.code_mean, model.encode(images).mean(0), atol=1e-6)
    assert torch.allclose(covariance, model.encode(images).T.cov(), atol=2e-4)


@pytest.mark.parametrize("wrong", [{"code": 0}, {"code": 65}, {"width": 0}])
def test_a_setting_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        ModelConfig(**wrong)


def test_a_checkpoint_answers_as_the_model_it_was_written_from(checkpoint):
    torch.manual_seed(0)
    written = AutoEncoder(ModelConfig(code=3, width=5)).eval()
    images = torch.rand(4, PIXELS)
    assert torch.equal(load(checkpoint)(images), written(images))


@torch.inference_mode()
def test_a_batch_is_rebuilt_as_its_pictures_alone(checkpoint):
    service = Example(checkpoint, "cpu")
    together = service.rebuild([SEVEN, SEVEN.T, 255 - SEVEN])
    assert np.array_equal(together[1], service.rebuild([SEVEN.T])[0])


@torch.inference_mode()
def test_a_seed_gives_the_same_digits_again(checkpoint):
    service = Example(checkpoint, "cpu")
    assert np.array_equal(service.draw(4, seed=1), service.draw(4, seed=1))
    assert not np.array_equal(service.draw(4, seed=1), service.draw(4, seed=2))
