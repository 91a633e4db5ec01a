"""Has an endpoint that never answers."""

import time
from pathlib import Path
from typing import Any

from hub import Demo, endpoint, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="hangs-in-endpoint",
        title="Hangs in an endpoint",
        summary="Have an endpoint that never answers.",
        service="hangs_in_endpoint:Service",
        page="hangs_in_endpoint:page",
    )


class Service:
    def __init__(self, checkpoint: Path, device: str) -> None:
        pass

    @endpoint(timeout=1)
    def answer(self) -> int:
        """Return 42."""
        time.sleep(3600)
        return 42


def page(service: Any) -> Any:
    import gradio as gr

    with gr.Blocks() as blocks:
        gr.Button("Answer")
    return blocks
