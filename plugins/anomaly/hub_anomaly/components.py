"""What the tabs of the page share: widgets, places for what hub_anomaly.drawings makes, values that
are part of a link and not seen."""

from __future__ import annotations

import functools
from pathlib import Path

import gradio as gr

import hub.site

WIDGETS = Path(__file__).with_name("widgets")
widget = functools.partial(hub.site.widget, WIDGETS)
shown = functools.partial(hub.site.shown, WIDGETS)

# How a chooser's value is written into a link, and read from it; what nobody else has is left out.
TO_NAME = '(value) => (value && value.kind === "example" ? value.name : "")'
TO_VALUE = """(name, value) =>
  value && (value.kind === "file" ? !name : value.name === name) ? value
  : name ? { kind: "example", name } : null"""


def hidden_text(value: str, label: str, max_length: int = 300) -> gr.Textbox:
    return gr.Textbox(value, label=label, max_length=max_length, visible="hidden")
