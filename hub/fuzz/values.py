"""Arguments of any endpoint, right and wrong, made from the kinds it declares."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hub.endpoints import Endpoint, Parameter
from hub.fuzz.files import ATTACKS, uploads
from hub.kinds import Boolean, Choice, Integer, Kind, ListOf, Maybe, Number, Text
from hub.media import Files, Image, Images, Sound, Table, is_file_kind

LEFT_OUT = object()  # an argument that is not sent
HUGE = (2**31, 2**53 + 1, 2**63, -(2**63), 2**64, 10**400, -(10**30))
ODD_TEXTS = (
    "",
    " ",
    "\0",
    "\ud800",
    "a\udfffb",
    "\u202e\u2066\ufeff",
    "😀" * 50,
    "e" + "\u0301" * 500,
    "<script>alert(1)</script>",
    "{{7*7}} %s %n {0}",
    "'; DROP TABLE demos; --",
    "x" * 30_000,
)


def junk() -> st.SearchStrategy[Any]:
    """Return JSON values of every type, and what Python's JSON allows beyond the standard."""
    texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=20))
    numbers = st.one_of(st.sampled_from(HUGE), st.integers(-100, 100), st.floats())
    leaves = st.one_of(st.none(), st.booleans(), numbers, texts, st.sampled_from(ATTACKS))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=6,
    )


def allowed(kind: Kind) -> st.SearchStrategy[Any]:
    """Return values that `kind` allows; files are odd ones, which it may refuse."""
    if isinstance(kind, Maybe):
        return st.one_of(st.none(), allowed(kind.kind))
    if isinstance(kind, Integer):
        return st.integers(int(kind.low), int(kind.high))
    if isinstance(kind, Number):
        return st.one_of(st.floats(kind.low, kind.high), st.sampled_from([kind.low, kind.high]))
    if isinstance(kind, Boolean):
        return st.booleans()
    if isinstance(kind, Choice):
        return st.sampled_from(kind.values)
    if isinstance(kind, Text):
        odd = [text for text in ODD_TEXTS if kind.low <= len(text) <= kind.high]
        free = st.text(min_size=kind.low, max_size=min(kind.high, kind.low + 40))
        return st.one_of(free, st.sampled_from(odd)) if odd else free
    if isinstance(kind, Images):
        return st.lists(allowed(Image()), max_size=3)
    if isinstance(kind, ListOf):
        most = min(kind.high, kind.low + 4)
        return st.lists(allowed(kind.kind), min_size=kind.low, max_size=most)
    if isinstance(kind, Files):
        return st.lists(uploads(kind), min_size=kind.low, max_size=min(kind.high, kind.low + 3))
    if isinstance(kind, Table):
        plain = st.one_of(st.none(), st.integers(-9, 9), st.floats(), st.text(max_size=3))
        cells = st.one_of(plain, plain, st.sampled_from(HUGE), st.just([1]), st.just({"a": 1}))
        rows = st.dictionaries(st.sampled_from(["x", "y", "", "\0"]), cells, max_size=3)
        return st.one_of(uploads(kind), st.lists(rows, max_size=4))
    if isinstance(kind, Image):
        level = st.one_of(st.integers(-1, 256), st.integers(0, 255), st.sampled_from(HUGE))
        grid = st.lists(st.lists(level, max_size=4), max_size=4)
        return st.one_of(uploads(kind), uploads(kind), uploads(kind), grid)
    if isinstance(kind, Sound):
        samples = st.one_of(st.floats(width=32), st.sampled_from([0, 1, -(2**63), 1e300, True]))
        frames = st.one_of(samples, st.lists(samples, max_size=3))
        return st.one_of(uploads(kind), uploads(kind), st.lists(frames, max_size=5))
    return uploads(kind) if is_file_kind(kind) else junk()


def argument(parameter: Parameter, known: Any) -> st.SearchStrategy[Any]:
    """Return values for one argument; most are such that the others get their turn."""
    choices = [allowed(parameter.kind), allowed(parameter.kind), junk()]
    if is_file_kind(parameter.kind):
        choices.append(st.sampled_from(ATTACKS))
    if known is not LEFT_OUT:
        choices += [st.builds(lambda: known)] * 2  # `just` would write it out, however large
    if not parameter.required:
        choices += [st.just(LEFT_OUT)] * 2
    return st.one_of(choices)


def arguments(endpoint: Endpoint, known: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return the arguments of a call by name.

    Args:
        known: arguments that are answered.
    """
    each = {p.name: argument(p, known.get(p.name, LEFT_OUT)) for p in endpoint.parameters}
    named = st.fixed_dictionaries(each).map(
        lambda values: {name: value for name, value in values.items() if value is not LEFT_OUT}
    )
    extra = st.dictionaries(st.text(max_size=8), junk(), min_size=1, max_size=2)
    return st.one_of(*[named] * 9, st.builds(lambda one, more: {**more, **one}, named, extra))


def bodies() -> st.SearchStrategy[bytes]:
    """Return bodies of requests that are mostly no calls at all."""
    deep = st.integers(1, 100_000).map(lambda depth: b"[" * depth)
    closed = st.integers(1, 3000).map(
        lambda depth: b'{"data": ' + b"[" * depth + b"]" * depth + b"}"
    )
    twice = st.just(b'{"data": [1], "data": [2], "data": {}}')
    written = junk().map(lambda value: dumped({"data": value}))
    lists = st.lists(junk(), max_size=8).map(lambda values: dumped({"data": values}))
    plain = junk().map(dumped)
    broken = st.sampled_from(
        [b"", b"{", b"{}", b"null", b'{"data"', b"\xff\xfe{}", b'{"data": [1e999]}', b"\0" * 50]
    )
    return st.one_of(st.binary(max_size=50), deep, closed, twice, written, lists, plain, broken)


def dumped(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()
