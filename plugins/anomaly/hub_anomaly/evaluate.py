"""What is measured: detectors of tables beside others, learned anew, as they are by visitors."""

from __future__ import annotations

from pathlib import Path

from hub import checkpoints
from hub.evaluation import Evaluation
from hub_anomaly.tables import adbench
from hub_anomaly.tables.evaluate import evaluate_tables

SETS = (adbench.FOLDER,)


def evaluate(checkpoint: Path, device: str = "cpu", quick: bool = False) -> Evaluation:
    """Measure the detectors of tables, of which nothing is in the checkpoint; all of it takes
    hours, nearly all of which are the peers'.

    Args:
        device: of what the checkpoint has; tables are learned on the CPU, one a core.
        quick: a part of the tables, without peers, in less than a minute. The metrics' names then
            end in "_quick": their values are not those of the full measure.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        DataError: the data sets are not there.
        HubError: pyod is not installed.
    """
    checkpoints.read_config(checkpoint)
    return Evaluation(evaluate_tables(quick), ", ".join(SETS))
