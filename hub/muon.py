"""An optimizer whose steps turn all directions of a weight matrix equally."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the iteration: steepest at 0, where it matters
ROUNDS = 5
LIKE_ADAM = 0.2  # root mean square of a step at rate 1, as Adam's usually is


class Muon(torch.optim.Optimizer):
    """Muon for a network's inner weights, Adam for the rest.

    A step follows the momentum with all its singular values made about 1: Jordan et al., "Muon: An
    optimizer for hidden layers in neural networks", 2024; scaled to the size of Adam's steps as in
    Liu et al., "Muon is Scalable for LLM Training", arXiv:2502.16982, section 2.2. Filters are
    taken as a matrix, (out, in × taps), which `torch.optim.Muon` does not do.

        optimizer = Muon(network, 3e-3, outer=("head", "tail"))

    Args:
        model: its parameters of fewer than two dimensions are outer ones.
        lr: of inner weights; a schedule may change it.
        outer: names of modules and parameters that Adam trains: the first and the last layer,
            embeddings.
        outer_share: of `lr`, the rate of what Adam trains.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float,
        outer: Iterable[str] = (),
        *,
        outer_share: float = 1 / 3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        named = tuple(f"{one}." for one in outer)
        inner: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            by_adam = parameter.ndim < 2 or f"{name}.".startswith(named)
            (rest if by_adam else inner).append(parameter)
        groups = [
            {"params": inner, "share": 1.0, "adam": False},
            {"params": rest, "share": outer_share, "adam": True},
        ]
        defaults = {"lr": lr, "momentum": momentum, "betas": betas}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    move = adam_step if group["adam"] else muon_step
                    step = move(parameter.grad, self.state[parameter], group)
                    parameter.add_(step, alpha=-group["lr"] * group["share"])
        return loss


def muon_step(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    """Return a step of rate 1, shaped as `gradient`, and keep its momentum in `state`."""
    if "momentum" not in state:
        state["momentum"] = torch.zeros_like(gradient)
    momentum: Tensor = state["momentum"].lerp_(gradient, 1 - group["momentum"])
    ahead = gradient.lerp(momentum, group["momentum"])  # Nesterov's
    turned: Tensor = orthogonal(ahead.reshape(len(ahead), -1)).to(gradient.dtype)
    return LIKE_ADAM * math.sqrt(max(turned.shape)) * turned.reshape(gradient.shape)


def adam_step(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    """Return a step of rate 1 (Kingma and Ba, "Adam", ICLR 2015, algorithm 1)."""
    if "count" not in state:
        state["count"] = 0
        state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
    state["count"] += 1
    first, second = group["betas"]
    mean: Tensor = state["mean"].lerp_(gradient, 1 - first) / (1 - first ** state["count"])
    square: Tensor = state["square"].lerp_(gradient.square(), 1 - second)
    square = square / (1 - second ** state["count"])
    step: Tensor = mean / (square.sqrt() + 1e-8)
    return step


def orthogonal(matrix: Tensor) -> Tensor:
    """Return a matrix, (rows, columns), with its singular values brought to between 0.7 and 1.2, by
    five rounds of a Newton-Schulz iteration in bfloat16."""
    a, b, c = COEFFICIENTS
    wide = matrix.shape[0] <= matrix.shape[1]
    x: Tensor = (matrix if wide else matrix.T).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.T
