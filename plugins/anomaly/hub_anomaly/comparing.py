"""Ours beside what people would use instead, on one labelled table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.endpoints import Progress
from hub_anomaly.tables.columns import Columns
from hub_anomaly.tables.detector import Detector
from hub_anomaly.tables.fitted import judge, truth_of
from hub_anomaly.tables.peers import scored

if TYPE_CHECKING:
    from pandas import DataFrame

SEED = 1234
PARTS = ("code", "input", "reconstruction")  # of our score


def compared(
    frame: DataFrame,
    label: str,
    anomalous: tuple[str, ...],
    peers: Sequence[str],
    most: int,
    device: str,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return how well detectors tell the anomalies of a table; of ours, its parts too: the distance
    in the code alone, in the input alone, and the error of reconstruction.

    Args:
        most: rows that they learn from, and that they are judged by, at most; more are thinned by
            chance, usual and anomalous ones alike.

    Raises:
        InputError: as `Fitted.of`.
    """
    truth, _ = truth_of(frame, label, anomalous)
    rest = frame.drop(columns=[label])
    rng = np.random.default_rng(SEED)
    usual = rng.permutation(np.flatnonzero(~truth))
    learned, kept = np.sort(usual[: len(usual) // 2]), usual[len(usual) // 2 :]
    asked = rng.permutation(np.concatenate([kept, np.flatnonzero(truth)]))
    learned, asked = learned[:most], np.sort(asked[:most])
    columns = Columns.learned(rest.iloc[learned])
    train, test = columns.numbers(rest.iloc[learned]), columns.numbers(rest.iloc[asked])
    names = ["ours", *peers]
    results = []
    for number, name in enumerate(names):
        if progress is not None:
            progress(number / len(names), name)
        began = time.perf_counter()
        if name == "ours":
            detector = Detector.fit(train, None, SEED, device, calibrate=False)
            ours = detector.scores(test)
            took = time.perf_counter() - began  # the rest is for comparison
            parts = (ours.code, ours.input, detector.reconstruction(test))
            found = {"ours": ours.score, **dict(zip(PARTS, parts, strict=True))}
        else:
            found = {name: scored(name, train, test, SEED)}
            took = time.perf_counter() - began
        for one, scores in found.items():
            judged = judge(scores, truth[asked])
            results.append(
                {
                    "detector": one,
                    "auroc": round(judged.auroc, 2),
                    "ap": round(judged.ap, 2),
                    "seconds": round(took, 2) if one == name else None,
                }
            )
    results.sort(key=lambda one: -float(str(one["auroc"])))
    return {"rows": len(learned), "judged": len(asked), "results": results}
