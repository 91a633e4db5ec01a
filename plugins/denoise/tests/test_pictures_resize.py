"""Resizing is MATLAB's."""

import pytest
import torch

from hub_denoise.pictures.resize import along_rows, doubled, halved, resized


def cubic(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def one_pixel_at_a_time(values: list[float], after: int) -> list[float]:
    """The definition: u = x / scale + (1 - 1 / scale) / 2, counted from 1, the border mirrored."""
    before, scale = len(values), after / len(values)
    stretch = min(1, scale)
    made = []
    for x in range(1, after + 1):
        u = x / scale + 0.5 * (1 - 1 / scale)
        total = weight_sum = 0.0
        for pixel in range(-4 * before, 5 * before):
            weight = cubic(stretch * (pixel - u))
            mirrored = (pixel - 1) % (2 * before)
            mirrored = min(mirrored, 2 * before - 1 - mirrored)
            total += weight * values[mirrored]
            weight_sum += weight
        made.append(total / weight_sum)
    return made


@pytest.mark.parametrize(
    ("before", "after"), [(9, 5), (8, 4), (5, 10), (3, 7), (1, 2), (12, 12), (30, 4)]
)
def test_a_line_is_resized_by_the_definition(before, after):
    line = torch.rand(before, generator=torch.Generator().manual_seed(0))
    made = along_rows(line, after)
    assert made.tolist() == pytest.approx(one_pixel_at_a_time(line.tolist(), after), abs=1e-5)


def test_height_and_width_are_each_resized():
    picture = torch.rand(2, 3, 7, 10)
    made = resized(picture, 4, 20)
    assert made.shape == (2, 3, 4, 20)
    wide = along_rows(picture[1, 2], 20)
    assert torch.allclose(made[1, 2], along_rows(wide.T, 4).T, atol=1e-6)


def test_a_halved_and_doubled_plane_is_as_before():
    ramp = torch.linspace(0, 1, 40)[:, None] + torch.linspace(0, 1, 30)[None, :]
    again = doubled(halved(ramp))
    assert halved(ramp).shape == (20, 15)
    assert torch.allclose(again[8:-8, 8:-8], ramp[8:-8, 8:-8], atol=2e-2)
    assert torch.allclose(halved(torch.ones(6, 6)), torch.ones(3, 3), atol=1e-6)
