"""The playground of the digits: draw, ask for a sheet, walk, complete, click on a map, vary a
group.

A tab is a function. What a visitor moves is the value of a component and part of the link; what a
tab shows comes from the service's endpoints. The pad, the walk and the map are small widgets of
their own (widgets/): the first so that a drawing is a short text, the others so that they answer
while dragging.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.events import Dependency

from hub.site import progress_of, share
from hub_digits import pictures
from hub_digits.drawing import SIDE, paint_strokes
from hub_digits.service import TEMPERATURE, Digits

WIDGETS = Path(__file__).with_name("widgets")
SEEDS = 9999  # seeds on the page go from 0 to this, so that one can be read out
FRAMES = 48  # pictures of a walk: all are fetched before it starts
VARIED = 8  # pictures of a digit with one group varied
CHOICES = [("any", ""), *((str(digit), digit) for digit in range(10))]

# One click each: what a hand would draw, as strokes (hub_digits.drawing), and what is no digit.
DRAWINGS = {
    "a two": "3233352538214617521658186523672867336639604731773674407355787477",
    "a three": "33244118461656176321662964366140574346475748625169577063696966755881518348833378",
    "a five": "661940203546434348425745624865536659656562725679478241823176",
    "a seven": "29225020712152614682-40506648",
    "4 or 9?": "372233333339354740524753555062456538-631665386284-372243164915",
    "a letter": "308250187082-38606260",
    "a spiral": "5150554657485852545750584453434845425337563762396744684769556858646457694970416735"
    "623154304533363929432652236124702978368145825579657078",
}
FIRST = DRAWINGS["a three"]


def page(digits: Digits) -> gr.Blocks:
    """Draw digits out of a latent space, and see what is in it."""
    with gr.Blocks() as blocks, gr.Tabs():
        strokes = draw_tab(digits)
        sheet_tab(digits)
        walk_tab(digits, strokes)
        complete_tab(digits)
        map_tab(digits)
        groups_tab(digits)
    return blocks


# The tabs.


def draw_tab(digits: Digits) -> gr.Textbox:
    """Draw the tab; return the strokes on its pad."""

    def look(strokes: str) -> str:
        if not strokes:
            return pictures.empty("Draw a digit: here you will see what its code keeps.")
        drawn = paint_strokes(strokes)
        return pictures.kept(digits.prepare(drawn), digits.layers(drawn))

    def judge(strokes: str) -> str:
        return pictures.judged(digits.score(paint_strokes(strokes))) if strokes else ""

    with gr.Tab("Draw", id="draw") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=2, min_width=300):
            pad = widget(
                "pad", FIRST, label="Drawing pad", hint="Draw a digit here", elem_id="digits-pad"
            )
            strokes = hidden_text(FIRST)
            examples(DRAWINGS, strokes)
        with gr.Column(scale=3, min_width=300):
            seen = shown(elem_id="digits-kept")
            verdict = shown("", elem_id="digits-verdict")
    bind(pad, strokes)
    restored = share("reconstruct", tab=tab, strokes=strokes)
    restored.then(None, strokes, pad, js=SAME)
    for event in (restored.then, strokes.change):
        done = event(look, strokes, seen, show_progress="hidden", trigger_mode="always_last")
        done.success(judge, strokes, verdict, show_progress="hidden", trigger_mode="always_last")
    return strokes


def sheet_tab(digits: Digits) -> None:
    def draw(digit: int | str, count: int, temperature: float, seed: int) -> str:
        drawn = digits.generate(digit_of(digit), count, temperature, seed)
        return pictures.sheet(drawn, "Any digit" if digit == "" else f"A {digit}")

    with gr.Tab("Sheet", id="sheet") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=300):
            sheet = shown(elem_id="digits-sheet")
        with gr.Column(scale=2, min_width=280, elem_classes="hub-panel"):
            digit = chips("Digit", 7)
            count = gr.Slider(1, 64, 25, step=1, label="How many")
            temperature = chance()
            seed = seed_slider()
            again = gr.Button("Draw another sheet", variant="primary")
            controls = [digit, count, temperature, seed]
            presets = {
                "A sheet of sevens": (7, 25, TEMPERATURE, 0),
                "Any digit": ("", 49, 1.0, 3),
                "The model's most expected three": (3, 1, 0.0, 0),
                "Too much chance": ("", 25, 1.5, 1),
            }
            clicked = examples(presets, *controls)
    again.click(fresh_seed, None, seed).then(draw, controls, sheet)
    share("generate", tab=tab, digit=digit, count=count, temperature=temperature, seed=seed)
    draws(draw, controls, sheet, tab, clicked)


def walk_tab(digits: Digits, strokes: gr.Textbox) -> None:
    def walk(
        start_digit: int | str,
        start_seed: int,
        end_digit: int | str,
        end_seed: int,
        own: bool,
        strokes: str,
    ) -> Any:
        if own and not strokes:
            raise gr.Error("The pad of the Draw tab is empty: draw a digit there first.")
        if own:
            start = digits.prepare(paint_strokes(strokes))
            end = digits.generate(digit_of(end_digit), 1, seed=end_seed)[0]
            frames = digits.interpolate(start, end, FRAMES, prepare=False)
        else:
            ends = digit_of(start_digit), digit_of(end_digit)
            frames = digits.walk(*ends, start_seed, end_seed, steps=FRAMES)
        return gr.HTML(frames=[pictures.source(frame) for frame in frames])

    with gr.Tab("Walk", id="walk") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=300):
            viewer = widget("walk", 0, label="Walk", frames=[], elem_id="digits-walk")
            at = gr.Slider(0, 100, 0, step=1, label="Place on the way", visible="hidden")
        with gr.Column(scale=2, min_width=280, elem_classes="hub-panel"):
            start_digit = chips("From", 3)
            start_seed = seed_slider("Which one", 4)
            own = gr.Checkbox(False, label="From what I drew in the Draw tab")
            end_digit = chips("To", 8)
            end_seed = seed_slider("Which one", 2)
            again = gr.Button("Two others", variant="primary")
            controls = [start_digit, start_seed, end_digit, end_seed, own]
            presets = {
                "3 to 8": (3, 4, 8, 2, False),
                "4 to 9": (4, 4, 9, 9, False),
                "1 to 7": (1, 9, 7, 2, False),
                "one 2 to another": (2, 4, 2, 5, False),
                "my drawing to 8": (3, 4, 8, 2, True),
            }
            clicked = examples(presets, *controls)
    again.click(lambda: [fresh_seed(), fresh_seed()], None, [start_seed, end_seed]).then(
        walk, [*controls, strokes], viewer, show_progress="minimal"
    )
    bind(viewer, at)
    share(
        "walk",
        tab=tab,
        start_digit=start_digit,
        start_seed=start_seed,
        end_digit=end_digit,
        end_seed=end_seed,
        own=own,
        strokes=strokes,
        at=at,
    )
    tab.select(None, at, viewer, js=SAME)
    draws(walk, controls, viewer, tab, clicked, also=[strokes])


def complete_tab(digits: Digits) -> None:
    def given(source: str, digit: int | str, pick: int, ink: str) -> np.ndarray:
        if source == "drawing":
            return paint_strokes(ink, SIDE)
        return digits.generate(digit_of(digit), 1, 0.7, pick)[0]

    def cover(source: str, digit: int | str, pick: int, ink: str, hidden: str) -> str:
        if source == "drawing" and not ink:
            return pictures.empty("Draw the half that is to be seen.")
        return pictures.completions(given(source, digit, pick, ink), hidden)

    def complete(
        source: str,
        digit: int | str,
        pick: int,
        ink: str,
        hidden: str,
        chance: float,
        again: int,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> str:
        if source == "drawing" and not ink:
            return pictures.empty("Draw the half that is to be seen.")
        half = given(source, digit, pick, ink)
        completed = digits.complete(
            half,
            hidden,
            temperature=chance,
            prepare=False,
            seed=again,
            progress=progress_of(progress),
        )
        return pictures.completions(half, hidden, completed)

    with gr.Tab("Complete", id="complete") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=300):
            completed = shown(elem_id="digits-completed")
        with gr.Column(scale=2, min_width=280, elem_classes="hub-panel"):
            hidden = gr.Radio(
                ["lower", "upper", "left", "right"],
                value="lower",
                label="Hidden half",
                elem_classes="hub-chips",
            )
            source = gr.Radio(
                [("a new digit", "digit"), ("my drawing", "drawing")],
                value="digit",
                label="Of",
                elem_classes="hub-chips",
            )
            with gr.Column(visible=True) as of_model:
                digit = chips("Digit", "")
                pick = seed_slider("Which one", 6)
            with gr.Column(visible=False) as of_hand:
                pad = widget(
                    "pad",
                    "",
                    label="Half a digit",
                    guide=True,
                    half="lower",
                    hint="",
                    elem_id="digits-half",
                )
                ink = hidden_text("")
            temperature = chance(1.0)
            seed = seed_slider("Seed of the completions")
            again = gr.Button("Complete it in other ways", variant="primary")
    of = [source, digit, pick, ink]
    controls = [*of, hidden, temperature, seed]
    bind(pad, ink)
    share(
        "complete",
        tab=tab,
        arguments={"temperature": "chance", "seed": "again"},
        source=source,
        of=digit,
        pick=pick,
        ink=ink,
        hidden=hidden,
        chance=temperature,
        again=seed,
    )
    gr.on(
        [tab.select, source.change, hidden.change],
        lambda name, half: [
            gr.Column(visible=name == "digit"),
            gr.Column(visible=name == "drawing"),
            gr.HTML(half=half),
        ],
        [source, hidden],
        [of_model, of_hand, pad],
        show_progress="hidden",
    )
    gr.on([tab.select, source.change], None, ink, pad, js=SAME)
    again.click(fresh_seed, None, seed).then(complete, controls, completed)
    changed = [source.input, digit.input, pick.input, ink.change, hidden.input, tab.select]
    first = gr.on(
        changed,
        cover,
        [*of, hidden],
        completed,
        show_progress="hidden",
        trigger_mode="always_last",
    )
    first.success(complete, controls, completed, trigger_mode="always_last")
    moved = [temperature.input, seed.input]
    gr.on(moved, complete, controls, completed, trigger_mode="always_last")


def map_tab(digits: Digits) -> None:
    def lay_out(method: str) -> Any:
        return gr.HTML(points=digits.map(method))

    def decode(x: float, y: float, method: str) -> list[Any]:
        picture = digits.decode(x, y, method)
        at = pictures.figure(picture, f"the digit at {x:.2f}, {y:.2f}")
        return [f'<div class="large">{at}</div>', gr.HTML(here=pictures.source(picture))]

    with gr.Tab("Map", id="map") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=300):
            chart = widget("map", "0,0", label="Map", points=None, here=None, elem_id="digits-map")
        with gr.Column(scale=2, min_width=280, elem_classes="hub-panel"):
            picture = shown(elem_id="digits-place")
            method = gr.Radio(
                [("t-SNE: neighbours together", "tsne"), ("PCA: widest directions", "pca")],
                value="tsne",
                label="Laid out by",
                elem_classes="hub-chips",
            )
            x = gr.Number(0, label="x", minimum=-1, maximum=1, visible="hidden")
            y = gr.Number(0, label="y", minimum=-1, maximum=1, visible="hidden")
            gr.Markdown(
                "Each point is the code of a real test digit. Click or drag anywhere, also between "
                "the points; with the keyboard, the arrow keys move the cross.",
                elem_classes="hub-caption",
            )
    chart.change(None, chart, [x, y], js="(place) => (place || '0,0').split(',').map(Number)")
    share("decode", tab=tab, x=x, y=y, method=method)
    gr.on([tab.select, method.input], lay_out, method, chart, show_progress="minimal")
    tab.select(None, [x, y], chart, js="(x, y) => `${x},${y}`")
    gr.on(
        [tab.select, x.change, y.change, method.input],
        decode,
        [x, y, method],
        [picture, chart],
        show_progress="hidden",
        trigger_mode="always_last",
    )


def groups_tab(digits: Digits) -> None:
    def vary(digit: int | str, spread: float, seed: int) -> str:
        groups = digits.groups()["groups"]
        varied = digits.vary(None, digit_of(digit), VARIED, spread=spread, seed=seed)
        return pictures.rows(groups, varied.reshape(len(groups), VARIED, SIDE, SIDE))

    with gr.Tab("Groups", id="groups") as tab:
        gr.Markdown(
            "The first picture of each row is the same digit. Along a row, one latent group is "
            "drawn anew, and the chance in all other groups stays.",
            elem_classes="hub-caption",
        )
        with gr.Row(elem_classes="hub-row"):
            with gr.Column(scale=3, min_width=300):
                grid = shown(elem_id="digits-groups")
            with gr.Column(scale=1, min_width=260, elem_classes="hub-panel"):
                digit = chips("Digit", 5)
                spread = gr.Slider(0, 4, 2, step=0.1, label="How far the varied group goes")
                seed = seed_slider("Which one", 3)
                again = gr.Button("Another digit", variant="primary")
    controls = [digit, spread, seed]
    again.click(fresh_seed, None, seed).then(vary, controls, grid)
    share(
        "vary",
        tab=tab,
        arguments={"digit": "which", "seed": "base"},
        which=digit,
        spread=spread,
        base=seed,
    )
    draws(vary, controls, grid, tab)


# What the tabs share.

SAME = "(value) => value"


def widget(name: str, value: Any, **props: Any) -> gr.HTML:
    """Return one of the widgets of widgets/; `props` are what its JavaScript reads besides the
    value."""
    return gr.HTML(
        value,
        html_template=(WIDGETS / f"{name}.html").read_text(),
        css_template=(WIDGETS / f"{name}.css").read_text(),
        js_on_load=(WIDGETS / f"{name}.js").read_text(),
        apply_default_css=False,
        **props,
    )


def shown(value: str | None = None, **settings: Any) -> gr.HTML:
    """Return a place for what hub_digits.pictures makes."""
    return gr.HTML(
        pictures.empty("The model will answer here.") if value is None else value,
        css_template=(WIDGETS / "pictures.css").read_text(),
        apply_default_css=False,
        **settings,
    )


def bind(one: gr.HTML, other: Any) -> None:
    """Keep a widget's value and that of a component the same, in the browser."""
    one.change(None, one, other, js=SAME)
    other.change(None, other, one, js=SAME)


def hidden_text(value: str) -> gr.Textbox:
    return gr.Textbox(value, label="Strokes", max_length=2000, visible="hidden")


def chips(label: str, value: int | str) -> gr.Radio:
    return gr.Radio(CHOICES, value=value, label=label, elem_classes=["hub-chips", "hub-even"])


def chance(value: float = TEMPERATURE) -> gr.Slider:
    return gr.Slider(0, 1.5, value, step=0.05, label="Temperature: how much chance")


def seed_slider(label: str = "Seed", value: int = 0) -> gr.Slider:
    return gr.Slider(0, SEEDS, value, step=1, label=label)


def fresh_seed() -> int:
    return random.randint(0, SEEDS)


def digit_of(choice: int | str) -> int | None:
    return None if choice == "" else int(choice)


def examples(values: dict[str, Any], *components: Any) -> Dependency:
    """Draw a button per example, which sets the components; return the event that has set them."""
    row = widget("examples", None, names=list(values))

    def chosen(event: gr.EventData) -> Any:
        value = values[event.name]
        return list(value) if isinstance(value, tuple) else value

    return row.select(chosen, None, list(components), show_progress="hidden")


def draws(
    draw: Callable[..., Any],
    controls: Sequence[Any],
    output: Any,
    tab: gr.Tab,
    example: Dependency | None = None,
    also: Sequence[Any] = (),
) -> None:
    """Draw when a control is moved, the tab opens, or an example has set the controls.

    `draw` gets the controls and what is in `also`.
    """
    inputs = [*controls, *also]
    moved = [c.input for c in controls]
    gr.on(moved, draw, inputs, output, show_progress="hidden", trigger_mode="always_last")
    tab.select(draw, inputs, output, show_progress="minimal")
    if example is not None:
        example.then(draw, inputs, output, show_progress="hidden")
