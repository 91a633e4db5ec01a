"""What is measured: detectors of tables beside others, learned anew, as they are by visitors; those
of tables and of pictures that the checkpoint brings."""

from __future__ import annotations

from pathlib import Path

from hub.evaluation import Evaluation
from hub_anomaly.examples import FRAUD, INTRUSION
from hub_anomaly.model import load
from hub_anomaly.pictures.data import SETS, TILES
from hub_anomaly.pictures.evaluate import evaluate_pictures
from hub_anomaly.tables import adbench
from hub_anomaly.tables.bundled import evaluate_bundled
from hub_anomaly.tables.evaluate import evaluate_tables

DATA = (adbench.FOLDER, FRAUD, INTRUSION, TILES, *SETS.values())


def evaluate(checkpoint: Path, device: str = "cpu", quick: bool = False) -> Evaluation:
    """Measure all detectors; in half an hour on two cores, most of which are the peers'.

    Args:
        device: of the detectors of pictures; tables are learned on the CPU, one a core.
        quick: a part of tables and pictures, without peers, in less than a minute. The metrics'
            names then end in "_quick": their values are not those of the full measure.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        DataError: the data sets are not there.
    """
    detectors = load(checkpoint, device)
    found = evaluate_tables(quick)
    found |= evaluate_bundled(detectors.tables, quick)
    found |= evaluate_pictures(detectors.pictures, quick)
    return Evaluation(found, ", ".join(DATA))
