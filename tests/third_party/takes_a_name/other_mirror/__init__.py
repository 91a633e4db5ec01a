"""Takes the name of another plugin."""

from pathlib import Path
from typing import Any

from hub import Demo, endpoint, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="mirror",
        title="Another mirror",
        summary="Have the name of another plugin.",
        service="other_mirror:Service",
        page="other_mirror:page",
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
    return blocks
