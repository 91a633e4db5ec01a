"""Data sets by name: what is read, and what is said when it cannot be."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hub import data, settings
from hub.errors import DataError


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def write_set(root: Path, name: str, cells: list[bytes]) -> None:
    (root / name).mkdir(parents=True)
    rows = {
        "image": [{"bytes": cell, "path": None} for cell in cells],
        "label": list(range(len(cells))),
    }
    pq.write_table(pa.table(rows), root / name / "test.parquet")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(settings.DATA.name, str(tmp_path))
    return tmp_path


def test_images_come_back_as_they_were_encoded(folder):
    pixels = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
    write_set(folder, "images/small", [png(one) for one in pixels])
    assert data.available("images/small")
    assert np.array_equal(data.images("images/small", "test"), pixels)
    assert data.labels("images/small", "test").tolist() == [0, 1]
    assert data.table("images/small", "test").num_rows == 2


def test_black_and_white_images_are_0_and_255(folder):
    bits = np.eye(4, dtype=bool)
    write_set(folder, "images/bits", [png(bits)])
    assert np.array_equal(data.images("images/bits", "test")[0], bits * np.uint8(255))


def test_coloured_images_keep_three_channels(folder):
    pixels = np.full((3, 3, 3), (1, 2, 3), dtype=np.uint8)
    write_set(folder, "images/colour", [png(pixels)])
    assert np.array_equal(data.images("images/colour", "test")[0], pixels)


def test_a_missing_set_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.delenv(settings.DATA.name, raising=False)
    monkeypatch.setattr(data, "BESIDE", tmp_path / "nowhere")
    assert not data.available("images/mnist")
    with pytest.raises(DataError, match=r"images/mnist, split test.*LATENTHUB_DATA is not set"):
        data.images("images/mnist", "test")


def test_an_unknown_split_names_those_there_are(folder):
    with pytest.raises(DataError, match="no split 'tset'; it has train, validation, test"):
        data.table("images/mnist", "tset")


def test_a_damaged_file_says_so(folder):
    write_set(folder, "images/small", [])
    (folder / "images/small/test.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(DataError, match="test.parquet is not a readable Parquet file"):
        data.table("images/small", "test")


def test_a_cell_that_is_no_image_names_its_row(folder):
    write_set(folder, "images/small", [png(np.zeros((2, 2), np.uint8)), b"text"])
    with pytest.raises(DataError, match="row 1 of image is not an image"):
        data.images("images/small", "test")


def test_a_column_that_is_not_there_names_those_that_are(folder):
    write_set(folder, "images/small", [])
    with pytest.raises(DataError, match="no column 'picture'; it has image, label"):
        data.images("images/small", "test", column="picture")


def test_a_set_known_on_the_hub_is_fetched_at_its_revision(tmp_path, monkeypatch):
    write_set(tmp_path, "images/far", [png(np.zeros((2, 2), np.uint8))])
    asked = {}

    def download(repo_id, path, **options):
        asked.update(options, repo_id=repo_id, path=path)
        return str(tmp_path / "images/far/test.parquet")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.delenv(settings.DATA.name, raising=False)
    monkeypatch.setattr(data, "BESIDE", tmp_path / "nowhere")
    far = data.Source(
        "images/far", ("test",), "", "MIT", "someone/far", "a" * 40, (("test", "t.parquet"),)
    )
    monkeypatch.setattr(data, "SOURCES", (far,))
    assert data.images("images/far", "test").shape == (1, 2, 2)
    assert (asked["repo_id"], asked["path"], asked["revision"]) == (
        "someone/far",
        "t.parquet",
        "a" * 40,
    )


def test_reading_data_needs_no_torch():
    code = "import sys, hub.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
