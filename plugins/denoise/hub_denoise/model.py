"""The networks of a checkpoint: three for pictures or four, one for speech, one for text.

Each is told of where it is: in hub_denoise.pictures.model and .digits, hub_denoise.speech.model and
hub_denoise.text.model. Here they become one checkpoint, and are read from it.
"""

from __future__ import annotations

import json
import lzma
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hub.checkpoints import read, write
from hub.errors import CheckpointError
from hub.evaluation import Evaluation, card_text
from hub.training import part_facts
from hub_denoise.card import CARD
from hub_denoise.pictures.networks import PARTS, built
from hub_denoise.pictures.networks import Networks as Pictures
from hub_denoise.speech.model import Masker
from hub_denoise.speech.model import ModelConfig as SpeechConfig
from hub_denoise.text.model import ModelConfig as TextConfig
from hub_denoise.text.restore import Restorer, restorer

STEP, SHAPE = ".step", ".shape"  # end the names of what brings rounded weights back
# Steps that the weights of a part are rounded to, on either side of 0.
STEPS = {"grey": 127, "upscale": 127, "colour": 127, "digits": 31, "speech": 0, "text": 63}
WITHOUT = (
    "colour",
)  # parts that a checkpoint may lack: pictures in colour go to the grey network then
FEW_LABELS = "few_labels.json"
FILES = {  # within the folder of parts, as the recipes leave them
    **{part: f"{part}.safetensors" for part in PARTS},
    "speech": "speech/speech.safetensors",
    "text": "text/text.safetensors",
}


@dataclass
class Networks:
    """All of one checkpoint, ready to answer."""

    pictures: Pictures
    speech: Masker
    text: Restorer
    few_labels: dict[str, Any]  # what its features are worth to a classifier, where that is known


def load(folder: Path, device: str = "cpu") -> Networks:
    """Return the networks of the checkpoint in `folder`, float32, in evaluation mode.

    The speech network stays on the CPU, which is faster at small steps one after another.

    Raises:
        CheckpointError: it is missing or damaged, or its tensors do not fit its config.
    """
    config, tensors = read(folder)
    try:
        parts = {
            part: filled(built(part, model), tensors, f"pictures.{part}.").to(device)
            for part, model in config["pictures"].items()
        }
        speech = filled(Masker(SpeechConfig(**config["speech"])), tensors, "speech.")
        text = restorer(TextConfig(**config["text"]), named(tensors, "text."), device)
        if missing := [part for part in PARTS if part not in (*parts, *WITHOUT)]:
            raise ValueError(f"config.json has no pictures.{missing[0]}")
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder.name}: config.json and model.safetensors do not fit each other: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    return Networks(Pictures(parts, device), speech, text, few_labels=config.get("few_labels", {}))


def filled(network: nn.Module, tensors: dict[str, Tensor], start: str) -> Any:
    """Return a network with the weights whose names begin with `start`, ready to answer."""
    network.load_state_dict(named(tensors, start))
    return network.eval().requires_grad_(False)


def named(tensors: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `start`, without it, floats as float32."""
    found = {
        name.removeprefix(start): one.float() if one.is_floating_point() else one
        for name, one in tensors.items()
        if name.startswith(start)
    }
    for whole in [name.removesuffix(STEP) for name in found if name.endswith(STEP)]:
        step, shape = found.pop(whole + STEP), found.pop(whole + SHAPE).tolist()
        kept = bytearray(lzma.decompress(found[whole].cpu().numpy().tobytes()))
        rounded = torch.frombuffer(kept, dtype=torch.int8).to(step.device).view(shape)
        found[whole] = rounded * step.view(-1, *[1] * (len(shape) - 1))
    return found


def stored(tensors: dict[str, Tensor], start: str, steps: int = 0) -> dict[str, Tensor]:
    """Return tensors as a checkpoint holds them, names begun with `start`: matrices and filters
    rounded by row, and compressed; other floats as float16.

    Args:
        steps: to either side of 0, 127 at most; 0: nothing is rounded, all are float16.
    """
    found = {}
    for name, one in tensors.items():
        if steps and one.is_floating_point() and one.ndim > 1:
            step = (one.flatten(1).abs().amax(1).clamp_min(1e-4) / steps).half()
            rounded = (one / step.float().view(-1, *[1] * (one.ndim - 1))).round()
            kept = lzma.compress(
                rounded.clamp(-steps, steps).to(torch.int8).cpu().numpy().tobytes()
            )
            found[f"{start}{name}"] = torch.frombuffer(bytearray(kept), dtype=torch.uint8)
            found[f"{start}{name}{STEP}"] = step
            found[f"{start}{name}{SHAPE}"] = torch.tensor(one.shape)
        else:
            found[f"{start}{name}"] = one.half() if one.is_floating_point() else one
    return found


def missing(folder: Path) -> list[str]:
    """Return which parts a checkpoint cannot do without, and are not in a folder of parts."""
    return [
        part for part, file in FILES.items() if part not in WITHOUT and not (folder / file).exists()
    ]


def assemble(out: Path) -> None:
    """Write the checkpoint `out` of what the recipes have left in `out/.parts`.

    Raises:
        CheckpointError: a part is missing or damaged.
    """
    folder = out / ".parts"
    if lacking := missing(folder):
        raise CheckpointError(
            f"{out.name}/.parts has no {', '.join(FILES[part] for part in lacking)}; train what is "
            f"missing: latenthub train denoise --out {out.name}"
        )
    tensors: dict[str, Tensor] = {}
    config: dict[str, Any] = {
        "demo": "denoise",
        "pictures": {},
        "speech": {},
        "text": {},
        "training": {},
        "parameters": {},
    }
    for part, file in FILES.items():
        if not (folder / file).exists():  # one of WITHOUT
            continue
        weights, facts = load_file(folder / file), part_facts(folder / file)
        if part in PARTS:
            tensors |= stored(weights, f"pictures.{part}.", STEPS[part])
            config["pictures"][part] = facts["model"]
        else:
            tensors |= stored(weights, f"{part}.", STEPS[part])
            config[part] = facts["model"] if "model" in facts else shape_of(weights)
        floats = (one.numel() for one in weights.values() if one.is_floating_point())
        config["parameters"][part] = sum(floats)
        told = facts.get("training", facts)
        config["training"][part] = {name: one for name, one in told.items() if name != "model"}
    if (folder / FEW_LABELS).exists():
        config["few_labels"] = json.loads((folder / FEW_LABELS).read_text())
    write(out, config, tensors, card_text(CARD, config, Evaluation({}, "")))


def shape_of(weights: dict[str, Tensor]) -> dict[str, int]:
    """Return the settings of a speech network by its weights: its file does not tell them."""
    blocks = {name.split(".")[1] for name in weights if name.startswith("blocks.")}
    config = SpeechConfig(
        width=weights["places"].shape[1], blocks=len(blocks), stem=len(weights["down1.weight"])
    )
    return asdict(config)
