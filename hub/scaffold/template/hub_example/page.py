"""Draw digits, and see what the code keeps of one.

`service` has the endpoints of the service; each call runs where the hub has put the model.
Importing this module builds nothing.
"""

from typing import Any

import gradio as gr
import numpy as np

from hub.site import share
from hub_example.service import SEVEN

SCALE = 24  # screen pixels for one of a picture's


def page(service: Any) -> gr.Blocks:
    def draw(count: int, seed: int) -> list[np.ndarray]:
        return [enlarged(picture) for picture in service.draw(count, seed)]

    def rebuild(picture: np.ndarray | None) -> np.ndarray:
        if picture is None:
            raise gr.Error("Choose a picture first.")
        return enlarged(service.rebuild(picture))

    with gr.Blocks() as blocks:
        with gr.Row():
            count = gr.Slider(1, 64, 12, step=1, label="Digits")
            seed = gr.Slider(0, 999, 0, step=1, label="Seed")
        drawn = gr.Gallery(label="New digits", columns=6, height="auto")
        with gr.Row():
            picture = gr.Image(enlarged(SEVEN), label="A digit, light on dark", image_mode="L")
            kept = gr.Image(label="What the code keeps of it", interactive=False)
        gr.Button("Rebuild").click(rebuild, picture, kept)

        # What makes the page's link; whoever opens it sees these digits again.
        share("draw", count=count, seed=seed).then(draw, [count, seed], drawn)
        gr.on([count.release, seed.release], draw, [count, seed], drawn)
    return blocks


def enlarged(picture: np.ndarray) -> np.ndarray:
    """Return a picture with its pixels as squares that one can see."""
    return picture.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
