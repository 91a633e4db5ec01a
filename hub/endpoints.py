"""What can be called of a service: methods marked `@endpoint`, described by annotations."""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from hub.errors import InputError, PluginError
from hub.kinds import Kind, Save, kind_of

Method = TypeVar("Method", bound=Callable[..., Any])
MARK = "__latenthub_endpoint__"


class Progress(typing.Protocol):
    """How a long call tells how far it is: the hub fills in a parameter `progress: Progress`."""

    def __call__(self, fraction: float, message: str = "") -> None:
        """Say that `fraction`, 0 to 1, is done.

        Raises:
            CallTimeoutError: the caller has given up; let it pass, so that the call ends.
        """


@dataclass(frozen=True)
class Options:
    """What `@endpoint(...)` was given."""

    max_batch: int = 1  # calls in one forward pass; 1: the method takes one call's arguments
    timeout: float = 60.0  # seconds a call may take, its waiting included
    gpu_seconds: float | None = None  # of a GPU that is lent by the call; None: as `timeout`
    examples: tuple[Mapping[str, Any], ...] = ()  # arguments of one call each


@dataclass(frozen=True)
class Parameter:
    """One argument of an endpoint, as a caller sees it."""

    name: str
    kind: Kind
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True)
class Endpoint:
    """What is known of a service's endpoint without loading the service."""

    name: str
    doc: str  # the whole docstring
    parameters: tuple[Parameter, ...]
    results: tuple[Kind, ...]  # more than one: the method returns a tuple
    options: Options
    takes_progress: bool

    @property
    def summary(self) -> str:
        """The docstring's first paragraph, on one line."""
        return " ".join(self.doc.split("\n\n")[0].split())

    def about(self, parameter: str) -> str:
        """What the docstring's "Args:" says of an argument, on one line; empty: nothing."""
        section = re.split(r"\n(?=\S)", self.doc.partition("\nArgs:\n")[2])[0]
        found = re.search(rf"^( +){re.escape(parameter)}: (.*(?:\n\1 +.*)*)", section, re.MULTILINE)
        return " ".join(found[2].split()) if found else ""

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return `arguments` checked, converted and completed with the defaults.

        Raises:
            InputError: one is unknown, missing, or not what its kind allows.
        """
        self.check_names(arguments)
        checked = {}
        for parameter in self.parameters:
            if parameter.name in arguments:
                value = parameter.kind.check(parameter.name, arguments[parameter.name])
            else:
                value = parameter.default
            checked[parameter.name] = value
        return checked

    def check_names(self, names: Collection[str]) -> None:
        """Raise InputError where an argument's name is unknown, or a required one is missing."""
        known = [parameter.name for parameter in self.parameters]
        for name in names:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]}?" if close else "."
                takes = ", ".join(known) or "no arguments"
                raise InputError(
                    f"{self.name} has no argument {name!r}{hint} It takes: {takes}", name
                )
        for parameter in self.parameters:
            if parameter.required and parameter.name not in names:
                allowed = parameter.kind.describe()
                raise InputError(f"{self.name} needs {parameter.name}: {allowed}", parameter.name)

    @property
    def examples(self) -> tuple[Mapping[str, Any], ...]:
        """Calls that show what it does, by their arguments: those declared, else its defaults.

        None where nothing was declared and an argument has no default.
        """
        if self.options.examples or any(parameter.required for parameter in self.parameters):
            return self.options.examples
        return ({},)

    def encode(self, result: Any, save: Save) -> Any:
        """Return what the endpoint gave as JSON, files through `save`; several values as a list."""
        if len(self.results) == 1:
            return self.results[0].encode(result, save)
        return [kind.encode(value, save) for kind, value in zip(self.results, result, strict=True)]


@overload
def endpoint(method: Method) -> Method: ...
@overload
def endpoint(
    *,
    max_batch: int = 1,
    timeout: float = 60.0,
    gpu_seconds: float | None = None,
    examples: Sequence[Mapping[str, Any]] = (),
) -> Callable[[Method], Method]: ...
def endpoint(
    method: Any = None,
    *,
    max_batch: int = 1,
    timeout: float = 60.0,
    gpu_seconds: float | None = None,
    examples: Sequence[Mapping[str, Any]] = (),
) -> Any:
    """Mark a service's method as callable from the page, the API and the command line.

    Args:
        max_batch: with 2 or more the method takes and returns lists, one item a call: calls that
            arrive together become one. An exception in an item's place fails that call only.
        timeout: seconds until a call is given up, its waiting included.
        gpu_seconds: the longest a call computes, where a GPU is lent by the call (ZeroGPU): it is
            ended after that, and who has fewer left is refused; None: as `timeout`.
        examples: the arguments of a call each, as a caller may give them; the contract's tests make
            these calls. Needed where an argument has no default.
    """
    if max_batch < 1 or timeout <= 0 or (gpu_seconds is not None and gpu_seconds <= 0):
        raise PluginError(
            "endpoint: max_batch, timeout and gpu_seconds must be positive, "
            f"got {max_batch}, {timeout}, {gpu_seconds}"
        )

    def mark(method: Method) -> Method:
        setattr(method, MARK, Options(max_batch, timeout, gpu_seconds, tuple(examples)))
        return method

    return mark if method is None else mark(method)


def endpoints_of(service: type) -> dict[str, Endpoint]:
    """Return the endpoints of a service class, in the order they are written.

    Raises:
        PluginError: one has no docstring, or a parameter or result without a known kind.
    """
    found = {}
    for owner in reversed(service.__mro__):
        for name, method in vars(owner).items():
            if callable(method) and hasattr(method, MARK):
                found[name] = describe(method, f"{service.__module__}:{service.__name__}.{name}")
    return found


def describe(method: Callable[..., Any], where: str) -> Endpoint:
    """Return what the annotations and docstring of a marked method say."""
    options: Options = getattr(method, MARK)
    doc = inspect.getdoc(method)
    if not doc:
        raise PluginError(f"{where} needs a docstring: it is the API's documentation")
    hints = typing.get_type_hints(method, include_extras=True)
    parameters, takes_progress = [], False
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        if parameter.name == "progress":
            takes_progress = True
            continue
        at = f"{where}, parameter {parameter.name!r}"
        hint = one_of_many(hints.get(parameter.name), options, at)
        parameters.append(Parameter(parameter.name, kind_of(hint, at), parameter.default))
    result = one_of_many(hints.get("return"), options, f"{where}, its result")
    single = typing.get_args(result) if typing.get_origin(result) is tuple else (result,)
    results = tuple(kind_of(hint, f"{where}, its result") for hint in single)
    return Endpoint(method.__name__, doc, tuple(parameters), results, options, takes_progress)


def one_of_many(hint: Any, options: Options, where: str) -> Any:
    """Return the hint of one call's value: for a batched endpoint, the item of its list."""
    if options.max_batch == 1:
        return hint
    if type(None) in typing.get_args(hint):  # Python 3.10 adds None where the default is None
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    if typing.get_origin(hint) is not list:
        raise PluginError(f"{where}: a batched endpoint takes and returns lists, got {hint!r}")
    return typing.get_args(hint)[0]
