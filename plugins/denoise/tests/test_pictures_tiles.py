"""A picture in tiles is the picture as a whole."""

import pytest
import torch

from hub_denoise.pictures.model import ModelConfig, Restorer
from hub_denoise.pictures.tiles import eightfold, fade, in_tiles, spans


@pytest.fixture
def network():
    torch.manual_seed(0)
    restorer = Restorer(ModelConfig(width=8, growth=8, blocks=1)).eval()
    for weight in restorer.parameters():  # some start at 0, so that nothing would change
        torch.nn.init.normal_(weight, std=0.6 / weight[0].numel() ** 0.5)
    with torch.inference_mode():
        yield restorer


@pytest.mark.parametrize("size", [(200, 136), (97, 330), (64, 64), (1, 500), (129, 128)])
def test_tiles_leave_no_seam(network, size):
    picture = torch.rand(1, *size)
    whole = network(picture[None])[0]
    tiled = in_tiles(network, picture, tile=128, overlap=64)
    assert (whole - picture).abs().mean() > 0.01  # it does something
    assert (tiled - whole).abs().max() < 0.1 * (whole - picture).abs().max()
    assert (tiled - whole).square().mean() < 1e-3 * (whole - picture).square().mean()


def test_tiles_without_overlap_would_leave_one(network):
    picture = torch.rand(1, 256, 256)
    whole, cut = network(picture[None])[0], in_tiles(network, picture, tile=128, overlap=0)
    tiled = in_tiles(network, picture, tile=128, overlap=64)
    assert (tiled - whole).abs().max() < 0.3 * (cut - whole).abs().max()


@pytest.mark.parametrize("size", [1, 63, 64, 65, 96, 97, 200, 1000])
def test_tiles_cover_a_side_and_their_weights_add_up_to_one(size):
    total = torch.zeros(size)
    for start, end in spans(size, 64, 32):
        assert start % 32 == 0 and 0 < end - start <= 64
        total[start:end] += fade(start, end, size, 32)
    assert torch.allclose(total, torch.ones(size))


def test_the_eightfold_mean_turns_with_the_picture(network):
    picture = torch.rand(1, 1, 24, 40)
    mean = eightfold(network)
    turned = mean(picture.transpose(2, 3).flip(3)).flip(3).transpose(2, 3)
    assert torch.allclose(mean(picture), turned, atol=1e-5)
    assert not torch.allclose(network(picture), mean(picture), atol=1e-3)


def test_an_overlap_as_large_as_the_tile_is_refused():
    with pytest.raises(ValueError, match=r"overlap must be in \[0, 64\), the tile; got 64"):
        in_tiles(lambda images: images, torch.zeros(1, 80, 80), tile=64, overlap=64)
