"""What a checkpoint brings: detectors of pictures and of tables that have learned already.

Each is told of where it is: in hub_anomaly.pictures.detector and hub_anomaly.tables.packing. Here
they become one checkpoint, and are read from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from hub.checkpoints import read, write
from hub.errors import CheckpointError
from hub.evaluation import Evaluation, card_text
from hub.training import part_facts
from hub_anomaly.card import CARD
from hub_anomaly.examples import BUNDLED
from hub_anomaly.pictures import detector as pictures
from hub_anomaly.pictures.data import SETS
from hub_anomaly.tables import packing
from hub_anomaly.tables.fitted import Fitted

SUMMED = {"minutes": 0.0, "cpu_minutes": 0.0}  # of the classes of digits, and of clothes


@dataclass(frozen=True)
class Detectors:
    """All of one checkpoint, ready to answer, by name."""

    pictures: dict[str, pictures.Detector]
    tables: dict[str, Fitted]


def load(folder: Path, device: str = "cpu") -> Detectors:
    """Return the detectors of the checkpoint in `folder`.

    Raises:
        CheckpointError: it is missing or damaged, or its tensors do not fit its config.
    """
    config, tensors = read(folder)
    try:
        return Detectors(
            {
                name: pictures.Detector.unpacked(own(tensors, f"pictures.{name}."), told, device)
                for name, told in config["pictures"].items()
            },
            {
                name: packing.unpacked(own(tensors, f"tables.{name}."), told, device)
                for name, told in config["tables"].items()
            },
        )
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder.name}: config.json and model.safetensors do not fit each other: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error


def own(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `start`, without it."""
    return {
        name.removeprefix(start): one for name, one in tensors.items() if name.startswith(start)
    }


def parts() -> dict[str, tuple[str, ...]]:
    """Return the names of all detectors, by kind."""
    from hub_anomaly.pictures.train import parts_of  # the recipe's needs are not the service's

    return {"pictures": tuple(parts_of("all")), "tables": BUNDLED}


def group_of(name: str) -> str:
    """Return what a detector is told of with in a checkpoint's facts: of digits and of clothes
    there is one for each class."""
    start = name.rpartition("_")[0]
    return start if start in SETS else name


def missing(folder: Path) -> list[str]:
    """Return which detectors are not in a folder of parts."""
    return [
        name
        for kind, names in parts().items()
        for name in names
        if not (folder / kind / f"{name}.safetensors").exists()
    ]


def assemble(out: Path) -> None:
    """Write the checkpoint `out` of the detectors that the recipe has left in `out/.parts`.

    Raises:
        CheckpointError: there is none, or one is damaged.
    """
    tensors: dict[str, Tensor] = {}
    config: dict[str, Any] = {"demo": "anomaly", "pictures": {}, "tables": {}}
    config |= {"training": {}, "parameters": {}}
    for kind, names in parts().items():
        for name in names:
            file = out / ".parts" / kind / f"{name}.safetensors"
            if not file.exists():
                continue
            facts, held = part_facts(file), load_file(file)
            tensors |= {f"{kind}.{name}.{tensor}": one for tensor, one in held.items()}
            config[kind][name] = facts["detector"]
            group = config["training"].setdefault(group_of(name), facts["training"] | SUMMED)
            group |= {one: round(group[one] + facts["training"][one], 2) for one in SUMMED}
            config["parameters"].setdefault(group_of(name), 0)
            weights = own(held, "network.").values()
            config["parameters"][group_of(name)] += sum(one.numel() for one in weights)
    if not tensors:
        raise CheckpointError(
            f"{out.name}/.parts has no detectors; make them with: "
            f"latenthub train anomaly --out {out.name}"
        )
    write(out, config, tensors, card_text(CARD, config, Evaluation({}, "")))
