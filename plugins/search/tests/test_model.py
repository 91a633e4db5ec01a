"""The encoders: padding changes nothing, lengths and dimensions hold, damage is told."""

import numpy as np
import pytest
import torch

from hub.errors import CheckpointError
from hub_search.model import (
    LONGEST,
    SHORTEST,
    Decoder,
    Encoder,
    ModelConfig,
    Networks,
    frames_of,
    load,
    padded,
    turned,
    voiced,
    within,
)

SMALL = ModelConfig(width=16, hidden=8, dimensions=12, decoder=10)


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return Networks({"one": Encoder(SMALL).eval(), "two": Encoder(SMALL).eval()}, SMALL, "cpu")


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Return noise in bursts, as syllables come."""
    time = np.arange(int(16_000 * seconds)) / 16_000
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (0.1 * noise * (np.sin(2 * np.pi * 3 * time) > 0)).astype(np.float32)


def test_a_segment_has_the_same_vector_alone_and_among_others(networks):
    segments = [torch.randn(length, 40) for length in (7, 31, 12, 90, 31)]
    together = networks.embed(segments)
    alone = np.concatenate([networks.embed([one]) for one in segments])
    assert np.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, SHORTEST, 6, 31, LONGEST, LONGEST + 40])
def test_compiled_code_makes_the_same_vectors(networks, length):
    segment = torch.randn(length, 40)
    expected = networks.embed([segment])
    networks.compile()
    found = networks.embed([segment])
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.allclose(found, expected, atol=1e-5)
    assert not np.array_equal(found, networks.embed([segment], "two")), "that one is not compiled"


def test_what_lies_after_the_end_is_not_heard():
    encoder = Encoder(SMALL).eval()
    frames, lengths = torch.randn(3, 40, 40), torch.tensor([40, 21, 8])
    changed = torch.where(within(lengths, frames), frames, 100.0)
    assert torch.allclose(encoder(frames, lengths), encoder(changed, lengths), atol=1e-5)


def test_vectors_have_length_one_and_differ_by_system(networks):
    segments = [torch.randn(30, 40), torch.randn(44, 40)]
    first, second = networks.embed(segments, "one"), networks.embed(segments, "two")
    assert first.shape == (2, networks.dimensions("one")) == (2, 12)
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    assert not np.allclose(first, second)
    assert np.array_equal(networks.embed(segments), first), "the first system is the default"


def test_short_segments_are_filled_and_long_ones_cut():
    frames, lengths = padded([torch.randn(1, 40), torch.randn(LONGEST + 50, 40)])
    assert lengths.tolist() == [SHORTEST, LONGEST]
    assert frames.shape == (2, LONGEST, 40)


def test_nothing_gives_no_vectors(networks):
    assert networks.embed([]).shape == (0, 12)


def test_sequences_are_turned_within_their_lengths():
    x = torch.arange(8.0).reshape(2, 4, 1)
    found = turned(x, torch.tensor([4, 2]))
    assert found[0, :, 0].tolist() == [3, 2, 1, 0]
    assert found[1, :2, 0].tolist() == [5, 4]


@pytest.mark.parametrize("lengths", [[7, 12, 3], [8, 8, 8]])
def test_the_decoder_gives_as_many_frames_as_asked(lengths):
    vectors = torch.randn(3, SMALL.dimensions)
    assert Decoder(SMALL)(vectors, torch.tensor(lengths)).shape == (3, max(lengths), 40)


def test_frames_are_normalised_over_what_is_said():
    samples = speech(3)
    frames = frames_of(samples)
    assert frames.shape == (300, 40)
    quiet = frames_of(0.01 * samples)
    assert torch.allclose(frames, quiet, atol=1e-2), "loudness does not matter"
    assert len(frames_of(np.zeros(100, np.float32))) == 0
    assert torch.isfinite(frames_of(np.zeros(16_000, np.float32))).all()


def test_quiet_frames_are_not_spoken():
    loud = np.array([-20, -21, -90, -19, -60, -20.5])
    assert voiced(loud).tolist() == [True, True, False, True, False, True]


def test_settings_that_make_no_network_are_refused():
    with pytest.raises(ValueError, match="positive"):
        ModelConfig(hidden=0)
    with pytest.raises(ValueError, match="dropout"):
        ModelConfig(dropout=1)


def test_a_checkpoint_whose_parts_do_not_fit_is_told(tmp_path):
    from hub.checkpoints import write

    tensors = {f"one.{name}": value for name, value in Encoder(SMALL).state_dict().items()}
    config = {"demo": "search", "model": {"width": 16}, "systems": ["one"]}
    write(tmp_path / "search", config, tensors, "---\nlicense: mit\n---\n")
    with pytest.raises(CheckpointError, match="do not fit each other"):
        load(tmp_path / "search")
