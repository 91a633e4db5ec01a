"""Speech cleaned block by block, at any rate."""

import numpy as np
import pytest
import torch

from hub_denoise.speech.model import Masker, ModelConfig
from hub_denoise.speech.stream import MOST, Stream, denoise


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Masker(ModelConfig(width=8, blocks=2, stem=4)).eval()


class Nothing(Masker):
    """Removes nothing."""

    def forward(self, spectrum, state=None):
        return spectrum, state


@pytest.fixture(scope="module")
def nothing():
    return Nothing(ModelConfig(width=8, blocks=1, stem=4)).eval()


def sound(count, channels=0, seed=0):
    shape = (count, channels) if channels else (count,)
    return 0.1 * np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def in_blocks(stream, samples, seed=1):
    generator = np.random.default_rng(seed)
    parts, at = [], 0
    while at < len(samples):
        size = int(generator.choice([0, 1, 7, 160, 256, 1000, 4801]))
        parts.append(stream.feed(samples[at : at + size]))
        at += size
    return np.concatenate([*parts, stream.finish()])


@pytest.mark.parametrize("rate", [16_000, 8000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [0, 2])
def test_blocks_give_what_the_whole_gives(model, rate, channels):
    samples = sound(rate // 2 + 77, channels)
    whole = denoise(model, samples, rate)
    assert whole.shape == samples.shape
    blocks = in_blocks(Stream(model, rate, channels or 1), samples)
    np.testing.assert_allclose(blocks, whole, atol=2e-5)
    assert np.abs(whole).max() > 1e-3


def test_a_network_that_removes_nothing_gives_the_sound_back(nothing):
    samples = sound(10_000)
    np.testing.assert_allclose(denoise(nothing, samples), samples, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000, 192_000])
def test_the_sound_stays_in_time_at_other_rates(nothing, rate):
    time = np.arange(rate) / rate
    samples = (np.sin(2 * np.pi * 500 * time) * np.hanning(rate)).astype(np.float32)
    np.testing.assert_allclose(denoise(nothing, samples, rate), samples, atol=1e-3)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 513])
@pytest.mark.parametrize("rate", [16_000, 11_025])
def test_a_sound_of_any_length_keeps_it(model, count, rate):
    assert denoise(model, sound(count), rate).shape == (count,)


def test_silence_stays_silent(model):
    assert not denoise(model, np.zeros(20_000, np.float32)).any()


def test_a_sample_comes_out_at_most_two_frames_later(model):
    stream = Stream(model)
    out = 0
    for number in range(20):
        out += len(stream.feed(sound(256)))
        assert out == 256 * number  # 16 ms after its block, which is 32 ms after its beginning


def test_channels_are_cleaned_each_by_itself(model):
    samples = sound(8000, 2)
    both = denoise(model, samples)
    np.testing.assert_allclose(both[:, 1], denoise(model, samples[:, 1]), atol=1e-5)


def test_no_strength_changes_nothing_and_half_is_between(model):
    samples = sound(8000)
    np.testing.assert_allclose(denoise(model, samples, strength=0), samples, atol=1e-6)
    middle = (samples + denoise(model, samples)) / 2
    np.testing.assert_allclose(denoise(model, samples, strength=0.5), middle, atol=1e-5)


def test_long_sounds_go_through_in_pieces(model):
    samples = sound(2**17 + 5000)
    whole = denoise(model, samples)
    late = denoise(model, samples[: 2**17 - 3000])
    np.testing.assert_allclose(whole[: 2**17 - 4000], late[: 2**17 - 4000], atol=2e-5)


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"rate": 100}, "rate must be 4000 to 384000 Hz, got 100"),
        ({"channels": 0}, f"channels must be 1 to {MOST}, got 0"),
        ({"strength": 1.5}, "strength must be 0 to 1, got 1.5"),
    ],
)
def test_what_no_stream_can_be_is_refused(model, wrong, told):
    with pytest.raises(ValueError, match=told):
        Stream(model, **wrong)


def test_a_block_of_another_shape_or_without_numbers_is_refused(model):
    with pytest.raises(ValueError, match=r"\(samples, 2\), got \(5, 3\)"):
        Stream(model, channels=2).feed(np.zeros((5, 3), np.float32))
    with pytest.raises(ValueError, match="finite"):
        Stream(model).feed(np.array([0, np.nan], np.float32))
    with pytest.raises(ValueError, match="got"):
        denoise(model, np.zeros((2, 2, 2), np.float32))
