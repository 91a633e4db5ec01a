"""What the tabs of the page share: widgets, places for what hub_anomaly.drawings makes, values that
are part of a link and not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

WIDGETS = Path(__file__).with_name("widgets")

# How a chooser's value is written into a link, and read from it; what nobody else has is left out.
TO_NAME = '(value) => (value && value.kind === "example" ? value.name : "")'
TO_VALUE = """(name, value) =>
  value && (value.kind === "file" ? !name : value.name === name) ? value
  : name ? { kind: "example", name } : null"""


def widget(name: str, value: Any, **props: Any) -> gr.HTML:
    """Return one of the widgets of widgets/; `props` are what its JavaScript reads besides the
    value."""
    css, js = (
        "".join((WIDGETS / f"{part}.{kind}").read_text("utf-8") for part in ("common", name))
        for kind in ("css", "js")
    )
    return gr.HTML(
        value,
        html_template=(WIDGETS / f"{name}.html").read_text("utf-8"),
        css_template=css,
        js_on_load=js,
        apply_default_css=False,
        elem_classes="hub-flush",
        **props,
    )


def shown(value: str, **settings: Any) -> gr.HTML:
    """Return a place for what hub_anomaly.drawings makes."""
    return gr.HTML(
        value,
        css_template=(WIDGETS / "drawings.css").read_text("utf-8"),
        apply_default_css=False,
        elem_classes="hub-flush",
        **settings,
    )


def hidden_text(value: str, label: str, max_length: int = 300) -> gr.Textbox:
    return gr.Textbox(value, label=label, max_length=max_length, visible="hidden")
