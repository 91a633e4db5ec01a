"""Implements a hook that there is not."""

from hub import hookimpl


@hookimpl
def hub_demos() -> list[str]:
    return []
