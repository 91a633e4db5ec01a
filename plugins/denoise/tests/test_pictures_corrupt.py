"""Corruptions do what they say, as much as they are asked to, and the same for the same seed."""

import pytest
import torch

from hub_denoise.pictures.corrupt import CORRUPTIONS, corrupted, noisy


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bar(count: int = 50) -> torch.Tensor:
    images = torch.zeros(count, 1, 28, 28)
    images[:, :, 9:20, 11:16] = 1
    return images


def test_noise_has_the_asked_deviation_and_is_not_clipped():
    clean = torch.full((2, 1, 300, 300), 0.5)
    spoilt = noisy(clean, torch.tensor([10.0, 50.0])[:, None, None, None], seeded())
    deviations = 255 * (spoilt - clean).flatten(1).std(1)
    assert deviations.tolist() == pytest.approx([10, 50], rel=0.02)
    assert spoilt.max() > 1
    assert torch.equal(noisy(clean, 25, seeded(1)), noisy(clean, 25, seeded(1)))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_spoils_more_the_further_it_goes(name):
    way, clean = CORRUPTIONS[name], bar()
    least = 1.0 if name == "downscale" else 0.0
    kept, some, most = (
        corrupted(clean, name, amount, seeded())
        for amount in (least, (least + way.largest) / 2, way.largest)
    )
    assert kept.shape == clean.shape and torch.allclose(kept, clean, atol=1e-6)
    assert 0.001 < (some - clean).square().mean() < (most - clean).square().mean()
    assert 0 <= most.min() and most.max() <= 1
    assert torch.equal(most, corrupted(clean, name, way.largest, seeded()))


def test_each_picture_is_spoilt_by_its_own_amount():
    spoilt = CORRUPTIONS["masking"].apply(torch.ones(3, 1, 28, 28), torch.tensor([0, 0.5, 0.9]))
    left = spoilt.flatten(1).mean(1)
    assert left.tolist() == pytest.approx([1, 0.5, 0.1], abs=0.08)


def test_salt_and_pepper_are_of_one_number():
    spoilt = corrupted(torch.full((20, 1, 28, 28), 0.5), "salt_and_pepper", 0.4, seeded())
    white, black = (spoilt == 1).float().mean(), (spoilt == 0).float().mean()
    assert float(white) == pytest.approx(0.2, abs=0.02) == pytest.approx(float(black), abs=0.04)


def test_an_occlusion_is_a_square_within_the_picture():
    spoilt = corrupted(torch.zeros(40, 1, 28, 28), "occlusion", 9, seeded())
    assert (spoilt.flatten(1) == 0.5).sum(1).tolist() == [81] * 40


def test_a_shifted_picture_is_moved_whole():
    clean = bar()
    spoilt = corrupted(clean, "shift", 6, seeded())
    assert torch.equal(spoilt.flatten(1).sum(1), clean.flatten(1).sum(1))  # nothing leaves
    first = spoilt[:, 0].flatten(1).argmax(1)  # the bar's upper left corner
    down, right = first // 28 - 9, first % 28 - 11
    assert down.abs().max() <= 6 and right.abs().max() <= 6
    assert len(set(down.tolist())) > 5 and len(set(right.tolist())) > 5


def test_a_smaller_picture_has_lost_its_detail():
    checks = (torch.arange(28)[:, None] + torch.arange(28)[None, :]) % 2
    spoilt = corrupted(checks[None, None].float(), "downscale", 2)
    assert torch.allclose(spoilt, torch.full_like(spoilt, 0.5))


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match="no corruption 'blur'; there are gaussian, salt"):
        corrupted(bar(), "blur", 1)
    with pytest.raises(ValueError, match=r"masking must be in \[0, 0.9\] \(share of pixels\)"):
        corrupted(bar(), "masking", 1)
