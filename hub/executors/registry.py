"""The kinds of executors, by name: imported when one is asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from hub import settings
from hub.demo import resolve
from hub.errors import SettingsError
from hub.executors import Executor


@dataclass(frozen=True)
class Kind:
    """A kind of executor."""

    factory: str  # "package.module:name", called with the sources and device=
    needs: str = ""  # a package it needs, which its extra of the same name brings


AUTO = "auto"
KINDS = {
    "local": Kind("hub.executors.local:LocalExecutor"),
    "zerogpu": Kind("hub.executors.zerogpu:ZeroGpuExecutor", "spaces"),
}


def usable_kinds() -> list[str]:
    """Return the names of the executors whose packages are installed."""
    return [
        name
        for name, kind in KINDS.items()
        if not kind.needs or importlib.util.find_spec(kind.needs) is not None
    ]


def executor_factory(name: str = AUTO) -> Callable[..., Executor]:
    """Return what makes an executor of that kind: call it with the sources and `device`.

    Args:
        name: one of KINDS, or "auto": "zerogpu" on a ZeroGPU Space, else "local".

    Raises:
        SettingsError: there is no such kind, or its package is not installed.
    """
    if name == AUTO:
        name = "zerogpu" if on_zerogpu() else "local"
    if name not in KINDS:
        raise SettingsError(f"executor must be {AUTO}, {' or '.join(KINDS)}; got {name!r}")
    if name not in usable_kinds():
        raise SettingsError(
            f"the executor {name!r} needs one more package: "
            f"pip install 'latenthub[{KINDS[name].needs}]'"
        )
    factory: Callable[..., Executor] = resolve(KINDS[name].factory)
    return factory


def on_zerogpu() -> bool:
    """Tell whether this is a Space that is lent a GPU by the call."""
    return settings.SPACES_ZERO_GPU.text.lower() in ("1", "t", "true")  # as `spaces` reads it
