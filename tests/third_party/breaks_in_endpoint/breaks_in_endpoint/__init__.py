"""Has an endpoint with a fault."""

from pathlib import Path
from typing import Any

from hub import Demo, endpoint, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="breaks-in-endpoint",
        title="Breaks in an endpoint",
        summary="Have an endpoint with a fault.",
        service="breaks_in_endpoint:Service",
        page="breaks_in_endpoint:page",
    )


class Service:
    def __init__(self, checkpoint: Path, device: str) -> None:
        pass

    @endpoint
    def answer(self) -> int:
        """Return 42."""
        return Path(__file__).stat().no_such_attribute


def page(service: Any) -> Any:
    import gradio as gr

    with gr.Blocks() as blocks:
        gr.Button("Answer")
    return blocks
