"""A bare Gradio app of as many pages as the hub has demos: python pages.py --port 7861 --pages 1.

A page has what the plainest demo needs: a heading, a picture in, a picture out, a slider, a button
and the function it calls. Nothing but Gradio and numpy is imported.
"""

import argparse

import gradio as gr
import numpy as np


def page(number: int) -> None:
    def run(picture: np.ndarray | None, strength: float) -> np.ndarray | None:
        return None if picture is None else (picture * strength).astype(np.uint8)

    gr.Markdown(f"# Demo {number}\nGive a picture, and see what comes back.")
    with gr.Row():
        picture = gr.Image(label="Picture")
        result = gr.Image(label="Result")
    strength = gr.Slider(0, 1, 0.5, label="Strength")
    gr.Button("Run").click(run, [picture, strength], result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pages", type=int, required=True)
    chosen = parser.parse_args()
    with gr.Blocks() as app:
        gr.Markdown("# Demos")
    for number in range(1, chosen.pages + 1):
        with app.route(f"Demo {number}", f"/demo{number}"):
            page(number)
    app.launch(server_port=chosen.port, quiet=True)


if __name__ == "__main__":
    main()
