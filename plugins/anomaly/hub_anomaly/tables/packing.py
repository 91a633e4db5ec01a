"""A detector of tables as tensors and settings: in a checkpoint, and between processes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hub_anomaly.tables.columns import Column, Columns
from hub_anomaly.tables.detector import Coded, Detector, View
from hub_anomaly.tables.fitted import Fitted, judge
from hub_anomaly.tables.model import Denoiser, ModelConfig
from hub_anomaly.tables.neighbours import Space

ARRAYS = ("mean", "deviation", "noise", "own")  # of a detector
VIEWS = ("first", "last")  # of its code


def packed(fitted: Fitted) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors and settings that `unpacked` takes; weights and rows that others are compared
    with as float16, where these are means."""
    detector, exact = fitted.detector, np.float16 if fitted.grouped else np.float32
    scores, truth = fitted.held_out or (np.zeros(0, np.float32), np.zeros(0, bool))
    arrays = {name: getattr(detector, name) for name in ARRAYS}
    arrays |= {
        "inputs": detector.inputs.rows.astype(exact),
        "learned": fitted.learned.astype(np.int32),
        "held_out_scores": scores.astype(np.float32),
        "held_out_truth": truth,
    }
    for name in VIEWS:
        view = getattr(detector.codes, name)
        arrays[f"{name}.middle"], arrays[f"{name}.directions"] = view.middle, view.directions
        arrays[f"{name}.rows"] = view.space.rows.astype(exact)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in arrays.items()}
    weights = detector.codes.network.state_dict()
    if fitted.grouped:
        weights = {name: one.half() for name, one in weights.items()}
    settings = {
        "model": asdict(detector.codes.network.config),
        "columns": [asdict(one) for one in fitted.columns.columns],
        "left_out": [list(one) for one in fitted.columns.left_out],
        "total": fitted.total,
        "grouped": fitted.grouped,
        "print": fitted.print,
        "label": fitted.label,
        "anomalous": list(fitted.anomalous),
        "notes": list(fitted.notes),
    }
    return tensors | {f"network.{name}": one.cpu() for name, one in weights.items()}, settings


def unpacked(tensors: dict[str, Tensor], settings: dict[str, Any], device: str = "cpu") -> Fitted:
    """Return the detector that was `packed`."""
    start = "network."
    arrays = {
        name: one.cpu().numpy() for name, one in tensors.items() if not name.startswith(start)
    }
    network = Denoiser(len(arrays["mean"]), ModelConfig(**settings["model"]))
    network.load_state_dict(
        {
            name.removeprefix(start): one.float()
            for name, one in tensors.items()
            if name.startswith(start)
        }
    )
    network = network.to(device).eval().requires_grad_(False)
    views = (
        View(
            arrays[f"{name}.middle"], arrays[f"{name}.directions"], Space.of(arrays[f"{name}.rows"])
        )
        for name in VIEWS
    )
    detector = Detector(
        *(arrays[name] for name in ARRAYS[:3]),
        inputs=Space.of(arrays["inputs"]),
        codes=Coded(network, *views),
        own=arrays["own"],
    )
    columns = tuple(
        Column(**{**one, "values": tuple(one["values"])}) for one in settings["columns"]
    )
    scores, truth = arrays["held_out_scores"], arrays["held_out_truth"]
    return Fitted(
        columns=Columns(columns, tuple((name, why) for name, why in settings["left_out"])),
        detector=detector,
        learned=arrays["learned"].astype(np.int64),
        total=settings["total"],
        print=settings["print"],
        label=settings["label"],
        anomalous=tuple(settings["anomalous"]),
        judged=judge(scores, truth) if truth.any() else None,
        held_out=(scores, truth) if truth.any() else None,
        notes=tuple(settings["notes"]),
        grouped=settings["grouped"],
    )
