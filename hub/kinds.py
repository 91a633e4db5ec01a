"""The kinds of values that endpoints take and give.

An endpoint's annotations name them: a plain `int`, `float`, `bool`, `str`, `Literal`, `X | None` or
`list[X]`, with `Annotated[int, Range(1, 64)]` or `Annotated[str, Length(1, 500)]` for limits, and
`Annotated[np.ndarray, Image()]` and its siblings of `hub.media` for what travels as a file. One
kind serves every caller: the page hands over arrays, the API files or JSON, the command line paths.

Importing this module imports neither numpy nor PIL nor gradio.
"""

from __future__ import annotations

import json
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from hub.errors import InputError, PluginError

Save: TypeAlias = (
    "Callable[[bytes, str], Any]"  # (content, suffix such as ".png") -> what names the file
)
SAFE = 2**53  # beyond it JavaScript rounds whole numbers
LARGEST = 1e308
MAX_TEXT = 20_000  # characters
SURROGATE = re.compile("[\ud800-\udfff]")
MAX_LIST = 512_000_000  # bytes of the arrays in one list


def shown(value: Any, limit: int = 60) -> str:
    """Return `value` as a message may show it: short, on one line, without any folder."""
    if isinstance(value, Path):
        return repr(value.name)
    if hasattr(value, "shape"):
        return f"an array of shape {tuple(value.shape)}"
    if is_file(value):
        return f"the file {value.get('orig_name') or Path(value['path']).name!r}"
    if isinstance(value, (list, tuple)) and len(value) > limit:
        return f"a list of {len(value)} items"  # whose text may have millions of characters
    text = " ".join(repr(without_folders(value)).split())
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def without_folders(value: Any, depth: int = 3) -> Any:
    """Return `value` with the names of files in place of where they lie, so many levels down."""
    if is_file(value):
        return value.get("orig_name") or Path(value["path"]).name
    if depth and isinstance(value, (list, tuple)):
        return [without_folders(one, depth - 1) for one in value]
    if depth and isinstance(value, dict):
        return {key: without_folders(one, depth - 1) for key, one in value.items()}
    return value


def is_file(value: Any) -> bool:
    """Tell whether `value` is the JSON by which gradio's clients hand over a file."""
    return isinstance(value, Mapping) and isinstance(value.get("path"), str) and "meta" in value


def wrong(argument: str, kind: Kind, value: Any, reason: str = "") -> InputError:
    found = f"got {shown(value)}" + (f" ({reason})" if reason else "")
    return InputError(f"{argument} must be {kind.describe()}; {found}", argument)


class Kind:
    """A kind of value: how it is checked, described and sent."""

    def check(self, argument: str, value: Any) -> Any:
        """Return `value` as the service takes it.

        Raises:
            InputError: it is not of this kind; the message names `argument`.
        """
        raise NotImplementedError

    def describe(self) -> str:
        """Return what is allowed, to stand after "must be"."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of what the API takes or gives."""
        raise NotImplementedError

    def encode(self, value: Any, save: Save) -> Any:
        """Return `value`, which a service gave, as JSON; files go through `save`."""
        return plain(value)


# Limits, to stand inside Annotated.


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both allowed."""

    low: float
    high: float


@dataclass(frozen=True)
class Length:
    """The characters of a text, or the items of a list: from `low` to `high`, both allowed."""

    low: int
    high: int


# Numbers, texts and choices.


@dataclass(frozen=True)
class Integer(Kind):
    low: float = -SAFE
    high: float = SAFE

    def check(self, argument: str, value: Any) -> int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            if not (isinstance(value, float) and value.is_integer()):  # JSON writes 3.0 for 3
                raise wrong(argument, self, value)
        if not self.low <= value <= self.high:
            raise wrong(argument, self, value)
        return int(value)

    def describe(self) -> str:
        if (self.low, self.high) == (-SAFE, SAFE):
            return "a whole number"
        return f"a whole number from {self.low:.0f} to {self.high:.0f}"

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": int(self.low), "maximum": int(self.high)}


@dataclass(frozen=True)
class Number(Kind):
    low: float = -LARGEST
    high: float = LARGEST

    def check(self, argument: str, value: Any) -> float:
        try:
            number = float(value) if not isinstance(value, (bool, str, bytes)) else math.nan
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not self.low <= number <= self.high:  # false for NaN too
            raise wrong(argument, self, value)
        return number

    def describe(self) -> str:
        if (self.low, self.high) == (-LARGEST, LARGEST):
            return "a number"
        return f"a number from {self.low:g} to {self.high:g}"

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Boolean(Kind):
    def check(self, argument: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise wrong(argument, self, value)
        return value

    def describe(self) -> str:
        return "true or false"

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text(Kind):
    low: int = 0  # characters
    high: int = MAX_TEXT

    def check(self, argument: str, value: Any) -> str:
        if not isinstance(value, str):
            raise wrong(argument, self, value)
        if not self.low <= len(value) <= self.high:
            raise wrong(argument, self, value, f"{len(value)} characters")
        if SURROGATE.search(value):  # no text: it cannot be encoded
            raise wrong(argument, self, value, "it holds half of a character")
        return value

    def describe(self) -> str:
        return f"a text of {self.low} to {self.high} characters"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": self.low, "maxLength": self.high}


@dataclass(frozen=True)
class Choice(Kind):
    values: tuple[Any, ...]

    def check(self, argument: str, value: Any) -> Any:
        for allowed in self.values:
            if value == allowed and type(value) is type(allowed):
                return value
        raise wrong(argument, self, value)

    def describe(self) -> str:
        return "one of " + ", ".join(repr(value) for value in self.values)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}


@dataclass(frozen=True)
class Maybe(Kind):
    """A value of another kind, or nothing."""

    kind: Kind

    def check(self, argument: str, value: Any) -> Any:
        if value is None:
            return None
        try:
            return self.kind.check(argument, value)
        except InputError as error:
            raise InputError(
                str(error).replace(self.kind.describe(), self.describe(), 1), argument
            ) from error

    def describe(self) -> str:
        return f"{self.kind.describe()}, or null"

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}

    def encode(self, value: Any, save: Save) -> Any:
        return None if value is None else self.kind.encode(value, save)


@dataclass(frozen=True)
class ListOf(Kind):
    kind: Kind
    low: int = 0  # items
    high: int = 10_000

    def check(self, argument: str, value: Any) -> list[Any]:
        if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__len__"):
            raise wrong(argument, self, value)
        if not self.low <= len(value) <= self.high:
            raise wrong(argument, self, value, f"{len(value)} items")
        checked, size = [], 0
        for i, item in enumerate(value):
            checked.append(self.kind.check(f"{argument}[{i}]", item))
            size += getattr(checked[-1], "nbytes", 0)
            if size > MAX_LIST:  # small files may unpack to much
                raise wrong(argument, self, value, "unpacked, they are too large together")
        return checked

    def describe(self) -> str:
        return f"a list of {self.low} to {self.high} items, each {self.kind.describe()}"

    def schema(self) -> dict[str, Any]:
        return {
            "type": "array",
            "items": self.kind.schema(),
            "minItems": self.low,
            "maxItems": self.high,
        }

    def encode(self, value: Any, save: Save) -> Any:
        return [self.kind.encode(item, save) for item in value]


@dataclass(frozen=True)
class Json(Kind):
    """A JSON object or list that a service gives; `fields` says what its members are."""

    fields: Mapping[str, str] = field(default_factory=dict)

    def check(self, argument: str, value: Any) -> Any:
        try:
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError) as error:
            raise wrong(argument, self, value) from error
        return value

    def describe(self) -> str:
        return "a JSON value without NaN or infinities"

    def schema(self) -> dict[str, Any]:
        if not self.fields:
            return {}
        properties = {name: {"description": text} for name, text in self.fields.items()}
        return {"type": "object", "properties": properties}


def kind_of(annotation: Any, where: str) -> Kind:
    """Return the kind that `annotation` names; `where` is told in the error.

    Raises:
        PluginError: the annotation is missing, or of no known kind.
    """
    if isinstance(annotation, Kind):
        return annotation
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return annotated(arguments[0], arguments[1:], where)
    if origin is Literal:
        return Choice(arguments)
    if (
        origin in (typing.Union, types.UnionType)
        and type(None) in arguments
        and len(arguments) == 2
    ):
        return Maybe(kind_of(next(a for a in arguments if a is not type(None)), where))
    if origin is list and arguments:
        return ListOf(kind_of(arguments[0], where))
    if annotation is dict or origin is dict or (annotation is list):
        return Json()
    plain_kinds: dict[Any, Kind] = {int: Integer(), float: Number(), bool: Boolean(), str: Text()}
    if annotation in plain_kinds:
        return plain_kinds[annotation]
    raise PluginError(f"{where}: {annotation!r} names no kind; see hub.kinds and hub.media")


def annotated(base: Any, marks: tuple[Any, ...], where: str) -> Kind:
    """Return the kind of `Annotated[base, *marks]`."""
    for mark in marks:
        if isinstance(mark, Kind):
            return Maybe(mark) if type(None) in typing.get_args(base) else mark
    kind = kind_of(base, where)
    for mark in marks:
        kind = limited(kind, mark, where)
    return kind


def limited(kind: Kind, mark: Any, where: str) -> Kind:
    if isinstance(kind, Maybe):
        return Maybe(limited(kind.kind, mark, where))
    if isinstance(mark, Range) and isinstance(kind, (Integer, Number)):
        return replace(kind, low=mark.low, high=mark.high)
    if isinstance(mark, Range) and isinstance(kind, ListOf):
        return replace(kind, kind=limited(kind.kind, mark, where))
    if isinstance(mark, Length) and isinstance(kind, (Text, ListOf)):
        return replace(kind, low=mark.low, high=mark.high)
    if isinstance(mark, (Range, Length)):
        raise PluginError(f"{where}: {mark} does not limit {kind.describe()}")
    return kind


def plain(value: Any) -> Any:
    """Return `value` with arrays as lists and numpy numbers as Python's; NaN becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
