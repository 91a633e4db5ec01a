"""The web site and the API: `build` makes it, `serve` runs it.

`share` and `progress_of` are for plugins' pages.
"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # no request leaves the machine

from hub.site.api import progress_of
from hub.site.links import share
from hub.site.server import build, serve

__all__ = ["build", "progress_of", "serve", "share"]
