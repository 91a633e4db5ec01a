"""The network that masks noisy spectra."""

import numpy as np
import pytest
import torch

from hub_denoise.speech.model import (
    BANDS,
    BINS,
    GatedAverage,
    Masker,
    ModelConfig,
    analyse,
    erb_bands,
    loss,
    synthesise,
)

SMALL = ModelConfig(width=8, blocks=2, stem=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Masker(SMALL).eval()


def spectra(batch=2, frames=20, seed=0):
    torch.manual_seed(seed)
    return analyse(0.1 * torch.randn(batch, 256 * (frames + 1)))


def test_frames_add_up_to_the_samples_again():
    samples = torch.randn(3, 256 * 12)
    rebuilt = synthesise(analyse(samples))
    torch.testing.assert_close(rebuilt[:, 256:-256], samples[:, 256:-256], atol=1e-5, rtol=0)


def test_what_comes_later_changes_nothing_before_it(model):
    noisy = spectra()
    other = noisy.clone()
    other[:, 12:] = spectra(seed=1)[:, 12:]
    with torch.no_grad():
        one, two = model(noisy)[0], model(other)[0]
    torch.testing.assert_close(one[:, :12], two[:, :12])
    assert not torch.allclose(one[:, 12:], two[:, 12:])


def test_frame_by_frame_is_what_the_whole_is(model):
    noisy, state, found = spectra(), None, []
    with torch.no_grad():
        whole, last = model(noisy)
        for some in noisy.split([1, 1, 7, 11], 1):
            clean, state = model(some, state)
            found.append(clean)
    torch.testing.assert_close(torch.cat(found, 1), whole, atol=1e-4, rtol=1e-4)
    for ours, theirs in zip(state, last, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_the_beginning_tells_in_what_follows(model):
    noisy, other = spectra(), spectra()
    other[:, :3] = spectra(seed=1)[:, :3] * 3
    with torch.no_grad():
        assert not torch.allclose(model(noisy)[0][:, 10:], model(other)[0][:, 10:])


def test_loud_and_quiet_speech_are_masked_alike(model):
    noisy = spectra()
    with torch.no_grad():
        loud, quiet = model(5 * noisy)[0] / 5, model(0.05 * noisy)[0] / 0.05
    torch.testing.assert_close(loud, quiet, atol=0.02, rtol=0.02)


def test_every_weight_learns():
    model = Masker(SMALL)
    noisy = spectra()
    loss(model(noisy)[0], 0.5 * noisy, torch.ones(2)).backward()
    without = [name for name, one in model.named_parameters() if one.grad is None]
    still = [name for name, one in model.named_parameters() if not one.grad.abs().sum() > 0]
    # What is added before a batch normalisation, that one takes away.
    assert not without and all(name in {"down1.bias", "down2.bias", "up1.bias"} for name in still)


def test_the_gated_average_has_the_gradient_of_the_plain_loop():
    torch.manual_seed(0)
    value, gate, first = (
        torch.rand(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((5, 3, 2), (5, 3, 2), (3, 2))
    )
    assert torch.autograd.gradcheck(GatedAverage.apply, (value, gate, first))
    held, last = GatedAverage.apply(value, gate, first), first
    for t in range(5):
        last = last + gate[t] * (value[t] - last)
        torch.testing.assert_close(held[t], last)


def test_bands_cover_every_bin_and_none_is_empty():
    bands = erb_bands()
    assert bands.shape == (BINS, BANDS)
    assert (bands.sum(0) > 0).all() and (bands.sum(1) > 0).all() and (bands >= 0).all()


def test_the_loss_is_nothing_only_where_spectra_are_equal():
    wanted, level = spectra(), torch.full((2,), 0.1)
    assert float(loss(wanted, wanted, level)) == 0
    assert 0 < float(loss(0.9 * wanted, wanted, level)) < float(loss(0 * wanted, wanted, level))
    turned = wanted * torch.tensor(1j)
    assert float(loss(turned, wanted, level)) > 0
    louder = loss(9 * 0.9 * wanted, 9 * wanted, 9 * level)
    torch.testing.assert_close(louder, loss(0.9 * wanted, wanted, level), atol=1e-3, rtol=1e-2)


def test_it_is_of_the_size_of_gtcrn():
    count = sum(one.numel() for one in Masker(ModelConfig()).parameters())
    assert 40_000 < count < 200_000


def test_another_shape_is_refused(model):
    with pytest.raises(ValueError, match=r"\(batch, frames, 257\), got \(2, 5, 256\)"):
        model(torch.zeros(2, 5, 256, dtype=torch.complex64))
    with pytest.raises(ValueError, match="width must be a multiple of 4, got 30"):
        ModelConfig(width=30)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        ModelConfig(blocks=0)


def test_silence_has_a_level_too(model):
    with torch.no_grad():
        clean, _ = model(torch.zeros(1, 9, BINS, dtype=torch.complex64))
    assert np.isfinite(torch.view_as_real(clean).numpy()).all() and not clean.abs().any()
