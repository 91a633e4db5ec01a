"""What can be asked of the detector: learn what is usual in a table, tell what is not, and how well
others tell it.

Everything heavy is imported when the service is made, or an endpoint first needs it.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import numpy as np

from hub import (
    Files,
    Image,
    InputError,
    Json,
    Length,
    Picture,
    Progress,
    Range,
    Upload,
    WholeImage,
    endpoint,
)
from hub.kinds import Choice
from hub.media import File
from hub_anomaly.examples import EXAMPLES, made_up_payments
from hub_anomaly.pictures.made import brushed_metal
from hub_anomaly.pictures.usual import DETECTORS, TILES, sort_of
from hub_anomaly.tables.reading import MAX_BYTES, read_table

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from hub_anomaly.tables.fitted import Fitted

GPU_SECONDS = 60
BINS = 60  # of a histogram of scores
TOLD = 10  # columns of a row that are told, the oddest first
CURVE = 1_000  # scores that stand for all of a group: a threshold on the page counts by them
LONGEST = 200  # characters of a value that is told
CELLS = 12  # columns of the table of the most unusual rows
HEAD = 5_000  # rows that tell soon that a column has more values
FEW_VALUES = 20  # of a column that may hold labels
LABELS = ("label", "labels", "class", "target", "anomaly", "anomalous", "outlier", "fraud", "y")
COMPARED = 5_000  # rows that peers learn from, and are judged by: some grow with the square

ExampleName = Literal["cancer", "digits", "fraud", "intrusion"]
Peer = Literal["kNN", "IForest", "ECOD", "LOF"]
COMPARED_WITH: tuple[str, ...] = get_args(Peer)
TableFile = Annotated[list[Upload], Files(high=1, max_bytes=MAX_BYTES)]
Usual = Annotated[str, Choice(tuple(DETECTORS))]
Photo = Annotated[Picture, WholeImage()]
Name = Annotated[str, Length(0, 500)]
Id = Annotated[str, Length(1, 100)]


LEARNED = Json(
    {
        "detector": "its id, for `score`",
        "rows": "how many usual rows it learned from",
        "columns": "one object per column it looks at: name, kind",
        "label": "the column of labels, or empty",
        "anomalous": "its values that mean an anomaly",
        "auroc": "percent, of rows kept apart; null without labels",
        "ap": "percent, average precision; null without labels",
        "histogram": "edges, and counts of learned, usual and anomalous rows' scores",
        "learned": "scores of usual rows that others are ranked among, those it learned from: "
        "count, and scores, ascending, at most 1,000 that stand for all",
        "seconds": "what learning took; null of a detector that was here already",
        "notes": "sentences: what was left away, and why",
    }
)


class Anomaly:
    """Detectors that visitors make, those that the checkpoint brings, and what they say."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        import torch

        from hub_anomaly.kept import Kept
        from hub_anomaly.model import load
        from hub_anomaly.tables import fitted

        self.torch, self.fitted = torch, fitted
        self.device = device
        found = load(checkpoint, device)
        self.pictures = found.pictures
        self.kept = Kept(found.tables, device)

    @endpoint(timeout=120, examples=[{"example": "cancer"}])
    def describe(
        self, table: TableFile | None = None, example: ExampleName | None = None
    ) -> Annotated[
        dict,
        Json(
            {
                "rows": "how many there are",
                "columns": "how many there are",
                "labels": "columns of few values, which may tell the anomalies: name, and values, "
                "the commonest first",
                "label": "the one of them that looks most like it, or empty",
            }
        ),
    ]:
        """Tell what is in a table, and which of its columns may be one of labels.

        Args:
            table: a CSV file, with any separator, or a Parquet file, of at most 200 MB.
            example: a table that is here already, instead.

        Returns:
            Counts, and the columns that have 2 to 20 different values.
        """
        frame, label, _ = self._given(table, example, "", None)
        labels = [
            {"name": str(name), "values": values}
            for name in frame.columns
            if (values := few_values(frame[name]))
        ]
        likely = [one["name"] for one in labels if str(one["name"]).lower() in LABELS]
        return {
            "rows": len(frame),
            "columns": frame.shape[1],
            "labels": labels,
            "label": label or (likely[0] if likely else ""),
        }

    @endpoint(timeout=600, gpu_seconds=GPU_SECONDS, examples=[{"example": "cancer"}])
    def fit(
        self,
        table: TableFile | None = None,
        example: ExampleName | None = None,
        label: Name = "",
        anomalous: list[Name] | None = None,
        progress: Progress | None = None,
    ) -> Annotated[dict, LEARNED]:
        """Learn what is usual in a table.

        A denoising auto-encoder learns to tell the noise that is added to rows. A row's score is
        how far it lies from the nearest rows that were learned, for the place where they lie, in
        the auto-encoder's code and in the table itself. Columns of numbers, dates and repeated
        values are told apart by themselves; gaps may be anywhere.

        Args:
            table: a CSV file, with any separator, or a Parquet file, of at most 200 MB.
            example: a table that is here already, instead of one of your own, with its labels.
            label: a column that tells which rows are anomalous: these are not learned from, and
                half of the others are kept apart to judge the detector by; empty: there is none.
            anomalous: the values of that column that mean an anomaly; null: all but the commonest.

        Returns:
            The detector's id and what is to be known of it.
        """
        frame, label, values = self._given(table, example, label, anomalous)
        began = time.perf_counter()

        def told(share: float) -> None:
            if progress is not None:
                progress(0.1 + 0.8 * share, "learning")

        with self.torch.inference_mode(False), self.torch.enable_grad():
            fitted = self.fitted.Fitted.of(frame, label, values, device=self.device, told=told)
        seconds = round(time.perf_counter() - began, 2)
        return told_of(self.kept.put(fitted), fitted, seconds)

    @endpoint(examples=[{"detector": "fraud"}])
    def about(self, detector: Id) -> Annotated[dict, LEARNED]:
        """Tell again what `fit` told of a detector; also of those that are here from the start,
        "fraud" and "intrusion".

        "fraud" has learned 4,549 honest credit-card payments (columns V1 to V28 and Amount), and
        "intrusion" 10,000 connections of KDD Cup 1999 that were no attack. Neither holds a row of
        them: rows are compared with means of five or more.

        Args:
            detector: the id of a detector.

        Returns:
            What is to be known of it.
        """
        return told_of(detector, self.kept.get(detector))

    @endpoint(
        timeout=600,
        gpu_seconds=GPU_SECONDS,
        examples=[{"detector": "fraud", "table": [made_up_payments()]}],
    )
    def score(
        self,
        detector: Id,
        table: TableFile | None = None,
        example: ExampleName | None = None,
        k: Annotated[int, Range(1, 1000)] = 20,
        progress: Progress | None = None,
    ) -> tuple[
        Annotated[
            dict,
            Json(
                {
                    "rows": "how many were scored",
                    "auroc": "percent, of rows that were not learned from, where the table has "
                    "the labels; else null",
                    "ap": "percent, likewise",
                    "rare": "how many rows score higher than 99 of 100 usual ones",
                    "scores": "of the rows that were not learned from, by group, usual and "
                    "anomalous or new: count, and scores, ascending, at most 1,000 for all",
                    "columns": "the columns that are odd most in `top`, at most 12",
                    "top": "the k rows of the highest score: row (from 0), score, rarity, learned, "
                    "anomalous (or null), values and shares of `columns`, and odd: the oddest "
                    "columns with value, restored, share",
                }
            ),
        ],
        Annotated[bytes, File((".csv",))],
    ]:
        """Tell how unusual the rows of a table are.

        Args:
            detector: the id of a detector, of `fit`; or "fraud" or "intrusion", which are here.
            table: a CSV or Parquet file with the columns that the detector knows; others are passed
                over.
            example: a table that is here already, instead.
            k: how many of the most unusual rows are told in full.

        Returns:
            A summary with the most unusual rows, and a CSV file of all rows with `score`, `rarity`
            (the share of usual rows that score as high or higher) and `oddest_column`. Of a row,
            a column's share is that of the noise which the auto-encoder sees in it; `restored` is
            its value without that.
        """
        fitted = self.kept.get(detector)
        frame = self._given(table, example, "", None)[0]
        scores = np.empty(len(frame), np.float32)
        shares = np.empty((len(frame), len(fitted.columns.columns)), np.float32)
        done = 0
        for part in fitted.scores(frame):
            here = slice(done, done + len(part.score))
            scores[here], shares[here] = part.score, shares_of(fitted, part.oddness)
            done = here.stop
            if progress is not None:
                progress(done / len(frame), f"{done:,} of {len(frame):,} rows")
        rarity = fitted.detector.rarity(scores)
        known, truth = fitted.knows(frame), fitted.truth(frame)
        groups = {"new": scores[~known]}
        judged = None
        if truth is not None:
            groups = {"usual": scores[~known & ~truth], "anomalous": scores[~known & truth]}
            if all(len(one) for one in groups.values()):
                judged = self.fitted.judge(scores[~known], truth[~known])
        top = np.argsort(-scores, kind="stable")[:k]
        restored = fitted.restored(frame.iloc[top])
        columns = np.argsort(-shares[top].sum(0), kind="stable")[:CELLS]
        names = [fitted.columns.names[one] for one in columns]
        told = [
            {
                "row": int(row),
                "score": rounded(float(scores[row]), 4),
                "rarity": rounded(float(rarity[row]), 6),
                "learned": bool(known[row]),
                "anomalous": None if truth is None else bool(truth[row]),
                "values": [value_of(frame, int(row), name) for name in names],
                "shares": [rounded(float(shares[row, one]), 4) for one in columns],
                "odd": odd(fitted, frame, int(row), shares[row], moved),
            }
            for row, moved in zip(top, restored, strict=True)
        ]
        summary = {
            "rows": len(frame),
            "auroc": rounded(judged.auroc) if judged else None,
            "ap": rounded(judged.ap) if judged else None,
            "rare": int((rarity <= 0.01).sum()),
            "scores": {name: curve(values) for name, values in groups.items()},
            "columns": names,
            "top": told,
        }
        return summary, with_scores(frame, scores, rarity, fitted.columns.names, shares)

    @endpoint(timeout=900, gpu_seconds=GPU_SECONDS, examples=[{"example": "cancer"}])
    def compare(
        self,
        table: TableFile | None = None,
        example: ExampleName | None = None,
        label: Name = "",
        anomalous: list[Name] | None = None,
        progress: Progress | None = None,
    ) -> Annotated[
        dict,
        Json(
            {
                "rows": "how many usual rows all learned from",
                "judged": "how many rows they were judged by",
                "results": "one object per detector, the best first: detector, auroc, ap, seconds; "
                "of ours also its parts: code, input, reconstruction",
            }
        ),
    ]:
        """Compare the detector with others on a labelled table: with PyOD's nearest neighbours
        (kNN), isolation forest, ECOD and local outlier factor (LOF), at their defaults; and with
        parts of itself: the distance in the code, in the input, and the reconstruction error.

        All learn from the same half of the usual rows, and are judged by the other half and the
        anomalies.

        Args:
            table: a CSV or Parquet file with a column of labels.
            example: a table that is here already, instead.
            label: the column of labels; of an example not needed.
            anomalous: its values that mean an anomaly; null: all but the commonest.

        Returns:
            `rows`, `judged`, `results`; AUROC and average precision in percent.
        """
        from hub_anomaly.comparing import compared

        frame, label, values = self._given(table, example, label, anomalous)
        if not label:
            raise InputError(
                "label is needed to compare: the column that tells which rows are anomalous",
                "label",
            )
        with self.torch.inference_mode(False), self.torch.enable_grad():
            return compared(frame, label, values, COMPARED_WITH, COMPARED, self.device, progress)

    @endpoint(
        gpu_seconds=GPU_SECONDS,
        examples=[{"image": brushed_metal(scratched=True)}],
    )
    def score_image(
        self,
        image: Photo,
        usual: Usual = TILES,
        opacity: Annotated[float, Range(0, 1)] = 0.7,
    ) -> tuple[
        Annotated[np.ndarray, WholeImage()],
        Annotated[np.ndarray, Image()],
        Annotated[np.ndarray, Image()],
        Annotated[
            dict,
            Json(
                {
                    "score": "higher is more unusual; comparable under one `usual` only",
                    "rarity": "share of usual pictures that score as high or higher",
                    "usual": "scores of usual pictures that were not learned from: count, and "
                    "scores, ascending",
                    "size": "width and height of the three pictures",
                    "notes": "sentences: what was done to the picture",
                }
            ),
        ],
    ]:
        """Tell how unusual a picture is, and where.

        An auto-encoder has learned to undo made-up defects in usual pictures. Of a tile, the score
        is that of its most unusual place. A digit or a piece of clothing is scored as a whole, by
        how far its code lies from those of usual ones (of clothes, what differs counts, too); the
        heat tells where it differs from a mix of the nearest usual ones.

        Args:
            image: a picture of at least 8x8 pixels, at most 20,000 a side and 16 million in all.
                It is made grey. A tile fills the picture; a digit or a piece of clothing stands
                alone on an even ground, and is brought to 28x28 pixels, light on black.
            usual: what is usual: "tiles", the surface of magnetic tiles; "digit 0" to "digit 9";
                or a piece of clothing, such as "sneaker".
            opacity: of the strongest heat, where it is drawn over the picture.

        Returns:
            The picture with the heat over it; the heat alone, 100 where it is as high as it is
            nowhere in 19 of 20 usual pictures; the tile without its defects, or the mix of the
            nearest usual ones; and `score`, `rarity`, `usual`, `size`, `notes`.
        """
        from hub_anomaly.pictures.examine import examine, heat_as_grey, with_heat

        if DETECTORS[usual] not in self.pictures:
            here = [name for name, part in DETECTORS.items() if part in self.pictures]
            raise InputError(
                f"the checkpoint has no detector to which {usual!r} is usual; it has "
                f"{', '.join(here) or 'none for pictures'}",
                "usual",
            )
        detector = self.pictures[DETECTORS[usual]]
        found = examine(detector, with_alpha(image), sort_of(usual))
        height, width = found.heat.shape
        told = {
            "score": rounded(found.score, 4),
            "rarity": rounded(found.rarity, 6),
            "usual": curve(detector.usual),
            "size": [width, height],
            "notes": [*image.notes, *found.notes],
        }
        over = with_heat(found.seen, found.heat, opacity)
        return over, heat_as_grey(found.heat), found.restored, told

    def _given(
        self,
        table: list[Upload] | None,
        example: str | None,
        label: str,
        anomalous: list[str] | None,
    ) -> tuple[DataFrame, str, tuple[str, ...]]:
        """Return the table that is meant, its column of labels, and the values of anomalies."""
        if (table is None) == (example is None):
            found = "neither" if table is None else "both"
            raise InputError(f"give either a table or the name of an example; got {found}", "table")
        if example is not None:
            known = EXAMPLES[example]
            if not known.available:
                here = ", ".join(name for name, one in EXAMPLES.items() if one.available)
                raise InputError(
                    f"example {example!r} needs the data set {known.needs}, which is not here; "
                    f"here are {here}",
                    "example",
                )
            return known.table(), label or known.label, tuple(anomalous or known.anomalous)
        (upload,) = table or []
        frame = read_table(upload.source, upload.name)
        return frame, label, tuple(anomalous or ())


def told_of(id: str, fitted: Fitted, seconds: float | None = None) -> dict[str, Any]:
    """Return what is to be known of a detector."""
    judged = fitted.judged
    return {
        "detector": id,
        "rows": fitted.rows,
        "columns": [{"name": one.name, "kind": one.kind} for one in fitted.columns.columns],
        "label": fitted.label,
        "anomalous": list(fitted.anomalous),
        "auroc": rounded(judged.auroc) if judged else None,
        "ap": rounded(judged.ap) if judged else None,
        "histogram": histogram(fitted),
        "learned": curve(fitted.detector.usual),
        "seconds": seconds,
        "notes": list(fitted.notes),
    }


def with_alpha(image: Picture) -> np.ndarray:
    """Return a picture's pixels with its transparency as their last channel, where it has any."""
    if image.alpha is None:
        found: np.ndarray = image.pixels
        return found
    return np.dstack([image.pixels, image.alpha])


def rounded(value: float, digits: int = 2) -> float:
    return round(value, digits)


def histogram(fitted: Fitted) -> dict[str, Any]:
    """Return counts of scores, for a drawing: of rows learned from, and of those kept apart."""
    usual = fitted.detector.usual
    groups = {"learned": usual}
    if fitted.held_out is not None:
        scores, truth = fitted.held_out
        groups |= {"usual": scores[~truth], "anomalous": scores[truth]}
    every = np.concatenate([*groups.values()])
    low, high = np.quantile(every, [0.001, 0.999])
    edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
    counts = {
        name: np.histogram(values.clip(edges[0], edges[-1]), edges)[0].tolist()
        for name, values in groups.items()
    }
    return {"edges": edges.round(5).tolist(), **counts}


def curve(scores: np.ndarray) -> dict[str, Any]:
    """Return how many scores there are, and some that stand for all, ascending."""
    ranks = np.linspace(0, len(scores) - 1, min(len(scores), CURVE)).round().astype(int)
    return {"count": len(scores), "scores": np.sort(scores)[ranks].round(4).tolist()}


def few_values(column: Series) -> list[str]:
    """Return a column's values, the commonest first; none, unless there are 2 to 20 of them."""
    if column.iloc[:HEAD].astype(str).nunique() > FEW_VALUES:
        return []
    counts = column.astype(str).value_counts()
    return [str(one)[:LONGEST] for one in counts.index] if 2 <= len(counts) <= FEW_VALUES else []


def shares_of(fitted: Fitted, oddness: np.ndarray) -> np.ndarray:
    """Return what part each column has in rows' oddness, (rows, features): (rows, columns), summing
    to 1."""
    widths = [one.width for one in fitted.columns.columns]
    sums = np.add.reduceat(oddness, np.cumsum([0, *widths[:-1]]), 1)
    found: np.ndarray = sums / np.maximum(sums.sum(1, keepdims=True), 1e-12)
    return found


def odd(
    fitted: Fitted, frame: DataFrame, row: int, shares: np.ndarray, restored: np.ndarray
) -> list[dict[str, Any]]:
    """Return the oddest columns of a row, the oddest first."""
    owners = fitted.columns.owners
    found = []
    for index in np.argsort(-shares, kind="stable")[:TOLD]:
        column = fitted.columns.columns[index]
        own = restored[owners == index]
        found.append(
            {
                "column": column.name,
                "value": value_of(frame, row, column.name),
                "restored": restored_value(column.kind, column.values, own),
                "share": rounded(float(shares[index]), 4),
            }
        )
    return found


def value_of(frame: DataFrame, row: int, name: str) -> str | None:
    """Return what stands in a cell; None: nothing."""
    value = frame[name].iloc[row]
    return None if value is None or value != value else str(value)[:LONGEST]


def restored_value(kind: str, values: tuple[str, ...], own: np.ndarray) -> str:
    if kind == "category":
        best = int(np.argmax(own[: len(values)]))
        return values[best]
    if kind == "date":
        return str(np.datetime64(0, "s") + np.timedelta64(int(own[0] * 86_400), "s"))
    return f"{own[0]:.4g}"


def with_scores(
    frame: DataFrame,
    scores: np.ndarray,
    rarity: np.ndarray,
    names: list[str],
    shares: np.ndarray,
) -> bytes:
    """Return a table with its scores as CSV."""
    out = frame.copy()
    for name, values in (
        ("score", scores.round(5)),
        ("rarity", rarity.round(7)),
        ("oddest_column", np.array(names, object)[shares.argmax(1)]),
    ):
        out[free_name(name, frame)] = values
    held = io.StringIO()
    out.to_csv(held, index=False)
    return held.getvalue().encode()


def free_name(name: str, frame: DataFrame) -> str:
    """Return a name that no column of the table has."""
    while name in frame.columns:
        name += "_"
    return name
