"""The kinds of values that travel as files: pictures, sound, tables, any file.

Importing this module imports neither numpy nor PIL nor pandas.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hub.audio import RATES, resampled, scaled
from hub.errors import InputError
from hub.kinds import Kind, ListOf, Maybe, Save, is_file, wrong

MAX_FILE_BYTES = 50_000_000
MAX_IMAGE_SIDE = 4096  # pixels
PICTURES = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # PIL's others run more code
MAX_HEAD = 1_000_000  # bytes of a CSV's first line

FILE_SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "meta": {"type": "object", "properties": {"_type": {"const": "gradio.FileData"}}},
    },
    "required": ["path", "meta"],
}


def content_of(argument: str, kind: Kind, value: Any, max_bytes: int) -> bytes:
    """Return the bytes of a file handed over as gradio's FileData, a path, a data URL or bytes."""
    if isinstance(value, (bytes, bytearray)):
        content = bytes(value)
    elif isinstance(value, str) and value.startswith("data:"):
        try:
            content = base64.b64decode(value.partition("base64,")[2], validate=True)
        except (binascii.Error, ValueError) as error:
            raise wrong(argument, kind, value, "not a base64 data URL") from error
    elif is_file(value) or isinstance(value, Path):
        path = Path(value["path"]) if is_file(value) else value
        try:
            if path.stat().st_size > max_bytes:
                raise wrong(argument, kind, value, f"larger than {max_bytes / 1e6:g} MB")
            content = path.read_bytes()
        except OSError as error:
            raise wrong(argument, kind, value, "the file cannot be read") from error
    else:
        raise wrong(argument, kind, value)
    if not content:
        raise wrong(argument, kind, value, "the file is empty")
    if len(content) > max_bytes:
        raise wrong(argument, kind, value, f"larger than {max_bytes / 1e6:g} MB")
    return content


@dataclass(frozen=True)
class Image(Kind):
    """A picture; the service gets uint8, (height, width) or, but for "L", (…, channels).

    With `size` set, a picture of another size is shrunk or grown to fit and padded with `fill`.
    """

    mode: Literal["L", "RGB", "RGBA"] = "L"
    size: tuple[int, int] | None = None  # (width, height), pixels
    max_side: int = MAX_IMAGE_SIDE  # pixels
    max_bytes: int = MAX_FILE_BYTES
    fill: int = 0  # 0 to 255

    def check(self, argument: str, value: Any) -> Any:
        import numpy as np

        if isinstance(value, np.ndarray) or isinstance(value, list):
            return self._from_numbers(argument, value)
        return self._from_picture(argument, value)

    def _from_numbers(self, argument: str, value: Any) -> Any:
        import numpy as np
        from PIL import Image as Pictures

        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise wrong(
                argument, self, value, "rows differ in length or hold no numbers"
            ) from error
        if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
            raise wrong(argument, self, array)
        if 0 in array.shape or max(array.shape[:2]) > self.max_side:
            raise wrong(argument, self, array)
        if not np.all((array >= 0) & (array <= 255)):  # false for NaN too
            raise wrong(argument, self, value, "numbers must be from 0 to 255")
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[..., 0]
        return self._fit(Pictures.fromarray(array.round().astype(np.uint8)))

    def _from_picture(self, argument: str, value: Any) -> Any:
        from PIL import Image as Pictures
        from PIL import UnidentifiedImageError

        content = content_of(argument, self, value, self.max_bytes)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Pictures.DecompressionBombWarning)
                # reads the header only
                picture = Pictures.open(io.BytesIO(content), formats=PICTURES)
                if max(picture.size) > self.max_side:
                    size = f"{picture.size[0]}x{picture.size[1]} pixels"
                    raise wrong(argument, self, value, size)
                picture.load()
        except UnidentifiedImageError as error:
            raise wrong(argument, self, value, "its content is no picture") from error
        except (Pictures.DecompressionBombError, Pictures.DecompressionBombWarning) as error:
            raise wrong(argument, self, value, "it unpacks to too many pixels") from error
        except InputError:
            raise
        except Exception as error:  # PIL raises all kinds on damaged files
            raise wrong(argument, self, value, "the picture is damaged") from error
        return self._fit(picture)

    def _fit(self, picture: Any) -> Any:
        import numpy as np
        from PIL import ImageOps

        if picture.mode != self.mode:
            picture = picture.convert(self.mode)
        if self.size is not None and picture.size != self.size:
            color = (self.fill,) * len(picture.getbands())
            scale = min(self.size[0] / picture.width, self.size[1] / picture.height)
            inside = [
                max(1, round(side * scale)) for side in picture.size
            ]  # thin ones keep a pixel
            fitted = picture.resize((inside[0], inside[1]))
            picture = ImageOps.pad(fitted, self.size, color=color if len(color) > 1 else color[0])
        return np.array(picture)

    def describe(self) -> str:
        of = f", brought to {self.size[0]}x{self.size[1]}" if self.size else ""
        return f"a picture of at most {self.max_side}x{self.max_side} pixels{of}"

    def schema(self) -> dict[str, Any]:
        return {**FILE_SCHEMA, "description": self.describe()}

    def encode(self, value: Any, save: Save) -> Any:
        return save(png(value), ".png")


@dataclass(frozen=True)
class Images(Kind):
    """Pictures a service gives: uint8, (count, height, width) or (…, channels)."""

    def check(self, argument: str, value: Any) -> list[Any]:
        return ListOf(Image()).check(argument, value)

    def describe(self) -> str:
        return "a list of pictures"

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": FILE_SCHEMA, "description": "PNG pictures"}

    def encode(self, value: Any, save: Save) -> Any:
        return [save(png(item), ".png") for item in value]


@dataclass(frozen=True)
class Sound(Kind):
    """Sound; the service gets mono float32 samples in [-1, 1] at `rate`, (samples,).

    A page hands over gradio's (rate, samples); the API a WAV file, PCM of 8, 16 or 32 bits.
    """

    rate: int = 16_000  # Hz
    max_seconds: float = 60.0
    max_bytes: int = MAX_FILE_BYTES

    def check(self, argument: str, value: Any) -> Any:
        import numpy as np

        rate = self.rate
        if isinstance(value, tuple) and len(value) == 2:
            rate, value = value
        if isinstance(value, (np.ndarray, list)):
            samples = self._from_numbers(argument, value)
        else:
            rate, samples = self._from_wav(argument, value)
        if not RATES[0] <= rate <= RATES[1]:
            raise wrong(argument, self, value, f"{rate} samples a second")
        if samples.size == 0:
            raise wrong(argument, self, value, "it is empty")
        samples = scaled(samples).mean(axis=1) if samples.ndim == 2 else scaled(samples)
        if not np.all(np.isfinite(samples)):
            raise wrong(argument, self, samples, "not all finite")
        if samples.size / rate > self.max_seconds:
            raise wrong(argument, self, samples, f"{samples.size / rate:.1f} seconds")
        return resampled(samples, rate, self.rate)

    def _from_numbers(self, argument: str, value: Any) -> Any:
        """Return (samples,) or (samples, channels)."""
        import numpy as np

        try:
            samples = np.asarray(value)
        except ValueError as error:
            raise wrong(argument, self, value, "rows differ in length") from error
        if not np.issubdtype(samples.dtype, np.number) or np.iscomplexobj(samples):
            raise wrong(argument, self, value, "it holds what is no number")
        if samples.ndim not in (1, 2):
            raise wrong(argument, self, samples)
        return samples

    def _from_wav(self, argument: str, value: Any) -> tuple[int, Any]:
        import numpy as np

        content = content_of(argument, self, value, self.max_bytes)
        try:
            with wave.open(io.BytesIO(content)) as file:
                width, channels, rate = (
                    file.getsampwidth(),
                    file.getnchannels(),
                    file.getframerate(),
                )
                if file.getnframes() / rate > self.max_seconds:
                    raise wrong(argument, self, value, f"{file.getnframes() / rate:.1f} seconds")
                frames = file.readframes(file.getnframes())
            samples = np.frombuffer(frames, {1: "u1", 2: "<i2", 4: "<i4"}[width])
            return rate, samples.reshape(-1, channels)
        except (wave.Error, EOFError, KeyError, ValueError, ZeroDivisionError) as error:
            raise wrong(argument, self, value, "its content is no PCM WAV") from error

    def describe(self) -> str:
        return f"a WAV sound of at most {self.max_seconds:g} seconds"

    def schema(self) -> dict[str, Any]:
        return {**FILE_SCHEMA, "description": self.describe()}

    def encode(self, value: Any, save: Save) -> Any:
        return save(wav(value, self.rate), ".wav")


@dataclass(frozen=True)
class Table(Kind):
    """A table; the service gets a pandas DataFrame, callers send CSV or a list of objects."""

    max_rows: int = 100_000
    max_columns: int = 1_000
    max_bytes: int = MAX_FILE_BYTES

    def check(self, argument: str, value: Any) -> Any:
        import pandas

        if isinstance(value, pandas.DataFrame):
            frame = value
        elif isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
            self._check_rows(argument, value)
            frame = pandas.DataFrame(value)
        else:
            content = content_of(argument, self, value, self.max_bytes)
            head = re.split(rb"[\r\n]", content[:MAX_HEAD].lstrip(), maxsplit=1)[0]
            if len(head) == MAX_HEAD or head.count(b",") > 10 * self.max_columns:
                raise wrong(argument, self, value, "its first line has too many columns")
            try:
                frame = pandas.read_csv(io.BytesIO(content), nrows=self.max_rows + 1)
            except (ValueError, pandas.errors.ParserError, UnicodeDecodeError) as error:
                raise wrong(argument, self, value, "its content is no CSV") from error
        rows, columns = frame.shape
        if not (0 < rows <= self.max_rows and 0 < columns <= self.max_columns):
            raise wrong(argument, self, value, f"{rows} rows, {columns} columns")
        return frame

    def _check_rows(self, argument: str, rows: list[Mapping[str, Any]]) -> None:
        """Refuse too many rows or columns before they become a table that holds all of both."""
        columns: set[str] = set()
        for row in rows:
            columns.update(row)
            if len(rows) > self.max_rows or len(columns) > self.max_columns:
                found = f"{len(rows)} rows, at least {len(columns)} columns"
                raise wrong(argument, self, rows, found)

    def describe(self) -> str:
        return f"a CSV table of 1 to {self.max_rows} rows and at most {self.max_columns} columns"

    def schema(self) -> dict[str, Any]:
        rows = {"type": "array", "items": {"type": "object"}}
        return {"anyOf": [FILE_SCHEMA, rows], "description": self.describe()}

    def encode(self, value: Any, save: Save) -> Any:
        return save(value.to_csv(index=False).encode(), ".csv")


@dataclass(frozen=True)
class File(Kind):
    """Any file; the service gets its bytes."""

    suffixes: tuple[str, ...] = ()  # allowed endings, such as (".npz",); none: any
    max_bytes: int = MAX_FILE_BYTES

    def check(self, argument: str, value: Any) -> bytes:
        name = value.get("orig_name") or value["path"] if is_file(value) else str(value)
        if self.suffixes and not isinstance(value, bytes) and not name.endswith(self.suffixes):
            raise wrong(argument, self, value, "another kind of file")
        return content_of(argument, self, value, self.max_bytes)

    def describe(self) -> str:
        kind = f"a file ending in {' or '.join(self.suffixes)}" if self.suffixes else "a file"
        return f"{kind} of at most {self.max_bytes / 1e6:g} MB"

    def schema(self) -> dict[str, Any]:
        return {**FILE_SCHEMA, "description": self.describe()}

    def encode(self, value: Any, save: Save) -> Any:
        return save(value, self.suffixes[0] if self.suffixes else ".bin")


def is_file_kind(kind: Kind) -> bool:
    """Tell whether values of this kind travel as files."""
    kind = kind.kind if isinstance(kind, Maybe) else kind
    return isinstance(kind, (File, Image, Images, Sound, Table))


def png(array: Any) -> bytes:
    """Return a uint8 array, (height, width) or (height, width, channels), as PNG."""
    from PIL import Image as Pictures

    buffer = io.BytesIO()
    Pictures.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def wav(samples: Any, rate: int) -> bytes:
    """Return samples in [-1, 1], (samples,), as a 16-bit mono WAV; louder ones are clipped."""
    import numpy as np

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return buffer.getvalue()
