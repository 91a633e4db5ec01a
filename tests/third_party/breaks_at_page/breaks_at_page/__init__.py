"""Has a page that cannot be drawn."""

from pathlib import Path
from typing import Any

from hub import Demo, endpoint, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="breaks-at-page",
        title="Breaks at its page",
        summary="Have a page that cannot be drawn.",
        service="breaks_at_page:Service",
        page="breaks_at_page:page",
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

    with gr.Blocks():
        gr.Slider(1, 8, label=service.no_such_endpoint())
