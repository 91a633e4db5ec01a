"""A page with a button per fault."""

from typing import Any

import gradio as gr

from hub.site import progress_of


def page(service: Any) -> gr.Blocks:
    def work(progress: Any = gr.Progress()) -> int:  # noqa: B008 - Gradio's way
        return service.work(seconds=20, name="page", progress=progress_of(progress))

    def leave() -> None:
        raise SystemExit(3)

    with gr.Blocks() as blocks:
        answer = gr.Number(label="Answer", interactive=False)
        gr.Button("Work").click(work, None, answer)
        gr.Button("Leave").click(leave, None, answer)
        gr.Button("Fail").click(lambda: 1 / 0, None, answer)
    return blocks
