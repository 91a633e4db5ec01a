"""The recipe: it learns, and what it leaves is a checkpoint."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch

from hub.checkpoints import read_config
from hub.errors import SettingsError
from hub.evaluation import card_metrics
from hub.training import parse_settings
from hub_digits import train as recipe
from hub_digits.model import HVAE, Classifier, ClassifierConfig, ModelConfig, load
from hub_digits.train import TrainConfig, distorted, fit, fit_classifier, negative_elbo, train

SMALL = ModelConfig(width7=8, width14=8, latent1=4, latent7=2, latent14=1, groups7=1, groups14=1)


def one_batch(count: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 1, 7, 7, generator=generator).round()
    return images.repeat_interleave(4, 2).repeat_interleave(4, 3), torch.arange(count) % 10


@pytest.mark.slow
def test_training_memorises_one_batch():
    torch.manual_seed(0)
    config = TrainConfig(steps=200, lr=1e-2, lr_warmup=10, kl_warmup=1, free_bits=0)
    losses = fit(HVAE(replace(SMALL, dropout=0)), itertools.repeat(one_batch()), config)
    assert losses[0] == pytest.approx(784 * math.log(2), rel=0.1)  # untrained: every pixel a coin
    assert losses[-1] < 150


def test_the_classifier_memorises_one_batch():
    torch.manual_seed(0)
    config = TrainConfig(steps=60, lr=1e-2, lr_warmup=5)
    images, labels = one_batch(20)
    losses = fit_classifier(
        Classifier(ClassifierConfig(8)), itertools.repeat((images, labels)), config
    )
    assert losses[0] == pytest.approx(math.log(10), rel=0.2)
    assert losses[-1] < 1


def test_free_bits_cost_nothing_and_beta_divides_the_likelihood():
    def model(images, labels):
        return torch.tensor([-100.0, -102.0]), torch.tensor([[0.1, 0.3], [4.0, 6.0]])

    loss, bound = negative_elbo(model, torch.empty(0), None)
    assert (loss.item(), bound.item()) == pytest.approx((101 + 5.2, 101 + 5.2))
    loss, bound = negative_elbo(model, torch.empty(0), None, warmth=0.5, free_bits=0.5, beta=2)
    assert (loss.item(), bound.item()) == pytest.approx((50.5 + 0.5 * 5.5, 101 + 5.2))


def test_distorted_digits_stay_in_range_and_near_their_place():
    images = torch.zeros(50, 1, 28, 28)
    images[:, :, 10:18, 10:18] = 1
    bent = distorted(images)
    assert bent.shape == images.shape and 0 <= bent.min() and bent.max() <= 1
    assert not torch.allclose(bent[0], bent[1])
    assert bent[:, :, 4:24, 4:24].sum() > 0.95 * bent.sum()


@pytest.fixture
def few_digits(monkeypatch):
    """Put 48 made-up digits in the place of MNIST."""

    def digits(name, split):
        images, labels = one_batch(48)
        return (255 * images).byte(), labels

    monkeypatch.setattr(recipe, "digits", digits)


QUICK = TrainConfig(steps=3, classifier_steps=3, batch=16, validate_every=2, validation_images=16)


def test_the_recipe_leaves_a_checkpoint_and_is_then_done(tmp_path, few_digits, monkeypatch):
    train(tmp_path, SMALL, QUICK)
    networks = load(tmp_path)
    assert networks.grey.sample(2, torch.tensor([1, 2])).shape == (2, 1, 28, 28)
    count = len(networks.tables["map.labels"])
    assert networks.tables["map.codes"].shape == (count, SMALL.latent1)
    assert networks.tables["map.tsne"].shape == networks.tables["map.pca"].shape == (count, 2)
    usual = networks.tables["usual.elbo"]
    assert usual.shape == (101,) and (usual.diff() >= 0).all()
    config = read_config(tmp_path)
    assert config["training"]["binary"]["steps"] == 3 and config["grey"]["classes"] == 10
    assert card_metrics(tmp_path) == {}
    monkeypatch.setattr(recipe, "train_part", None)  # a second run has nothing to train
    train(tmp_path, SMALL, QUICK)


def test_parts_trained_one_by_one_become_one_checkpoint(tmp_path, few_digits):
    for part in ("classifier", "grey"):
        train(tmp_path, SMALL, replace(QUICK, part=part))
        assert not (tmp_path / "config.json").exists()
    train(tmp_path, SMALL, replace(QUICK, part="binary"))
    load(tmp_path)


def test_a_killed_generator_goes_on_as_if_it_had_not_been(few_digits, survives_a_kill):
    def weights(folder):
        train(folder, SMALL, replace(QUICK, part="binary", steps=6))
        return torch.load(folder / ".parts/binary.snapshot", weights_only=True)["model"]

    survives_a_kill(weights, step=3)


def test_settings_name_both_dataclasses():
    parsed = parse_settings(train, {"width7": "48", "steps": "10", "part": "grey"})
    assert parsed["model"].width7 == 48
    assert parsed["config"] == TrainConfig(steps=10, part="grey")
    with pytest.raises(SettingsError, match="part must be one of all, binary, grey, classifier"):
        parse_settings(train, {"part": "gray"})
    with pytest.raises(SettingsError, match="lr must be positive"):
        parse_settings(train, {"lr": "0"})
