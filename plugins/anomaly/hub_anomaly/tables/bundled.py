"""Detectors of tables that a checkpoint brings along, without a row of what they learned from.

What a row is compared with are means of groups of rows, as in microaggregation (Domingo-Ferrer and
Mateo-Sanz, IEEE TKDE 14(1), 2002), both in the table and in the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hub import data
from hub.errors import CheckpointError
from hub.evaluation import QUICK, Metric
from hub_anomaly.examples import EXAMPLES, INTRUSION
from hub_anomaly.tables.fitted import Fitted, judge
from hub_anomaly.tables.model import ModelConfig
from hub_anomaly.tables.neighbours import Space
from hub_anomaly.tables.packing import packed, unpacked
from hub_anomaly.tables.peers import scored

if TYPE_CHECKING:
    from pandas import DataFrame

GROUP = 5  # rows that each mean is of, at least
GROUPED = 8  # rows to a group on average, before groups that are too small are given up
PEERS = ("kNN", "IForest", "AutoEncoder")  # they are measured beside
JUDGED = 20_000  # rows of the test file of connections
RANKED = 2_000  # unseen usual rows whose scores others are ranked among, at most


def learned(
    name: str, config: ModelConfig | None = None, told: Callable[[float], None] | None = None
) -> Fitted:
    """Return a detector of one of the examples as a checkpoint has it: its weights rounded, rows
    by their means. Of the usual rows that were kept apart, one half tells which scores are usual,
    and the other judges, with the anomalies.

    Raises:
        DataError: the data set is not there.
    """
    example = EXAMPLES[name]
    frame = example.table()
    whole = Fitted.of(frame, example.label, example.anomalous, config, told=told)
    rng = np.random.default_rng(0)
    inputs = means_of_groups(whole.detector.inputs.rows, rng)
    codes = whole.detector.codes
    views = {
        name: replace(view, space=Space.of(means_of_groups(view.space.rows, rng)))
        for name, view in (("first", codes.first), ("last", codes.last))
    }
    detector = replace(whole.detector, inputs=Space.of(inputs), codes=replace(codes, **views))
    rounded = unpacked(*packed(replace(whole, detector=detector, grouped=True)))
    return ranked(rounded, frame, rng)


def ranked(fitted: Fitted, frame: DataFrame, rng: np.random.Generator) -> Fitted:
    """Return a detector that ranks scores among those of unseen usual rows of its table."""
    truth = fitted.truth(frame)
    assert truth is not None  # an example has labels
    apart = ~truth
    apart[fitted.learned] = False
    kept = rng.permutation(np.flatnonzero(apart))
    known, others = np.split(kept, [min(len(kept) // 2, RANKED)])
    asked = np.sort(np.concatenate([others[:RANKED], np.flatnonzero(truth)]))
    own, scores = (
        np.concatenate([part.score for part in fitted.scores(frame.iloc[rows])]).astype(np.float32)
        for rows in (known, asked)
    )
    return replace(
        fitted,
        detector=replace(fitted.detector, own=own),
        judged=judge(scores, truth[asked]),
        held_out=(scores, truth[asked]),
    )


def means_of_groups(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the means of groups of alike rows, (groups, features) float32, each of at least GROUP:
    k-means, where a centre that too few rows are nearest to is given up, and they go elsewhere."""
    import faiss

    rows = np.ascontiguousarray(rows, np.float32)
    count = max(1, len(rows) // GROUPED)
    grouping = faiss.Kmeans(
        rows.shape[1], count, niter=20, seed=int(rng.integers(1 << 30)), min_points_per_centroid=1
    )
    grouping.train(rows)
    means = grouping.centroids
    while True:
        index = faiss.IndexFlatL2(rows.shape[1])
        index.add(np.ascontiguousarray(means))
        nearest = index.search(rows, 1)[1][:, 0]
        counts = np.bincount(nearest, minlength=len(means))
        if (counts >= GROUP).all() or len(means) == 1:
            break
        # The smallest half of those that are too small: their rows may make others large enough.
        small = np.flatnonzero(counts < GROUP)
        given_up = small[np.argsort(counts[small], kind="stable")[: max(1, len(small) // 2)]]
        means = np.delete(means, given_up, axis=0)
    sums = np.zeros((len(means), rows.shape[1]), np.float64)
    np.add.at(sums, nearest, rows)
    return (sums / counts[:, None]).astype(np.float32)


# How good they are.


def evaluate_bundled(detectors: Mapping[str, Fitted], quick: bool = False) -> dict[str, Metric]:
    """Return how well the detectors of a checkpoint tell anomalies, and, unless `quick`, PyOD's
    that have learned from the same rows.

    Raises:
        DataError: the data sets are not there.
    """
    found: dict[str, Metric] = {}
    for name, fitted in detectors.items():
        rows, truth, told = judged_by(name, fitted)
        if quick:
            some = np.arange(0, len(rows), 4)
            rows, truth = rows.iloc[some], truth[some]
        scores = {"": np.concatenate([part.score for part in fitted.scores(rows)])}
        if not quick:
            train, test = (
                fitted.columns.numbers(one)
                for one in (EXAMPLES[name].table().iloc[fitted.learned], rows)
            )
            scores |= {f"_{peer.lower()}": scored(peer, train, test, 0) for peer in PEERS}
        for system, values in scores.items():
            result = judge(values, truth)
            for metric, value in (("auroc", result.auroc), ("ap", result.ap)):
                key = f"{metric}_{name}{system}" + QUICK * quick
                protocol = f"{told}; {result.usual:,} usual rows, {result.anomalous:,} anomalies"
                found[key] = Metric(value, "%", True, protocol)
    return found


def judged_by(name: str, fitted: Fitted) -> tuple[DataFrame, np.ndarray, str]:
    """Return rows that a detector has not learned from, which of them are anomalous, (rows,) bool,
    and which they are, in words."""
    example = EXAMPLES[name]
    if name == "intrusion":
        rows = data.table(INTRUSION, "test_corrected").to_pandas().drop_duplicates()
        rows = rows.sample(n=min(len(rows), JUDGED), random_state=0)
        told = "connections of the test file, repeated ones left away; learned from the other"
        return rows, (rows[example.label] != "normal").to_numpy(), told
    frame = example.table()
    new = ~fitted.knows(frame)
    if new.all():
        raise CheckpointError(f"the detector {name!r} was made from another version of its table")
    truth = fitted.truth(frame)
    assert truth is not None  # an example has labels
    told = "half of the honest payments to learn from; the others and all frauds to judge by"
    return frame[new], truth[new], told
