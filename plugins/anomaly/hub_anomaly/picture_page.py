"""The tab of pictures: say what is usual, bring or draw a picture, see how unusual it is, where.

The heat lies over the picture as a picture of its own, so that its opacity follows the slider
without a call.
"""

from __future__ import annotations

import contextlib
import functools
import json
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from hub import HubError, InputError
from hub.handwriting import painted
from hub.site import share
from hub_anomaly import drawings
from hub_anomaly.components import TO_NAME, TO_VALUE, hidden_text, shown, widget
from hub_anomaly.pictures import examples
from hub_anomaly.pictures.usual import CLOTHES, DIGITS, TILES, Sort, sort_of

FIRST = "scratch"
LARGEST = 640  # pixels of the longer side of what is shown
TILE = 80  # likewise, of an example's tile
CHOOSE = "Choose a picture, or bring your own: it is kept nowhere."
OPACITY = 70  # per cent
FIRSTS: dict[Sort, tuple[str, str]] = {  # by sort: what is usual, and its example
    "tiles": (TILES, FIRST),
    "digits": ("digit 4", "digit 9"),
    "clothes": ("sneaker", "ankle boot"),
}
SORTS = [("Magnetic tiles", "tiles"), ("Digits", "digits"), ("Clothes", "clothes")]
ABOUT: dict[Sort, str] = {
    "tiles": "Faultless surfaces of magnetic tiles, photographed in grey. It does not know other "
    "materials; brushed metal is near enough.",
    "digits": "One digit, as people wrote it for MNIST. It has never seen the others.",
    "clothes": "One kind of clothing of Fashion-MNIST, photographed alone on an even ground.",
}
DRAWN = '() => ({ kind: "drawn" })'
SAME = "(value) => value"
# What is drawn is kept in the link as it is; of a file it has nothing.
TO_KEY = f'(value) => (value && value.kind === "drawn" ? "drawn" : ({TO_NAME})(value))'
FROM_KEY = f'(key, value) => (key === "drawn" ? {{ kind: "drawn" }} : ({TO_VALUE})(key, value))'
TO_PAGE = """(opacity) => {
  document.documentElement.style.setProperty("--anomaly-opacity", opacity / 100);
  return [];
}"""
TO_USUAL = f"(sort) => ({json.dumps({sort: first[0] for sort, first in FIRSTS.items()})})[sort]"


def picture_tab(service: Any) -> None:
    """A picture, its heat, and where its score lies among those of usual pictures."""
    with gr.Tab("Score a picture", id="picture") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=320):
            looked = shown(
                drawings.empty("The detector will answer here."), elem_id="anomaly-looked"
            )
            opacity = gr.Slider(0, 100, OPACITY, step=1, label="Opacity of the heat, per cent")
            beside = shown("", elem_id="anomaly-beside")
        with gr.Column(scale=2, min_width=290, elem_classes="hub-panel"):
            sort = gr.Radio(SORTS, value="tiles", label="What is usual", elem_classes="hub-chips")
            digit = gr.Radio(
                [(one.removeprefix("digit "), one) for one in DIGITS],
                value=FIRSTS["digits"][0],
                label="The usual digit",
                visible=False,
                elem_classes=["hub-chips", "hub-even"],
            )
            garment = gr.Dropdown(
                [(titled(one), one) for one in CLOTHES],
                value=FIRSTS["clothes"][0],
                label="The usual piece of clothing",
                visible=False,
            )
            about = shown(drawings.note(ABOUT["tiles"]), elem_id="anomaly-usual-about")
            with gr.Column(visible=False) as drawing:
                pad = widget("pad", "", hint="draw a digit here", elem_id="anomaly-pad")
            chosen = widget(
                "chooser",
                {"kind": "example", "name": FIRST},
                heading="Picture to look at",
                examples=[],
                pictures=True,
                invites=("Your own", "a picture file; drop it here"),
                optional=False,
                elem_id="anomaly-pictures",
            )
            usual = gr.Dropdown(
                [TILES, *DIGITS, *CLOTHES], value=TILES, label="Usual", visible="hidden"
            )
            of = hidden_text(FIRST, "Picture")
            strokes = hidden_text("", "Strokes", 2_000)

    def arrange(usual: str, of: str, value: Any) -> list[Any]:
        """Return the controls for what is usual, with a picture of its sort."""
        sort = sort_of(usual)
        own = isinstance(value, dict) and value.get("kind") == "file"
        fits = belongs(value_of(of), sort) if of else own
        first: dict[str, Any] = {} if fits else {"value": first_of(sort)}
        picked: dict[str, Any] = {"value": usual}
        return [
            sort,
            gr.Radio(visible=sort == "digits", **(picked if sort == "digits" else {})),
            gr.Dropdown(visible=sort == "clothes", **(picked if sort == "clothes" else {})),
            drawings.note(ABOUT[sort]),
            gr.HTML(examples=tiles_of(sort), **first),
            gr.Column(visible=sort == "digits"),
        ]

    def look(usual: str, value: Any, strokes: str) -> list[Any]:
        try:
            if not belongs(value, sort_of(usual)):  # another is being chosen: that is answered
                return [gr.skip(), gr.skip()]
            # Gradio sends "" for a chooser that has nothing.
            if not isinstance(value, dict) or (value.get("kind") == "drawn" and not strokes):
                return [drawings.empty(CHOOSE), ""]
            return answer(service, usual, value, strokes)
        except HubError as error:
            return [drawings.problem(str(error)), ""]

    restored = share(
        "score_image",
        tab=tab,
        usual=usual,
        picture=of,
        strokes=strokes,
        heat=opacity,
    )
    arranged: dict[str, Any] = {
        "fn": arrange,
        "inputs": [usual, of, chosen],
        "outputs": [sort, digit, garment, about, chosen, drawing],
        "show_progress": "hidden",
    }
    restored.then(None, [of, chosen], chosen, js=FROM_KEY).then(**arranged)
    restored.then(None, strokes, pad, js=SAME)
    restored.then(None, opacity, None, js=TO_PAGE)
    opacity.change(None, opacity, None, js=TO_PAGE)
    sort.input(None, sort, usual, js=TO_USUAL)
    digit.input(None, digit, usual, js=SAME)
    garment.input(None, garment, usual, js=SAME)
    usual.change(**arranged)
    chosen.change(None, chosen, of, js=TO_KEY)
    pad.change(None, pad, strokes, js=SAME)
    pad.drawn(None, None, chosen, js=DRAWN)
    gr.on(
        [tab.select, usual.change, chosen.change, strokes.change],
        look,
        [usual, chosen, strokes],
        [looked, beside],
        show_progress="hidden",
        trigger_mode="always_last",
    )


# What is done for it.


def answer(service: Any, usual: str, value: Any, strokes: str) -> list[Any]:
    """Return what the tab shows of a picture: it with its heat, and its score beside others."""
    image = picture_of(value, strokes)
    seen, heat, restored, told = service.score_image(image, usual=usual, opacity=0.0)
    seen, heat, restored = (smaller(one) for one in (seen, heat, restored))
    return [
        drawings.looked(seen, heat, restored, told, sort_of(usual)),
        drawings.beside(told, usual),
    ]


def picture_of(value: Any, strokes: str) -> np.ndarray | Path:
    """Return the picture that is chosen or drawn.

    Raises:
        InputError: there is none.
    """
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "drawn" and strokes:
        return np.array(painted(strokes))
    if kind == "example" and value.get("name") in examples.EXAMPLES:
        return examples.EXAMPLES[value["name"]].load()
    if kind == "file":
        return Path(value["file"]["path"])
    raise InputError("image must be chosen: click an example, or bring your own", "image")


def first_of(sort: Sort) -> dict[str, Any] | None:
    """Return the chooser's value to begin with, None where there are no examples."""
    name = FIRSTS[sort][1]
    return {"kind": "example", "name": name} if examples.EXAMPLES[name].available else None


def value_of(key: str) -> dict[str, Any]:
    """Return the chooser's value that a link means."""
    return {"kind": "drawn"} if key == "drawn" else {"kind": "example", "name": key}


def belongs(value: Any, sort: Sort) -> bool:
    """Tell whether a chooser's value may be a picture of this sort."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "drawn":
        return sort == "digits"
    known = examples.EXAMPLES.get(value.get("name")) if kind == "example" else None
    return known is None or known.sort == sort


def tiles_of(sort: Sort) -> list[dict[str, Any]]:
    """Return the examples of a sort that are here as the chooser takes them."""
    found = []
    for name, one in examples.examples_of(sort).items():
        with contextlib.suppress(HubError):  # a damaged data set: the others are shown
            bare = sort == "digits"
            found.append({"name": name, "title": one.title, "picture": tile(name), "bare": bare})
    return found


@functools.cache
def tile(name: str) -> str:
    """Return a small picture of an example, as a data URL."""
    return drawings.source(smaller(examples.EXAMPLES[name].load(), TILE))


def smaller(picture: np.ndarray, side: int = LARGEST) -> np.ndarray:
    """Return a picture of at most `side` pixels a side."""
    if max(picture.shape[:2]) <= side:
        return picture
    shrunk = Image.fromarray(picture)
    shrunk.thumbnail((side, side), Image.Resampling.BOX)
    return np.array(shrunk)


def titled(name: str) -> str:
    return name[0].upper() + name[1:]
