"""One segment at a time, as a query is: the encoder in compiled code.

torch takes a millisecond for the hundred small products of a recurrent layer, and with several
threads some more in which they wait for each other. What is computed is what
`hub_search.model.Encoder` computes; a test holds the two against each other.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from hub_search.dtw import compiled

fused = functools.partial(compiled, fused=True)


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


@fused
def encode(frames, first, second, onward, backward, summary):
    x = gelu(convolved(frames, first[0], first[1], 2))
    x += gelu(convolved(x, second[0], second[1], 1))
    units = onward[2].shape[0]
    joined = np.zeros((1, 4 * units), np.float32)  # mean and last state, both ways
    recur(x, onward, joined[0], 0, units)
    recur(x[::-1].copy(), backward, joined[0], units, units)
    return dense(joined, summary[0], summary[1])[0]


@fused
def dense(x, weight, bias):
    """Return x @ weight + bias, the inner loop along what lies side by side, eight products at a
    time: a sum is loaded and stored once for all of them."""
    steps, width = x.shape
    count = len(bias)
    out = np.empty((steps, count), np.float32)
    eights = width - width % 8
    for step in range(steps):
        row, own = out[step], x[step]
        row[:] = bias
        for k in range(0, eights, 8):
            a, b, c, d = own[k], own[k + 1], own[k + 2], own[k + 3]
            e, f, g, h = own[k + 4], own[k + 5], own[k + 6], own[k + 7]
            w0, w1, w2, w3 = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
            w4, w5, w6, w7 = weight[k + 4], weight[k + 5], weight[k + 6], weight[k + 7]
            for j in range(count):
                row[j] += a * w0[j] + b * w1[j] + c * w2[j] + d * w3[j]
                row[j] += e * w4[j] + f * w5[j] + g * w6[j] + h * w7[j]
        for k in range(eights, width):
            value, line = own[k], weight[k]
            for j in range(count):
                row[j] += value * line[j]
    return out


@fused
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


@fused
def gelu(x):
    out = np.empty_like(x)
    for step in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = x[step, j]
            out[step, j] = value * 0.5 * (1 + math.erf(value * 0.7071067811865476))
    return out


@fused
def recur(x, layer, joined, place, units):
    """Add a recurrent layer's mean state to `joined` from `place` on, and its last state behind
    the means of both directions."""
    given = dense(x, layer[0], layer[1])
    state = np.zeros((1, units), np.float32)
    steps = x.shape[0]
    share, half = np.float32(1 / steps), np.float32(0.5)
    for step in range(steps):
        kept = dense(state, layer[2], layer[3])[0]
        own = given[step]
        for j in range(units):  # without branches and calls, so that it is done for many j at once
            reset = half + half * tanh(half * (own[j] + kept[j]))
            keep = half + half * tanh(half * (own[units + j] + kept[units + j]))
            new = tanh(own[2 * units + j] + reset * kept[2 * units + j])
            state[0, j] = new + keep * (state[0, j] - new)
            joined[place + j] += state[0, j] * share
    for j in range(units):
        joined[2 * units + place + j] = state[0, j]


@fused
def tanh(x):
    """Return the hyperbolic tangent of a float32 to some 3e-7, as the quotient of two polynomials:
    Eigen's approximation (MathFunctionsImpl.h, `ptanh_float`), constant beyond 7.9."""
    x = min(max(x, np.float32(-7.90531110763549805)), np.float32(7.90531110763549805))
    square = x * x
    above = np.float32(-2.76076847742355e-16)
    above = above * square + np.float32(2.00018790482477e-13)
    above = above * square + np.float32(-8.60467152213735e-11)
    above = above * square + np.float32(5.12229709037114e-08)
    above = above * square + np.float32(1.48572235717979e-05)
    above = above * square + np.float32(6.37261928875436e-04)
    above = above * square + np.float32(4.89352455891786e-03)
    below = np.float32(1.19825839466702e-06)
    below = below * square + np.float32(1.18534705686654e-04)
    below = below * square + np.float32(2.26843463243900e-03)
    below = below * square + np.float32(4.89352518554385e-03)
    return x * above / below
