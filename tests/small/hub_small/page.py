"""A page with one control and one picture."""

from typing import Any

import gradio as gr

from hub.site import share


def page(small: Any) -> gr.Blocks:
    def draw(count: int) -> Any:
        return list(small.draw(count))

    with gr.Blocks() as blocks:
        count = gr.Slider(1, 8, 2, step=1, label="Pictures")
        pictures = gr.Gallery(label="What comes back")
        share("draw", count=count).then(draw, count, pictures)
        count.release(draw, count, pictures)
    return blocks
