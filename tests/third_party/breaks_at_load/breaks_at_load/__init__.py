"""Has a model that cannot be loaded."""

from pathlib import Path
from typing import Any

from hub import Demo, endpoint, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="breaks-at-load",
        title="Breaks when it is loaded",
        summary="Have a model that cannot be loaded.",
        service="breaks_at_load:Service",
        page="breaks_at_load:page",
    )


class Service:
    def __init__(self, checkpoint: Path, device: str) -> None:
        raise KeyError(f"no weights in {checkpoint}")

    @endpoint
    def answer(self) -> int:
        """Return 42."""
        return 42


def page(service: Any) -> Any:
    import gradio as gr

    with gr.Blocks() as blocks:
        gr.Button("Answer")
    return blocks
