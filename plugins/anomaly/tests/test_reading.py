import io

import numpy as np
import pandas
import pytest

from hub.errors import InputError
from hub_anomaly.tables import reading
from hub_anomaly.tables.reading import read_table

ROWS = [("1.5", "a", "2"), ("2.5", "b", "3"), ("", "a", "4")]


def text(separator=",", decimal=".", header=True, end="\n"):
    lines = [("size", "kind", "count"), *ROWS] if header else ROWS
    cells = [[one.replace(".", decimal) for one in line] for line in lines]
    return end.join(separator.join(line) for line in cells) + end


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_is_read_whatever_its_separator_and_encoding(separator, end, encoding):
    frame = read_table(text(separator, end=end).encode(encoding), "t.csv")
    assert list(frame.columns) == ["size", "kind", "count"]
    assert frame["count"].tolist() == [2, 3, 4] and frame["size"].isna().tolist()[2]


def test_decimal_commas_and_umlauts():
    frame = read_table("größe;zahl\n1,5;2\n2,5;3\n".encode("cp1252"), "t.csv")
    assert list(frame.columns) == ["größe", "zahl"] and frame["größe"].tolist() == [1.5, 2.5]


def test_without_names_columns_are_numbered():
    frame = read_table(b"1,2\n3,4\n5,6\n", "t.csv")
    assert list(frame.columns) == ["column 1", "column 2"] and len(frame) == 3


def test_parquet_is_read_by_its_content(tmp_path):
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})
    held = io.BytesIO()
    frame.to_parquet(held)
    assert read_table(held.getvalue(), "t.csv").equals(frame)
    path = tmp_path / "t.parquet"
    path.write_bytes(held.getvalue())
    assert read_table(path, "t").equals(frame)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv is empty"),
        (b" \n ", "t.csv is empty"),
        (b"a,b\n", "t.csv has a line of names, and no rows"),
        (b"a,b,a,c,b\n1,2,3,4,5\n", "several columns called 'a', 'b'"),
        (b"PAR1" + bytes(50), "begins as a Parquet file, but is damaged"),
        (b"PK\x03\x04" + bytes(50), "a workbook or an archive; save the table as CSV"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "neither text nor Parquet"),
        (b"a,b\n1,2\n1,2,3,4\n", "cannot be read as CSV"),
        (
            ",".join(f"c{i}" for i in range(10_000)).encode() + b"\n1\n",
            "10,000 columns; a table may",
        ),
    ],
)
def test_what_is_no_table_is_told(content, message):
    with pytest.raises(InputError, match=message) as told:
        read_table(content, "t.csv", "rows")
    assert told.value.argument == "rows"


def test_what_is_too_large_is_told(monkeypatch):
    monkeypatch.setattr(reading, "MAX_ROWS", 2)
    with pytest.raises(InputError, match="3 rows; a table may have 2"):
        read_table(text().encode(), "t.csv")
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    with pytest.raises(InputError, match="0 MB; a table may have 1e-05 MB"):
        read_table(text().encode(), "t.csv")


def test_a_long_table_has_all_its_rows():
    values = np.arange(50_000)
    content = "a,b\n" + "\n".join(f"{one},{one % 7}" for one in values)
    assert read_table(content.encode(), "t.csv")["a"].tolist() == values.tolist()
