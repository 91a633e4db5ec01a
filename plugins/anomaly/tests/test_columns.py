import numpy as np
import pandas
import pytest

from hub.errors import InputError
from hub_anomaly.tables.columns import Columns


def frame(rows=100):
    rng = np.random.default_rng(0)
    return pandas.DataFrame(
        {
            "size": rng.normal(size=rows),
            "whole": rng.integers(0, 9, rows),
            "yes": rng.random(rows) < 0.5,
            "kind": rng.choice(["a", "b", "c"], rows),
            "day": pandas.Timestamp("2026-01-01") + pandas.to_timedelta(np.arange(rows), "D"),
            "id": [f"row {one}" for one in range(rows)],
            "nothing": [None] * rows,
            "same": [7.0] * rows,
        }
    )


def test_columns_become_numbers_by_what_they_hold():
    table = frame()
    columns = Columns.learned(table)
    kinds = {one.name: one.kind for one in columns.columns}
    assert kinds == {
        "size": "number",
        "whole": "number",
        "yes": "number",
        "kind": "category",
        "day": "date",
        "same": "number",
    }
    assert dict(columns.left_out) == {
        "id": "100 different texts in 100 rows",
        "nothing": "it has no values",
    }
    numbers = columns.numbers(table)
    assert numbers.shape == (100, 9) and np.isfinite(numbers).all()
    assert columns.owners.tolist() == [0, 1, 2, 3, 3, 3, 3, 4, 5]
    assert numbers[:, 3:6].sum(1).tolist() == [1.0] * 100 and not numbers[:, 6].any()
    assert np.diff(numbers[:, 7]).tolist() == [1.0] * 99


def test_gaps_and_infinities_are_missing_and_told():
    table = frame()
    table.loc[3, "size"], table.loc[4, "size"] = np.nan, np.inf
    table["kind"] = table["kind"].astype(object)
    table.loc[5, "kind"] = None
    columns = Columns.learned(table)
    numbers = columns.numbers(table)
    assert numbers[[3, 4], 0].tolist() == [columns.columns[0].usual] * 2
    assert numbers[:, 1].nonzero()[0].tolist() == [3, 4]
    owners = columns.owners
    assert numbers[5, owners == 3].tolist() == [0, 0, 0, 0, 1]


def test_an_unseen_value_is_told_from_those_that_were_seen():
    columns = Columns.learned(frame())
    new = frame().iloc[:2].copy()
    new["kind"] = ["a", "z"]
    assert columns.numbers(new)[:, 6].tolist() == [0, 1]


def test_numbers_as_text_are_numbers_and_a_stray_word_is_missing():
    table = pandas.DataFrame({"a": [str(one) for one in range(99)] + ["many"]})
    columns = Columns.learned(table)
    assert columns.columns[0].kind == "number" and columns.columns[0].gaps
    assert columns.numbers(table)[-1].tolist() == [49.0, 1.0]


def test_infinite_values_and_columns_that_are_all_the_same_are_told():
    table = pandas.DataFrame(
        {
            "a": ["inf" if one % 5 == 0 else str(one) for one in range(50)],
            "b": [1.0] * 50,
            "c": ["x"] * 50,
            "d": [-np.inf, *range(49)],
        }
    )
    columns = Columns.learned(table)
    assert [one.kind for one in columns.columns] == ["number", "number", "category", "number"]
    assert columns.remarks == (
        "a: 10 infinite values are taken as missing",
        "d: 1 infinite value is taken as missing",
        "the columns 'b', 'c' are the same in all rows: any other value is odd",
    )
    assert np.isfinite(columns.numbers(table)).all()


def test_columns_that_do_not_fit_are_named():
    columns = Columns.learned(frame())
    new = frame().drop(columns=["size", "yes"]).rename(columns={"kind": "sort"})
    with pytest.raises(InputError, match="lacks the columns 'size', 'yes', 'kind'") as told:
        columns.numbers(new, "rows")
    assert told.value.argument == "rows"
    assert "it has the column 'sort', which the detector does not know" in str(told.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (frame(1), "1 row; what is usual is learned from at least two"),
        (frame(9)[["id", "nothing"]], "no column of the table can be learned from"),
    ],
)
def test_what_cannot_be_learned_from_is_told(table, message):
    with pytest.raises(InputError, match=message):
        Columns.learned(table)
