"""The recipe: all parts in turn, each of which goes on alone, into one checkpoint."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hub_denoise import model
from hub_denoise.pictures import few_labels
from hub_denoise.pictures import model as picture_model
from hub_denoise.pictures import train as picture_recipe
from hub_denoise.pictures.digits import DigitConfig
from hub_denoise.pictures.networks import PARTS
from hub_denoise.speech import model as speech_model
from hub_denoise.speech import train as speech_recipe
from hub_denoise.text import model as text_model
from hub_denoise.text import train as text_recipe


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes; what a part learns from and how fast is told in its own recipe."""

    part: Literal["all", "grey", "upscale", "digits", "colour", "speech", "text", "few_labels"] = (
        "all"
    )
    share: float = 1.0  # of the usual steps of each part: less for a try
    minutes: float = 0  # end each part by then, its rate falling the sooner; 0: after its steps
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 100:
            raise ValueError(f"share must be above 0 and at most 100, got {self.share}")
        if self.minutes < 0:
            raise ValueError(f"minutes must not be negative, got {self.minutes}")

    def steps(self, usual: int) -> int:
        return max(1, round(self.share * usual))


def train(out: Path, config: TrainConfig) -> None:
    """Train the parts that `config` names; of "all", those that a checkpoint cannot do without.
    Write the checkpoint `out` once it has these.

    What is under way or done lies in `out/.parts`: the same command goes on from there.

    Raises:
        DataError: the training splits are not there.
    """
    folder = out / ".parts"
    folder.mkdir(parents=True, exist_ok=True)
    pictures = (part for part in PARTS if part not in model.WITHOUT)
    every = (*pictures, "speech", "text", "few_labels")
    for part in every if config.part == "all" else (config.part,):
        train_part(folder, part, config)
    if int(os.environ.get("RANK", "0")) != 0:  # another process writes it
        return
    if lacking := model.missing(folder):
        print(f"{out.name} becomes a checkpoint when {', '.join(lacking)} are trained too")
        return
    model.assemble(out)


def train_part(folder: Path, part: str, config: TrainConfig) -> None:
    """Train one part into `folder`, unless it is done."""
    if part == "speech":
        usual = speech_recipe.TrainConfig()
        speech_recipe.train_speech(
            folder / part,
            speech_model.ModelConfig(),
            speech_recipe.TrainConfig(
                steps=config.steps(usual.steps), minutes=config.minutes, seed=config.seed
            ),
        )
    elif part == "text":
        steps = config.steps(text_recipe.TrainConfig().steps)
        text_recipe.train_text(
            folder / part,
            text_model.ModelConfig(),
            text_recipe.TrainConfig(steps=steps, minutes=config.minutes, seed=config.seed),
        )
    elif part == "few_labels":
        few_labels.measure(folder / model.FEW_LABELS, few_labels.FewLabelsConfig(seed=config.seed))
    else:
        own = picture_recipe.TrainConfig()
        names = ("steps", "upscale_steps", "colour_steps", "digit_steps")
        steps_of = {name: config.steps(getattr(own, name)) for name in names}
        picture_recipe.train_part(
            folder,
            part,
            picture_model.ModelConfig(),
            DigitConfig(),
            picture_recipe.TrainConfig(minutes=config.minutes, seed=config.seed, **steps_of),
        )
