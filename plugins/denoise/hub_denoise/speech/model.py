"""A causal network that masks the spectrum of noisy speech, frame by frame.

The shape is GTCRN's (Rong et al., "GTCRN: A Speech Enhancement Network Requiring Ultralow
Computational Resources", ICASSP 2024): frequencies above 2 kHz in ERB bands, strided convolutions
over frequency, blocks that work along time and then across frequency, a complex ratio mask.

Where it departs: its recurrent networks take most of the time of a training on a CPU. Here time is
remembered by gated averages whose gates do not depend on the memory, so that all matrix products
of a sequence are one (Bradbury et al., "Quasi-Recurrent Neural Networks", arXiv:1611.01576), and
frequencies are mixed by a gated product of matrices (Liu et al., "Pay Attention to MLPs",
arXiv:2105.08050). What the network hears is divided by a running level, so that it does the same
with quiet speech as with loud.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RATE = 16_000  # Hz
FFT = 512  # samples of a frame: 32 ms
HOP = 256  # samples from one frame to the next: 16 ms
BINS = FFT // 2 + 1
LOW = 65  # bins, up to 2 kHz, that stay as they are
HIGH = 64  # ERB bands of the others
BANDS = LOW + HIGH
MEMORY = 125  # frames, 2 s, of the running level
COMPRESSION = 0.3  # magnitudes to this power are what is heard, and what the loss compares
QUIET = 1e-8  # added to a frame's mean power: digital silence has a level too

State = list[Tensor]


@dataclass(frozen=True)
class ModelConfig:
    """What the weights depend on; saved beside them."""

    width: int = 32  # channels of the blocks
    blocks: int = 3  # each along time, then across frequency
    stem: int = 16  # channels of the first convolution

    def __post_init__(self) -> None:
        if self.width < 4 or self.width % 4:
            raise ValueError(f"width must be a multiple of 4, got {self.width}")
        if self.blocks < 1 or self.stem < 1:
            raise ValueError(
                f"blocks and stem must be at least 1, got {self.blocks} and {self.stem}"
            )


class Masker(nn.Module):
    """From noisy spectra to clean ones."""

    bands: Tensor  # (bins, bands)
    bins: Tensor  # (bands, bins)
    shares: Tensor  # (high bins, high bands)

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        stem, width = config.stem, config.width
        self.register_buffer("bands", erb_bands(), persistent=False)
        back = self.bands.t() / self.bands.sum(1)  # each bin's shares of the bands, sum 1
        self.register_buffer("bins", back.contiguous(), persistent=False)
        shares = self.bands[LOW:, LOW:] / self.bands[LOW:, LOW:].sum(0)
        self.register_buffer("shares", shares, persistent=False)  # of the high bins in each band
        self.down1 = nn.Conv2d(3, stem, (1, 5), stride=(1, 2), padding=(0, 2))  # 129 -> 65
        self.norm1 = nn.BatchNorm2d(stem)
        self.down2 = nn.Conv2d(stem, width, (1, 5), stride=(1, 2), padding=(0, 2))  # 65 -> 33
        self.norm2 = nn.BatchNorm2d(width)
        self.places = nn.Parameter(torch.zeros((BANDS + 3) // 4, width))
        self.blocks = nn.ModuleList(Block(width, (BANDS + 3) // 4) for _ in range(config.blocks))
        self.up1 = nn.ConvTranspose2d(width, stem, (1, 5), stride=(1, 2), padding=(0, 2))
        self.norm3 = nn.BatchNorm2d(stem)
        self.skip = nn.Conv2d(stem, stem, 1)
        self.up2 = nn.ConvTranspose2d(stem, 2, (1, 5), stride=(1, 2), padding=(0, 2))

    def start(self, batch: int = 1) -> State:
        """Return the memory before the first frame."""
        parameter = self.places
        rows, width = len(self.places), self.config.width
        level = parameter.new_zeros(2, batch)  # the running mean power, and how many frames old
        blocks = [parameter.new_zeros(2, batch * rows, width) for _ in self.blocks]
        return [level, *blocks]

    def forward(self, spectrum: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return clean spectra, (batch, frames, 257) complex64, and the memory to go on with; the
        same frames give the same in one call or in several.

        Args:
            spectrum: (batch, frames, 257) complex64, of `analyse`.
            state: what the call before returned, or `start`; None: the beginning.

        Raises:
            ValueError: another shape.
        """
        if spectrum.ndim != 3 or spectrum.shape[2] != BINS:
            raise ValueError(
                f"spectrum must be (batch, frames, {BINS}), got {tuple(spectrum.shape)}"
            )
        state = state or self.start(len(spectrum))
        level, first = running_level(spectrum, state[0])
        after = [first]
        x = self.heard(spectrum / level[..., None])  # (batch, frames, 129, 3)
        x = x.permute(0, 3, 1, 2)  # (batch, 3, frames, 129), channels last in memory
        early = F.silu(self.norm1(self.down1(x)))  # (batch, stem, frames, 65)
        x = F.silu(self.norm2(self.down2(early)))  # (batch, width, frames, 33)
        x = x.permute(0, 2, 3, 1) + self.places  # (batch, frames, 33, width)
        for block, memory in zip(self.blocks, state[1:], strict=True):
            x, kept = block(x, memory)
            after.append(kept)
        x = x.permute(0, 3, 1, 2)
        x = F.silu(self.norm3(self.up1(x)) + self.skip(early))  # (batch, stem, frames, 65)
        mask = self.up2(x)  # (batch, 2, frames, 129)
        real, imaginary = (mask @ self.bins).float().unbind(1)  # (batch, frames, 257)
        # The bias of a mask that changes nothing, softly bounded: no ratio beyond 2 is of use.
        real, imaginary = 2 * torch.tanh(0.5 * (real + 0.6)), 2 * torch.tanh(0.5 * imaginary)
        return spectrum * torch.complex(real, imaginary), after

    def heard(self, spectrum: Tensor) -> Tensor:
        """Return what the network hears of levelled spectra, (batch, frames, 129, 3): real and
        imaginary part and magnitude, of compressed magnitudes, in bands."""
        parts = torch.view_as_real(spectrum)
        magnitude = (parts.square().sum(3) + 1e-9).sqrt()
        compressed = magnitude**COMPRESSION
        parts = parts * (compressed / magnitude)[..., None]
        three = torch.cat([parts, compressed[..., None]], 3)  # (batch, frames, 257, 3)
        bands = torch.einsum("btfc,fo->btoc", three[:, :, LOW:], self.shares)
        return torch.cat([three[:, :, :LOW], bands], 2)


class Block(nn.Module):
    """Remembers along time, then mixes across frequency."""

    def __init__(self, width: int, rows: int) -> None:
        super().__init__()
        self.width = width
        self.norm = nn.LayerNorm(width)
        self.gates = nn.Linear(2 * width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mix_norm = nn.LayerNorm(width)
        self.mix_in = nn.Linear(width, 2 * width)
        self.mix = nn.Parameter(torch.randn(4, rows, rows) * 0.5 / math.sqrt(rows))
        self.mix_out = nn.Linear(width, width)
        # Memories of 1 to 60 frames to begin with: the gate's bias is its logit.
        halves = torch.logspace(0, math.log10(60), width)
        with torch.no_grad():
            self.gates.bias[width : 2 * width] = -torch.log(halves)

    def forward(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return (batch, frames, rows, width) like `x`, and the memory after it, (2, batch x rows,
        width): the gated average, and the last frame's input."""
        batch, frames, rows, width = x.shape
        y = self.norm(x)
        past = memory[1].view(batch, 1, rows, width).to(y)
        before = torch.cat([past, y[:, :-1]], 1)
        value, gate, shown = self.gates(torch.cat([before, y], 3)).chunk(3, 3)
        time_first = (frames, batch * rows, width)
        value, gate = (
            one.float().transpose(0, 1).reshape(time_first) for one in (value, gate.sigmoid())
        )
        held = GatedAverage.apply(torch.tanh(value), gate, memory[0])
        after = torch.stack([held[-1].detach(), y[:, -1].detach().reshape(-1, width).float()])
        held = held.view(frames, batch, rows, width).transpose(0, 1).to(shown.dtype)
        x = x + self.out(held * F.silu(shown))
        # Across frequency.
        left, right = self.mix_in(self.mix_norm(x)).chunk(2, 3)
        right = right.reshape(batch * frames, rows, 4, width // 4).permute(2, 1, 0, 3)
        right = torch.matmul(self.mix.to(right.dtype), right.reshape(4, rows, -1))
        right = right.view(4, rows, batch * frames, width // 4).permute(2, 1, 0, 3)
        right = right.reshape(batch, frames, rows, width)
        return x + self.mix_out(F.silu(left) * (1 + right)), after


class GatedAverage(torch.autograd.Function):
    """h[t] = h[t - 1] + gate[t] (value[t] - h[t - 1]), over time.

    Written out because autograd would keep three tensors a step and walk back through 250 of them.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, gate: Tensor, first: Tensor) -> Tensor:
        """Return (frames, rows, width) of values and gates of that shape, and `first`,
        (rows, width), the average before."""
        held = torch.empty_like(value)
        last = first
        for t in range(len(value)):
            last = torch.lerp(last, value[t], gate[t], out=held[t])
        ctx.save_for_backward(value, gate, first, held)
        return held

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        value, gate, first, held = ctx.saved_tensors
        keep = 1 - gate
        total = grad.clone()  # by h[t], through all that follows it
        for t in range(len(grad) - 2, -1, -1):
            total[t].addcmul_(total[t + 1], keep[t + 1])
        before = torch.cat([first[None], held[:-1]])
        return total * gate, total * (value - before), total[0] * keep[0]


def running_level(spectrum: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return the level of each frame, (batch, frames): the root of the mean power so far, later of
    the last two seconds or so; and the state after it, (2, batch)."""
    with torch.no_grad():
        power = torch.view_as_real(spectrum).square().sum(3).mean(2) + QUIET
        mean, age = state.to(power)
        levels = []
        for now in power.unbind(1):
            age = age + 1
            mean = mean + (now - mean) / age.clamp(max=MEMORY)
            levels.append(mean)
        return torch.stack(levels, 1).sqrt(), torch.stack([mean, age])


# Spectra.


def window(device: torch.device | None = None) -> Tensor:
    """Return the root of a Hann window, (512,): squared, overlapping halves sum to 1."""
    return torch.hann_window(FFT, device=device).sqrt()


def analyse(samples: Tensor) -> Tensor:
    """Return spectra, (batch, frames, 257) complex64, of samples, (batch, 256 (frames + 1))."""
    return torch.fft.rfft(samples.unfold(1, FFT, HOP) * window(samples.device))


def synthesise(spectrum: Tensor) -> Tensor:
    """Return samples, (batch, 256 (frames + 1)), of spectra, (batch, frames, 257).

    The first and the last 256 samples lie in one frame only and come faded.
    """
    frames = torch.fft.irfft(spectrum, FFT) * window(spectrum.device)
    first, second = F.pad(frames[..., :HOP], (0, 0, 0, 1)), F.pad(frames[..., HOP:], (0, 0, 1, 0))
    return (first + second).flatten(1)


def erb_bands() -> Tensor:
    """Return how bins belong to bands, (257, 129): the first 65 to one each, the others to
    triangles that lie evenly over the ERB scale (Glasberg and Moore 1990), 2 to 8 kHz."""
    bins = torch.arange(BINS, dtype=torch.float64)
    scale = 21.4 * torch.log10(1 + 0.00437 * bins * RATE / FFT)
    middles = torch.linspace(float(scale[LOW]), float(scale[-1]), HIGH, dtype=torch.float64)
    step = middles[1] - middles[0]
    bands = torch.zeros(BINS, BANDS, dtype=torch.float64)
    bands[:LOW, :LOW] = torch.eye(LOW, dtype=torch.float64)
    away = (scale[LOW:, None] - middles).abs() / step
    bands[LOW:, LOW:] = (1 - away).clamp_min(0)
    # Where bands are narrower than a bin, the nearest bin is theirs.
    for band in (bands[:, LOW:].sum(0) == 0).nonzero().flatten().tolist():
        nearest = LOW + int((scale[LOW:] - middles[band]).abs().argmin())
        bands[nearest, LOW + band] = 1
    return bands.float()


def loss(clean: Tensor, wanted: Tensor, level: Tensor) -> Tensor:
    """Return the mean distance of spectra, as GTCRN and many others take it: of compressed
    magnitudes (0.7) and of compressed complex values (0.3).

    Args:
        clean, wanted: (batch, frames, 257) complex, the network's and the true ones.
        level: (batch,), of the samples: what both are divided by, so that all count alike.
    """
    parts = []
    for one in (clean, wanted):
        one = torch.view_as_real(one / level[:, None, None])
        magnitude = (one.square().sum(3) + 1e-6).sqrt()
        compressed = magnitude**COMPRESSION
        parts.append((compressed, one * (compressed / magnitude)[..., None]))
    (ours, ours_complex), (theirs, theirs_complex) = parts
    total = 0.7 * (ours - theirs).square().mean()
    return total + 0.3 * (ours_complex - theirs_complex).square().sum(3).mean()
