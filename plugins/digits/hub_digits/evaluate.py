"""What a checkpoint is measured by: likelihood on the test splits, and how good and varied its
drawings are to the eyes of its own classifier.

On a CPU, likelihoods are shared out to one process per core: small convolutions gain little from a
second thread. Each part has its own seed, so the numbers do not depend on the number of processes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from tqdm import tqdm

from hub.evaluation import QUICK, Evaluation, Metric
from hub.training import has_bf16
from hub_digits.data import BINARY, GREY, digits, scaled
from hub_digits.model import HVAE, Networks, load
from hub_digits.service import TEMPERATURE

PART = 100  # images whose likelihood one task measures
NEIGHBOURS = 3  # of precision and recall, as in the paper

Kind = Literal["nll", "elbo", "grey"]


def evaluate(checkpoint: Path, device: str = "cpu", quick: bool = False) -> Evaluation:
    """Measure the checkpoint on the test splits; all of it takes about 20 minutes on two cores.

    Args:
        quick: a stated part of the test split and fewer samples, in about a minute. The metrics'
            names then end in "_quick": their values are not those of the full measure.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        DataError: the test splits are not there.
    """
    every, samples, drawn = (20, 100, 1_000) if quick else (1, 1_000, 10_000)
    binary, grey = (digits(name, "test")[0][::every] for name in (BINARY, GREY))
    some = f"every {every}th of the 10,000 test images" if quick else "the 10,000 test images"
    nll = -bounds(checkpoint, device, "nll", binary, samples).mean().item()
    elbo = -bounds(checkpoint, device, "elbo", binary, 10).mean().item()
    bits = -bounds(checkpoint, device, "grey", grey, 1).mean().item() / (784 * math.log(2))
    metrics = {
        "nll_nats": Metric(
            nll,
            "nats",
            False,
            f"fixed binarization, {some}, importance-weighted bound of {samples:,} samples",
        ),
        "elbo_nats": Metric(
            elbo, "nats", False, f"fixed binarization, {some}, negative ELBO, mean of 10 draws"
        ),
        "bits_per_dim": Metric(
            bits, "bits", False, f"256 grey levels, {some}, negative ELBO, no digit given"
        ),
    }
    with torch.inference_mode():
        metrics |= judge(load(checkpoint, device), drawn)
    if quick:
        metrics = {name + QUICK: one for name, one in metrics.items()}
    return Evaluation(metrics, f"{BINARY} and {GREY}, test splits")


def precision(device: str) -> AbstractContextManager[object]:
    """Return a context of bfloat16 convolutions where they are fast; sums stay float32 or wider."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16) if has_bf16() else nullcontext()


def bounds(checkpoint: Path, device: str, kind: Kind, images: Tensor, samples: int) -> Tensor:
    """Return the bound on log p(x), (count,) float64, in nats, of uint8 images."""
    tasks = [
        (str(checkpoint), device, kind, part, samples, seed)
        for seed, part in enumerate(images.split(PART))
    ]
    bar = tqdm(total=len(images), desc=f"{kind}, {samples} samples", unit="image", mininterval=5)
    done = []
    with bar:
        for one in carried_out(tasks, device):
            done.append(one)
            bar.update(len(one))
            bar.set_postfix_str(f"{-torch.cat(done).mean().item():.3f} nats")
    return torch.cat(done)


Task = tuple[str, str, Kind, Tensor, int, int]


def carried_out(tasks: list[Task], device: str) -> Iterator[Tensor]:
    """Yield the result of each task, in order."""
    workers = min(os.cpu_count() or 1, len(tasks))
    if device != "cpu" or workers == 1:
        yield from map(bound_of_part, tasks)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        yield from pool.map(bound_of_part, tasks)


loaded: dict[tuple[str, str], Networks] = {}  # by this process


def bound_of_part(task: Task) -> Tensor:
    checkpoint, device, kind, images, samples, seed = task
    if (checkpoint, device) not in loaded:
        loaded[checkpoint, device] = load(Path(checkpoint), device)
    networks = loaded[checkpoint, device]
    x = scaled(images).to(device)
    with torch.inference_mode(), precision(device):
        if kind == "nll":
            return networks.binary.bound(x, samples, seed).cpu()
        model = networks.binary if kind == "elbo" else networks.grey
        return mean_elbo(model, x, samples, seed).cpu()


def mean_elbo(model: HVAE, x: Tensor, draws: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([model.elbo(x, generator=generator) for _ in range(draws)]).double().mean(0)


def judge(networks: Networks, count: int) -> dict[str, Metric]:
    """Return the metrics that the classifier's features and answers give, of `count` drawings."""
    images, labels = digits(GREY, "test")
    features, scores = zip(
        *(judged(networks, scaled(some)) for some in images.split(250)), strict=True
    )
    right = (torch.cat(scores).argmax(1) == labels).double().mean().item()
    chosen = torch.arange(0, len(images), len(images) // count)
    real = torch.cat(features)[chosen]
    drawn = torch.cat([one for one, _ in drawings(networks, labels[chosen], 1.0, seed=0)])
    asked = torch.arange(10).repeat(count // 10)
    precise, recalled = precision_and_recall(real, drawn)
    of = f"{count:,} drawings (pixel means)"
    space = (
        f"{of} at temperature 1 against {count:,} test images, "
        f"classifier's {real.shape[1]} features"
    )
    return {
        "frechet_distance": Metric(frechet_distance(real, drawn), "", False, space),
        "precision": Metric(100 * precise, "%", True, f"{space}, {NEIGHBOURS} neighbours"),
        "recall": Metric(100 * recalled, "%", True, f"{space}, {NEIGHBOURS} neighbours"),
        "agreement": agreement(networks, asked, TEMPERATURE),
        "agreement_at_temperature_1": agreement(networks, asked, 1.0),
        "classifier_accuracy": Metric(
            100 * right, "%", True, "the 10,000 test images of grey MNIST"
        ),
    }


def agreement(networks: Networks, asked: Tensor, temperature: float) -> Metric:
    """Return how often the classifier sees the digit that was asked for."""
    answers = [scores for _, scores in drawings(networks, asked, temperature, seed=1)]
    share = (torch.cat(answers).argmax(1) == asked).double().mean().item()
    told = (
        f"{len(asked):,} drawings (pixel means), as many of each digit, temperature {temperature:g}"
    )
    return Metric(100 * share, "%", True, told)


def judged(networks: Networks, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the classifier's features and scores, float32 on the CPU, of images in [0, 1]."""
    features = networks.classifier.features(images.to(networks.classifier.score.weight.device))
    return features.cpu(), networks.classifier.score(features).cpu()


def drawings(
    networks: Networks, labels: Tensor, temperature: float, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield features and scores of one drawing per label, a part at a time."""
    generator = torch.Generator().manual_seed(seed)
    for some in labels.split(250):
        images = networks.grey.sample(len(some), some, temperature, generator)
        yield judged(networks, images)


def frechet_distance(real: Tensor, drawn: Tensor) -> float:
    """Return the squared Fréchet distance of two normals fitted to features, (count, dimensions).

    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", NIPS 2017 (arXiv:1706.08500),
    equation 6; there the features are Inception's. It grows as the count falls.
    """
    real, drawn = real.double(), drawn.double()
    shift = (real.mean(0) - drawn.mean(0)).square().sum()
    first, second = real.T.cov(), drawn.T.cov()
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    shared = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return float(shift + first.trace() + second.trace() - 2 * shared)


def precision_and_recall(real: Tensor, drawn: Tensor, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Return the share of drawings that lie among the real, and of the real among drawings, 0 to 1.

    Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models",
    NeurIPS 2019 (arXiv:1904.06991), equation 2: "among" means nearer to one of them than its k-th
    neighbour of its own kind is.
    """
    return covered(drawn, real, k), covered(real, drawn, k)


def covered(points: Tensor, by: Tensor, k: int) -> float:
    radius = torch.cat(
        [torch.cdist(some, by).kthvalue(k + 1, dim=1).values for some in by.split(1_000)]
    )  # k + 1: each point is its own nearest
    inside = [(torch.cdist(some, by) <= radius).any(1) for some in points.split(1_000)]
    return torch.cat(inside).double().mean().item()
