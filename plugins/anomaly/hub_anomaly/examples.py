"""Tables to try the detector on: two that come with scikit-learn, and two larger ones where the
data sets are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from hub import data
from hub.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

FRAUD, INTRUSION = "tabular/creditcard_sample", "tabular/kddcup99"
BUNDLED = ("fraud", "intrusion")  # the checkpoint brings detectors of them
CONNECTIONS = 20_000  # of the intrusion set


@dataclass(frozen=True)
class Example:
    """A labelled table."""

    title: str
    about: str  # one sentence: what a row is, and what an anomaly
    label: str
    anomalous: tuple[str, ...]
    load: Callable[[], DataFrame]
    needs: str = ""  # a data set

    @property
    def available(self) -> bool:
        return not self.needs or data.available(self.needs)

    def table(self) -> DataFrame:
        """Return the rows.

        Raises:
            DataError: the data set is not there.
        """
        if not self.available:
            raise DataError(f"{self.title} needs {self.needs}, which is not here")
        return self.load()


@cache
def cancer() -> DataFrame:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer(as_frame=True)
    rows = found.data.copy()
    rows["diagnosis"] = found.target.map({0: "malignant", 1: "benign"})
    return rows


@cache
def digits() -> DataFrame:
    """Return 8x8 pictures of digits: the zeros, and some of every other digit."""
    from sklearn.datasets import load_digits

    found = load_digits(as_frame=True)
    rows = found.data.astype("float64")
    rows["digit"] = found.target.astype(str)
    zeros, others = rows[rows["digit"] == "0"], rows[rows["digit"] != "0"]
    chosen = others.groupby("digit").head(5)
    kept = rows.loc[zeros.index.union(chosen.index)].reset_index(drop=True)
    kept["digit"] = kept["digit"].where(kept["digit"] == "0", "another")
    return kept


@cache
def fraud() -> DataFrame:
    rows: DataFrame = data.table(FRAUD, "transactions").to_pandas()
    return rows.drop(columns=["Time", "part"])  # when, and of which file: no property of a payment


@cache
def intrusion() -> DataFrame:
    """Return connections without repeated ones, as many attacks as a tenth of the normal ones."""
    rows: DataFrame = data.table(INTRUSION, "train_10_percent").to_pandas().drop_duplicates()
    rows["label"] = rows["label"].where(rows["label"] == "normal", "attack")
    normal, attacks = rows[rows["label"] == "normal"], rows[rows["label"] == "attack"]
    some = [
        one.sample(n=min(len(one), n), random_state=0)
        for one, n in ((normal, CONNECTIONS), (attacks, CONNECTIONS // 10))
    ]
    chosen = some[0].index.union(some[1].index)
    return rows.loc[chosen].reset_index(drop=True)


EXAMPLES = {
    "cancer": Example(
        "Breast cancer",
        "Thirty measures of the cell nuclei in a biopsy; malignant ones are the anomalies.",
        "diagnosis",
        ("malignant",),
        cancer,
    ),
    "digits": Example(
        "Handwritten zeros",
        "The 64 pixels of an 8x8 picture; any digit but zero is an anomaly.",
        "digit",
        ("another",),
        digits,
    ),
    "fraud": Example(
        "Credit-card fraud",
        "The amount of a payment and 28 components of what else is known of it; frauds are odd.",
        "Class",
        ("1",),
        fraud,
        FRAUD,
    ),
    "intrusion": Example(
        "Network intrusion",
        "41 features of a connection (KDD Cup 1999); attacks are the anomalies.",
        "label",
        ("attack",),
        intrusion,
        INTRUSION,
    ),
}


def made_up_payments() -> bytes:
    """Return two payments that nobody made, as CSV: one in the middle of all, and one far away."""
    lines = [[*(f"V{number}" for number in range(1, 29)), "Amount"]]
    lines += [[value] * 28 + [amount] for value, amount in (("0", "20"), ("9", "9000"))]
    return "\n".join(map(",".join, lines)).encode()
