"""Every environment variable the hub reads: its name, its default, what it does, how it is read.

An option of the command line wins over its variable. docs/reference.md has a table of them, which
docs/write_reference.py makes from here.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from hub.errors import SettingsError

ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True)
class Variable:
    """An environment variable."""

    name: str
    about: str  # what it does, as the reference says it, in Markdown
    default: str = ""  # as the reference shows it; empty: none

    @property
    def text(self) -> str:
        """What it is set to; empty: it is not set."""
        return os.environ.get(self.name, "")

    @property
    def words(self) -> list[str]:
        """The words it is set to, parted by commas or spaces."""
        return self.text.replace(",", " ").split()

    @property
    def on(self) -> bool:
        """Whether it is switched on; where it is not set, whether its default is.

        Raises:
            SettingsError: it is neither on nor off.
        """
        word = (self.text or self.default).lower()
        if word not in ON + OFF:
            raise SettingsError(f"{self.name} must be 1 or 0, got {self.text!r}")
        return word in ON

    def choice(self, *words: str) -> str:
        """Return the word it is set to, in lower case; its default where it is not set.

        Raises:
            SettingsError: it is none of `words`.
        """
        word = (self.text or self.default).lower()
        if word not in words:
            known = f"{', '.join(words[:-1])} or {words[-1]}"
            raise SettingsError(f"{self.name} must be {known}; got {self.text!r}")
        return word

    def positive(self, default: float) -> float:
        """Return it as a number; `default` where it is not set.

        Raises:
            SettingsError: it is not a positive, finite number.
        """
        if not self.text:
            return default
        try:
            value = float(self.text)
            if not 0 < value < math.inf:
                raise ValueError
        except ValueError as error:
            raise SettingsError(
                f"{self.name} must be a positive number, got {self.text!r}"
            ) from error
        return value

    def whole(self, default: int) -> int:
        """Return it as a whole number; `default` where it is not set.

        Raises:
            SettingsError: it is not a whole number from 0 on.
        """
        if not self.text:
            return default
        if not (self.text.isascii() and self.text.isdigit()):
            raise SettingsError(f"{self.name} must be a whole number, got {self.text!r}")
        return int(self.text)


# Serving.
HOST = Variable(
    "LATENTHUB_HOST",
    "address that `serve` listens on; `0.0.0.0` lets other machines in",
    "127.0.0.1",
)
PORT = Variable("LATENTHUB_PORT", "its port", "7860")
ONLY = Variable("LATENTHUB_ONLY", "demos to serve, parted by commas or spaces")
DISABLE = Variable("LATENTHUB_DISABLE", "demos to leave out, parted by commas or spaces")
STRICT = Variable("LATENTHUB_STRICT", "`1`: a broken plugin keeps the hub from starting", "0")
PLUGIN_SECONDS = Variable(
    "LATENTHUB_PLUGIN_SECONDS",
    "seconds that a plugin's import, its endpoints and its page may each take when the hub starts",
    "30",
)
MCP = Variable(
    "LATENTHUB_MCP", "`1`: serve the endpoints as MCP tools too; needs the extra `mcp`", "0"
)

# Guarding.
AUTH = Variable(
    "LATENTHUB_AUTH",
    "who may use the hub: `user:password`, more of them parted by commas, or `@/path` of a file "
    "with lines that `latenthub password` makes; empty: everybody",
)
RATE = Variable(
    "LATENTHUB_RATE",
    "calls and uploads of one client: a number per `second`, `minute` or `hour`; `0`: no limit",
    "600/minute",
)
MAX_UPLOAD_MB = Variable(
    "LATENTHUB_MAX_UPLOAD_MB", "the largest upload, in MB, its files together", "50"
)
UPLOADS_MB_PER_HOUR = Variable(
    "LATENTHUB_UPLOADS_MB_PER_HOUR",
    "MB that one client may upload in an hour; `0`: no limit",
    "1000",
)
KEPT_MB = Variable(
    "LATENTHUB_KEPT_MB",
    "MB of uploads and results that are kept, at most a day; the oldest make room",
    "2000",
)
STATE = Variable(
    "LATENTHUB_STATE",
    "a folder for what must outlive the hub, such as visitors' archives, `<demo>/`",
    "the user's data folder, such as `~/.local/share/latenthub`; on a Space, `/data/latenthub` "
    "where there is persistent storage",
)
STATE_MB = Variable(
    "LATENTHUB_STATE_MB", "MB that each demo may keep there; beyond, it takes no more", "10000"
)
TRUSTED_PROXIES = Variable(
    "LATENTHUB_TRUSTED_PROXIES",
    "addresses and networks of proxies whose `X-Forwarded-*` headers tell who calls; `*`: all",
    "`127.0.0.1` and `::1`; on a Space, all",
)
ROOT_PATH = Variable(
    "LATENTHUB_ROOT_PATH", "the path under which a proxy serves the hub, such as `/lab`"
)
ALLOWED_HOSTS = Variable(
    "LATENTHUB_ALLOWED_HOSTS",
    "host names that the hub answers to; `*.example.org` for all below; `*`: any",
    "on 127.0.0.1, this machine's; else any",
)
CORS = Variable(
    "LATENTHUB_CORS",
    "origins whose pages may call the hub, such as `https://example.org`; `*`: all, but without "
    "cookies",
)
FRAMES = Variable(
    "LATENTHUB_FRAMES",
    "origins that may show the hub's pages in a frame, parted by spaces",
    "the hub itself; on a Space, huggingface.co",
)
GRACE = Variable(
    "LATENTHUB_GRACE",
    "seconds in which calls may end after ctrl-C or SIGTERM; a second signal ends the hub at once",
    "30",
)

WARM = Variable("LATENTHUB_WARM", "demos whose models are loaded when the hub starts, or `all`")
METRICS = Variable(
    "LATENTHUB_METRICS",
    "who may read `/metrics`: `local`, this machine; `1`, everybody; `0`, nobody",
    "local",
)
METRICS_TOKEN = Variable(
    "LATENTHUB_METRICS_TOKEN",
    "whoever sends it, as `Authorization: Bearer …`, may read `/metrics` from anywhere",
)

# Models.
DEVICE = Variable(
    "LATENTHUB_DEVICE",
    "where models run: `cpu`, `cuda`, `cuda:1`, `mps`; `auto` takes CUDA where it is",
    "auto",
)
EXECUTOR = Variable(
    "LATENTHUB_EXECUTOR",
    "where models live: `local`, in this process; `zerogpu`, on GPUs lent by the call, with the "
    "extra `spaces`; `auto` takes that on a ZeroGPU Space",
    "auto",
)
MEMORY_GB = Variable(
    "LATENTHUB_MEMORY_GB",
    "memory for loaded models, in GB; the least recently used one makes room",
    "4; with CUDA, 0.6 of the device's",
)
MAX_WAITING = Variable(
    "LATENTHUB_MAX_WAITING",
    "calls of one demo that may wait before more are told to come back",
    "256",
)
CHECKPOINTS = Variable(
    "LATENTHUB_CHECKPOINTS",
    "a folder of checkpoints, `<demo>/`, looked into before the bundled ones",
)
PULL = Variable("LATENTHUB_PULL", "`1`: fetch pinned checkpoints that are missing at start", "0")
FETCH = Variable(
    "LATENTHUB_FETCH",
    "`0`: visitors are not offered to fetch a pinned checkpoint that is missing",
    "1",
)

# Training and data.
DATA = Variable(
    "LATENTHUB_DATA",
    "a folder of Parquet files, `<kind>/<name>/<split>.parquet`",
    "`../shared/data` if it is there",
)
TRACKIO = Variable(
    "LATENTHUB_TRACKIO", "`1`: training logs to trackio; needs the extra `track`", "0"
)

# Telling.
LOG = Variable(
    "LATENTHUB_LOG", "what `serve` and `train` log: `debug`, `info`, `warning`, `error`", "info"
)
LOG_FORMAT = Variable(
    "LATENTHUB_LOG_FORMAT",
    "how: `text`, lines for reading; `json`, an object a line, for programs",
    "text",
)
DEBUG = Variable(
    "LATENTHUB_DEBUG", "`1`: commands show the traceback of an error, and their log", "0"
)

# Testing.
FUZZ_EXAMPLES = Variable(
    "LATENTHUB_FUZZ_EXAMPLES",
    "requests that the contract's fuzz run sends to each endpoint; a number makes them random",
    "50, always the same",
)

VARIABLES = tuple(value for value in tuple(globals().values()) if isinstance(value, Variable))

# What a Hugging Face Space sets.
SPACE_ID = Variable("SPACE_ID", "its owner and name, `OWNER/NAME`")
SPACES_ZERO_GPU = Variable("SPACES_ZERO_GPU", "`true`: a GPU is lent to it by the call")
