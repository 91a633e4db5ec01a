"""One segment at a time, as a query is: the encoder in compiled code.

torch takes a millisecond for the hundred small products of a recurrent layer, and with several
threads some more in which they wait for each other. What is computed is what
`hub_search.model.Encoder` computes; a test holds the two against each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from hub_search.dtw import compiled


def compiled_encoder(encoder: nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes a segment, (frames, 40), at least one frame, its vector, (dimensions,)
    float32, as `encoder` does in evaluation mode with its weights of now."""
    layers = (
        filters(encoder.first),
        filters(encoder.second),
        gates(encoder.onward),
        gates(encoder.backward),
        (matrix(encoder.summary.weight.T), matrix(encoder.summary.bias)),
    )
    return lambda frames: encode(matrix(frames), *layers)


def matrix(values: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.ascontiguousarray(values, np.float32)


def filters(layer: nn.Conv1d) -> tuple[np.ndarray, np.ndarray]:
    """Return a convolution as a matrix, (taps × channels in, channels out), and its bias."""
    weight = layer.weight.permute(2, 1, 0)  # taps, in, out
    return matrix(weight.reshape(-1, weight.shape[2])), matrix(layer.bias)


def gates(layer: nn.GRU) -> tuple[np.ndarray, ...]:
    """Return a recurrent layer's matrices, (in, 3 units) and (units, 3 units), and biases."""
    return (
        matrix(layer.weight_ih_l0.T),
        matrix(layer.bias_ih_l0),
        matrix(layer.weight_hh_l0.T),
        matrix(layer.bias_hh_l0),
    )


@compiled
def encode(frames, first, second, onward, backward, summary):
    x = gelu(convolved(frames, first[0], first[1], 2))
    x += gelu(convolved(x, second[0], second[1], 1))
    units = onward[2].shape[0]
    joined = np.zeros((1, 4 * units), np.float32)  # mean and last state, both ways
    recur(x, onward, joined[0], 0, units)
    recur(x[::-1].copy(), backward, joined[0], units, units)
    return dense(joined, summary[0], summary[1])[0]


@compiled
def dense(x, weight, bias):
    """Return x @ weight + bias, the inner loop along what lies side by side."""
    steps, width = x.shape
    out = np.empty((steps, len(bias)), np.float32)
    for step in range(steps):
        row = out[step]
        row[:] = bias
        for k in range(width):
            value = x[step, k]
            line = weight[k]
            for j in range(len(bias)):
                row[j] += value * line[j]
    return out


@compiled
def convolved(x, weight, bias, stride):
    """Return a convolution along the frames, padded with zeros at both ends."""
    steps, width = x.shape
    taps = weight.shape[0] // width
    before = taps // 2
    wide = np.zeros((steps + 2 * before, width), np.float32)
    wide[before : before + steps] = x
    count = (steps - 1) // stride + 1
    seen = np.empty((count, taps * width), np.float32)
    for step in range(count):
        for tap in range(taps):
            seen[step, tap * width : (tap + 1) * width] = wide[step * stride + tap]
    return dense(seen, weight, bias)


@compiled
def gelu(x):
    out = np.empty_like(x)
    for step in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = x[step, j]
            out[step, j] = value * 0.5 * (1 + math.erf(value * 0.7071067811865476))
    return out


@compiled
def recur(x, layer, joined, place, units):
    """Add a recurrent layer's mean state to `joined` from `place` on, and its last state behind
    the means of both directions."""
    given = dense(x, layer[0], layer[1])
    state = np.zeros((1, units), np.float32)
    steps = x.shape[0]
    for step in range(steps):
        kept = dense(state, layer[2], layer[3])[0]
        own = given[step]
        for j in range(units):
            reset = 1 / (1 + math.exp(-(own[j] + kept[j])))
            keep = 1 / (1 + math.exp(-(own[units + j] + kept[units + j])))
            new = math.tanh(own[2 * units + j] + reset * kept[2 * units + j])
            state[0, j] = new + keep * (state[0, j] - new)
            joined[place + j] += state[0, j] / steps
    for j in range(units):
        joined[2 * units + place + j] = state[0, j]
