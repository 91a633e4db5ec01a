"""A detector together with the table that it was learned from: its columns, its labels, what was
left away."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import InputError
from hub_anomaly.tables.columns import Columns, listed
from hub_anomaly.tables.detector import Detector, Scores
from hub_anomaly.tables.model import ModelConfig

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MOST = 20_000  # rows that are learned from: neighbours are looked for among all of them
PART = 10_000  # rows that are scored at once
FEWEST = 20  # usual rows that a detector can be judged with, half of them kept apart
SEED = 1234


@dataclass(frozen=True)
class Judged:
    """How well a detector tells labelled rows apart that it did not learn from."""

    auroc: float  # percent
    ap: float  # percent
    usual: int  # rows
    anomalous: int


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was learned of a table."""

    columns: Columns
    detector: Detector
    learned: np.ndarray  # (rows,) ascending: numbers of the rows it learned from, in its table
    total: int  # rows of that table
    print: str  # of those rows, to know them again: see `print_of`
    label: str  # the column of labels; empty: none
    anomalous: tuple[str, ...]  # its values that mean an anomaly
    judged: Judged | None
    held_out: tuple[np.ndarray, np.ndarray] | None  # scores of rows that were kept apart, and which
    notes: tuple[str, ...]
    grouped: bool = False  # rows are compared with means of those that were learned from

    @classmethod
    def of(
        cls,
        frame: DataFrame,
        label: str = "",
        anomalous: tuple[str, ...] = (),
        config: ModelConfig | None = None,
        device: str = "cpu",
        told: Callable[[float], None] | None = None,
    ) -> Fitted:
        """Return what can be learned of a table.

        Where a column of labels is named, rows that are labelled anomalous are not learned from,
        and half of the others are kept apart, so that the detector can be judged.

        Args:
            label: a column whose values tell which rows are anomalous; it is not learned from.
            anomalous: those values; none: all but the commonest.
            told: is told the share that is done; what it raises ends the work.

        Raises:
            InputError: a column or value that is not there, labels of one kind, or no more than one
                row to learn from.
        """
        rng = np.random.default_rng(SEED)
        notes: list[str] = []
        rest, truth, values = frame, None, anomalous
        if label:
            truth, values = truth_of(frame, label, anomalous)
            rest = frame.drop(columns=[label])
        usual = np.flatnonzero(~truth) if truth is not None else np.arange(len(frame))
        learned, kept = usual, np.zeros(0, np.int64)
        if truth is not None and len(usual) >= FEWEST:
            order = rng.permutation(usual)
            learned, kept = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
        elif truth is not None:
            notes.append(
                f"{len(usual)} usual rows are too few to keep half of them apart: the detector is "
                "not judged"
            )
        if len(learned) > MOST:
            notes.append(f"{MOST:,} of {len(learned):,} usual rows, by chance, are learned from")
            learned = np.sort(rng.choice(learned, MOST, replace=False))
        columns = Columns.learned(rest.iloc[learned])
        notes += [f"{name} is left away: {why}" for name, why in columns.left_out]
        notes += columns.remarks
        numbers = columns.numbers(rest.iloc[learned])
        detector = Detector.fit(numbers, config, SEED, device, told)
        judged = held_out = None
        if truth is not None and len(kept):
            asked = np.concatenate([kept, np.flatnonzero(truth)])
            scores = np.concatenate(
                [one.score for one in scored(detector, columns, rest.iloc[asked])]
            )
            judged, held_out = judge(scores, truth[asked]), (scores, truth[asked])
        return cls(
            columns,
            detector,
            learned,
            len(frame),
            print_of(numbers),
            label,
            values,
            judged,
            held_out,
            tuple(notes),
        )

    @property
    def rows(self) -> int:
        """How many rows it learned from."""
        return len(self.learned)

    def knows(self, frame: DataFrame) -> np.ndarray:
        """Return which rows of a table were learned from, (rows,) bool: none, unless it is the very
        table that was given to learn from."""
        known = np.zeros(len(frame), bool)
        if len(frame) == self.total:
            rows = self.columns.numbers(frame.iloc[self.learned])
            known[self.learned] = print_of(rows) == self.print
        return known

    def scores(self, frame: DataFrame, argument: str = "table") -> Iterator[Scores]:
        """Yield how unusual the rows of a table are, some at a time; a row that was learned from is
        set beside the others that were.

        Raises:
            InputError: columns are missing.
        """
        self.columns.check(frame, argument)
        own, known = np.full(len(frame), np.nan, np.float32), self.knows(frame)
        if known.any() and not self.grouped:
            own[known] = self.detector.own
        return scored(self.detector, self.columns, frame, own)

    def restored(self, frame: DataFrame) -> np.ndarray:
        """Return rows of a table, as features, without the noise that the network sees in them."""
        return self.detector.scores(self.columns.numbers(frame)).restored

    def truth(self, frame: DataFrame) -> np.ndarray | None:
        """Return which rows of another table are labelled anomalous, (rows,) bool; None where it
        has no labels."""
        if not self.label or self.label not in frame.columns:
            return None
        return frame[self.label].astype(str).isin(self.anomalous).to_numpy()


def print_of(rows: np.ndarray) -> str:
    """Return a fingerprint of rows, (rows, features) float64."""
    return hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()


def scored(
    detector: Detector, columns: Columns, frame: DataFrame, own: np.ndarray | None = None
) -> Iterator[Scores]:
    """Yield how unusual rows are.

    Args:
        own: scores that are known already, (rows,); NaN: not.
    """
    for start in range(0, len(frame), PART):
        here = slice(start, start + PART)
        found = detector.scores(columns.numbers(frame.iloc[here]))
        if own is not None:
            found = replace(found, score=np.where(np.isnan(own[here]), found.score, own[here]))
        yield found


def judge(scores: np.ndarray, truth: np.ndarray) -> Judged:
    from sklearn.metrics import average_precision_score, roc_auc_score

    return Judged(
        100 * float(roc_auc_score(truth, scores)),
        100 * float(average_precision_score(truth, scores)),
        int((~truth).sum()),
        int(truth.sum()),
    )


def truth_of(
    frame: DataFrame, label: str, anomalous: tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return which rows are labelled anomalous, (rows,) bool, and the values that say so.

    Raises:
        InputError: the column or a value is not there, or all rows are of one kind.
    """
    if label not in frame.columns:
        raise InputError(
            f"the table has no column {label!r} of labels; it has "
            f"{listed([str(one) for one in frame.columns])}",
            "label",
        )
    values: Series = frame[label].astype(str)
    counts = values.value_counts()
    unknown = [one for one in anomalous if one not in counts.index]
    if unknown:
        raise InputError(
            f"column {label!r} has no value {unknown[0]!r}; it has "
            f"{', '.join(repr(str(one)) for one in counts.index[:8])}",
            "anomalous",
        )
    if len(counts) > max(20, len(frame) // 10):
        raise InputError(
            f"column {label!r} has {len(counts):,} different values: that is no column of labels",
            "label",
        )
    chosen = anomalous or tuple(str(one) for one in counts.index[1:])
    truth = values.isin(chosen).to_numpy()
    if truth.all() or not truth.any():
        kind = "anomalous" if truth.all() else "usual"
        raise InputError(
            f"by column {label!r} all {len(truth):,} rows are {kind}: labels tell something only "
            "where there are both; leave `label` empty, or name the anomalous values",
            "label",
        )
    return truth, chosen
