"""The recipe of the speech network."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hub.training import Run, part_facts
from hub_denoise.speech import train as recipe
from hub_denoise.speech.data import Mixer, Voice, scaled
from hub_denoise.speech.model import Masker, ModelConfig
from hub_denoise.speech.train import (
    FILE,
    TrainConfig,
    levels,
    masking,
    train_speech,
    validated,
)

SMALL = ModelConfig(width=8, blocks=1, stem=4)
RATE = 16_000


@pytest.fixture(scope="module")
def mixer():
    """Mixes buzzes that come and go with white noise."""
    time = np.arange(RATE) / RATE
    buzz = sum(np.cos(2 * np.pi * k * 130 * time) / k for k in range(1, 15))
    clip = (3000 * scaled(buzz * np.clip(np.sin(2 * np.pi * 3 * time), 0, 1))).astype(np.int16)
    white = [scaled(np.random.default_rng(0).standard_normal(RATE))]
    return Mixer((((Voice("a", (clip,)),), 1.0),), {"white": white}, ("recorded",))


def batch(mixer, step, count=2):
    generator = np.random.default_rng((0, step))
    some = [mixer.example(generator, 0.5) for _ in range(count)]
    return torch.stack([one for one, _ in some]), torch.stack([one for _, one in some])


@pytest.fixture
def data(mixer, monkeypatch):
    """Let the recipe train on what `mixer` makes, half a second each."""

    class Short(Mixer):
        def example(self, generator, seconds=0.5):
            return super().example(generator, seconds)

    short = Short(mixer.sets, mixer.noises, mixer.kinds)
    monkeypatch.setattr(recipe.Mixer, "training", lambda: short)
    monkeypatch.setattr(recipe, "validation", lambda seed: batch(mixer, 999, 3))


def test_noise_is_learned_to_be_taken_away(mixer):
    torch.manual_seed(0)
    model = Masker(SMALL)
    noisy, clean = batch(mixer, 0, 4)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    run = Run("speech", model, optimizer, steps=40, decay=0.9)
    before = validated(model.eval(), noisy, clean)
    losses = run.fit(masking(lambda step: (noisy, clean)), lr=1e-2, warmup=2, clip=1.0)
    assert len(losses) == 40 and losses[-1] < 0.6 * losses[0]
    assert validated(run.average.model, noisy, clean) < 0.8 * before


def test_a_killed_run_goes_on_as_if_it_had_not_been(data, survives_a_kill):
    def weights(folder):
        return load_file(train_speech(folder, SMALL, TrainConfig(steps=6, batch=2, validate=3)))

    survives_a_kill(weights, step=3)


def test_what_is_kept_tells_how_it_was_trained(data, tmp_path, capsys):
    file = train_speech(tmp_path, SMALL, TrainConfig(steps=2, batch=2, validate=1))
    facts = part_facts(file)
    assert file == tmp_path / FILE and facts["steps"] == 2
    model = Masker(SMALL).eval()
    model.load_state_dict(load_file(file))
    value = validated(model, *recipe.validation(0))
    assert facts["validation_loss"] == pytest.approx(value, abs=1e-3)
    assert "on validation speakers" in capsys.readouterr().out
    time = file.stat().st_mtime_ns
    train_speech(tmp_path, SMALL, TrainConfig(steps=2))  # done: nothing is read or trained
    assert file.stat().st_mtime_ns == time


def test_what_nobody_speaks_in_counts_by_its_noise():
    noisy, clean = torch.full((2, 8), 0.5), torch.stack([torch.full((8,), 0.1), torch.zeros(8)])
    torch.testing.assert_close(levels(noisy, clean), torch.tensor([0.1, 0.5]))
