"""The web site and the API: `build` makes it, `serve` runs it.

`progress_of`, `share`, `shown` and `widget` are for plugins' pages.
"""

import os

from hub.site import kept

os.environ[kept.FOLDER] = kept.folder()  # of uploads and results
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # no request leaves the machine
# Gradio sums up its last 10,000 calls with pandas after each one, for a page the hub does not have
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**12))
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")

from hub.site.api import progress_of
from hub.site.components import shown, widget
from hub.site.links import share
from hub.site.server import build, serve

__all__ = ["build", "progress_of", "serve", "share", "shown", "widget"]
