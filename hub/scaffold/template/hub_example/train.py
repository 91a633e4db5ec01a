"""The recipe: `latenthub train` makes the checkpoint with it, again and again.

A longer run takes more: an average of the weights, snapshots that survive a kill, many processes.
They are in hub.training.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hub import checkpoints
from hub.evaluation import Card, Evaluation, card_text, write_card
from hub_example.data import halves
from hub_example.evaluate import evaluate
from hub_example.model import AutoEncoder, ModelConfig

CARD = Card(
    "An example",
    "A dense auto-encoder of 8x8 handwritten digits.",
    tags=("auto-encoder",),
    datasets=(("Optical recognition of handwritten digits, UCI, from scikit-learn", "CC BY 4.0"),),
    limits="It knows tiny pictures of ten digits, and nothing else.",
)


@dataclass(frozen=True)
class TrainConfig:
    steps: int = 1000
    batch: int = 64  # images a step
    lr: float = 1e-2  # at the start; falls to 0 along a cosine
    seed: int = 0


def train(out: Path, model: ModelConfig, training: TrainConfig) -> None:
    """Train, and write the checkpoint with its measured card into `out`."""
    torch.manual_seed(training.seed)
    images, _ = halves()
    network = AutoEncoder(model)
    losses = fit(network, batches(images, training.batch), training)
    network.eval().fit_codes(images)
    config = {
        "demo": "example",
        "model": asdict(model),
        "training": {"auto-encoder": {"loss": round(losses[-1], 5), "settings": asdict(training)}},
    }
    card = card_text(CARD, config, Evaluation({}, "not measured yet"))
    checkpoints.write(out, config, network.state_dict(), card)
    for quick in (True, False):
        write_card(out, CARD, evaluate(out, quick=quick))


def fit(network: nn.Module, images: Iterable[Tensor], config: TrainConfig) -> list[float]:
    """Train `network` in place, a step a batch; return each step's mean squared error."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    losses = []
    network.train()
    for batch in itertools.islice(images, config.steps):
        loss = (network(batch) - batch).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def batches(images: Tensor, size: int) -> Iterator[Tensor]:
    """Yield batches of `images` in a new order every time through, without end."""
    while True:
        for rows in torch.randperm(len(images)).split(size):
            yield images[rows]
