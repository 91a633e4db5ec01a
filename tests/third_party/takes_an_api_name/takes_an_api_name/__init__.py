"""Takes an API name of another plugin: mirror_a_text."""

from pathlib import Path
from typing import Any

from hub import Demo, endpoint, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="mirror-a",
        title="Takes an API name",
        summary="Have an API name of another plugin.",
        service="takes_an_api_name:Service",
        page="takes_an_api_name:page",
    )


class Service:
    def __init__(self, checkpoint: Path, device: str) -> None:
        pass

    @endpoint
    def text(self) -> int:
        """Return 42."""
        return 42


def page(service: Any) -> Any:
    import gradio as gr

    with gr.Blocks() as blocks:
        gr.Button("Answer")
    return blocks
