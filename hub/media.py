"""The kinds of values that travel as files: pictures, sound, tables, any file.

Importing this module imports neither numpy nor PIL nor pandas.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import itertools
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hub import audio
from hub.errors import AudioError, InputError
from hub.kinds import Kind, ListOf, Maybe, Save, is_file, shown, wrong

MAX_FILE_BYTES = 50_000_000
MAX_IMAGE_SIDE = 4096  # pixels
PICTURES = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # PIL's others run more code
MAX_NAME = 200  # characters
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
            eight_bits = isinstance(value, np.ndarray) and value.dtype == np.uint8
            array = value if eight_bits else np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise wrong(
                argument, self, value, "rows differ in length or hold no numbers"
            ) from error
        if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
            raise wrong(argument, self, array)
        if 0 in array.shape or self._too_large(*array.shape[:2]):
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
                if self._too_large(*picture.size):
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

    def _too_large(self, *sides: int) -> bool:
        return max(sides) > self.max_side

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


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture with all that it brought, as `WholeImage` gives it."""

    pixels: Any  # uint8, (height, width) of a grey one, else (height, width, 3)
    alpha: Any = None  # uint8, (height, width); None: it is opaque everywhere
    notes: tuple[str, ...] = ()  # what was done to it, in sentences that can be shown


@dataclass(frozen=True)
class WholeImage(Image):
    """A picture as it is, grey or in colour, with its transparency; the service gets a `Picture`.

    16 bits become 8, other colours red, green and blue; of an animation the first frame is taken;
    a photograph is turned as its camera says. A service gives uint8, (height, width) or
    (height, width, 3 or 4).
    """

    mode: Literal["L", "RGB", "RGBA"] = "RGBA"  # the most that there can be in it
    max_side: int = 20_000  # pixels
    max_pixels: int = 16_000_000

    def _too_large(self, *sides: int) -> bool:
        return super()._too_large(*sides) or sides[0] * sides[1] > self.max_pixels

    def _fit(self, picture: Any) -> Picture:
        import numpy as np
        from PIL import ImageOps

        notes = []
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            notes.append(f"This is the first of {frames} frames.")
            picture.seek(0)
        with contextlib.suppress(Exception):  # damaged EXIF: then it stays as it lies
            picture = ImageOps.exif_transpose(picture)
        if picture.mode[0] in "IF":  # 16 bits, 32 bits, floating point
            notes.append("Its 16 bits were brought to 8." if picture.mode != "F" else FLOATS)
            return Picture(in_eight_bits(np.array(picture)), None, tuple(notes))
        if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
            notes.append(f"Its colours, {picture.mode}, were brought to red, green and blue.")
        grey = picture.mode in ("1", "L", "LA", "La")
        clear = picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info
        pixels = np.array(picture.convert(("L" if grey else "RGB") + "A" * clear))
        return Picture(*parted(pixels), tuple(notes))

    def describe(self) -> str:
        return f"{super().describe()}, and {self.max_pixels / 1e6:g} million pixels in all"


FLOATS = "Its floating-point numbers were brought to 8 bits, from 0 to 1 or, if larger, to 255."


def in_eight_bits(array: Any) -> Any:
    """Return integers of 16 bits, or floats in [0, 1] or [0, 255], as uint8; others are clipped."""
    import numpy as np

    if np.issubdtype(array.dtype, np.integer):
        levels = array.clip(0, 65_535) / 257
    else:
        levels = np.nan_to_num(array, nan=0.0) * (255 if np.nanmax(array, initial=0) <= 1 else 1)
    return levels.clip(0, 255).round().astype(np.uint8)


def parted(pixels: Any) -> tuple[Any, Any]:
    """Return (height, width, 2 or 4) without its last channel, and that; None where it says
    nothing."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels, None
    colours = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3].copy()
    return colours, None if (pixels[..., -1] == 255).all() else pixels[..., -1].copy()


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

    Callers send an audio file of any format that `hub.audio` reads; a page hands over the path of
    one, or gradio's (rate, samples). A service's samples beyond 1 are sent quieter, not clipped.
    """

    rate: int = 16_000  # Hz
    max_seconds: float = 60.0
    max_bytes: int = MAX_FILE_BYTES
    min_seconds: float = 0.0
    format: Literal["wav", "flac", "opus"] = "wav"  # of what a service gives

    def check(self, argument: str, value: Any) -> Any:
        import numpy as np

        try:
            if isinstance(value, (np.ndarray, list)):
                return self._from_numbers(argument, self.rate, value)
            if isinstance(value, tuple) and len(value) == 2:
                return self._from_numbers(argument, *value)
            return self._from_file(argument, value)
        except AudioError as error:
            raise wrong(argument, self, value, error.reason) from error

    def _from_file(self, argument: str, value: Any) -> Any:
        content = content_of(argument, self, value, self.max_bytes)
        samples = audio.read(content, self.rate, self.max_seconds)
        self._check_length(argument, value, len(samples), self.rate)
        return samples

    def _from_numbers(self, argument: str, rate: Any, value: Any) -> Any:
        """Return numbers, (samples,) or (samples, channels) at `rate`, as `check` does."""
        samples = audio.mixed(self._numbers(argument, rate, value))
        samples = audio.resampled(audio.levelled(samples, argument), int(rate), self.rate)
        self._check_length(argument, value, len(samples), self.rate)
        return samples

    def _check_length(self, argument: str, value: Any, count: int, rate: int) -> None:
        if count < self.min_seconds * rate - 1:
            raise wrong(argument, self, value, f"{count / rate:.3g} seconds")

    def _numbers(self, argument: str, rate: Any, value: Any) -> Any:
        """Return (samples,) or (samples, channels) at `rate`, float32."""
        import numpy as np

        low, high = audio.RATES
        if isinstance(rate, bool) or not hasattr(rate, "__index__") or not low <= rate <= high:
            raise wrong(argument, self, value, f"{shown(rate)} samples a second")
        try:
            samples = np.asarray(value)
        except ValueError as error:
            raise wrong(argument, self, value, "rows differ in length") from error
        if not np.issubdtype(samples.dtype, np.number) or np.iscomplexobj(samples):
            raise wrong(argument, self, value, "it holds what is no number")
        if samples.ndim not in (1, 2):
            raise wrong(argument, self, samples)
        if samples.size == 0:
            raise wrong(argument, self, value, "it is empty")
        if len(samples) > self.max_seconds * rate:
            raise wrong(argument, self, samples, f"{len(samples) / rate:.1f} seconds")
        return audio.scaled(samples)

    def describe(self) -> str:
        if self.min_seconds:
            return f"a sound of {self.min_seconds:g} to {self.max_seconds:g} seconds"
        return f"a sound of at most {self.max_seconds:g} seconds"

    def schema(self) -> dict[str, Any]:
        return {**FILE_SCHEMA, "description": f"{self.describe()}; {audio.READABLE}"}

    def encode(self, value: Any, save: Save) -> Any:
        samples = audio.levelled(value, "the sound")
        return save(audio.encode(samples, self.rate, self.format), f".{self.format}")


class Recording(NamedTuple):
    """A sound at its own rate, as `WholeSound` takes it from a service and gives it to one."""

    rate: int  # Hz
    samples: Any  # (samples, channels) float32 in [-1, 1]; from a service (samples,) and int16 too


@dataclass(frozen=True)
class WholeSound(Sound):
    """Sound as it is, at its own rate and with its channels; the service gets a `Recording`, and
    gives one.

    `rate` is that of numbers that come without one.
    """

    min_rate: int = audio.RATES[0]  # Hz
    max_rate: int = audio.RATES[1]
    max_channels: int = 8
    max_samples: int = 180_000_000  # of all channels together: 720 MB

    def _from_file(self, argument: str, value: Any) -> Recording:
        content = content_of(argument, self, value, self.max_bytes)
        rate, samples = audio.read_whole(content, self.max_seconds, self.max_samples)
        return self._checked(argument, value, Recording(rate, samples))

    def _from_numbers(self, argument: str, rate: Any, value: Any) -> Recording:
        samples = self._numbers(argument, rate, value)
        samples = samples[:, None] if samples.ndim == 1 else samples
        found = Recording(int(rate), audio.levelled(samples, argument))
        return self._checked(argument, value, found)

    def _checked(self, argument: str, value: Any, found: Recording) -> Recording:
        (count, channels), rate = found.samples.shape, found.rate
        self._check_length(argument, value, count, rate)
        if not self.min_rate <= rate <= self.max_rate:
            raise wrong(argument, self, value, f"{rate} samples a second")
        if not 1 <= channels <= self.max_channels:
            raise wrong(argument, self, value, f"{channels} channels")
        if found.samples.size > self.max_samples:
            raise wrong(argument, self, value, f"{found.samples.size:,} samples")
        return found

    def describe(self) -> str:
        return (
            f"{super().describe()}, {self.min_rate / 1000:g} to {self.max_rate / 1000:g} kHz, with "
            f"1 to {self.max_channels} channels and at most {self.max_samples / 1e6:g} million "
            "samples in all of them"
        )

    def encode(self, value: Any, save: Save) -> Any:
        rate, samples = value
        return save(audio.encode(samples, rate, self.format), f".{self.format}")


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
        if self.suffixes and not isinstance(value, bytes):
            if not name_of(value).endswith(self.suffixes):
                raise wrong(argument, self, value, "another kind of file")
        return content_of(argument, self, value, self.max_bytes)

    def describe(self) -> str:
        kind = f"a file ending in {' or '.join(self.suffixes)}" if self.suffixes else "a file"
        return f"{kind} of at most {self.max_bytes / 1e6:g} MB"

    def schema(self) -> dict[str, Any]:
        return {**FILE_SCHEMA, "description": self.describe()}

    def encode(self, value: Any, save: Save) -> Any:
        return save(value, self.suffixes[0] if self.suffixes else ".bin")


@dataclass(frozen=True)
class Upload:
    """A file that a caller sent, as `Files` gives it: nobody has looked into it yet."""

    name: str  # as its sender calls it, within a folder "folder/name"; to show, not to open
    file: Path | bytes = field(repr=False)
    problem: str = ""  # why it cannot be used, such as "it is empty"

    @property
    def source(self) -> Path | bytes:
        """Where the file is, or its content.

        Raises:
            InputError: it has a problem; the message names the file.
        """
        if self.problem:
            raise InputError(f"{self.name}: {self.problem}")
        return self.file

    def read(self) -> bytes:
        """Return the content.

        Raises:
            InputError: it has a problem, or cannot be read; the message names the file.
        """
        source = self.source
        try:
            return source.read_bytes() if isinstance(source, Path) else source
        except OSError as error:
            raise InputError(f"{self.name}: it cannot be read") from error


@dataclass(frozen=True)
class Files(Kind):
    """Some files with their names; the service gets a list of `Upload`, none of them opened.

    So one bad file does not fail the call: what is empty, too large or not to be read comes with
    its `problem`. Where a path is a folder's, as on the command line, the files in it are meant.
    Files of one name are numbered, "a.wav" and "a (2).wav": `gr.File(file_count="directory")` hands
    over the names of a folder's files without the folders in it that they come from.
    """

    low: int = 1  # files
    high: int = 1000
    max_bytes: int = MAX_FILE_BYTES  # of each

    def check(self, argument: str, value: Any) -> list[Upload]:
        items = value if isinstance(value, (list, tuple)) else [value]
        found: list[Upload] = []
        for number, item in enumerate(items, 1):
            found += itertools.islice(self._uploads(argument, number, item), self.high + 1)
            if len(found) > self.high:
                raise wrong(argument, self, value, f"more than {self.high} files")
        if len(found) < self.low:
            raise wrong(argument, self, value, f"{len(found)} files")
        return told_apart(found)

    def _uploads(self, argument: str, number: int, item: Any) -> Iterator[Upload]:
        if isinstance(item, Upload):
            yield item
        elif isinstance(item, Path) and item.is_dir():
            for path in files_in(item):
                yield self._at(path, path.relative_to(item).as_posix())
        elif isinstance(item, Path) or is_file(item):
            yield self._at(item if isinstance(item, Path) else Path(item["path"]), name_of(item))
        else:  # a data URL, or bytes
            content = content_of(
                f"{argument}[{number - 1}]", File(max_bytes=self.max_bytes), item, self.max_bytes
            )
            yield Upload(f"file {number}", content)

    def _at(self, path: Path, name: str) -> Upload:
        try:
            size = path.stat().st_size if path.is_file() else None
        except (OSError, ValueError):
            size = None
        problem = "it cannot be read" if size is None else "it is empty" if size == 0 else ""
        if size is not None and size > self.max_bytes:
            problem = f"larger than {self.max_bytes / 1e6:g} MB"
        return Upload(plain_name(name), path, problem)

    def describe(self) -> str:
        return f"{self.low} to {self.high} files, each of at most {self.max_bytes / 1e6:g} MB"

    def schema(self) -> dict[str, Any]:
        return {
            "type": "array",
            "items": FILE_SCHEMA,
            "minItems": self.low,
            "maxItems": self.high,
            "description": self.describe(),
        }

    def encode(self, value: Any, save: Save) -> Any:
        return [save(one.read(), Path(one.name).suffix or ".bin") for one in value]


def files_in(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, sorted.

    Hidden ones are left out, and links to what lies elsewhere.
    """
    inside = folder.resolve()
    for place, folders, names in os.walk(folder):  # which follows no links to folders
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(one for one in names if not one.startswith(".")):
            path = Path(place, name)
            if path.is_file() and path.resolve().is_relative_to(inside):
                yield path


def name_of(value: Any) -> str:
    """Return what its sender calls a file: gradio's FileData, a path or a data URL."""
    if is_file(value):
        given = value.get("orig_name")
        return given if given and isinstance(given, str) else Path(value["path"]).name
    return value.name if isinstance(value, Path) else str(value)


def plain_name(name: str) -> str:
    """Return a file's name as it can be shown and kept: short, printable, below no other folder."""
    printable = "".join(char for char in name.replace("\\", "/") if char.isprintable())
    parts = [part.strip() for part in printable.split("/")]
    return "/".join(part for part in parts if part not in ("", ".", ".."))[-MAX_NAME:] or "file"


def told_apart(uploads: list[Upload]) -> list[Upload]:
    """Return the files in their order, each under a name of its own."""
    taken = {one.name for one in uploads}
    numbers: dict[str, Iterator[int]] = {}  # by name, those of its further files
    found = []
    for one in uploads:
        if one.name in numbers:
            stem, ending = os.path.splitext(one.name)
            names = (f"{stem} ({number}){ending}"[-MAX_NAME:] for number in numbers[one.name])
            one = replace(one, name=next(name for name in names if name not in taken))
        taken.add(one.name)
        numbers.setdefault(one.name, itertools.count(2))
        found.append(one)
    return found


def is_file_kind(kind: Kind) -> bool:
    """Tell whether values of this kind travel as files."""
    kind = kind.kind if isinstance(kind, Maybe) else kind
    return isinstance(kind, (File, Files, Image, Images, Sound, Table))


def takes_files(kind: Kind) -> bool:
    """Tell whether a value of this kind is a file, or a list of some."""
    kind = kind.kind if isinstance(kind, Maybe) else kind
    return is_file_kind(kind.kind if isinstance(kind, ListOf) else kind)


def png(array: Any) -> bytes:
    """Return a uint8 array, (height, width) or (height, width, channels), as PNG."""
    from PIL import Image as Pictures

    buffer = io.BytesIO()
    Pictures.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def wav(samples: Any, rate: int) -> bytes:
    """Return samples in [-1, 1], (samples,), as a 16-bit mono WAV; louder ones are clipped."""
    return audio.encode(samples, rate)
