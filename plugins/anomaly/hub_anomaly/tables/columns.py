"""What kind of thing each column of a table holds, and how it becomes numbers.

Numbers stay numbers; dates become days; values that come up again become one column each, and one
for those that training never had. Text that hardly ever comes up again tells nothing that a row
could be compared by, and is left away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hub.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MOST_VALUES = 50  # of a column that become columns of their own; rarer ones are one together
REPEATED = 0.5  # share of a text column's rows whose value comes up again: else it is left away
NUMERIC = 0.95  # share of a column's values that read as numbers: the others are taken as missing
SHOWN = 8  # names in a message

Kind = Literal["number", "date", "category"]


@dataclass(frozen=True)
class Column:
    """How a column becomes numbers."""

    name: str
    kind: Kind
    usual: float = 0.0  # the median, which stands for what is missing
    gaps: bool = False  # training has missing values: a column of its own tells of them
    values: tuple[str, ...] = ()  # of a category

    @property
    def width(self) -> int:
        return (len(self.values) + 1 if self.kind == "category" else 1) + self.gaps


@dataclass(frozen=True)
class Columns:
    """How the rows of a table become numbers, as a table to learn from has told."""

    columns: tuple[Column, ...]
    left_out: tuple[tuple[str, str], ...] = ()  # name, and why
    remarks: tuple[str, ...] = ()  # sentences on columns that are looked at

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.columns]

    @property
    def owners(self) -> np.ndarray:
        """The number of the column that each feature is of, (features,)."""
        return np.repeat(np.arange(len(self.columns)), [one.width for one in self.columns])

    @classmethod
    def learned(cls, frame: DataFrame, argument: str = "table") -> Columns:
        """Return how a table's columns become numbers.

        Raises:
            InputError: it has fewer than two rows, or no column that could be learned from.
        """
        if len(frame) < 2:
            raise InputError(
                f"the table has {len(frame)} row; what is usual is learned from at least two, and "
                "better from a hundred or more",
                argument,
            )
        found, left, remarks, alike = [], [], [], []
        for name in frame.columns:
            made = column_of(str(name), frame[name])
            if isinstance(made, Column):
                found.append(made)
                if count := int(infinite(frame[name]).sum()) * (made.kind == "number"):
                    what = "value is" if count == 1 else "values are"
                    remarks.append(f"{name}: {count:,} infinite {what} taken as missing")
                if is_alike(made, frame[name]):
                    alike.append(str(name))
            else:
                left.append((str(name), made))
        if alike:
            what = "are" if len(alike) > 1 else "is"
            remarks.append(f"{listed(alike)} {what} the same in all rows: any other value is odd")
        if not found:
            why = "; ".join(f"{name}: {reason}" for name, reason in left[:SHOWN])
            raise InputError(f"no column of the table can be learned from ({why})", argument)
        return cls(tuple(found), tuple(left), tuple(remarks))

    def numbers(self, frame: DataFrame, argument: str = "table") -> np.ndarray:
        """Return a table's rows as (rows, features) float64, all finite.

        Raises:
            InputError: columns are missing; the message names them, and those that are not known.
        """
        self.check(frame, argument)
        parts = [part for one in self.columns for part in features_of(one, frame[one.name])]
        return np.stack(parts, 1)

    def check(self, frame: DataFrame, argument: str) -> None:
        given = [str(one) for one in frame.columns]
        missing = [name for name in self.names if name not in given]
        known = {*self.names, *(name for name, _ in self.left_out)}
        extra = [name for name in given if name not in known]
        if missing:
            also = f"; it has {listed(extra)}, which the detector does not know" if extra else ""
            raise InputError(
                f"the table lacks {listed(missing)}, which the detector has learned from{also}",
                argument,
            )


def listed(names: list[str]) -> str:
    shown = ", ".join(repr(one) for one in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"the column{'s' if len(names) > 1 else ''} {shown}{more}"


def column_of(name: str, values: Series) -> Column | str:
    """Return how a column becomes numbers, or why it is left away."""
    import pandas

    there = values.dropna()
    if not len(there):
        return "it has no values"
    if pandas.api.types.is_datetime64_any_dtype(values):
        return numeric(name, "date", days(values))
    numbers = as_numbers(values)
    read = np.isfinite(numbers).sum() + infinite(values).sum()
    if np.isfinite(numbers).any() and read >= NUMERIC * len(there):
        return numeric(name, "number", numbers)
    texts = there.astype(str)
    counts = texts.value_counts()
    if counts[counts > 1].sum() < REPEATED * len(texts):
        return f"{len(counts):,} different texts in {len(texts):,} rows"
    often = [str(one) for one in counts.index[:MOST_VALUES]]
    return Column(name, "category", gaps=len(there) < len(values), values=tuple(often))


def is_alike(column: Column, values: Series) -> bool:
    """Return whether a column has one value, and no gaps."""
    kinds = len(column.values) if column.kind == "category" else values.nunique()
    return kinds == 1 and not column.gaps


def infinite(values: Series) -> np.ndarray:
    """Return which values are numbers beyond all bounds, (rows,) bool."""
    import pandas

    if pandas.api.types.is_bool_dtype(values):
        return np.zeros(len(values), bool)
    return np.isinf(np.array(pandas.to_numeric(values, errors="coerce"), np.float64))


def numeric(name: str, kind: Kind, numbers: np.ndarray) -> Column:
    there = np.isfinite(numbers)
    return Column(name, kind, float(np.median(numbers[there])), not bool(there.all()))


def features_of(column: Column, values: Series) -> list[np.ndarray]:
    """Return the features of a column, (rows,) each."""
    if column.kind == "category":
        missing = values.isna().to_numpy()
        texts = values.astype(str).to_numpy()
        found = [np.where(missing, False, texts == one) for one in column.values]
        unseen = ~missing & ~np.any(found, 0)
        features = [*found, unseen]
    else:
        numbers = days(values) if column.kind == "date" else as_numbers(values)
        missing = ~np.isfinite(numbers)
        features = [np.where(missing, column.usual, numbers)]
    if column.gaps:
        features.append(missing)
    return [one.astype(np.float64) for one in features]


def as_numbers(values: Any) -> np.ndarray:
    """Return values as float64; what is no number, or beyond 1e150 and so squared no finite one, as
    missing."""
    import pandas

    if pandas.api.types.is_bool_dtype(values):
        values = values.astype("float64")
    numbers = np.array(pandas.to_numeric(values, errors="coerce"), np.float64)
    numbers[~(np.abs(numbers) < 1e150)] = np.nan
    return numbers


def days(values: Any) -> np.ndarray:
    """Return dates as days since 1970."""
    import pandas

    dates = pandas.to_datetime(values, errors="coerce", utc=True)
    since = dates - pandas.Timestamp(0, tz="UTC")
    return np.asarray(since / pandas.Timedelta(days=1), np.float64)
