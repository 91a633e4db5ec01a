"""A playground that takes files in every way Gradio's components have."""

from typing import Any

import gradio as gr


def page(sample: Any) -> gr.Blocks:
    def told(*values: Any) -> str:
        return f"{len([value for value in values if value is not None])} came"

    with gr.Blocks() as blocks:
        takers = [
            gr.Image(label="Picture"),
            gr.Image(type="filepath", label="Picture's path"),
            gr.ImageEditor(label="Drawing"),
            gr.Gallery(label="Pictures"),
            gr.Audio(label="Sound"),
            gr.Video(label="Film"),
            gr.File(label="File"),
            gr.UploadButton("Send"),
            gr.MultimodalTextbox(label="Text and files"),
            gr.Chatbot(label="Talk"),
            gr.Dataframe(label="Table"),
            gr.JSON(label="Object"),
            gr.State(),
        ]
        answer = gr.Textbox(label="Answer")
        for taker in takers:
            gr.Button(f"Take {taker.label or 'it'}").click(told, taker, answer)
    return blocks
