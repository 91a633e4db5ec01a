"""The recipe of the language model: news with three in ten words hidden, anew at every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hub.training import Loss, Run, part_facts, save_part, shuffled
from hub_denoise.text.corrupt import SHORTEST, spoil
from hub_denoise.text.data import (
    END,
    MASK,
    PAD,
    SLOTS,
    START,
    Corpus,
    Vocabulary,
    counted,
    restorable,
    texts,
)
from hub_denoise.text.model import Filler, ModelConfig
from hub_denoise.text.restore import Network, Restorer, padded

FILE = "text.safetensors"
VOCABULARY = "vocabulary.safetensors"
VALIDATED = 64  # rows of the validation text, with the same words hidden each time
SLIPS = ("swap", "drop", "replace", "insert")

# Pieces (rows, length), the masks' places (places, 2) and what they hide (places, SLOTS).
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes."""

    steps: int = 12_000
    minutes: float = 0  # the run is over after this long, if its steps are not; 0: never
    batch: int = 32  # rows
    row: int = 80  # words, numbers and characters of a row, of one text or several
    hidden: float = 0.3  # of words: twice the evaluation's, as each is one to learn from
    slips: float = 0.03  # of words that are read: what surrounds a spoilt word may be spoilt
    lr: float = 2e-3  # of the start; it falls to 0 along a cosine
    warmup: int = 300  # steps in which it rises
    weight_decay: float = 1e-2
    clip: float = 1.0  # norm of the gradient
    ema: float = 0.998  # decay of the average weights, which are what is kept
    validate: int = 500  # steps from one validation to the next
    seed: int = 0


class Masker:
    """Makes batches of a corpus: words hidden, a few others with slips."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, config: TrainConfig) -> None:
        self.corpus, self.vocabulary, self.config = corpus, vocabulary, config
        self.pieces = corpus.spelled(vocabulary)
        self.is_word = corpus.is_word()
        count = len(corpus.tokens) // config.row
        self.rows = torch.from_numpy(corpus.tokens[: count * config.row].reshape(count, config.row))

    def batch(self, rows: Tensor, generator: np.random.Generator) -> Batch:
        """Return rows of kinds, (rows, row) int32, with words hidden."""
        kinds = rows.numpy()
        drawn = generator.random(kinds.shape)
        words = self.is_word[kinds]
        hidden = words & (drawn < self.config.hidden)
        slipped = words & (drawn > 1 - self.config.slips)
        read, places, wanted = [], [], []
        for number, row in enumerate(kinds):
            pieces = [] if row[0] == 0 else [START]
            for column, kind in enumerate(row):
                if hidden[number, column] and restorable(self.pieces[kind]):
                    places.append((number, len(pieces)))
                    wanted.append(self.pieces[kind])
                    pieces.append(MASK)
                elif slipped[number, column] and len(self.corpus.kinds[kind]) >= SHORTEST:
                    way = SLIPS[int(generator.integers(len(SLIPS)))]
                    spoilt = spoil(self.corpus.kinds[kind][:30], way, 1, generator)
                    pieces += self.vocabulary.pieces(spoilt)
                else:
                    pieces += self.pieces[kind]
            read.append(pieces)
        return padded(read), torch.tensor(places).view(-1, 2), spelled(wanted)


def spelled(words: list[list[int]]) -> Tensor:
    """Return pieces of words as (words, SLOTS) int64: END after the last, then PAD."""
    rows = [([*pieces, END] + [PAD] * SLOTS)[:SLOTS] for pieces in words]
    return torch.tensor(rows, dtype=torch.long).view(-1, SLOTS)


def filling(run: Run, batches: Iterator[Batch]) -> Loss:
    """Return the loss of a run's network on the next of `batches`, in nats per hidden word."""
    plain = run.accelerator.unwrap_model(run.model)

    def of_step(network: nn.Module, step: int) -> Tensor:
        pieces, places, wanted = (one.to(run.accelerator.device) for one in next(batches))
        value: Tensor = plain.loss(network(pieces, places), wanted)
        return value

    return of_step


@torch.inference_mode()
def validated(model: nn.Module, batches: list[Batch]) -> tuple[float, float]:
    """Return the loss of a network, in nats per hidden word, and the share of words whose pieces
    are all its first choice."""
    total, right, count = 0.0, 0, 0
    device = next(model.parameters()).device
    for batch in batches:
        pieces, places, wanted = (one.to(device) for one in batch)
        if not len(places):
            continue
        states = model(pieces, places)
        total += float(model.loss(states, wanted)) * len(wanted)
        slots = torch.arange(SLOTS, device=device).expand_as(wanted)
        best = model.logits(states.flatten(0, 1), slots.flatten()).argmax(1).view_as(wanted)
        right += int(((best == wanted) | (wanted == PAD)).all(1).sum())
        count += len(wanted)
    return total / max(1, count), right / max(1, count)


def vocabulary_in(folder: Path, size: int, counts: Counter[str]) -> Vocabulary:
    """Return the vocabulary that `folder` has, learned from `counts` where it has none yet."""
    file = folder / VOCABULARY
    if not file.exists():
        save_part(file, Vocabulary.learned(counts, size).tensors(), {})
    return Vocabulary.from_tensors(load_file(file))


def train_text(folder: Path, model: ModelConfig, config: TrainConfig) -> Path:
    """Train the network, or go on with it; return the file of its average weights, float32, with
    its vocabulary, in `folder`, where it has the lowest loss on validation texts.

    The training's text takes 1 GB of memory.

    Raises:
        DataError: the training splits are not there.
    """
    file = folder / FILE
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    found = texts("train")
    counts = counted(found)
    vocabulary = vocabulary_in(folder, model.vocabulary, counts)
    model = replace(model, vocabulary=vocabulary.size)
    masker = Masker(Corpus.of(found, counts), vocabulary, config)
    del found, counts
    held = held_out(vocabulary, config)
    torch.manual_seed(config.seed)
    network = Filler(model)
    if (
        not torch.cuda.is_available()
    ):  # a fused attention is slower there: 0.90 against 0.74 s a step
        network.encoder.set_attn_implementation("eager")
    optimizer = torch.optim.AdamW(
        network.parameters(),
        config.lr,
        betas=(0.9, 0.98),
        weight_decay=config.weight_decay,
        fused=True,
    )
    run = Run(
        "text",
        network,
        optimizer,
        steps=config.steps,
        minutes=config.minutes,
        decay=config.ema,
        seed=config.seed,
        folder=folder,
    )

    def judge(step: int) -> float:
        value, right = validated(run.average.model.eval(), held)
        if run.main:
            told = f"{value:.4f} nats per hidden word, {right:.1%} right, of validation texts"
            print(f"step {step}: {told}", flush=True)
        return value

    losses = run.fit(
        filling(run, batches_of(masker, run, config)),
        lr=config.lr,
        warmup=config.warmup,
        clip=config.clip,
        judge=judge,
        judge_every=config.validate,
    )
    if run.main:
        facts = {
            "model": asdict(model),
            "loss": round(sum(losses[-100:]) / max(1, len(losses[-100:])), 4),
            "validation_loss": round(run.best, 4),
        }
        save_part(file, run.best_weights | vocabulary.tensors(), run.facts() | facts)
    return file


def batches_of(masker: Masker, run: Run, config: TrainConfig) -> Iterator[Batch]:
    """Yield the batches of a run from the step that it has come to."""
    rank, processes = run.accelerator.process_index, run.accelerator.num_processes
    rows = shuffled(
        masker.rows,
        batch=config.batch * processes,
        seed=config.seed,
        start=run.step,
        rank=rank,
        processes=processes,
    )
    for step, (some,) in enumerate(rows, run.step):
        yield masker.batch(some, np.random.default_rng((config.seed, 0, step, rank)))


def held_out(vocabulary: Vocabulary, config: TrainConfig) -> list[Batch]:
    """Return batches of validation texts, the same whenever they are asked for."""
    found = texts("validation")
    masker = Masker(Corpus.of(found, counted(found)), vocabulary, replace(config, slips=0.0))
    generator = np.random.default_rng((config.seed, 1))
    return [masker.batch(some, generator) for some in masker.rows[:VALIDATED].split(16)]


def trained(folder: Path) -> Restorer:
    """Return the network that `folder` has, with its vocabulary.

    Raises:
        FileNotFoundError: it is not there.
    """
    tensors = load_file(folder / FILE)
    model = Filler(ModelConfig(**part_facts(folder / FILE)["model"]))
    model.load_state_dict(
        {name: one for name, one in tensors.items() if not name.startswith("vocabulary.")}
    )
    vocabulary = Vocabulary.from_tensors(tensors)
    return Restorer(Network(model, vocabulary), vocabulary)


if __name__ == "__main__":  # until the plugin as a whole has its recipe
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=TrainConfig.steps)
    parser.add_argument("--minutes", type=float, default=TrainConfig.minutes)
    given = parser.parse_args()
    train_text(given.folder, ModelConfig(), TrainConfig(steps=given.steps, minutes=given.minutes))
