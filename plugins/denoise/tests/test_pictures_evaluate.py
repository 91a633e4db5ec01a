"""The measures are of what they say they are of."""

import pytest
import torch

import hub_denoise.pictures.evaluate as evaluation
from hub_denoise.pictures.corrupt import CORRUPTIONS
from hub_denoise.pictures.digits import DigitAutoEncoder, DigitConfig
from hub_denoise.pictures.evaluate import (
    bm3d,
    denoised,
    digits_restored,
    evaluate_pictures,
    halved_luminance,
    median,
    non_local_means,
    shaved,
    spoilt_by,
    upscaled,
    wavelet,
)
from hub_denoise.pictures.measures import as_stored, psnr
from hub_denoise.pictures.model import ModelConfig, Restorer
from hub_denoise.pictures.networks import Networks
from hub_denoise.pictures.resize import doubled


def stripes(channels: int = 1, size: int = 48) -> torch.Tensor:
    """Return a picture of smooth stripes, (channels, size, size) uint8."""
    wave = torch.sin(torch.arange(size) / 3)[None] + torch.cos(torch.arange(size) / 5)[:, None]
    return (127 + 60 * wave).byte().repeat(channels, 1, 1)


@pytest.fixture(scope="module")
def untrained() -> Networks:
    """Return networks of which those for photographs leave everything as it is."""
    torch.manual_seed(0)
    small = {"width": 4, "growth": 0, "depth": 1, "blocks": 1}
    return Networks(
        {
            "grey": Restorer(ModelConfig(**small)).eval(),
            "colour": Restorer(ModelConfig(channels=3, **small)).eval(),
            "upscale": Restorer(ModelConfig(told=False, **small)).eval(),
            "digits": DigitAutoEncoder(DigitConfig(digit_width=2, code=4)).eval(),
        }
    )


def test_a_network_that_changes_nothing_scores_what_the_noise_does(untrained, monkeypatch):
    for peer in ("bm3d", "non_local_means"):
        monkeypatch.setattr(evaluation, peer, lambda picture, sigma: torch.zeros_like(picture))
    picture = stripes(3)
    metrics = denoised(untrained, "stripes", [picture, picture], quick=False)
    for sigma in (15, 25, 50):
        clean = picture / 255
        spoilt = [as_stored(spoilt_by(clean, sigma, index)) for index in range(2)]
        expected = sum(psnr(one, clean) for one in spoilt) / 2
        for system in ("", "_blind", "_ensemble"):
            found = metrics[f"psnr_stripes_sigma{sigma}{system}"]
            assert found.value == pytest.approx(expected, abs=0.01) and found.unit == "dB"
        assert metrics[f"psnr_stripes_sigma{sigma}_bm3d"].value < 8
    assert "level not told" in metrics["psnr_stripes_sigma25_blind"].protocol


def test_a_pictures_noise_is_its_own_and_always_the_same():
    clean = torch.zeros(1, 8, 8)
    assert torch.equal(spoilt_by(clean, 25, 3), spoilt_by(clean, 25, 3))
    assert not torch.equal(spoilt_by(clean, 25, 3), spoilt_by(clean, 25, 4))
    assert not torch.allclose(spoilt_by(clean, 25, 3) * 2, spoilt_by(clean, 50, 3))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("peer", "package"), [(bm3d, "bm3d"), (non_local_means, "skimage")])
def test_peers_remove_noise(peer, package, channels):
    pytest.importorskip(package)
    clean = stripes(channels) / 255
    spoilt = spoilt_by(clean, 25, 0)
    made = peer(spoilt, 25)
    assert made.shape == clean.shape and made.dtype == torch.float32
    assert psnr(made, clean) > psnr(spoilt, clean) + 4


def test_an_upscaler_that_adds_nothing_scores_what_bicubic_does(untrained):
    odd = stripes(3, 49)
    metrics = upscaled(untrained, "stripes", [odd])
    small, clean = halved_luminance(odd)
    assert small.shape == (1, 24, 24) and clean.shape == (1, 48, 48)
    expected = psnr(shaved(as_stored(doubled(small))), clean[:, 2:46, 2:46])
    for system in ("", "_ensemble", "_bicubic"):
        assert metrics[f"psnr_stripes_x2{system}"].value == pytest.approx(expected, abs=0.01)
    assert metrics["ssim_stripes_x2_bicubic"].value > 0.9


def test_digits_are_measured_in_every_corruption_beside_the_spoilt_ones(untrained):
    pytest.importorskip("skimage")
    images = torch.zeros(6, 1, 28, 28, dtype=torch.uint8)
    images[:, :, 9:20, 11:16] = 255
    metrics = digits_restored(untrained, "bars", images)
    assert len(metrics) == 4 * len(CORRUPTIONS)
    clean = images / 255
    hidden = CORRUPTIONS["masking"].apply(
        clean, torch.full((6,), 0.45), torch.Generator().manual_seed(2)
    )
    expected = sum(psnr(one, whole) for one, whole in zip(hidden, clean, strict=True)) / 6
    assert metrics["psnr_bars_masking_spoilt"].value == pytest.approx(expected, abs=0.01)
    salted = "psnr_bars_salt_and_pepper"
    assert metrics[f"{salted}_median"].value > metrics[f"{salted}_spoilt"].value


def test_simple_filters_are_applied_picture_by_picture():
    pytest.importorskip("skimage")
    images = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    for peer in (median, wavelet):
        alone = torch.cat([peer(one[None]) for one in images])
        assert torch.allclose(peer(images), alone, atol=1e-6)
    flat = torch.full((1, 1, 28, 28), 0.5)
    assert torch.allclose(wavelet(flat), flat)
    dot = torch.zeros(1, 1, 28, 28)
    dot[0, 0, 5, 5] = 1
    assert not median(dot).any()


def test_a_quick_evaluation_says_so_in_every_name(untrained, monkeypatch):
    monkeypatch.setattr(evaluation, "photographs", lambda name, split: [stripes()] * 34)
    monkeypatch.setattr(
        evaluation, "digits_of", lambda name, split: torch.zeros(100, 1, 28, 28).byte()
    )
    for peer in ("bm3d", "non_local_means", "wavelet", "median"):
        monkeypatch.setattr(evaluation, peer, lambda picture, sigma=0: picture)
    metrics = evaluate_pictures(untrained, quick=True)
    assert all(name.endswith("_quick") for name in metrics)
    for name in ("psnr_bsd68_sigma15", "psnr_bsd68_sigma25", "psnr_bsd68_sigma50", "psnr_set5_x2"):
        assert name + "_quick" in metrics
    assert "2 pictures of bsd68" in metrics["psnr_bsd68_sigma25_quick"].protocol
