"""The recipe: it learns to remove noise, and a run that is stopped goes on."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import hub_denoise.pictures.train as recipe
from hub_denoise.pictures.data import Crops, photographs, rescaled, turned, turned_back
from hub_denoise.pictures.model import ModelConfig, Restorer
from hub_denoise.pictures.train import TrainConfig, noise_left, root_mean_square, train_part

SMALL = ModelConfig(width=12, growth=4, depth=2, blocks=1)
SHORT = TrainConfig(steps=6, batch=4, side=16, warmup=1, validate_every=3)


def waves(count: int, size: int = 48) -> list[torch.Tensor]:
    """Return pictures of smooth stripes, each (1, size, size) uint8."""
    generator = np.random.default_rng(0)
    across, down = np.meshgrid(np.arange(size), np.arange(size))
    found = []
    for turn in generator.uniform(0, np.pi, count):
        stripes = np.sin((across * np.cos(turn) + down * np.sin(turn)) / 4)
        found.append(torch.from_numpy(127 + 100 * stripes).byte()[None])
    return found


@pytest.fixture
def striped(monkeypatch):
    monkeypatch.setattr(recipe, "training_and_validation", lambda: (waves(6), waves(2)))


@pytest.mark.slow
def test_training_removes_noise_from_pictures_it_has_not_seen(striped, tmp_path):
    config = replace(SHORT, steps=150, batch=8, lr=5e-3, warmup=20, validate_every=75, ema=0.98)
    before = noise_left(waves(2))(Restorer(SMALL))
    train_part(tmp_path, SMALL, config)
    after = recipe.facts_of(tmp_path / "grey.safetensors")["validation"]
    assert -20.4 < before < -19.6  # the mean of 24.6, 20.2 and 14.2, a little better for clipping
    assert after < before - 5


def test_the_noise_that_is_left_is_minus_the_mean_psnr():
    pictures = waves(2)
    clean = torch.stack(pictures).float() / 255
    assert noise_left(pictures)(lambda images: clean + 0.01) == pytest.approx(-40, abs=0.2)


def test_the_loss_of_pictures_is_the_mean_of_their_roots():
    clean = torch.zeros(2, 1, 4, 4)
    restored = torch.stack([torch.full((1, 4, 4), 0.1), torch.full((1, 4, 4), 0.3)])
    assert root_mean_square(restored, clean).item() == pytest.approx(0.2, abs=1e-4)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(striped, tmp_path, monkeypatch):
    whole = load_file(train_part(tmp_path / "whole", SMALL, SHORT))
    monkeypatch.setattr(recipe, "SNAPSHOTS", -1)  # one after every step
    steps, unstopped = 0, recipe.noisy

    def stopping(*values):
        nonlocal steps
        steps += 1
        if steps == 7:  # 3 of them to validate, so after 3 steps
            raise KeyboardInterrupt
        return unstopped(*values)

    monkeypatch.setattr(recipe, "noisy", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_part(tmp_path / "stopped", SMALL, SHORT)
    assert not (tmp_path / "stopped" / "grey.safetensors").exists()
    monkeypatch.setattr(recipe, "noisy", unstopped)
    again = load_file(train_part(tmp_path / "stopped", SMALL, SHORT))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_part_tells_how_it_came_about_and_is_not_trained_twice(striped, tmp_path, monkeypatch):
    file = train_part(tmp_path, SMALL, SHORT)
    facts = recipe.facts_of(file)
    assert facts["steps"] == 6 and facts["settings"]["side"] == 16
    Restorer(ModelConfig(**facts["model"])).load_state_dict(load_file(file))
    monkeypatch.setattr(recipe, "training_and_validation", None)
    assert train_part(tmp_path, SMALL, SHORT) == file
    assert json.dumps(recipe.facts_of(file))


def test_settings_that_make_no_run_are_refused():
    with pytest.raises(ValueError, match="side must be positive, got 0"):
        TrainConfig(side=0)
    with pytest.raises(ValueError, match=r"untold must be in \[0, 1\], got 2"):
        TrainConfig(untold=2)


def test_pieces_are_of_the_pictures_and_turned_in_8_ways():
    picture = torch.arange(100, dtype=torch.uint8).view(1, 10, 10)
    pieces = Crops([picture]).draw(200, 10, np.random.default_rng(0))
    ways = {tuple(one.flatten().tolist()) for one in pieces}
    assert len(ways) == 8
    assert all(sorted(way) == pytest.approx([i / 255 for i in range(100)]) for way in ways)


def test_pieces_come_from_large_pictures_more_often_and_never_from_ones_too_small():
    pictures = [torch.zeros(1, 5, 40), torch.full((1, 10, 10), 100), torch.full((1, 19, 10), 200)]
    pieces = Crops([one.byte() for one in pictures]).draw(600, 10, np.random.default_rng(0))
    levels, counts = (255 * pieces[:, 0, 0, 0]).round().unique(return_counts=True)
    assert levels.tolist() == [100, 200]
    assert counts[1] > 5 * counts[0]  # 10 places against 1
    with pytest.raises(ValueError, match="no picture has 50x50 pixels"):
        Crops(pictures).draw(1, 50, np.random.default_rng(0))


def test_what_is_turned_is_turned_back():
    picture = torch.rand(1, 5, 7)
    for way in range(8):
        assert torch.equal(turned_back(turned(picture, way), way), picture)


def test_a_rescaled_picture_is_smaller_and_as_bright():
    smaller = rescaled(torch.full((1, 20, 30), 90, dtype=torch.uint8), 0.7)
    assert smaller.shape == (1, 14, 21) and smaller.unique().tolist() == [90]


def test_training_and_test_pictures_are_as_described():
    data = pytest.importorskip("hub.data")
    if not data.available("images/denoising"):
        pytest.skip("the pictures are not here")
    kept, held_out = recipe.training_and_validation()
    assert (len(kept), len(held_out)) == (380, 20)
    assert {tuple(one.shape) for one in kept + held_out} == {(1, 180, 180)}
    colours = photographs("images/super_resolution", "set5")
    assert len(colours) == 5 and {len(one) for one in colours} == {3}
    assert all(one.dtype == torch.uint8 for one in colours)
