"""A playground that takes a folder by Gradio's own component."""

from pathlib import Path
from typing import Any

import gradio as gr


def page(sample: Any) -> gr.Blocks:
    def collect(paths: list[str] | None) -> str:
        found = sample.collect([Path(path) for path in paths or []])["found"]
        return ", ".join(f"{name}: {length}" for name, length, _ in found)

    with gr.Blocks() as blocks:
        folder = gr.File(file_count="directory", label="Folder")
        answer = gr.Textbox(label="Answer")
        gr.Button("Collect").click(collect, folder, answer)
    return blocks
