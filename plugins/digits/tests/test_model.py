"""The networks: by definition, by round trip."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, MultivariateNormal, Normal

from hub.checkpoints import write
from hub.errors import CheckpointError
from hub_digits.model import (
    HVAE,
    Classifier,
    ClassifierConfig,
    ModelConfig,
    load,
    log_mixture,
    stored,
)
from hub_digits.train import settle_priors

SMALL = {"width7": 8, "width14": 4, "latent1": 3, "latent7": 2, "latent14": 1, "groups7": 2}


def small_model(**settings) -> HVAE:
    """Return a small generator with random weights in place of the zeros it starts from."""
    torch.manual_seed(0)
    model = HVAE(ModelConfig(**SMALL, **settings)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model


def some_images(count: int) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(1)).round()


def bound_one_sample_at_a_time(model: HVAE, x: Tensor, samples: int, seed: int) -> float:
    """Return Burda et al.'s sum with torch's own distributions, in a Python loop."""
    generator = torch.Generator().manual_seed(seed)
    labels = model.any_label(samples, None)
    walk = model.descend(labels, seen=model.look(x), generator=generator)
    weights = []
    for k in range(samples):
        weight = Bernoulli(logits=walk.logits[k]).log_prob(x[0]).sum()
        for posterior, drawn, noise in zip(walk.posteriors, walk.drawn, walk.noise, strict=True):
            mean = posterior.mean.expand_as(drawn)[k]
            scale = posterior.log_scale.expand_as(drawn)[k].exp()
            deviations = mean + scale * drawn[k]
            assert torch.allclose(deviations, noise[k], atol=1e-5)
            weight = weight + Normal(0.0, 1.0).log_prob(deviations).sum()
            weight = weight - Normal(mean, scale).log_prob(deviations).sum()
        weights.append(weight.item())
    top = max(weights)
    return top + math.log(sum(math.exp(weight - top) for weight in weights) / samples)


@torch.no_grad()
def test_importance_weighted_bound_is_its_definition():
    model, x = small_model(), some_images(1)
    expected = bound_one_sample_at_a_time(model, x, samples=10, seed=1)
    assert model.bound(x, samples=10, seed=1).item() == pytest.approx(expected, abs=1e-3)


def test_more_samples_tighten_the_bound():
    model, x = small_model(), some_images(4)
    few = torch.stack([model.bound(x, 1, seed) for seed in range(20)]).mean()
    assert model.bound(x, 300, seed=0).mean() > few


@torch.no_grad()
def test_elbo_is_below_the_likelihood_and_equals_its_parts():
    model, x = small_model(), some_images(3)
    elbo = model.elbo(x, generator=torch.Generator().manual_seed(0))
    walk = model.descend(
        model.any_label(3, None), seen=model.look(x), generator=torch.Generator().manual_seed(0)
    )
    parts = model.log_likelihood(walk.logits, x) - walk.divergences.sum(0)
    assert torch.allclose(elbo, parts)
    assert (walk.divergences >= 0).all()


def test_divergence_is_that_of_torch():
    model, x = small_model(), some_images(2)
    walk = model.descend(model.any_label(2, None), seen=model.look(x))
    for posterior, divergence in zip(walk.posteriors, walk.divergences, strict=True):
        ours = Normal(posterior.mean, posterior.log_scale.exp())
        expected = torch.distributions.kl_divergence(ours, Normal(0.0, 1.0)).flatten(1).sum(1)
        assert torch.allclose(divergence, expected, atol=1e-4)


def test_grey_levels_have_probabilities_that_sum_to_one():
    logits = 3 * torch.randn(1, 9, 1, 1, generator=torch.Generator().manual_seed(0))
    levels = torch.arange(256).view(256, 1, 1, 1) / 255
    assert log_mixture(logits.expand(256, -1, -1, -1), levels).exp().sum() == pytest.approx(1)


@torch.no_grad()
def test_codes_decode_to_the_picture_they_were_drawn_with():
    model = small_model(likelihood="logistic", classes=10)
    labels = torch.tensor([3, 7])
    generator = torch.Generator().manual_seed(0)
    codes = model.descend(labels, generator=generator).codes
    image = model.sample(2, labels, generator=torch.Generator().manual_seed(0))
    assert image.shape == (2, 1, 28, 28) and 0 <= image.min() and image.max() <= 1
    assert torch.allclose(model.decode(codes, labels), image, atol=1e-5)


@torch.no_grad()
def test_missing_codes_are_the_means_at_temperature_zero():
    model = small_model()
    code = model.encode(some_images(2))[0]
    assert torch.equal(model.decode([code], temperature=0), model.decode([code], temperature=0))
    assert not torch.equal(model.decode([code]), model.decode([code]))


@torch.no_grad()
def test_the_digit_asked_for_changes_the_drawing():
    model = small_model(classes=10)
    one, other, any_digit = (
        model.sample(1, labels, temperature=0)
        for labels in (torch.tensor([1]), torch.tensor([2]), None)
    )
    assert not torch.allclose(one, other) and not torch.allclose(one, any_digit)


@torch.no_grad()
def test_an_image_has_its_global_code_whatever_its_label():
    model, x = small_model(classes=10), some_images(2)
    told, untold = model.encode(x, torch.tensor([3, 7]))[0], model.encode(x)[0]
    assert torch.allclose(told, untold, atol=1e-5)


@torch.no_grad()
def test_a_tilted_prior_is_a_normal_of_full_covariance():
    model, x, labels = small_model(classes=10, tilted=True), some_images(2), torch.tensor([3, 7])
    walk = model.descend(labels, seen=model.look(x), generator=torch.Generator().manual_seed(0))
    prior, posterior = model.top.expect(labels), walk.posteriors[0]
    expected = MultivariateNormal(prior.mean, scale_tril=prior.scale[:, :, None] * prior.tilt)
    factor = prior.scale[:, :, None] * prior.tilt @ posterior.matrix
    ours = MultivariateNormal(prior.at(posterior.mean), scale_tril=factor)
    kl = torch.distributions.kl_divergence(ours, expected)
    assert torch.allclose(posterior.divergence(), kl, atol=1e-4)
    code = walk.codes[0]
    ratio = expected.log_prob(code) - ours.log_prob(code)
    assert torch.allclose(posterior.log_ratio(walk.drawn[0], walk.noise[0]), ratio, atol=1e-3)
    assert torch.allclose(prior.deviations(code), walk.noise[0], atol=1e-4)


@torch.no_grad()
def test_settled_priors_diverge_least():
    model, x = small_model(classes=2, tilted=True), some_images(40)
    labels = torch.arange(40) % 2
    before = model.descend(labels, seen=model.look(x)).divergences[0].mean()
    settle_priors(model, (255 * x).byte(), labels)
    settled = model.descend(labels, seen=model.look(x)).divergences[0].mean()
    model.top.prior.weight[:2] += 0.05
    moved = model.descend(labels, seen=model.look(x)).divergences[0].mean()
    assert settled < before and settled < moved


def small_checkpoint(folder: Path) -> dict[str, torch.nn.Module]:
    networks = {
        "binary": small_model(),
        "grey": small_model(likelihood="logistic", classes=10),
        "classifier": Classifier(ClassifierConfig(width=4)).eval(),
    }
    config = {"demo": "digits", **{part: asdict(one.config) for part, one in networks.items()}}
    tensors = {}
    for part, one in networks.items():
        tensors |= stored(one, part)
    write(folder, config, {**tensors, "map.codes": torch.zeros(5, 3)}, "# Small\n")
    return networks


@torch.no_grad()
def test_a_checkpoint_answers_as_before_it_was_written(tmp_path):
    written, x = small_checkpoint(tmp_path), some_images(2)
    read = load(tmp_path)
    for part in ("binary", "grey"):
        before, after = written[part].bound(x, 5), getattr(read, part).bound(x, 5)
        assert torch.allclose(before, after, rtol=2e-3)  # float16 weights
    assert torch.allclose(written["classifier"](x), read.classifier(x), atol=1e-2)
    assert read.tables.keys() == {"map.codes"}


def test_tensors_that_do_not_fit_the_config_are_one_clear_error(tmp_path):
    networks = small_checkpoint(tmp_path)
    config = {"demo": "digits", "binary": {"width7": 16}, "grey": {}, "classifier": {}}
    write(tmp_path, config, stored(networks["binary"], "binary"), "# Wrong\n")
    with pytest.raises(CheckpointError, match="do not fit each other"):
        load(tmp_path)


@pytest.mark.parametrize("settings", [{"dropout": 1.0}, {"width7": 0}])
def test_a_setting_out_of_range_is_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        ModelConfig(**settings)
