"""How well detectors tell anomalies in 29 tables, beside what people would use instead.

    python -m hub_anomaly.tables.evaluate RESULTS.csv [--splits random published] [--seeds 3]
        [--sets ...] [--detectors ...]

One line a set, split, seed and detector goes to RESULTS.csv; what is there already is not measured
again. One configuration for all sets; it was chosen on every second of them (`adbench.halves`).
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from hub.evaluation import QUICK, Metric
from hub_anomaly.tables import adbench
from hub_anomaly.tables.adbench import Split
from hub_anomaly.tables.detector import Detector
from hub_anomaly.tables.peers import PEERS, scored

OURS = ("ours", "code", "input", "reconstruction")  # the score, and its parts by themselves
SPLITS: tuple[Split, ...] = ("random", "published")
TOLD = {
    "random": "half of the normal rows, by chance, to learn from",
    "published": "the normal rows parted as for Livernoche et al., ICLR 2024",
}
SEEDS = 3
QUICK_SETS = ("6_cardio", "28_pendigits", "31_satimage-2", "38_thyroid")


@dataclass(frozen=True)
class Result:
    """How one detector fared on one set."""

    set: str
    split: Split
    seed: int
    detector: str
    auroc: float  # percent
    ap: float  # percent
    seconds: float  # to learn and to score


@dataclass(frozen=True)
class Job:
    """One set, parted once: what is measured in one process."""

    set: str
    split: Split
    seed: int
    detectors: tuple[str, ...]  # "ours" stands for its parts too


def measured(job: Job) -> list[Result]:
    """Return how the detectors of a job fared."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    torch.set_num_threads(1)
    part = adbench.parted(job.set, job.split, job.seed)
    found = []
    for detector in job.detectors:
        began = time.perf_counter()
        scores = scores_of(detector, part, job.seed)
        took = time.perf_counter() - began
        for name, values in scores.items():
            auroc = 100 * roc_auc_score(part.anomalous, values)
            ap = 100 * average_precision_score(part.anomalous, values, sample_weight=part.weights)
            found.append(Result(job.set, job.split, job.seed, name, float(auroc), float(ap), took))
    return found


def scores_of(detector: str, part: adbench.Part, seed: int) -> dict[str, np.ndarray]:
    if detector != "ours":
        return {detector: scored(detector, part.train, part.test, seed)}
    fitted = Detector.fit(part.train, seed=seed, calibrate=False)
    found, rebuilt = fitted.scores(part.test), fitted.reconstruction(part.test)
    values = (found.score, found.code, found.input, rebuilt)
    return dict(zip(OURS, values, strict=True))


def jobs(
    sets: Iterable[str],
    splits: Iterable[Split],
    seeds: int,
    detectors: Sequence[str],
    done: Iterable[Result] = (),
) -> Iterator[Job]:
    """Yield what is left to be measured."""
    known = {(one.set, one.split, one.seed, one.detector) for one in done}
    for name in sets:
        for split in splits:
            for seed in range(seeds):
                left = tuple(
                    detector for detector in detectors if (name, split, seed, detector) not in known
                )
                if left:
                    yield Job(name, split, seed, left)


def measure(wanted: Sequence[Job], processes: int = 1) -> Iterator[list[Result]]:
    """Yield the results of each job, with as many processes."""
    if processes == 1:
        yield from map(measured, wanted)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from pool.map(measured, wanted)


@dataclass(frozen=True)
class Summary:
    """How a detector fared on several sets, each the mean of its seeds."""

    auroc: float
    ap: float
    rank: float  # by AUROC among those that are compared, 1 the best; equals share their ranks
    sets: int


def summaries(
    results: Iterable[Result], split: Split, compared: Sequence[str]
) -> dict[str, Summary]:
    """Return how detectors fared over all sets of a split that each of them was measured on."""
    from scipy.stats import rankdata

    cells: dict[tuple[str, str], list[Result]] = {}
    for one in results:
        if one.split == split:
            cells.setdefault((one.set, one.detector), []).append(one)
    sets = sorted(
        {name for name, _ in cells if all((name, detector) in cells for detector in compared)}
    )
    if not sets:
        return {}

    def table(value: str) -> np.ndarray:
        return np.array(
            [
                [np.mean([getattr(one, value) for one in cells[name, detector]]) for name in sets]
                for detector in compared
            ]
        )

    auroc, ap = table("auroc"), table("ap")
    ranks = rankdata(-auroc.round(6), axis=0)
    return {
        detector: Summary(auroc[i].mean(), ap[i].mean(), ranks[i].mean(), len(sets))
        for i, detector in enumerate(compared)
    }


def evaluate_tables(quick: bool = False) -> dict[str, Metric]:
    """Return how our detector and others fare on the tables of ADBench, measured afresh: in hours,
    or with `quick`, ours alone on four tables, in seconds.

    Raises:
        DataError: the tables are not there.
    """
    if quick:
        found = [one for job in jobs(QUICK_SETS, ["random"], 1, ["ours"]) for one in measured(job)]
        return metrics([one for one in found if one.detector == "ours"], quick=True)
    wanted = list(jobs(adbench.names(), SPLITS, SEEDS, ["ours", *PEERS]))
    every = tqdm(measure(wanted, os.cpu_count() or 1), "tables", len(wanted))
    return metrics([one for some in every for one in some])


def metrics(results: Sequence[Result], quick: bool = False) -> dict[str, Metric]:
    """Return what a model card tells of results: means over tables of AUROC and average precision,
    in percent; of ours also of its parts, and over the tables that no setting was chosen on."""
    names = {one.detector for one in results}
    peers = [one for one in PEERS if one in names]
    parts = [one for one in OURS if one in names]
    others = {*adbench.halves()[1]}
    found: dict[str, Metric] = {}

    def put(name: str, value: float, told: str, unit: str = "%", more: bool = True) -> None:
        found[name + (QUICK if quick else "")] = Metric(float(value), unit, more, told)

    for split in SPLITS:
        own = [one for one in results if one.split == split]
        if not own:
            continue
        seeds = 1 + max(one.seed for one in own)
        ended = "" if split == "random" else "_published_split"
        fared = summaries(own, split, [*parts, *peers])
        told = (
            f"{fared['ours'].sets} tables of ADBench, {TOLD[split]}, at most 10,000 rows to learn "
            f"from and 10,000 to be judged by, mean of {seeds} draw{'s' * (seeds > 1)}"
        )
        for name in (*parts, *peers):
            after = "" if name == "ours" else "_" + name.lower().replace("-", "_")
            put(f"auroc_mean{ended}{after}", fared[name].auroc, told)
            put(f"ap_mean{ended}{after}", fared[name].ap, told)
        if peers:
            for value in ("auroc", "ap"):
                best = max(peers, key=lambda peer, value=value: getattr(fared[peer], value))
                name = f"{value}_mean{ended}_best_peer"
                put(name, getattr(fared[best], value), f"{best}; {told}")
            ranks = summaries(own, split, ["ours", *peers])
            among = f"by AUROC among {', '.join(PEERS)} and ours; {told}"
            put(f"mean_rank{ended}", ranks["ours"].rank, among, "", False)
            put(
                f"mean_rank{ended}_best_peer",
                min(ranks[one].rank for one in peers),
                among,
                "",
                False,
            )
        if not quick:
            half = summaries([one for one in own if one.set in others], split, ["ours"])["ours"]
            apart = f"the {half.sets} that no setting was chosen on, of {told}"
            put(f"auroc_mean{ended}_other_half", half.auroc, apart)
            put(f"ap_mean{ended}_other_half", half.ap, apart)
    return found


def read(path: Path) -> list[Result]:
    """Return the results in a file; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Result(
                row["set"],
                "random" if row["split"] == "random" else "published",
                int(row["seed"]),
                row["detector"],
                float(row["auroc"]),
                float(row["ap"]),
                float(row["seconds"]),
            )
            for row in csv.DictReader(file)
        ]


def append(path: Path, results: Sequence[Result]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [*asdict(results[0])])
        if new:
            writer.writeheader()
        writer.writerows(asdict(one) for one in results)


def shown(results: Sequence[Result]) -> str:
    lines = []
    for split in SPLITS:
        names = {one.detector for one in results if one.split == split}
        compared = [one for one in (*OURS, *PEERS) if one in names]
        found = summaries(results, split, compared) if compared else {}
        for name, one in sorted(found.items(), key=lambda item: -item[1].auroc):
            lines.append(
                f"{split:10s} {name:15s} AUROC {one.auroc:5.2f}  AP {one.ap:5.2f}  "
                f"rank {one.rank:4.2f}  ({one.sets} sets)"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), choices=SPLITS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--sets", nargs="+", default=None)
    parser.add_argument("--detectors", nargs="+", default=["ours", *PEERS])
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    sets = given.sets or adbench.names()
    wanted = list(jobs(sets, given.splits, given.seeds, given.detectors, read(given.results)))
    for found in measure(wanted, given.processes):
        append(given.results, found)
        for one in found:
            print(
                f"{one.set} {one.split} {one.seed} {one.detector}: AUROC {one.auroc:.1f} "
                f"AP {one.ap:.1f} in {one.seconds:.1f} s",
                flush=True,
            )
    print(shown(read(given.results)))


if __name__ == "__main__":
    main()
