"""Serve the hub: `python app.py`, and the entry of a Hugging Face Space.

LATENTHUB_HOST and LATENTHUB_PORT say where (127.0.0.1:7860), LATENTHUB_DEVICE on what (auto),
LATENTHUB_CHECKPOINTS names a folder of checkpoints, LATENTHUB_STRICT=1 refuses to start with a
broken plugin, LATENTHUB_MCP=1 serves MCP too.
"""

import os
import sys

from hub.app import Hub
from hub.errors import HubError
from hub.site import serve


def main() -> None:
    on = {"1", "true", "yes"}
    try:
        hub = Hub.open(
            strict=os.environ.get("LATENTHUB_STRICT", "") in on,
            device=os.environ.get("LATENTHUB_DEVICE", "auto"),
        )
        serve(
            hub,
            os.environ.get("LATENTHUB_HOST", "127.0.0.1"),
            int(os.environ.get("LATENTHUB_PORT", os.environ.get("PORT", "7860"))),
            mcp=os.environ.get("LATENTHUB_MCP", "") in on,
            ready=lambda url: print(f"Latenthub is on {url}", flush=True),
        )
    except HubError as error:
        sys.exit(f"latenthub: {error}")


if __name__ == "__main__":
    main()
