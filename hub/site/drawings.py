"""What visitors draw in Gradio's image editors, kept within bounds.

An editor of Gradio's keeps each layer that a browser sends until an event takes the drawing, with
no limit to their number and size.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from typing import Any

import gradio as gr

MAX_LAYERS = 32
MAX_BYTES = 200_000_000  # of the drawings of one editor; the oldest make room


class Drawings(OrderedDict[str, Any]):
    """Drawings that no event has taken yet, by the id that their browser gave them."""

    def __setitem__(self, name: str, drawing: Any) -> None:
        super().__setitem__(name, drawing)
        self.move_to_end(name)
        while self and sum(map(size_of, self.values())) > MAX_BYTES:
            self.popitem(last=False)


def size_of(drawing: Any) -> int:
    """Return the bytes of a drawing's parts."""
    parts = [drawing.background, drawing.composite, *drawing.layers]
    return sum(len(part) for part in parts if part)


def bound(editor: gr.ImageEditor) -> None:
    """Keep no more than is allowed of what browsers send to an editor."""
    accept = editor.accept_blobs

    @functools.wraps(accept)  # it keeps the mark of what browsers may call
    def accept_few(data: Any) -> Any:
        index = str(data.data.get("index") or "0")
        if index != "null" and not (index.isdigit() and int(index) < MAX_LAYERS):
            raise gr.Error(f"A drawing may have {MAX_LAYERS} layers.", print_exception=False)
        return accept(data)

    editor.blob_storage = Drawings()
    editor.accept_blobs = accept_few
