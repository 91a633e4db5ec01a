"""How well the detectors for pictures tell what is not usual, and where, beside peers that have
learned from the same pictures.

All choices, ours and the peers', were made on the validation pictures; these are the test pictures.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from hub.evaluation import QUICK, Metric
from hub_anomaly.pictures.data import CLASSES, SETS, Tiles, labels_of, one_class, pictures_of, tiles
from hub_anomaly.pictures.detector import MAPS, Detector, Findings, as_inputs
from hub_anomaly.pictures.peers import component_maps, patch_maps, whole_scores

SPLIT = (
    "photographs of magnetic tiles, 80x80, no tile of which is among those that were learned from"
)


def evaluate_pictures(detectors: dict[str, Detector], quick: bool = False) -> dict[str, Metric]:
    """Measure the detectors on the test pictures, and the peers beside them.

    Args:
        detectors: by name; a set of which one is missing is left out.
        quick: a part of the pictures and no peers; all names then end in "_quick".

    Raises:
        DataError: the test pictures are not there.
    """
    metrics: dict[str, Metric] = {}
    if "tiles" in detectors:
        metrics |= tile_metrics(detectors["tiles"], quick)
    for name in SETS:
        parts = [detectors.get(f"{name}_{usual}") for usual in range(CLASSES)]
        every = [one for one in parts if one is not None]
        if len(every) == CLASSES:
            metrics |= class_metrics(name, every, quick)
    return {name + QUICK: one for name, one in metrics.items()} if quick else metrics


# Magnetic tiles.


def tile_metrics(detector: Detector, quick: bool) -> dict[str, Metric]:
    """Return how well faulty tiles are told, and where they are, by ours, its parts and peers."""
    test = tiles("test")
    if quick:
        test = test.some(np.arange(0, len(test), 4))
    side = detector.network.config.side
    images = as_inputs(test.images, side)
    found = detector.findings(images)
    systems = {"": found.heat} | {f"_{one}": map_of(found, one) for one in MAPS}
    systems["_reconstruction"] = systems.pop("_restoration")
    if not quick:
        train = as_inputs(tiles("train").images, side)
        systems |= {"_pca": component_maps(train, images), "_knn": patch_maps(train, images)}
    metrics = {}
    for system, maps in systems.items():
        metrics |= judged(f"tiles{system}", test, maps)
    return metrics


def map_of(found: Findings, name: str) -> np.ndarray:
    return found.maps[:, MAPS.index(name)]


def judged(name: str, test: Tiles, maps: np.ndarray) -> dict[str, Metric]:
    """Return metrics of maps, (count, side, side), the highest value of which is a tile's score."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    faulty, masks = test.labels > 0, test.masks.numpy()
    drawn = ~faulty | masks.any((1, 2))  # of a few faulty ones nobody has said where
    told = f"{len(test)} {SPLIT}, {int(faulty.sum())} of them faulty"
    where, truth = maps[drawn].ravel(), masks[drawn].ravel()
    values = {
        f"auroc_{name}": roc_auc_score(faulty, maps.max((1, 2))),
        f"auroc_{name}_pixels": roc_auc_score(truth, where),
        f"ap_{name}_pixels": average_precision_score(truth, where),
    }
    return {
        key: Metric(100 * float(value), "%", True, told + "; per pixel" * key.endswith("_pixels"))
        for key, value in values.items()
    }


# Digits and clothes.


def class_metrics(name: str, detectors: list[Detector], quick: bool) -> dict[str, Metric]:
    """Return the mean over classes of how well each is told from the nine others."""
    from sklearn.metrics import roc_auc_score

    every = 20 if quick else 1
    test, labels = pictures_of(name, "test")[::every], labels_of(name, "test")[::every]
    areas: dict[str, list[float]] = {}
    for usual, detector in enumerate(detectors):
        scores = own_scores(detector, test)
        if not quick:
            scores |= whole_scores(one_class(name, "train", usual), test)
        for system, values in scores.items():
            areas.setdefault(system, []).append(100 * roc_auc_score(labels != usual, values))
    told = (
        f"mean over ten classes, each learned alone; {len(test)} test pictures, the other nine "
        "classes are the anomalies"
    )
    return {
        f"auroc_{name}" + (f"_{system}" if system else ""): Metric(
            float(np.mean(values)), "%", True, told
        )
        for system, values in areas.items()
    }


def own_scores(detector: Detector, images: Tensor) -> dict[str, np.ndarray]:
    """Return our scores of pictures, (count, height, width) uint8, and those of its parts."""
    found = detector.findings(as_inputs(images, detector.network.config.side))
    return {
        "": found.score,
        "code": found.code,
        "reconstruction": map_of(found, "restoration").mean((1, 2)),
    }
