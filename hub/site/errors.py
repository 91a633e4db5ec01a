"""What a visitor or caller is told when something goes wrong."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import gradio as gr

from hub.errors import HubError

log = logging.getLogger(__name__)


@contextlib.contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what is raised inside into one clear message; `where` goes to the log only.

    Raises:
        gr.Error: with a HubError's message, or with an id under which the log has the traceback.
    """
    try:
        yield
    except gr.Error:
        raise
    except HubError as error:
        log.info("%s: %s: %s", where, type(error).__name__, error)
        raise gr.Error(str(error), print_exception=False) from error
    except Exception as error:
        number = secrets.token_hex(4)
        log.exception("%s failed, id %s", where, number)
        message = f"Something failed inside. The hub's log has the details under the id {number}."
        raise gr.Error(message, print_exception=False) from error


def guarded(function: Callable[..., Any], where: str) -> Callable[..., Any]:
    """Return a page's event handler with its errors told as `told` does; its signature stays."""
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def stream(*values: Any, **named: Any) -> AsyncIterator[Any]:
            with told(where):
                async for value in function(*values, **named):
                    yield value

        return stream
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*values: Any, **named: Any) -> Any:
            with told(where):
                return await function(*values, **named)

        return later
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def each(*values: Any, **named: Any) -> Iterator[Any]:
            with told(where):
                yield from function(*values, **named)

        return each

    @functools.wraps(function)
    def once(*values: Any, **named: Any) -> Any:
        with told(where):
            return function(*values, **named)

    return once
