"""What plugins' pages are made of besides Gradio's own: widgets, and places for what is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from hub.errors import PluginError

OWN = Path(__file__).with_name("widgets")


def widget(folder: Path, name: str, value: Any, **props: Any) -> gr.HTML:
    """Return a widget: `name`.html, .css and .js of a plugin's folder, or else of the hub's own.

    Ahead of its CSS and JavaScript come common.css and common.js of the plugin's folder. The hub
    has "pad", a drawing pad, whose value is the strokes that hub.handwriting.painted takes; it asks
    for a `hint`, and draws buttons of the class "plain" of common.css.

    Args:
        props: what its JavaScript reads besides the value, and settings of gr.HTML.

    Raises:
        PluginError: there is no such widget.
    """
    place = folder if (folder / f"{name}.html").exists() else OWN
    if not (place / f"{name}.html").exists():
        own = ", ".join(sorted(path.stem for path in OWN.glob("*.html")))
        raise PluginError(f"{folder} has no {name}.html, and of its own the hub has: {own}")
    css, js = (
        (folder / f"common.{kind}").read_text("utf-8")
        + (place / f"{name}.{kind}").read_text("utf-8")
        for kind in ("css", "js")
    )
    return gr.HTML(
        value,
        html_template=(place / f"{name}.html").read_text("utf-8"),
        css_template=css,
        js_on_load=js,
        apply_default_css=False,
        elem_classes="hub-flush",
        **props,
    )


def shown(folder: Path, value: str, **settings: Any) -> gr.HTML:
    """Return a place for what a plugin draws as HTML, which drawings.css of its folder styles."""
    return gr.HTML(
        value,
        css_template=(folder / "drawings.css").read_text("utf-8"),
        apply_default_css=False,
        elem_classes="hub-flush",
        **settings,
    )
