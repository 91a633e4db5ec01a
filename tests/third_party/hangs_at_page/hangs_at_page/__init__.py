"""Has a page that is never done."""

import time
from pathlib import Path
from typing import Any

from hub import Demo, endpoint, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="hangs-at-page",
        title="Hangs at its page",
        summary="Have a page that is never done.",
        service="hangs_at_page:Service",
        page="hangs_at_page:page",
    )


class Service:
    def __init__(self, checkpoint: Path, device: str) -> None:
        pass

    @endpoint
    def answer(self) -> int:
        """Return 42."""
        return 42


def page(service: Any) -> Any:
    import gradio as gr

    with gr.Blocks() as blocks:
        gr.Button("Answer")
        while True:
            time.sleep(0.01)
    return blocks
