"""How soon a detector of tables is as good as PyOD's auto-encoder, how long all of it takes, and
how fast rows are scored, all on one core."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from hub.evaluation import Bench
from hub_anomaly.examples import EXAMPLES
from hub_anomaly.tables import adbench
from hub_anomaly.tables.columns import Columns
from hub_anomaly.tables.detector import Detector
from hub_anomaly.tables.fitted import Fitted, truth_of
from hub_anomaly.tables.model import ModelConfig
from hub_anomaly.tables.peers import scored

SETS = ("10_cover", "22_magic.gamma", "24_mnist")  # 10,000, 6,166 and 3,451 rows to learn from
STEPS = (25, 50, 100, 200, 400)  # that a fit is given until it is as good
RUNS = 3
ROWS, FEATURES = 10_000, 30
STREAM = 1_000_000  # rows
BATCH = 20_000  # rows of the stream that are read at once


@dataclass(frozen=True)
class Table:
    """Usual rows to learn from, and others to be judged by."""

    name: str
    train: np.ndarray  # (rows, features)
    test: np.ndarray  # (rows, features)
    anomalous: np.ndarray  # (rows,) bool, of test


def speeds(device: str, stream: int = STREAM) -> Iterator[Bench]:
    """Yield what a fit and a score take.

    Args:
        stream: rows that are scored one batch after the other.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # of BLAS and OpenMP, that of torch and faiss included
        yield from in_full(device)
        yield as_good_as_an_auto_encoder(tables(), device)
        yield from streamed(stream, device)


def as_good_as_an_auto_encoder(judged: list[Table], device: str) -> Bench:
    """Return the seconds that PyOD's auto-encoder takes to learn and score, and those of the
    shortest training of ours that is as good, each the sum over tables."""
    peer = f"PyOD {version('pyod')}'s AutoEncoder at its defaults"
    ours = theirs = 0.0
    told = []
    for table in judged:
        began = time.perf_counter()
        wanted = auroc(table, scored("AutoEncoder", table.train, table.test, 0))
        theirs += time.perf_counter() - began
        for steps in STEPS:
            took, reached = fit_and_score(table, steps, device)
            if reached >= wanted:
                break
        ours += took
        told.append(f"{table.name} {reached:.1f} after {steps} steps, its {wanted:.1f}")
    return Bench(
        "fit and score until as good",
        ours,
        theirs,
        theirs / ours,
        "s",
        1,
        f"{peer}; AUROC of {'; '.join(told)}",
    )


def fit_and_score(table: Table, steps: int, device: str) -> tuple[float, float]:
    """Return seconds, and the AUROC in percent."""
    config = replace(ModelConfig(), steps=steps, warmup=steps // 8)
    began = time.perf_counter()
    detector = Detector.fit(table.train, config, device=device, calibrate=False)
    scores = detector.scores(table.test).score
    return time.perf_counter() - began, auroc(table, scores)


def auroc(table: Table, scores: np.ndarray) -> float:
    return 100 * float(roc_auc_score(table.anomalous, scores))


def tables() -> list[Table]:
    """Return tables of ADBench where it is there, else the digits of scikit-learn."""
    if adbench.available():
        parts = [(name, adbench.parted(name, "random", 0)) for name in SETS]
        return [Table(name, one.train, one.test, one.anomalous) for name, one in parts]
    example = EXAMPLES["digits"]
    frame = example.table()
    truth, _ = truth_of(frame, example.label, example.anomalous)
    rest = frame.drop(columns=[example.label])
    usual = np.flatnonzero(~truth)
    learned, others = usual[::2], np.concatenate([usual[1::2], np.flatnonzero(truth)])
    columns = Columns.learned(rest.iloc[learned])
    numbers = [columns.numbers(rest.iloc[rows]) for rows in (learned, others)]
    return [Table("digits", *numbers, truth[others])]


def in_full(device: str) -> Iterator[Bench]:
    """Yield the seconds that 10,000 rows are learned in, at full quality, and scored in."""
    rows, others = made(ROWS, 0), made(ROWS, 1)
    detector = Detector.fit(rows[:1_000], device=device, calibrate=False)  # warms up
    fit = median_seconds(lambda: Detector.fit(rows, device=device))
    yield Bench(f"fit {ROWS:,} x {FEATURES}", fit, None, None, "s", RUNS, "")
    detector = Detector.fit(rows, device=device)
    score = median_seconds(lambda: detector.scores(others))
    yield Bench(f"score {ROWS:,} x {FEATURES}", score, None, None, "s", RUNS, "")


def streamed(rows: int, device: str) -> Iterator[Bench]:
    """Yield how fast a long Parquet file is read and scored, and how much memory that takes."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from psutil import Process

    names = [f"column {number}" for number in range(FEATURES)]

    def table(count: int, seed: int) -> pa.Table:
        return pa.table(dict(zip(names, made(count, seed).T.astype(np.float32), strict=True)))

    fitted = Fitted.of(table(ROWS, 0).to_pandas(), device=device)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        with pq.ParquetWriter(path, table(1, 0).schema) as file:
            for seed, start in enumerate(range(0, rows, BATCH)):
                file.write_table(table(min(BATCH, rows - start), seed))
        process = Process()
        before = most = process.memory_info().rss
        seen = 0
        began = time.perf_counter()
        for batch in pq.ParquetFile(path).iter_batches(BATCH):
            for part in fitted.scores(batch.to_pandas()):
                seen += len(part.score)
                most = max(most, process.memory_info().rss)
        took = time.perf_counter() - began
    name = f"score a stream of {seen:,} x {FEATURES}"
    yield Bench(name, seen / took, None, None, "rows/s", 1, "")
    yield Bench(f"{name}: memory", (most - before) / 1e6, None, None, "MB more", 1, "")


def made(rows: int, seed: int) -> np.ndarray:
    """Return rows by chance, (rows, 30) float64, near a surface of five dimensions: what is
    measured is time."""
    draw = np.random.default_rng(0).normal(size=(5, FEATURES))
    rng = np.random.default_rng(1 + seed)
    return np.sin(rng.normal(size=(rows, 5)) @ draw) + 0.1 * rng.normal(size=(rows, FEATURES))


def median_seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
