"""The recipe: it learns to remove noise, and a run that is stopped goes on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import hub_denoise.pictures.train as recipe
from hub.errors import CheckpointError
from hub.training import part_facts
from hub_denoise.pictures.data import (
    Crops,
    colour_photographs,
    digits,
    photographs,
    rescaled,
    tinted,
    turned,
    turned_back,
)
from hub_denoise.pictures.digits import DigitConfig
from hub_denoise.pictures.measures import psnr
from hub_denoise.pictures.model import ModelConfig, Restorer
from hub_denoise.pictures.networks import PARTS, Networks, built
from hub_denoise.pictures.train import (
    TrainConfig,
    noise_left,
    root_mean_square,
    train_part,
)

SMALL = ModelConfig(width=12, growth=4, depth=2, blocks=1)
SMALL_DIGIT = DigitConfig(digit_width=4, code=8)
SHORT = TrainConfig(
    steps=6,
    upscale_steps=5,
    colour_steps=5,
    digit_steps=4,
    batch=4,
    digit_batch=12,
    side=16,
    warmup=1,
    validate_every=3,
)


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
    """Put made-up pictures in the place of all that the recipe reads."""
    coloured = [one.repeat(3, 1, 1) for one in waves(2)]
    bars = torch.zeros(200, 1, 28, 28, dtype=torch.uint8)
    bars[:, :, 9:20, 11:16] = 255
    monkeypatch.setattr(recipe, "training_and_validation", lambda: (waves(6), waves(2)))
    monkeypatch.setattr(recipe, "colour_photographs", lambda: (coloured, coloured))
    monkeypatch.setattr(recipe, "digits", lambda split: bars)


@pytest.mark.slow
def test_training_removes_noise_from_pictures_it_has_not_seen(striped, tmp_path):
    config = replace(SHORT, steps=150, batch=8, lr=5e-3, warmup=20, validate_every=75, ema=0.98)
    before = noise_left(waves(2))(Restorer(SMALL))
    facts = part_facts(train_part(tmp_path, "grey", SMALL, SMALL_DIGIT, config))
    after = -facts["training"]["validation_psnr_db"]
    assert -20.4 < before < -19.6  # the mean of 24.6, 20.2 and 14.2, a little better for clipping
    assert after < before - 5


def test_the_noise_that_is_left_is_minus_the_mean_psnr():
    pictures = waves(2)
    generator = torch.Generator().manual_seed(0)
    found = []
    for sigma in (15, 25, 50):
        for picture in pictures:
            clean = picture / 255
            spoilt = clean + sigma / 255 * torch.randn(1, *clean.shape, generator=generator)[0]
            found.append(psnr(spoilt.clamp(0, 1), clean))
    untrained = Restorer(SMALL)  # returns what it is given
    assert noise_left(pictures)(untrained) == pytest.approx(-sum(found) / 6, abs=1e-3)


def test_the_loss_of_pictures_is_the_mean_of_their_roots():
    clean = torch.zeros(2, 1, 4, 4)
    restored = torch.stack([torch.full((1, 4, 4), 0.1), torch.full((1, 4, 4), 0.3)])
    assert root_mean_square(restored, clean).item() == pytest.approx(0.2, abs=1e-4)


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_run_goes_on_as_if_it_had_not_been(part, striped, survives_a_kill):
    def weights(folder):
        return load_file(train_part(folder, part, SMALL, SMALL_DIGIT, SHORT))

    survives_a_kill(weights, step=3)


def test_all_parts_tell_how_they_came_about_load_and_are_not_trained_twice(
    striped, tmp_path, monkeypatch
):
    found = {}
    for part, steps in (("grey", 6), ("upscale", 5), ("digits", 4), ("colour", 5)):
        train_part(tmp_path, part, SMALL, SMALL_DIGIT, SHORT)
        facts = part_facts(tmp_path / f"{part}.safetensors")
        assert facts["training"]["steps"] == steps
        assert facts["training"]["settings"]["side"] == 16
        found[part] = built(part, facts["model"]).eval()
        found[part].load_state_dict(load_file(tmp_path / f"{part}.safetensors"))
    networks = Networks(found)
    assert networks.denoise(torch.rand(3, 5, 9), sigma=20, ensemble=True).shape == (3, 5, 9)
    assert networks.denoise(torch.rand(1, 5, 9)).shape == (1, 5, 9)
    assert networks.upscale(torch.rand(3, 5, 9)).shape == (3, 10, 18)
    assert networks.restore_digits(torch.rand(2, 1, 28, 28)).shape == (2, 1, 28, 28)
    monkeypatch.setattr(recipe, "task", None)
    for part in PARTS:
        train_part(tmp_path, part, SMALL, SMALL_DIGIT, SHORT)


def test_without_a_network_for_colours_the_grey_one_gets_what_makes_them():
    seen = []

    class Smooths(torch.nn.Module):
        def forward(self, images, level):
            seen.append((images.mean().item(), level.item()))
            return images

    networks = Networks({"grey": Smooths()})
    picture = torch.rand(3, 16, 16)
    assert torch.allclose(networks.denoise(picture, sigma=30), picture, atol=1e-5)
    (light, of_light), *others = seen
    assert light == pytest.approx(picture.mean().item(), abs=1e-4)
    assert of_light == pytest.approx(30 / 255 / 3**0.5)
    assert all(level == pytest.approx(30 / 255) for _, level in others) and len(others) == 2
    seen.clear()
    networks.denoise(picture)  # not told the level
    assert all(level == 0 for _, level in seen)


def test_a_part_that_is_not_there_is_told_of():
    networks = Networks({"digits": built("digits", {"digit_width": 4, "code": 8})})
    with pytest.raises(CheckpointError, match="has no part 'grey'; it has digits"):
        networks.denoise(torch.rand(1, 8, 8))


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


def test_tinted_pieces_have_colours_and_keep_their_shapes():
    torch.manual_seed(0)
    grey = torch.stack(waves(20))[:, :, :32, :32].float() / 255
    colour = tinted(grey, np.random.default_rng(0))
    assert colour.shape == (20, 3, 32, 32) and 0 <= colour.min() and colour.max() <= 1
    assert (colour.amax(1) - colour.amin(1)).mean() > 0.05
    assert torch.equal(colour, tinted(grey, np.random.default_rng(0)))
    for one, piece in zip(grey[:, 0], colour.mean(1), strict=True):
        assert torch.corrcoef(torch.stack([one.flatten(), piece.flatten()]))[0, 1] > 0.8


def test_photographs_in_colour_come_with_the_packages():
    pytest.importorskip("skimage")
    trained, judged = colour_photographs()
    assert len(trained) == 3 and len(judged) == 2
    assert all(one.dtype == torch.uint8 and len(one) == 3 for one in trained + judged)
    assert judged[0].shape == (3, 213, 320)


def test_training_and_test_pictures_are_as_described():
    from hub import data

    if not data.available("images/denoising"):
        pytest.skip("the pictures are not here")
    kept, held_out = recipe.training_and_validation()
    assert (len(kept), len(held_out)) == (380, 20)
    assert {tuple(one.shape) for one in kept + held_out} == {(1, 180, 180)}
    colours = photographs("images/super_resolution", "set5")
    assert len(colours) == 5 and {len(one) for one in colours} == {3}
    assert digits("validation").shape == (15_000, 1, 28, 28)
