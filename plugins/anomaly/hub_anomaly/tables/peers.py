"""What people would use instead: PyOD's detectors with its defaults, on the same rows.

Zhao, Nasrullah and Li, "PyOD: A Python Toolbox for Scalable Outlier Detection", JMLR 2019. Rows are
standardised by those that are learned from, as ours are.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np

PEERS = ("kNN", "IForest", "ECOD", "LOF", "OCSVM", "PCA", "AutoEncoder", "DTE-NP")
NEAREST = 5  # of DTE-NP


def scored(peer: str, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Return how unusual rows are to a peer, (rows,), that has learned from others."""
    mean, deviation = train.mean(0), train.std(0)
    scale = np.where(deviation > 0, deviation, 1)
    known, asked = ((rows - mean) / scale for rows in (train, test))
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of its own code; the scores are what is looked at
        detector = made(peer, known, seed)
        detector.fit(known)
        found: np.ndarray = np.asarray(detector.decision_function(asked), np.float64)
    return np.nan_to_num(found, nan=0.0, posinf=1e300, neginf=-1e300)


def made(peer: str, rows: np.ndarray, seed: int) -> Any:
    """Return a detector that has learned nothing yet.

    "DTE-NP" is the mean distance to five neighbours: what the non-parametric estimate of diffusion
    time comes to (Livernoche et al., "On Diffusion Modeling for Anomaly Detection", ICLR 2024).
    """
    if peer == "kNN":
        from pyod.models.knn import KNN

        return KNN()
    if peer == "DTE-NP":
        from pyod.models.knn import KNN

        return KNN(n_neighbors=min(NEAREST, len(rows) - 1), method="mean")
    if peer == "IForest":
        from pyod.models.iforest import IForest

        return IForest(random_state=seed)
    if peer == "ECOD":
        from pyod.models.ecod import ECOD

        return ECOD()
    if peer == "LOF":
        from pyod.models.lof import LOF

        return LOF()
    if peer == "OCSVM":
        from pyod.models.ocsvm import OCSVM

        return OCSVM()
    if peer == "PCA":
        from pyod.models.pca import PCA

        # Features that depend on others would be divided by variances of 0.
        return PCA(n_components=max(1, int(np.linalg.matrix_rank(rows))), random_state=seed)
    if peer == "AutoEncoder":
        from pyod.models.auto_encoder import AutoEncoder

        return AutoEncoder(random_state=seed, verbose=0)
    raise ValueError(f"no peer {peer!r}; known: {', '.join(PEERS)}")
