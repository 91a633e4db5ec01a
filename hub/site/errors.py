"""What a visitor or caller is told when something goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import gradio as gr

from hub.errors import HubError, InputError
from hub.observe import Outcome, outcome_of, tell
from hub.site.requests import during_event, failure

END = object()  # of a generator
log = logging.getLogger(__name__)


def ignored(outcome: Outcome) -> None:
    """Tell nobody."""


@contextlib.contextmanager
def told(where: str, event: gr.Request | None = None) -> Iterator[None]:
    """Turn what is raised inside into one clear message; `where` goes to the log only.

    Args:
        event: where it is not the one whose function runs here.

    Raises:
        gr.Error: with a HubError's message, or with one that leads to the log. Its text names the
            request; where the caller can see what to mend from that alone, its title does.
    """
    with during_event(event) as request:
        try:
            yield
        except gr.Error as error:
            log.debug("%s: %s", where, error.message)
            error.print_exception = False  # a visitor's slip is no fault of the hub's
            raise
        except HubError as error:
            log.debug("%s: %s: %s", where, type(error).__name__, error)
            raise told_error(message_of(error, request.id), request.id) from error
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:  # SystemExit would end the server
            log.exception("%s failed", where)
            raise told_error(failure(request.id), request.id) from error


def told_error(message: str, request: str) -> gr.Error:
    title = "Error" if "(request " in message else f"Error (request {request})"
    return gr.Error(message, title=title, print_exception=False)


def message_of(error: HubError, request: str) -> str:
    """Return an error's text; where it is not the caller's to mend, with the request in it."""
    message = str(error)
    if isinstance(error, InputError) or "(request " in message:
        return message
    return f"{message} (request {request})"


def tell_all(blocks: gr.Blocks) -> None:
    """Have what fails in Gradio, around the functions it calls, told as `told` does.

    A component may refuse what no browser sends, or be unable to show an answer: Gradio prints the
    traceback past the log, and tells the visitor "Error" and no more.
    """
    process = blocks.process_api

    async def processed(block_fn: Any, *values: Any, **named: Any) -> Any:
        event = named.get("request")
        with told(str(getattr(block_fn, "api_name", block_fn)), event):
            return await process(block_fn, *values, **named)

    blocks.process_api = processed  # type: ignore[method-assign]


def guarded(
    function: Callable[..., Any], where: str, ended: Callable[[Outcome], None] = ignored
) -> Callable[..., Any]:
    """Return a page's event handler with its errors told as `told` does; its signature stays.

    Args:
        ended: is called with how each event ends.
    """
    # A generator's steps run in different threads, so each is told of on its own.
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def stream(*values: Any, **named: Any) -> AsyncIterator[Any]:
            with noted(ended):
                async with contextlib.aclosing(function(*values, **named)) as steps:
                    while True:
                        with told(where):
                            value = await anext(steps, END)
                        if value is END:
                            return
                        yield value

        return stream
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*values: Any, **named: Any) -> Any:
            with noted(ended), told(where):
                return await function(*values, **named)

        return later
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def each(*values: Any, **named: Any) -> Iterator[Any]:
            with noted(ended), contextlib.closing(function(*values, **named)) as steps:
                while True:
                    with told(where):
                        value = next(steps, END)
                    if value is END:
                        return
                    yield value

        return each

    @functools.wraps(function)
    def once(*values: Any, **named: Any) -> Any:
        with noted(ended), told(where):
            return function(*values, **named)

    return once


@contextlib.contextmanager
def noted(ended: Callable[[Outcome], None]) -> Iterator[None]:
    """Tell how what is inside ends: a page's own gr.Error is the visitor's slip."""
    outcome: Outcome = "ok"
    try:
        yield
    except GeneratorExit:
        outcome = "cancelled"
        raise
    except BaseException as error:
        cause = error.__cause__
        own = isinstance(error, gr.Error) and cause is None
        outcome = "input_error" if own else outcome_of(cause or error)
        raise
    finally:
        tell(ended, outcome)
