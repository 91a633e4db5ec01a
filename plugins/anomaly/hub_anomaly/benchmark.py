"""How soon a detector of tables is learned beside PyOD's auto-encoder at no lower quality, and how
fast rows are scored."""

from __future__ import annotations

from pathlib import Path

from hub import checkpoints
from hub.evaluation import Bench
from hub_anomaly.tables.benchmark import speeds


def benchmark(checkpoint: Path, device: str = "cpu") -> list[Bench]:
    """Return seconds to be as good as PyOD's auto-encoder, ours and its, where a ratio above 1
    means that ours is faster; seconds to learn 10,000 rows and to score as many, and what a million
    takes that come as a stream: all on one core.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
    """
    checkpoints.read_config(checkpoint)
    return [*speeds(device)]
