"""The recipe of the language model: news with words hidden, anew at every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hub.training import Loss, Run, save_part, shuffled
from hub_denoise.text.corrupt import SHORTEST, spoil
from hub_denoise.text.data import MASK, START, Corpus, Vocabulary, counted, mark, texts
from hub_denoise.text.model import FREQUENT, Filler, ModelConfig
from hub_denoise.text.trigram import Trigrams

FILE = "text.safetensors"
VOCABULARY = "vocabulary.safetensors"
VALIDATED = 120  # rows of the validation text, with the same words hidden each time
SLIPS = ("swap", "drop", "replace", "insert")
LONGEST = 30  # letters of a word that a slip is made in


class Batch(NamedTuple):
    """Rows of a text with words hidden, and what is to be told of them."""

    tokens: Tensor  # (kinds, 1 + PIECES) int64, of `Vocabulary.rows`
    text: Tensor  # (rows, row) int64, places in `tokens`
    wanted: Tensor  # (rows, row) int64, the word at each place, or -1
    hidden: Tensor  # (rows, row) bool, where it is not read
    others: Tensor  # (some,) int64, words that the right ones are compared with

    def to(self, device: torch.device) -> Batch:
        return Batch(*(one.to(device) for one in self))


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes."""

    steps: int = 12_000
    minutes: float = 0  # the run is over after this long, if its steps are not; 0: never
    batch: int = 16  # rows
    row: int = 128  # words, numbers and characters of a row, of one text or several
    hidden: float = 0.15  # of words
    slips: float = 0.03  # of words that are read: what surrounds a spoilt word may be spoilt
    others: int = 1000  # words besides the most frequent ones that a right one is compared with
    lr: float = 4e-3  # of the start; it falls to 0 along a cosine
    warmup: int = 100  # steps in which it rises
    weight_decay: float = 1e-2
    clip: float = 1.0  # norm of the gradient
    ema: float = 0.998  # decay of the average weights, which are what is kept
    validate: int = 500  # steps from one validation to the next
    seed: int = 0


class Masker:
    """Makes batches of a corpus: words hidden, a few others with slips."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, config: TrainConfig) -> None:
        self.corpus, self.vocabulary, self.config = corpus, vocabulary, config
        self.tokens = np.concatenate(
            [[mark(START)], vocabulary.rows(corpus.kinds[1:]), [mark(MASK)]]
        ).astype(np.int32)
        self.word_of = self.tokens[:-1, 0] - 1  # -1 of what is no word of the vocabulary
        self.words = torch.from_numpy(vocabulary.rows(vocabulary.words))
        count = len(corpus.tokens) // config.row
        self.rows = torch.from_numpy(corpus.tokens[: count * config.row].reshape(count, config.row))

    def batch(self, rows: Tensor, generator: np.random.Generator) -> Batch:
        """Return rows of kinds, (rows, row) int32, with words hidden."""
        kinds = rows.numpy()
        drawn = generator.random(kinds.shape)
        wanted = self.word_of[kinds]
        hidden = (wanted >= 0) & (drawn < self.config.hidden)
        slipped = (wanted >= 0) & (drawn > 1 - self.config.slips)
        text = np.where(hidden, len(self.tokens) - 1, kinds)
        spoilt: list[str] = []
        for place in zip(*np.nonzero(slipped), strict=True):
            word = self.corpus.kinds[kinds[place]]
            if len(word) >= SHORTEST:
                way = SLIPS[int(generator.integers(len(SLIPS)))]
                text[place] = len(self.tokens) + len(spoilt)
                spoilt.append(spoil(word[:LONGEST], way, 1, generator))
        every, places = np.unique(text, return_inverse=True)
        known = every[every < len(self.tokens)]
        tokens = np.concatenate([self.tokens[known], self.vocabulary.rows(spoilt)])
        rest = len(self.words) - FREQUENT
        others = np.zeros(0, np.int64)
        if rest > 0:
            count = min(rest, self.config.others)
            others = FREQUENT + generator.choice(rest, count, replace=False)
        return Batch(
            torch.from_numpy(tokens),
            torch.from_numpy(places.reshape(kinds.shape)),
            torch.from_numpy(wanted.astype(np.int64)),
            torch.from_numpy(hidden),
            torch.from_numpy(others),
        )


def filling(run: Run, batches: Iterator[Batch], words: Tensor) -> Loss:
    """Return the loss of a run's network on the next of `batches`, in nats per word, hidden or not;
    `words` are the rows of all."""
    plain = run.accelerator.unwrap_model(run.model)
    words = words.to(run.accelerator.device)

    def of_step(network: nn.Module, step: int) -> Tensor:
        batch = next(batches).to(run.accelerator.device)
        states = network(batch.tokens, batch.text)
        told = batch.wanted >= 0
        value: Tensor = plain.loss(states[told], batch.wanted[told], words, batch.others)
        return value

    return of_step


@torch.inference_mode()
def validated(model: Filler, batches: list[Batch], words: Tensor) -> tuple[float, float]:
    """Return the loss of a network, in nats per hidden word, all words compared, and the share of
    hidden words that are its first choice."""
    total, right, count = 0.0, 0, 0
    device = next(model.parameters()).device
    vectors = model.vectors(words.to(device))
    for batch in (one.to(device) for one in batches):
        states = model(batch.tokens, batch.text)[batch.hidden]
        wanted = batch.wanted[batch.hidden]
        scores = model.word_scores(states, vectors)
        total -= float(scores.gather(1, wanted[:, None]).sum())
        right += int((scores.argmax(1) == wanted).sum()) if len(wanted) else 0
        count += len(wanted)
    return total / max(1, count), right / max(1, count)


def vocabulary_in(folder: Path, size: int, counts: Counter[str]) -> Vocabulary:
    """Return the vocabulary that `folder` has, learned from `counts` where it has none yet."""
    file = folder / VOCABULARY
    if not file.exists():
        save_part(file, Vocabulary.learned(counts, size).tensors(), {})
    return Vocabulary.from_tensors(load_file(file))


def train_text(folder: Path, model: ModelConfig, config: TrainConfig) -> Path:
    """Train the network, or go on with it; return the file of its average weights, float32, where
    it has the lowest loss on validation texts, with its vocabulary and the counts of trigrams, in
    `folder`.

    The training's text takes 2 GB of memory.

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
    corpus = Corpus.of(found, counts)
    del found
    model = replace(model, vocabulary=vocabulary.size, words=len(vocabulary.words))
    masker = Masker(corpus, vocabulary, config)
    held = held_out(vocabulary, config)
    torch.manual_seed(config.seed)
    network = Filler(model)
    frequency = torch.tensor([counts[word] for word in vocabulary.words]) / len(corpus.tokens)
    with torch.no_grad():  # half way to how frequent words are: what surrounds them tells the rest
        network.bias.copy_(0.5 * frequency.log())
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
        value, right = validated(run.average.model.eval(), held, masker.words)
        if run.main:
            told = f"{value:.4f} nats per hidden word, {right:.1%} right, of validation texts"
            print(f"step {step}: {told}", flush=True)
        return value

    losses = run.fit(
        filling(run, batches_of(masker, run, config), masker.words),
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
        trigrams = Trigrams.of(corpus, counts, vocabulary.words, pruned=True)
        tensors = run.best_weights | vocabulary.tensors()
        tensors |= trigrams.tensors(len(vocabulary.words))
        save_part(file, tensors, run.facts() | facts)
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
    return [masker.batch(some, generator) for some in masker.rows[:VALIDATED].split(8)]
