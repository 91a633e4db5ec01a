"""Widgets of a plugin's folder and of the hub, and places for what is drawn."""

import pytest

from hub.errors import PluginError
from hub.site import shown, widget


@pytest.fixture
def folder(tmp_path):
    for name in ("common.css", "common.js", "dial.html", "dial.css", "dial.js", "drawings.css"):
        (tmp_path / name).write_text(f"<{name}>", "utf-8")
    return tmp_path


def test_a_widget_is_of_the_plugin_s_folder(folder):
    made = widget(folder, "dial", 7, marks=3, elem_id="dial")
    assert (made.value, made.elem_id, made.props["marks"]) == (7, "dial", 3)
    assert made.html_template == "<dial.html>"
    assert made.css_template == "<common.css><dial.css>"
    assert made.js_on_load == "<common.js><dial.js>"


def test_the_pad_is_the_hub_s_unless_the_folder_has_one(folder):
    made = widget(folder, "pad", "", hint="Draw here")
    assert "<canvas" in made.html_template and made.css_template.startswith("<common.css>.pad")
    for kind in ("html", "css", "js"):
        (folder / f"pad.{kind}").write_text("mine", "utf-8")
    assert widget(folder, "pad", "").html_template == "mine"


def test_a_widget_that_nobody_has_is_told(folder):
    with pytest.raises(PluginError, match="has no dail.html, and of its own the hub has: pad"):
        widget(folder, "dail", None)


def test_what_is_drawn_has_the_folder_s_style(folder):
    made = shown(folder, "<b>drawn</b>", elem_id="drawn")
    assert (made.value, made.css_template) == ("<b>drawn</b>", "<drawings.css>")
