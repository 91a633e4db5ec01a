"""The networks: what goes in comes out in its size, and what the papers say of it holds."""

import pytest
import torch

from hub_denoise.pictures.digits import DigitAutoEncoder, DigitConfig
from hub_denoise.pictures.model import ModelConfig, Restorer

SMALL = ModelConfig(width=8, growth=4, blocks=1)


def moved(network: torch.nn.Module) -> torch.nn.Module:
    """Return the network with random weights: some start at 0, so that nothing would change."""
    torch.manual_seed(0)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.6 / max(1, weight[0].numel()) ** 0.5)
    return network.eval()


def test_an_untrained_network_leaves_pictures_as_they_are():
    picture = torch.rand(2, 1, 16, 24)
    assert torch.equal(Restorer(SMALL)(picture), picture)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (7, 30), (33, 16)])
def test_any_size_comes_out_as_it_went_in(channels, size):
    network = moved(Restorer(ModelConfig(channels=channels, width=8, growth=4, blocks=1)))
    picture = torch.rand(1, channels, *size)
    restored = network(picture)
    assert restored.shape == picture.shape and not torch.equal(restored, picture)


def test_a_size_that_cannot_be_halved_is_filled_with_the_picture_mirrored():
    network = moved(Restorer(SMALL))
    picture = torch.rand(1, 1, 33, 30)
    below, right = -33 % network.multiple, -30 % network.multiple
    filled = torch.cat([picture, picture[:, :, 32 - below : 32].flip(2)], 2)
    filled = torch.cat([filled, filled[..., 29 - right : 29].flip(3)], 3)
    torch.testing.assert_close(network(picture), network(filled)[:, :, :33, :30])


def test_a_brighter_picture_with_more_noise_is_restored_alike():
    network, picture = moved(Restorer(SMALL)), torch.rand(2, 1, 24, 24)
    level = torch.tensor([0.1, 0.0])
    assert torch.allclose(network(3 * picture, 3 * level), 3 * network(picture, level), atol=1e-4)


def test_a_level_that_is_told_counts_and_0_is_not_told():
    network, picture = moved(Restorer(SMALL)), torch.rand(1, 1, 16, 16)
    assert torch.equal(network(picture), network(picture, torch.zeros(1)))
    assert not torch.allclose(network(picture), network(picture, torch.tensor([0.2])))


def test_each_picture_of_a_batch_is_restored_by_itself():
    network, pictures = moved(Restorer(SMALL)), torch.rand(3, 1, 16, 24)
    level = torch.tensor([0.1, 0.0, 0.2])
    one_by_one = [network(pictures[i : i + 1], level[i : i + 1]) for i in range(3)]
    assert torch.allclose(network(pictures, level), torch.cat(one_by_one), atol=1e-5)


def test_settings_that_make_no_network_are_refused():
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        ModelConfig(depth=0)
    with pytest.raises(ValueError, match="code must be at least 1, got 0"):
        DigitConfig(code=0)


def test_digits_come_out_in_range_and_other_sizes_are_refused():
    network = moved(DigitAutoEncoder(DigitConfig(digit_width=4, code=8)))
    restored = network.restored(torch.rand(2, 1, 28, 28))
    assert restored.shape == (2, 1, 28, 28) and 0 <= restored.min() and restored.max() <= 1
    with pytest.raises(ValueError, match=r"must be \(batch, 1, 28, 28\), got \(1, 1, 32, 32\)"):
        network(torch.rand(1, 1, 32, 32))
