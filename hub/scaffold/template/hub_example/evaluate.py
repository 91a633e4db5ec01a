"""How much of unseen digits the code keeps."""

from pathlib import Path

import torch

from hub.evaluation import QUICK, Evaluation, Metric
from hub_example.data import LEVELS, halves
from hub_example.model import load


def evaluate(checkpoint: Path, device: str = "cpu", quick: bool = False) -> Evaluation:
    """Return the squared error of a pixel, in squared levels of grey, 0 to 16."""
    model = load(checkpoint).to(device)
    images = halves()[1][: 100 if quick else None].to(device)
    with torch.inference_mode():
        error = LEVELS**2 * (model(images) - images).square().mean().item()
    protocol = f"{model.config.code} numbers, {len(images)} test images"
    metrics = {"error" + (QUICK if quick else ""): Metric(error, "grey levels²", False, protocol)}
    return Evaluation(metrics, "scikit-learn's digits, odd rows")
