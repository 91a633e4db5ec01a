"""The log, and the id by which a line of it, an error and an answer belong together.

Every request has an id. It is in the answer's header, in each line of the log that was written for
it, in whichever thread, and in what its caller is told of a failure.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import re
import secrets
import traceback
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from hub import settings

VALID_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")  # an id that a caller or a proxy may bring
# what `extra` may tell: of a call, and of an answer over HTTP
FIELDS = ("demo", "endpoint", "outcome", "seconds", "method", "path", "status")
CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), 127)} | {
    ord("\n"): "\\n",
    ord("\t"): "\t",
}


class Request(NamedTuple):
    """The request that something is done for."""

    id: str = ""  # of a batch, the ids of all, parted by commas
    client: str = ""  # a pseudonym of who sent it


_current: ContextVar[Request] = ContextVar("latenthub_request", default=Request())  # noqa: B039


def current() -> Request:
    """Return the request that is being answered here; its fields are empty outside of any."""
    return _current.get()


def new_id() -> str:
    return secrets.token_hex(6)


def valid_id(text: str) -> str:
    """Return the id that a caller brought if it may stand in the log; a new one otherwise."""
    return text if VALID_ID.fullmatch(text) else new_id()


def numbered() -> Request:
    """Return the request that is being answered here; outside of any, one with an id of its own."""
    request = current()
    return request if request.id else request._replace(id=new_id())


@contextlib.contextmanager
def during(request: Request) -> Iterator[Request]:
    """Do what is inside for a request: each line of the log names it."""
    token = _current.set(request)
    try:
        yield request
    finally:
        _current.reset(token)


def together(requests: Sequence[Request]) -> Request:
    """Return what stands for the requests that a batch answers."""
    if len(requests) == 1:
        return requests[0]
    return Request(",".join(dict.fromkeys(one.id for one in requests if one.id)))


def configure() -> None:
    """Send the log to stderr, as LATENTHUB_LOG and LATENTHUB_LOG_FORMAT say.

    Raises:
        SettingsError: one of them has no such value.
    """
    level = settings.LOG.choice("debug", "info", "warning", "error").upper()
    form = settings.LOG_FORMAT.choice("text", "json")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    handler.addFilter(add_request)
    others = logging.getLogger().handlers  # those of a test runner, say, are left alone
    plain = all(type(one) is logging.StreamHandler for one in others)
    logging.basicConfig(level=level, handlers=[handler], force=plain)
    logging.captureWarnings(True)
    if level != "DEBUG":
        for name in ("httpx", "httpx2", "httpcore", "mcp"):  # they tell of each request at "info"
            logging.getLogger(name).setLevel(logging.WARNING)


def adopt(name: str) -> None:
    """Let the loggers under `name`, which print on their own, go through this log."""
    known = list(logging.root.manager.loggerDict)
    for one in known:
        if one == name or one.startswith(f"{name}."):
            logger = logging.getLogger(one)
            logger.handlers.clear()
            logger.propagate = True


def add_request(record: logging.LogRecord) -> bool:
    """Give a record the request that its thread works for."""
    record.request, record.client = _current.get()
    return True


class TextLines(logging.Formatter):
    """A line an event, for reading: time, level, logger, [request]: message."""

    def format(self, record: logging.LogRecord) -> str:
        request = getattr(record, "request", "")
        tag = f" [{request}]" if request else ""
        # escaped, because a caller's own text must not look like another line
        message = record.getMessage().translate(CONTROL)
        line = f"{self.formatTime(record)} {record.levelname} {record.name}{tag}: {message}"
        return f"{line}\n{trace}" if (trace := trace_of(record)) else line


class JsonLines(logging.Formatter):
    """A JSON object an event, for programs."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("request", "client", *FIELDS):
            if (value := getattr(record, name, "")) != "":
                line[name] = value
        if trace := trace_of(record):
            line["exception"] = trace
        return json.dumps(line, ensure_ascii=False, default=str)


def trace_of(record: logging.LogRecord) -> str:
    """Return the traceback that a record carries, as text."""
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return "".join(traceback.format_exception(*record.exc_info)).rstrip()
