"""Tables as people have them: CSV with any usual separator and encoding, or Parquet."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

MAX_BYTES = 200_000_000
MAX_ROWS = 1_000_000
MAX_COLUMNS = 2_000
HEAD = 200_000  # characters that tell the separator
SEPARATORS = ",;\t|"
ENCODINGS = ("utf-8-sig", "cp1252", "latin-1")  # the last one takes any bytes
MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "-")


def read_table(content: bytes | Path, name: str, argument: str = "table") -> DataFrame:
    """Return a table as a DataFrame, its columns named by text.

    Args:
        content: of a CSV or Parquet file, or where it is.
        name: of the file, for messages.
        argument: of the endpoint, for errors.

    Raises:
        InputError: too large, empty, no table, or two columns have one name.
    """
    size = content.stat().st_size if isinstance(content, Path) else len(content)
    if size > MAX_BYTES:
        raise InputError(
            f"{name} has {size / 1e6:,.0f} MB; a table may have {MAX_BYTES / 1e6:g} MB: give some "
            "of its rows",
            argument,
        )
    data = content.read_bytes() if isinstance(content, Path) else content
    if not data.strip():
        raise InputError(f"{name} is empty", argument)
    if data[:4] == b"PK\x03\x04":
        raise InputError(
            f"{name} is a workbook or an archive; save the table as CSV or Parquet", argument
        )
    frame = from_parquet(data, name, argument) if data[:4] == b"PAR1" else None
    if frame is None:
        frame = from_text(data, name, argument)
    if not len(frame):
        raise InputError(f"{name} has a line of names, and no rows", argument)
    if len(frame) > MAX_ROWS:
        raise InputError(
            f"{name} has {len(frame):,} rows; a table may have {MAX_ROWS:,}: give a part of them",
            argument,
        )
    return frame


def from_parquet(data: bytes, name: str, argument: str) -> DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{name} begins as a Parquet file, but is damaged", argument) from error
    check_names([str(one) for one in table.column_names], name, argument)
    return table.to_pandas()


def from_text(data: bytes, name: str, argument: str) -> DataFrame:
    import pandas

    text = decoded(data, name, argument)
    separator = separator_of(text)
    first = next(csv.reader(io.StringIO(text[:HEAD]), delimiter=separator), [])
    named = not all(is_number(one) for one in first if one.strip()) or not any(first)
    if named:
        check_names([one.strip() for one in first], name, argument)
    elif len(first) > MAX_COLUMNS:
        check_names([str(one) for one in range(len(first))], name, argument)
    decimal = "," if separator == ";" and comma_decimals(text) else "."
    try:
        frame = pandas.read_csv(
            io.StringIO(text),
            sep=separator,
            header=0 if named else None,
            decimal=decimal,
            skipinitialspace=True,
            na_values=MISSING,
            keep_default_na=False,
            nrows=MAX_ROWS + 1,
            low_memory=False,
        )
    except (ValueError, csv.Error) as error:  # ParserError is a ValueError
        line = str(error).strip().splitlines()[-1] if str(error).strip() else "it is no table"
        raise InputError(f"{name} cannot be read as CSV: {line}", argument) from error
    frame.columns = [
        str(one).strip() if named else f"column {number}"
        for number, one in enumerate(frame.columns, 1)
    ]
    return frame


def decoded(data: bytes, name: str, argument: str) -> str:
    """Return the text of a file, without NUL characters in it, which no table has."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ENCODINGS
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text[:HEAD]:
            break
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise InputError(f"{name} is neither text nor Parquet; give a CSV or Parquet file", argument)


def separator_of(text: str) -> str:
    """Return the separator that most lines have equally often; a comma where none does."""
    lines = [line for line in text[:HEAD].split("\n")[:50] if line.strip()]
    if len(text) > HEAD and len(lines) > 1:
        lines = lines[:-1]  # it may be cut off

    def agreement(separator: str) -> tuple[int, int]:
        counts = Counter(line.count(separator) for line in lines)
        most, lines_with = max(counts.items(), key=lambda item: (item[0] > 0, item[1]))
        return (lines_with if most else 0), most

    best = max(SEPARATORS, key=agreement) if lines else ","
    return best if agreement(best)[1] else ","


def comma_decimals(text: str) -> bool:
    """Return whether numbers of a file that is separated by semicolons have decimal commas."""
    cells = [one for line in text[:HEAD].split("\n")[1:50] for one in line.split(";")]
    return sum(is_number(one.replace(",", ".", 1)) and "," in one for one in cells) > 0


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_names(names: Sequence[str], name: str, argument: str) -> None:
    """Refuse too many columns, and two of one name.

    Raises:
        InputError: so it is.
    """
    if len(names) > MAX_COLUMNS:
        raise InputError(
            f"{name} has {len(names):,} columns; a table may have {MAX_COLUMNS:,}: leave some away",
            argument,
        )
    twice = [one for one, count in Counter(names).items() if count > 1 and one]
    if twice:
        shown = ", ".join(repr(one) for one in twice[:5])
        raise InputError(
            f"{name} has several columns called {shown}: give each column a name of its own",
            argument,
        )
