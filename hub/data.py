"""Data sets by name: from a local Parquet folder, else from the Hugging Face Hub."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hub import settings
from hub.errors import DataError

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"  # beside the project's folder


@dataclass(frozen=True)
class Source:
    """A data set: where it comes from, on which terms, and its Hub repository, if there is one."""

    name: str  # <kind>/<name>, the folder under LATENTHUB_DATA
    splits: tuple[str, ...]
    origin: str
    licence: str
    repo_id: str | None = None
    revision: str | None = None  # the full commit SHA; required with repo_id
    files: tuple[tuple[str, str], ...] = ()  # split and its path in the repository


SOURCES = (
    Source(
        "images/mnist",
        ("train", "validation", "test"),
        "MNIST, the 70,000 images as PNG of rasbt/mnist-pngs",
        "MIT",
    ),
    Source(
        "images/binarized_mnist",
        ("train", "validation", "test"),
        "the fixed binarization of Larochelle and Murray (2011), of mingzhang-yin/ARM-gradient",
        "MIT",
    ),
)


def folder() -> Path | None:
    """Return the local Parquet folder: what LATENTHUB_DATA names, else that beside the project."""
    named = settings.DATA.text
    if named:
        return Path(named)
    return BESIDE if BESIDE.is_dir() else None


def source(name: str) -> Source | None:
    return next((known for known in SOURCES if known.name == name), None)


def available(name: str) -> bool:
    """Return whether set `name` is in the local folder; what a download would bring is not."""
    local = folder()
    return local is not None and any((local / name).glob("*.parquet"))


def table(name: str, split: str) -> pa.Table:
    """Return a split of set `name`, "<kind>/<name>".

    Raises:
        DataError: the set or the split is not there, or its file is damaged.
    """
    path = find(name, split)
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{name}, split {split}: {path.name} is not a readable Parquet file "
            f"({first_line(error)}); fetch it again"
        ) from error


def find(name: str, split: str) -> Path:
    """Return the Parquet file of a split, fetching it from the Hub where it is known there."""
    local = folder()
    if local is not None and (local / name / f"{split}.parquet").is_file():
        return local / name / f"{split}.parquet"
    known = source(name)
    if known is not None and split not in known.splits:
        raise DataError(f"{name} has no split {split!r}; it has {', '.join(known.splits)}")
    if known is None or known.repo_id is None:
        where = (
            f"not under {settings.DATA.name}"
            if settings.DATA.text
            else f"{settings.DATA.name} is not set"
        )
        raise DataError(
            f"no data set {name}, split {split}: {where}, and no Hub repository is known for it; "
            f"set {settings.DATA.name} to a folder that holds {name}/{split}.parquet"
        )
    return fetch(known, split)


def fetch(known: Source, split: str) -> Path:
    """Return the file of `split` in the Hub's cache, downloaded where it is not there yet."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        path = hf_hub_download(
            known.repo_id or "",
            dict(known.files)[split],
            repo_type="dataset",
            revision=known.revision,
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise DataError(
            f"{known.name}, split {split}, could not be fetched from {known.repo_id} on the Hub "
            f"({first_line(error)}); check the network, or set {settings.DATA.name} to a folder "
            "that has it"
        ) from error
    return Path(path)


def images(name: str, split: str, column: str = "image") -> np.ndarray:
    """Return a column of encoded images, all of one size, as (rows, height, width), uint8 from 0 to
    255; with colours, (rows, height, width, 3)."""
    from PIL import Image

    rows = table(name, split)
    if column not in rows.column_names:
        raise DataError(f"{name} has no column {column!r}; it has {', '.join(rows.column_names)}")
    pictures = []
    for index, cell in enumerate(rows[column].to_pylist()):
        try:
            with Image.open(io.BytesIO(cell["bytes"])) as picture:
                grey = picture.mode in ("1", "L")
                pictures.append(np.asarray(picture.convert("L" if grey else "RGB")))
        except (OSError, TypeError, KeyError) as error:
            raise DataError(
                f"{name}, split {split}: row {index} of {column} is not an image "
                f"({first_line(error)}); fetch the file again"
            ) from error
    return np.stack(pictures)


def labels(name: str, split: str, column: str = "label") -> np.ndarray:
    """Return a column of class numbers, (rows,), int64."""
    return np.asarray(table(name, split)[column].to_numpy(), dtype=np.int64)


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
