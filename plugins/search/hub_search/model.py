"""Encoders of spoken segments: a piece of speech of any length becomes one vector.

Chung et al., "Audio Word2Vec: Unsupervised Learning of Audio Segment Representations using
Sequence-to-sequence Autoencoder", Interspeech 2016 (arXiv:1603.00982), has the sequence
auto-encoder (SA) and the de-noising one (DSA). Kamper, "Truly Unsupervised Acoustic Word Embeddings
Using Weak Top-Down Constraints in Encoder-Decoder Models", ICASSP 2019 (arXiv:1811.00403), has the
correspondence auto-encoder (CAE), whose decoder rebuilds another saying of the same word. The
contrastive encoder has no decoder: two sayings must be nearer to each other than to all else (the
NT-Xent loss of Chen et al., SimCLR, arXiv:2002.05709).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from hub.audio import BANDS, log_mel, loudness
from hub.checkpoints import read
from hub.errors import CheckpointError

LONGEST = 200  # frames of a segment, 2 seconds; of longer ones the rest is not heard
SHORTEST = 5  # frames
BATCH = 256  # segments at a time
QUIET = 30.0  # dB below the loud parts of a recording, from where on nothing is said
LEAST = 1e-3  # of a band's deviation
USUAL = "usual"  # the tensor of usual deviations and means


@dataclass(frozen=True)
class ModelConfig:
    """What the weights depend on; saved beside them as config.json."""

    width: int = 128  # channels of the convolutions
    hidden: int = 128  # units of the recurrent layer, in each direction
    dimensions: int = 128  # of the vector
    decoder: int = 192  # units of the auto-encoders' decoder
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if min(self.width, self.hidden, self.dimensions, self.decoder) < 1:
            raise ValueError("width, hidden, dimensions and decoder must be positive")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")


class Encoder(nn.Module):
    """Two convolutions at half the frame rate, a recurrent layer both ways, and its summary."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.first = nn.Conv1d(BANDS, config.width, 5, stride=2, padding=2)
        self.second = nn.Conv1d(config.width, config.width, 3, padding=1)
        self.dropout = nn.Dropout(config.dropout)
        self.onward = nn.GRU(config.width, config.hidden, batch_first=True)
        self.backward = nn.GRU(config.width, config.hidden, batch_first=True)
        self.summary = nn.Linear(4 * config.hidden, config.dimensions)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return the vectors, (batch, dimensions).

        Args:
            frames: (batch, frames, 40), normalised log-mel, anything after each one's end.
            lengths: (batch,), frames of each.
        """
        lengths = lengths.to(frames.device)
        x = F.gelu(self.first((frames * within(lengths, frames)).transpose(1, 2)))
        halved = (lengths + 1) // 2
        x = x.transpose(1, 2)
        inside = within(halved, x)
        x = x * inside  # what lies after the end must not leak in
        x = x + F.gelu(self.second(x.transpose(1, 2))).transpose(1, 2)
        x = self.dropout(x)
        # Two layers rather than a packed one of both directions, which is five times as slow.
        onward, _ = self.onward(x)
        backward, _ = self.backward(turned(x, halved))
        states = torch.cat([onward, backward], dim=2)
        mean = (states * inside).sum(1) / halved[:, None]
        last = states[torch.arange(len(states)), halved - 1]
        return self.summary(torch.cat([mean, last], dim=1))


def within(lengths: Tensor, like: Tensor) -> Tensor:
    """Return which steps of `like`, (batch, steps, …), are before the end, (batch, steps, 1)."""
    steps = torch.arange(like.shape[1], device=like.device)
    return (steps < lengths[:, None])[..., None]


def turned(x: Tensor, lengths: Tensor) -> Tensor:
    """Return each sequence of (batch, steps, channels) from its end to its start; what lies after
    the end stays there, unspecified."""
    steps = torch.arange(x.shape[1], device=x.device)
    places = (lengths[:, None] - 1 - steps).clamp_min(0)
    return x.gather(1, places[..., None].expand_as(x))


class Decoder(nn.Module):
    """The auto-encoders' other half: from a vector back to frames, two of them a step."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.recurrent = nn.GRU(config.dimensions + 2, config.decoder, batch_first=True)
        self.frames = nn.Linear(config.decoder, 2 * BANDS)

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Return frames, (batch, longest, 40), of vectors, (batch, dimensions).

        Each step is given the vector and how far it is from either end, not the frames before:
        with those, a decoder can do without its vector.
        """
        steps = (int(lengths.max()) + 1) // 2
        place = 2 * torch.arange(steps, device=vectors.device)[None, :, None].float()
        to_end = lengths[:, None, None].to(vectors.device) - place
        places = torch.cat([place.expand_as(to_end), to_end.clamp_min(0)], dim=2) / 50
        given = vectors[:, None].expand(-1, steps, -1)
        states, _ = self.recurrent(torch.cat([given, places], dim=2))
        return self.frames(states).reshape(len(vectors), 2 * steps, BANDS)[:, : int(lengths.max())]


def normalised(frames: Tensor, loud: np.ndarray) -> Tensor:
    """Return log-mel frames, (frames, 40), with each band at mean 0 and variance 1 over the frames
    in which something is said."""
    spoken = frames[torch.from_numpy(voiced(loud))] if len(frames) else frames
    if len(spoken) < 2:
        spoken = frames
    if len(spoken) < 2:
        return frames - frames
    deviation, mean = torch.std_mean(spoken, dim=0)
    return (frames - mean) / deviation.clamp_min(LEAST)


def voiced(loud: np.ndarray) -> np.ndarray:
    """Return in which frames something is said, (frames,) bool, of their loudness in dB."""
    if not len(loud):
        return np.zeros(0, bool)
    return np.asarray(loud > np.percentile(loud, 95) - QUIET)


def frames_of(samples: np.ndarray) -> Tensor:
    """Return the frames that encoders take, (frames, 40) float32, 100 a second, of a recording.

    Args:
        samples: (samples,) at 16 kHz.
    """
    return normalised(log_mel(samples), loudness(samples))


class Networks:
    """The encoders of one checkpoint, by the name of the system; the first is the default."""

    def __init__(
        self,
        encoders: dict[str, Encoder],
        config: ModelConfig,
        device: str,
        usual: Tensor | None = None,
    ) -> None:
        self.encoders = encoders
        self.config = config
        self.device = device
        # (2, 40): deviation and mean of each band of log-mel in the recordings of training.
        self.usual = torch.tensor([[1.0], [0.0]]).repeat(1, BANDS) if usual is None else usual
        self.systems = tuple(encoders)
        self.singles: dict[str, Callable[[np.ndarray], np.ndarray]] = {}

    def compile(self, system: str | None = None) -> None:
        """Have single segments embedded by compiled code from now on, several times as fast; takes
        some seconds where it was never done before, and does nothing where there is a GPU."""
        if self.device == "cpu":
            from hub_search.single import compiled_encoder

            name = system or self.systems[0]
            single = compiled_encoder(self.encoders[name])
            single(np.zeros((SHORTEST, BANDS), np.float32))
            self.singles[name] = single

    def dimensions(self, system: str) -> int:
        return self.encoders[system].summary.out_features

    @torch.inference_mode()
    def embed(self, segments: Sequence[Tensor], system: str | None = None) -> np.ndarray:
        """Return a unit vector per segment, (segments, dimensions) float32.

        Args:
            segments: (frames, 40) each, of `frames_of`.
            system: None: the default.
        """
        name = system or self.systems[0]
        if len(segments) == 1 and name in self.singles:
            frames = segments[0][:LONGEST].numpy()
            if len(frames) < SHORTEST:
                frames = np.pad(frames, ((0, SHORTEST - len(frames)), (0, 0)))
            return unit(self.singles[name](frames))[None]
        encoder = self.encoders[name]
        vectors = np.zeros((len(segments), encoder.summary.out_features), np.float32)
        order = np.argsort([len(one) for one in segments], kind="stable")
        for start in range(0, len(order), BATCH):  # of like lengths, so that little is padded
            chosen = order[start : start + BATCH]
            frames, lengths = padded([segments[index] for index in chosen])
            found = encoder(frames.to(self.device), lengths)
            vectors[chosen] = F.normalize(found, dim=1).float().cpu().numpy()
        return vectors


def unit(vector: np.ndarray) -> np.ndarray:
    """Return a vector at length 1, as `F.normalize` does."""
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def padded(segments: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return segments, (frames, 40) each, as (count, longest, 40), and their lengths, (count,)."""
    cut = [F.pad(one[:LONGEST], (0, 0, 0, max(0, SHORTEST - len(one)))) for one in segments]
    return pad_sequence(cut, batch_first=True), torch.tensor([len(one) for one in cut])


def load(folder: Path, device: str = "cpu") -> Networks:
    """Return the encoders of the checkpoint in `folder`, float32, in evaluation mode.

    Raises:
        CheckpointError: it is missing or damaged, or its tensors do not fit its config.
    """
    config, tensors = read(folder)
    try:
        model = ModelConfig(**config["model"])
        encoders = {system: Encoder(model) for system in config["systems"]}
        for system, encoder in encoders.items():
            encoder.load_state_dict(named(tensors, system))
            encoder.to(device).eval().requires_grad_(False)
        if not encoders:
            raise ValueError("it names no system")
        usual = tensors[USUAL].float()
        if usual.shape != (2, BANDS):
            raise ValueError(f"{USUAL} must be (2, {BANDS}), found {tuple(usual.shape)}")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder.name}: config.json and model.safetensors do not fit each other: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    return Networks(encoders, model, device, usual)


def named(tensors: dict[str, Tensor], system: str) -> dict[str, Tensor]:
    """Return the weights of one system, float32, by their names in its encoder."""
    start = f"{system}."
    return {
        name.removeprefix(start): one.float()
        for name, one in tensors.items()
        if name.startswith(start)
    }
