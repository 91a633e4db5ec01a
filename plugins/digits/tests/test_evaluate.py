"""The metrics, by definition. That the model card tells what they find, the contract tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hub_digits import evaluate as evaluation
from hub_digits.evaluate import bounds, evaluate, frechet_distance, precision_and_recall
from hub_digits.model import load
from hub_digits.service import TEMPERATURE

BUNDLED = Path(__file__).parents[3] / "checkpoints" / "digits"


def normals(count: int, mean: float, scale: float, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return mean + scale * torch.randn(count, 4, generator=generator)


def test_frechet_distance_is_that_of_two_normals():
    real, drawn = normals(100_000, 0, 1, seed=0), normals(100_000, 1, 2, seed=1)
    assert frechet_distance(real, drawn) == pytest.approx(4 * 1 + 4 * 1, rel=0.02)  # mean, scale
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)


def test_precision_and_recall_see_what_is_wrong():
    real = torch.cat([normals(200, 0, 1, seed=0), normals(200, 20, 1, seed=1)])
    half = normals(400, 0, 1, seed=2)  # of two modes, only one
    far = normals(400, 100, 1, seed=3)
    assert precision_and_recall(real, real) == (1, 1)
    assert precision_and_recall(real, far) == (0, 0)
    precision, recall = precision_and_recall(real, half)
    assert precision > 0.8 and 0.3 < recall < 0.55


def test_bounds_are_the_same_in_one_process_and_in_two(untrained, monkeypatch):
    images = (torch.rand(6, 1, 28, 28) < 0.2).byte() * 255
    monkeypatch.setattr(evaluation, "PART", 3)
    monkeypatch.setattr(evaluation.os, "cpu_count", lambda: 2)
    two = bounds(untrained / "digits", "cpu", "nll", images, 4)
    monkeypatch.setattr(evaluation.os, "cpu_count", lambda: 1)
    assert torch.allclose(bounds(untrained / "digits", "cpu", "nll", images, 4), two, rtol=1e-5)


def test_every_metric_is_measured_and_named_quick(untrained, monkeypatch):
    images = (torch.rand(1_000, 1, 28, 28) < 0.2).byte() * 255
    monkeypatch.setattr(evaluation, "digits", lambda *_: (images, torch.arange(1_000) % 10))
    monkeypatch.setattr(evaluation.os, "cpu_count", lambda: 1)
    metrics = evaluate(untrained / "digits", "cpu", quick=True).metrics
    assert set(metrics) == {
        f"{name}_quick"
        for name in (
            "nll_nats elbo_nats bits_per_dim frechet_distance precision recall agreement "
            "agreement_at_temperature_1 "
            "classifier_accuracy"
        ).split()
    }
    assert metrics["nll_nats_quick"].value < metrics["elbo_nats_quick"].value
    assert "100 samples" in metrics["nll_nats_quick"].protocol


@pytest.mark.skipif(not (BUNDLED / "model.safetensors").exists(), reason="no bundled checkpoint")
def test_the_bundled_generator_draws_what_is_asked():
    networks = load(BUNDLED)
    asked = torch.arange(10).repeat(10)
    images = networks.grey.sample(100, asked, TEMPERATURE, torch.Generator().manual_seed(0))
    assert (networks.classifier(images).argmax(1) == asked).float().mean() > 0.9
