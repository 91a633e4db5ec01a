"""Serve the hub: `python app.py`, and the entry of a Hugging Face Space.

LATENTHUB_HOST and LATENTHUB_PORT say where (127.0.0.1:7860), LATENTHUB_DEVICE on what (auto),
LATENTHUB_CHECKPOINTS names a folder of checkpoints, LATENTHUB_STRICT=1 refuses to start with a
broken plugin, LATENTHUB_MCP=1 serves MCP too.
"""

import os
import sys

from hub import logs, settings
from hub.app import Hub
from hub.errors import HubError
from hub.site import serve


def main() -> None:
    try:
        logs.configure()
        hub = Hub.open(
            strict=settings.STRICT.on,
            device=settings.DEVICE.text or "auto",
        )
        serve(
            hub,
            settings.HOST.text or "127.0.0.1",
            settings.PORT.whole(int(os.environ.get("PORT", "7860"))),
            mcp=settings.MCP.on,
            ready=lambda url: print(f"Latenthub is on {url}", flush=True),
        )
    except HubError as error:
        sys.exit(f"latenthub: {error}")


if __name__ == "__main__":
    main()
