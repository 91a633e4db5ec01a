"""A playground with two tabs, each with a state of its own."""

from typing import Any

import gradio as gr
import numpy as np

from hub.site import progress_of, share


def page(sample: Any) -> gr.Blocks:
    def draw(digit: Any, count: int, seed: int) -> np.ndarray:
        pictures = sample.generate(
            digit=None if digit == "" else digit, count=int(count), seed=int(seed)
        )
        return np.concatenate(list(pictures), axis=1)

    def greet(name: str, loud: bool) -> str:
        if not name:
            raise gr.Error("Give a name first.")
        return sample.greet(name=name, style="loud" if loud else "plain")["text"]

    def wait(progress: Any = gr.Progress()) -> str:  # noqa: B008 - Gradio's way
        return f"{sample.slow(steps=12, progress=progress_of(progress))} steps"

    with gr.Blocks() as blocks:
        with gr.Tabs():
            with gr.Tab("Draw", id="draw") as draw_tab, gr.Row(elem_classes="hub-row"):
                with gr.Column(scale=3, elem_classes="hub-stage"):
                    sheet = gr.Image(
                        label="Pictures",
                        elem_classes="hub-pixels",
                        buttons=[],
                        interactive=False,
                        height=260,
                    )
                with gr.Column(scale=2, min_width=280, elem_classes="hub-panel"):
                    digit = gr.Radio(
                        [("any", ""), *((str(d), d) for d in range(10))],
                        value="",
                        label="Digit",
                        elem_classes="hub-chips",
                    )
                    count = gr.Slider(1, 8, 4, step=1, label="How many")
                    seed = gr.Slider(0, 9999, 0, step=1, label="Seed")
                    button = gr.Button("Draw", variant="primary")
            with gr.Tab("Greet", id="greet") as greet_tab, gr.Row(elem_classes="hub-row"):
                with gr.Column(elem_classes="hub-panel"):
                    name = gr.Textbox(label="Name", max_length=40)
                    loud = gr.Checkbox(label="Loud")
                    say = gr.Button("Greet", variant="primary")
                    broken = gr.Button("Break")
                    slow = gr.Button("Wait")
                with gr.Column(elem_classes="hub-stage"):
                    answer = gr.Textbox(label="Answer", interactive=False)
        drawn = {"fn": draw, "inputs": [digit, count, seed], "outputs": sheet}
        share("generate", tab=draw_tab, digit=digit, count=count, seed=seed).then(**drawn)
        share("greet", tab=greet_tab, name=name, loud=loud)
        gr.on([button.click, digit.input, count.release], **drawn)
        say.click(greet, [name, loud], answer)
        broken.click(lambda: sample.fail(), None, answer)
        slow.click(wait, None, answer)
    return blocks
