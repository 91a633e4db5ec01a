"""Write a text backwards: a plugin that works."""

from pathlib import Path
from typing import Annotated, Any

from hub import Demo, Length, endpoint, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="mirror",
        title="A mirror",
        summary="Write a text backwards.",
        service="acme_mirror:Mirror",
        page="acme_mirror:page",
    )


class Mirror:
    def __init__(self, checkpoint: Path, device: str) -> None:
        pass

    @endpoint
    def a_text(self, text: Annotated[str, Length(1, 200)] = "level") -> str:
        """Write `text` backwards."""
        return text[::-1]


def page(mirror: Any) -> Any:
    import gradio as gr

    from hub.site import share

    with gr.Blocks() as blocks:
        text = gr.Textbox("level", label="A text", max_length=200)
        backwards = gr.Textbox(label="Backwards")
        share("a_text", text=text).then(mirror.a_text, text, backwards)
        text.submit(mirror.a_text, text, backwards)
    return blocks
