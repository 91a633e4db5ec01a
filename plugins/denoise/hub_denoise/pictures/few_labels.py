"""What features that were learned without labels are worth to a classifier with few labels.

Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders", ICML 2008:
layers are trained one after the other, each to restore what lies below it, from all of it or from
what is left of it when a part is set to 0. The second kind, so the paper, learns the better
features. Here the classifier is the same for both, and for the pixels themselves: logistic
regression, its penalty chosen by cross-validation within the labels that there are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub import data
from hub.evaluation import Metric
from hub_denoise.pictures.data import MNIST, digits_of

FEATURES = {
    "raw": "pixels",
    "plain": "three stacked layers that restore what lies below them",
    "denoising": "three stacked layers that restore it from three quarters of it",
}
KINDS = tuple(FEATURES)
LABELS = (50, 100, 300, 1_000, 3_000)  # as many of each digit


@dataclass(frozen=True)
class FewLabelsConfig:
    """How features are learned and judged."""

    widths: tuple[int, ...] = (500, 500, 500)
    pictures: int = 20_000  # without labels
    epochs: int = 10  # of each layer
    batch: int = 100
    rate: float = 1e-3  # of Adam
    hidden: float = 0.25  # of a layer's input set to 0, for the denoising kind
    draws: int = 5  # of which pictures have labels
    seed: int = 0


class Layer(nn.Module):
    """One layer, with the transpose of its weights as decoder."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inward = nn.Linear(inputs, outputs)
        self.outward = nn.Parameter(torch.zeros(inputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.inward(x))

    def restored(self, code: Tensor) -> Tensor:
        """Return what the code is of, before the sigmoid."""
        return code @ self.inward.weight + self.outward


def stack(pictures: Tensor, hidden: float, config: FewLabelsConfig) -> list[Layer]:
    """Return layers that were trained one after the other on pictures, (count, 784) in [0, 1]."""
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    layers, below = [], pictures
    for width in config.widths:
        layer = Layer(below.shape[1], width)
        optimizer = torch.optim.Adam(layer.parameters(), config.rate)
        for _ in range(config.epochs):
            for chosen in torch.randperm(len(below), generator=generator).split(config.batch):
                clean = below[chosen]
                kept = torch.rand(clean.shape, generator=generator) >= hidden
                loss = F.binary_cross_entropy_with_logits(
                    layer.restored(layer(clean * kept)), clean
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        layers.append(layer.eval().requires_grad_(False))
        below = layer(below)
    return layers


def features(layers: Sequence[Layer], pictures: Tensor) -> np.ndarray:
    """Return what the last layer makes of pictures; of no layers, the pictures."""
    for layer in layers:
        pictures = layer(pictures)
    return pictures.numpy()


def few_labels(config: FewLabelsConfig | None = None, test: int = 10_000) -> dict[str, Any]:
    """Return the errors of classifiers with few labels.

    Args:
        test: how many of the test digits are looked at.

    Returns:
        `labels`, how many in all; and for "raw", "plain" and "denoising" the mean and deviation,
        over draws of the labelled pictures, of the share of test digits told wrong, in percent, for
        each number of labels.

    Raises:
        DataError: MNIST is not there.
    """
    config = config or FewLabelsConfig()
    pictures, asked = (digits_of(MNIST, split).flatten(1) / 255 for split in ("train", "test"))
    labels, truth = (data.labels(MNIST, split) for split in ("train", "test"))
    asked, truth = asked[:test], truth[:test]
    unlabelled = pictures[: config.pictures]
    stacks: dict[str, list[Layer]] = {
        "raw": [],
        "plain": stack(unlabelled, 0.0, config),
        "denoising": stack(unlabelled, config.hidden, config),
    }
    found: dict[str, Any] = {"labels": list(LABELS)}
    for kind, layers in stacks.items():
        known, new = features(layers, pictures), features(layers, asked)
        found[kind] = [
            spread([wrong(known, labels, new, truth, count, draw) for draw in range(config.draws)])
            for count in LABELS
        ]
    return found


def measure(file: Path, config: FewLabelsConfig) -> None:
    """Write the errors to a file, unless it is there."""
    if file.exists():
        return
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(few_labels(config)))
    partial.replace(file)


def metrics(told: dict[str, Any], config: FewLabelsConfig | None = None) -> dict[str, Metric]:
    """Return the errors of `few_labels` with few labels and with many."""
    config = config or FewLabelsConfig()
    found = {}
    for index, count in enumerate(told["labels"]):
        for kind in KINDS:
            mean, deviation = told[kind][index]
            found[f"digit_error_{count}_labels_{kind}"] = Metric(
                mean,
                "%",
                False,
                f"10,000 test digits of MNIST told by logistic regression on {FEATURES[kind]}, "
                f"{count} labels in all; mean of {config.draws} draws of them, deviation "
                f"{deviation:.2f}",
            )
    return found


def spread(errors: Sequence[float]) -> list[float]:
    return [round(float(np.mean(errors)), 2), round(float(np.std(errors)), 2)]


def wrong(
    known: np.ndarray,
    labels: np.ndarray,
    asked: np.ndarray,
    truth: np.ndarray,
    count: int,
    seed: int,
) -> float:
    """Return the share, in percent, that a classifier tells wrong which knows `count` labels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    each = count // 10
    chosen = np.concatenate(
        [rng.choice(np.flatnonzero(labels == digit), each, replace=False) for digit in range(10)]
    )
    scaler = StandardScaler(with_std=False)
    model = make_pipeline(scaler, LogisticRegression(max_iter=300))
    penalties = {"logisticregression__C": [0.001, 0.01, 0.1, 1.0]}
    search = GridSearchCV(model, penalties, cv=min(3, each))
    search.fit(known[chosen], labels[chosen])
    return 100 * float((search.predict(asked) != truth).mean())
