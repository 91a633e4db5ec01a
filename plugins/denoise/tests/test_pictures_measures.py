"""PSNR and SSIM are what they are elsewhere."""

import math

import numpy as np
import pytest
import torch

from hub_denoise.pictures.measures import as_stored, luminance, psnr, ssim


def pair(channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(channels, 30, 40, generator=generator)
    return clean + 0.1 * torch.randn(clean.shape, generator=generator), clean


def test_psnr_of_an_error_of_a_tenth_is_20_db():
    clean = torch.full((1, 4, 4), 0.5)
    assert psnr(clean + 0.1, clean) == pytest.approx(20, abs=1e-4)
    assert psnr(clean, clean) == math.inf


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_that_of_scikit_image(channels):
    metrics = pytest.importorskip("skimage.metrics")
    restored, clean = pair(channels)
    there = metrics.structural_similarity(
        restored.double().numpy(),
        clean.double().numpy(),
        channel_axis=0,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(restored, clean) == pytest.approx(there, abs=1e-6)
    assert ssim(clean, clean) == pytest.approx(1)


def test_pictures_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match=r"of one size, got \(1, 4, 4\) and \(1, 5, 4\)"):
        psnr(torch.zeros(1, 4, 4), torch.zeros(1, 5, 4))
    with pytest.raises(ValueError, match=r"11x11 pixels or more, got \(10, 40\)"):
        ssim(torch.zeros(1, 10, 40), torch.zeros(1, 10, 40))


def test_luminance_spans_16_to_235():
    colours = torch.tensor([[[0.0, 1, 1]], [[0.0, 1, 0]], [[0.0, 1, 0]]])  # black, white, red
    found = 255 * luminance(colours)
    assert found.flatten().tolist() == pytest.approx([16, 235, 81.481], abs=1e-3)
    grey = torch.rand(1, 3, 3)
    assert torch.equal(luminance(grey), grey)


def test_a_stored_picture_has_256_levels():
    stored = as_stored(torch.tensor([-0.2, 0.0011, 0.5, 1.3]))
    assert np.allclose(255 * stored.numpy(), [0, 0, 128, 255])
