"""The recipe: six encoders of spoken segments, of which the first needs no label, into one
checkpoint.

`contrastive` learns from random segments first, then twice from pairs that it discovered
itself (hub_search.pairs); `true_pairs` from the same start, but from pairs that alignments tell.
`sa` rebuilds its input, `dsa` does from a corrupted one; `cae` and `cae_true_pairs` go on from `sa`
and rebuild the other saying of a pair, discovered or told.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from hub.checkpoints import write
from hub.evaluation import Evaluation, card_text
from hub.training import Loss, Run, part_facts, save_part
from hub_search.augment import TRACTS, Augmentation, Corpus, view
from hub_search.card import CARD
from hub_search.contrastive import PARTS, Segments, encoded, nt_xent, overlapping
from hub_search.data import BOOKS, LEARNERS, Utterance, utterances
from hub_search.model import USUAL, Decoder, Encoder, ModelConfig, Networks, voiced, within
from hub_search.pairs import Pairs, agreement, discover, told

SYSTEMS = ("contrastive", "true_pairs", "cae", "cae_true_pairs", "dsa", "sa")
ROUNDS = (  # of discovery: pairs, their share of a batch, temperature, crowds corrected for
    (10_000, 0.5, 0.07, False),
    (12_000, 0.6, 0.07, True),
)
PLAIN = Augmentation(
    tracts=False, jitter=0, stretch=0, rhythm=0, channel=0, louder=False, noise=0, masked=0
)


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes."""

    system: Literal["all", "contrastive", "true_pairs", "cae", "cae_true_pairs", "dsa", "sa"] = (
        "all"  # others than `contrastive` need what comes before them, and train it too
    )
    steps: int = 600  # of the contrastive start, on random segments
    round_steps: int = 550  # of each round with pairs
    rebuild_steps: int = 2250  # of the SA and the DSA: more than `contrastive` has in all
    pair_steps: int = 750  # of each CAE, after those of the SA
    batch: int = 256  # segments, two views of each
    speakers: int = 16  # that the random segments of a batch are of
    lr: float = 2e-3  # of the start and the auto-encoders
    round_lr: float = 1.2e-3
    warmup: int = 50  # steps in which it rises
    weight_decay: float = 1e-3
    temperature: float = 0.07  # of the start; that of the rounds is in ROUNDS
    clip: float = 5.0  # norm of the gradient
    ema: float = 0.99  # decay of the average weights, which are what is kept
    corrupted: float = 0.3  # share of the DSA's input that is set to zero
    seed: int = 0


@dataclass(frozen=True)
class Material:
    """What all systems learn from."""

    utterances: list[Utterance]
    corpus: Corpus
    segments: Segments


class AutoEncoder(nn.Module):
    """An encoder and the decoder that it is trained with."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(self, heard: Tensor, lengths: Tensor, said: Tensor, wanted: Tensor) -> Tensor:
        """Return the mean squared error per frame and band of what is rebuilt of segments.

        Args:
            heard, lengths: (batch, longest, 40) and (batch,), what the encoder gets.
            said, wanted: the same, of what the decoder is to give.
        """
        total = torch.zeros(())
        for some in wanted.argsort().chunk(PARTS):  # of like lengths, so that little is padded
            hear, length = heard[some, : int(lengths[some].max())], lengths[some]
            say, want = said[some, : int(wanted[some].max())], wanted[some]
            error = self.decoder(self.encoder(hear, length), want) - say
            total = total + (error.float().square().mean(2) * within(want, say)[..., 0]).sum()
        return total / wanted.sum()


# Losses.


def contrast(
    material: Material,
    config: TrainConfig,
    stage: int,
    pairs: Pairs | None = None,
    share: float = 0.0,
    temperature: float = 0.1,
) -> Loss:
    """Return the contrastive loss; of a batch, `share` are pairs, the rest random segments."""
    paired = round(share * config.batch) if pairs else 0

    def loss(encoder: nn.Module, step: int) -> Tensor:
        generator = np.random.default_rng((config.seed, stage, step))
        start, end = material.segments.draw(config.batch - paired, config.speakers, generator)
        starts, ends = torch.stack([start, start], 1), torch.stack([end, end], 1)
        if pairs:
            chosen = torch.from_numpy(generator.choice(len(pairs), paired, replace=False))
            starts = torch.cat([starts, pairs.start[chosen]])
            ends = torch.cat([ends, pairs.end[chosen]])
        frames, lengths = two_views(material.corpus, starts, ends, Augmentation())
        vectors = encoded(encoder, frames, lengths)
        return nt_xent(*vectors.chunk(2), temperature, alike(starts, ends))

    return loss


def rebuild(
    material: Material,
    config: TrainConfig,
    stage: int,
    corrupted: float = 0.0,
    pairs: Pairs | None = None,
) -> Loss:
    """Return the loss of an auto-encoder that rebuilds its input, or the other of a pair.

    Args:
        corrupted: share of the input's values that are set to zero: the DSA's noise.
    """

    def loss(network: nn.Module, step: int) -> Tensor:
        generator = np.random.default_rng((config.seed, stage, step))
        if pairs:
            chosen = torch.from_numpy(generator.choice(len(pairs), config.batch, replace=False))
            order = torch.from_numpy(generator.permuted([[0, 1]] * config.batch, axis=1))
            start = pairs.start[chosen].gather(1, order)
            end = pairs.end[chosen].gather(1, order)
        else:
            start, end = material.segments.draw(config.batch, config.speakers, generator)
            start, end = torch.stack([start, start], 1), torch.stack([end, end], 1)
        heard, lengths = view(material.corpus, start[:, 0], end[:, 0], PLAIN)
        said, wanted = view(material.corpus, start[:, 1], end[:, 1], PLAIN)
        if corrupted:
            heard = heard * (torch.rand_like(heard) >= corrupted)
        total: Tensor = network(heard, lengths, said, wanted)
        return total

    return loss


def two_views(
    corpus: Corpus, start: Tensor, end: Tensor, how: Augmentation
) -> tuple[Tensor, Tensor]:
    """Return views of both sides of pairs of spans, (pairs, 2): first sides, then second ones."""
    found = [view(corpus, start[:, side], end[:, side], how) for side in (0, 1)]
    longest = max(frames.shape[1] for frames, _ in found)
    frames = [F.pad(one, (0, 0, 0, longest - one.shape[1])) for one, _ in found]
    return torch.cat(frames), torch.cat([lengths for _, lengths in found])


def alike(start: Tensor, end: Tensor) -> Tensor:
    """Return which pairs of spans share frames, (pairs, pairs) bool, whichever their sides."""
    shared = [
        overlapping(start[:, one], end[:, one], start[:, other], end[:, other])
        for one in (0, 1)
        for other in (0, 1)
    ]
    return torch.stack(shared).any(0)


# Runs.


def trained(
    name: str,
    network: nn.Module,
    loss: Loss,
    config: TrainConfig,
    steps: int,
    rate: float,
    folder: Path,
) -> dict[str, Tensor]:
    """Train a stage, unless it is done; return its average weights and leave them in `folder`."""
    file = folder / f"{name}.safetensors"
    if not file.exists():
        optimizer = torch.optim.AdamW(
            network.parameters(), rate, weight_decay=config.weight_decay, fused=True
        )
        run = Run(
            name,
            network,
            optimizer,
            steps=steps,
            decay=config.ema,
            seed=config.seed,
            folder=folder,
        )
        losses = run.fit(loss, lr=rate, warmup=config.warmup, clip=config.clip)
        facts = run.facts() | {"loss": round(sum(losses[-50:]) / max(1, len(losses[-50:])), 4)}
        save_part(file, run.average.model.state_dict(), facts)
    return load_file(file)


# Systems.


class Recipe:
    """The stages of all systems; each is done once and found again in the folder of parts."""

    def __init__(self, folder: Path, model: ModelConfig, config: TrainConfig) -> None:
        self.folder, self.model, self.config = folder, model, config
        found = [
            one for name in (LEARNERS, BOOKS) for one in utterances(name, "train", tracts=TRACTS)
        ]
        corpus = Corpus.of(found)
        self.material = Material(found, corpus, Segments(corpus))

    def encoder(self, weights: dict[str, Tensor] | None = None) -> Encoder:
        torch.manual_seed(self.config.seed)
        encoder = Encoder(self.model)
        if weights:
            encoder.load_state_dict(weights)
        return encoder

    def start(self) -> dict[str, Tensor]:
        config = self.config
        loss = contrast(self.material, config, 0, temperature=config.temperature)
        return trained(
            "contrastive-0", self.encoder(), loss, config, config.steps, config.lr, self.folder
        )

    def rounds(self, name: str, pairs_of: Callable[[int, dict[str, Tensor]], Pairs]) -> None:
        """Go on from the start, a stage for each of `ROUNDS`, with the pairs that `pairs_of` gives
        for its number and the weights before it."""
        weights = self.start()
        for number, (_, share, temperature, _) in enumerate(ROUNDS, 1):
            stage = f"{name}-{number}"
            if (self.folder / f"{stage}.safetensors").exists():
                weights = load_file(self.folder / f"{stage}.safetensors")
                continue
            loss = contrast(
                self.material, self.config, number, pairs_of(number, weights), share, temperature
            )
            weights = trained(
                stage,
                self.encoder(weights),
                loss,
                self.config,
                self.config.round_steps,
                self.config.round_lr,
                self.folder,
            )

    def discovered(self, number: int, weights: dict[str, Tensor]) -> Pairs:
        """Return the pairs of a round, by the encoder with `weights`."""
        file = self.folder / f"pairs-{number}.safetensors"
        if not file.exists():
            networks = Networks({"contrastive": self.encoder(weights).eval()}, self.model, "cpu")
            count, _, _, csls = ROUNDS[number - 1]
            began = time.process_time()
            pairs = discover(self.material.corpus, networks, count, csls)
            facts = {
                "pairs": len(pairs),
                "cpu_minutes": round((time.process_time() - began) / 60, 1),
                "same_word": round(
                    agreement(pairs, self.material.corpus, self.material.utterances), 3
                ),
            }
            save_part(file, {"start": pairs.start, "end": pairs.end}, facts)
        found = load_file(file)
        return Pairs(found["start"], found["end"])

    def true(self) -> Pairs:
        generator = np.random.default_rng(self.config.seed)
        return told(self.material.corpus, self.material.utterances, generator)

    def rebuilt(
        self, name: str, stage: int, corrupted: float = 0.0, pairs: Pairs | None = None
    ) -> None:
        """Train an auto-encoder; one of pairs goes on from the SA."""
        torch.manual_seed(self.config.seed)
        network = AutoEncoder(self.model)
        if pairs:
            network.load_state_dict(load_file(self.folder / "sa-1.safetensors"))
        loss = rebuild(self.material, self.config, stage, corrupted, pairs)
        steps = self.config.pair_steps if pairs else self.config.rebuild_steps
        trained(f"{name}-1", network, loss, self.config, steps, self.config.lr, self.folder)

    def train(self, system: str) -> None:
        """Train one system, and what it goes on from."""
        if system == "contrastive":
            self.rounds("contrastive", self.discovered)
        elif system == "true_pairs":
            pairs = self.true()
            self.rounds("true_pairs", lambda number, weights: pairs)
        elif system in ("sa", "dsa"):
            self.rebuilt(system, 10, self.config.corrupted if system == "dsa" else 0)
        else:
            self.train("sa")
            if system == "cae":
                self.train("contrastive")
            pairs = self.true() if system == "cae_true_pairs" else self.last_pairs()
            self.rebuilt(system, 11, pairs=pairs)

    def last_pairs(self) -> Pairs:
        found = load_file(self.folder / f"pairs-{len(ROUNDS)}.safetensors")
        return Pairs(found["start"], found["end"])


def stages(system: str) -> list[str]:
    """Return the stages that a system went through, those that it shares with others too."""
    rounds = range(1, len(ROUNDS) + 1)
    if system == "contrastive":
        return ["contrastive-0", *(f"{kind}-{n}" for n in rounds for kind in ("pairs", system))]
    if system == "true_pairs":
        return ["contrastive-0", *(f"true_pairs-{n}" for n in rounds)]
    return [f"{system}-1"] if system in ("sa", "dsa") else ["sa-1", f"{system}-1"]


def told_of(system: str, folder: Path) -> dict[str, Any]:
    """Return how a system was trained, all its stages together."""
    facts = [part_facts(folder / f"{stage}.safetensors") for stage in stages(system)]
    told: dict[str, Any] = {
        "steps": sum(one.get("steps", 0) for one in facts),
        "minutes": round(sum(one.get("minutes", one["cpu_minutes"]) for one in facts), 1),
        "cpu_minutes": round(sum(one["cpu_minutes"] for one in facts), 1),
        "loss": facts[-1]["loss"],
        "device": facts[-1]["device"],
    }
    found = [one for one in facts if "pairs" in one]
    if found:
        told["pairs"] = [one["pairs"] for one in found]
        told["of_the_same_word"] = [one["same_word"] for one in found]
    return told


def last_stage(system: str) -> str:
    return f"{stages(system)[-1]}.safetensors"


def train(out: Path, model: ModelConfig, config: TrainConfig) -> None:
    """Train the systems that `config` names, and write the checkpoint `out` of all that are done.

    What is under way or done lies in `out/.parts`: the same command goes on from there.

    Raises:
        DataError: the training splits are not there.
    """
    folder = out / ".parts"
    folder.mkdir(parents=True, exist_ok=True)

    def done(system: str) -> bool:
        return (folder / last_stage(system)).exists()

    wanted = SYSTEMS if config.system == "all" else (config.system,)
    if not all(done(system) for system in wanted):
        recipe = Recipe(folder, model, config)
        for system in wanted:
            recipe.train(system)
    if int(os.environ.get("RANK", "0")) == 0:
        if not (folder / f"{USUAL}.safetensors").exists():
            save_part(folder / f"{USUAL}.safetensors", {USUAL: usual()}, {})
        assemble(out, model, config, [system for system in SYSTEMS if done(system)])


def usual() -> Tensor:
    """Return deviation and mean of each band of log-mel where somebody speaks, (2, 40), the mean
    over the recordings of each set, and of the two sets."""
    found = []
    for name in (LEARNERS, BOOKS):
        of_set = [
            torch.stack(torch.std_mean(one.frames[torch.from_numpy(voiced(one.loudness))], dim=0))
            for one in utterances(name, "train", normalised=False)
        ]
        found.append(torch.stack(of_set).mean(dim=0))
    return torch.stack(found).mean(dim=0)


def assemble(out: Path, model: ModelConfig, config: TrainConfig, systems: Sequence[str]) -> None:
    """Write the checkpoint `out` of encoders in `out/.parts`, float16; the first is the default."""
    folder = out / ".parts"
    tensors = load_file(folder / f"{USUAL}.safetensors")
    for system in systems:
        weights = load_file(folder / last_stage(system))
        for name, one in weights.items():
            if not name.startswith("decoder."):
                tensors[f"{system}.{name.removeprefix('encoder.')}"] = one.half()
    settings = {
        "demo": "search",
        "model": asdict(model),
        "systems": list(systems),
        "training": {system: told_of(system, folder) for system in systems}
        | {"all": {"settings": asdict(replace(config, system="all"))}},
    }
    write(out, settings, tensors, card_text(CARD, settings, Evaluation({}, "")))
