"""What a checkpoint is measured by: pictures, speech and text, each beside its peers."""

from __future__ import annotations

from pathlib import Path

from hub.evaluation import Evaluation
from hub_denoise.model import load
from hub_denoise.pictures import few_labels
from hub_denoise.pictures.data import DENOISING, FASHION, MNIST, SUPER_RESOLUTION
from hub_denoise.pictures.evaluate import evaluate_pictures
from hub_denoise.speech.data import BOOKS, COMMANDS, LEARNERS, TIMIT
from hub_denoise.speech.evaluate import evaluate_speech
from hub_denoise.text.data import NEWS
from hub_denoise.text.evaluate import evaluate_text

SETS = (DENOISING, SUPER_RESOLUTION, MNIST, FASHION, BOOKS, LEARNERS, TIMIT, COMMANDS, NEWS)


def evaluate(checkpoint: Path, device: str = "cpu", quick: bool = False) -> Evaluation:
    """Measure the checkpoint on the test splits; all of it takes about an hour on two cores, nearly
    all of which is BM3D's.

    Args:
        quick: a part of each split, without the peers that take long, in about two minutes. The
            metrics' names then end in "_quick": their values are not those of the full measure.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        DataError: the test splits are not there.
    """
    networks = load(checkpoint, device)
    metrics = {
        **evaluate_pictures(networks.pictures, quick),
        **evaluate_speech(networks.speech, quick),
        **evaluate_text(networks.text, quick=quick),
    }
    if not quick:  # nothing of it is in the checkpoint but the plot
        metrics |= few_labels.metrics(few_labels.few_labels())
    return Evaluation(metrics, f"{', '.join(SETS)}, test splits")
