"""The state a page shares: in its address, in its link, and in the code a visitor copies.

A page declares which of its components make its state:

    with gr.Blocks() as blocks:
        digit = gr.Radio([("any", ""), *((str(d), d) for d in range(10))], value="")
        seed = gr.Slider(0, 9999, 0, step=1)
        sheet = gr.Image()
        restored = share("generate", digit=digit, seed=seed)
        restored.then(draw, [digit, seed], sheet)

The address then follows the controls (`/digits?digit=7&seed=3`), opening it restores them, and "Use
it from" shows the code for what is on the screen: a key that is a parameter of the endpoint becomes
its argument, "" and null being left out. With tabs, there is one `share` a tab, told which:
`share("interpolate", tab=walk, start=a, end=b)`, where the tab has an id.

In the browser `assets/hub.js` keeps the address; nothing here calls the server but the restoring
itself. On a Hugging Face Space the site is in a frame of the Space's page, which hands its query on
when it opens: `?demo=digits&digit=7` there is `/digits?digit=7` here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import Context
from gradio.events import Dependency

from hub.errors import InputError, PluginError

MAX_TEXT = 2_000  # characters of one value in an address
TAB = "tab"
DEMO = "demo"  # names a page in the address of a Space's page, which has no other place for it
SHARED = "_latenthub_shared"


@dataclass(frozen=True)
class Shared:
    """One group of components that make a state."""

    endpoint: str | None  # whose code is shown for it
    tab: str | None  # the id of the tab it is in
    components: Mapping[str, Component]  # by their key in the address
    arguments: Mapping[str, str]  # parameter of the endpoint -> key, where the names differ


def share(
    endpoint: str | None = None,
    /,
    tab: gr.Tab | None = None,
    arguments: Mapping[str, str] | None = None,
    **components: Component,
) -> Dependency:
    """Make components part of the page's link, and of the code shown for `endpoint`.

    Call it inside the page's Blocks, once for each group of controls. A value in the address that
    the component does not allow is left at its default, with a warning that names it.

    Args:
        endpoint: of the page's service; None: the group has no code to show.
        tab: the tab the group is in; it needs an `id`.
        arguments: parameter of the endpoint -> key, where the two names differ.
        components: key in the address -> component: numbers, choices, check boxes and texts.

    Returns:
        The event that has restored the components, also where the address said nothing: chain
        `.then(...)`.

    Raises:
        PluginError: a key is taken or begins with '_', a component is of another kind, or the tab
            has no id.
    """
    blocks = Context.root_block
    if blocks is None:
        raise PluginError("share must be called inside the page's `with gr.Blocks()`")
    groups: list[Shared] = getattr(blocks, SHARED, [])
    tab_id = checked_tab(tab)
    for key, component in components.items():
        if key in (TAB, DEMO) or any(
            g.components.get(key, component) is not component for g in groups
        ):
            raise PluginError(f"share: the key {key!r} is taken")
        if key.startswith("_"):
            raise PluginError(
                f"share: the key {key!r} begins with '_', as those of Gradio's own do"
            )
        if not isinstance(component, READABLE):
            raise PluginError(
                f"share: {key!r} is a {type(component).__name__}, which no address can hold"
            )
    group = Shared(endpoint, tab_id, components, arguments or {})
    setattr(blocks, SHARED, [*groups, group])
    if components:
        gr.on(
            [component.change for component in components.values()],  # type: ignore[attr-defined]
            fn=None,
            inputs=list(components.values()),
            js=told_to_browser(group),
        )
    if tab is not None:
        tab.select(fn=None, inputs=list(components.values()), js=told_to_browser(group))
    return restored_on_load(blocks, group, tab)


def shared(blocks: gr.Blocks) -> list[Shared]:
    """Return the groups that a page declared."""
    return getattr(blocks, SHARED, [])


def checked_tab(tab: gr.Tab | None) -> str | None:
    if tab is None:
        return None
    if not isinstance(tab.id, str):
        raise PluginError(
            'share: the tab needs an id that is a text, such as gr.Tab("Walk", id="walk")'
        )
    return tab.id


def told_to_browser(group: Shared) -> str:
    """Return the JavaScript that hands the group's values to assets/hub.js."""
    about = json.dumps({"endpoint": group.endpoint, "tab": group.tab})
    keys = json.dumps(list(group.components))
    return f"(...values) => {{ window.latenthub?.share({about}, {keys}, values); return []; }}"


def restored_on_load(blocks: gr.Blocks, group: Shared, tab: gr.Tab | None) -> Dependency:
    """Add the event that restores the group from the address when the page opens."""
    outputs: list[Any] = list(group.components.values())
    tabs = tab.parent if tab is not None else None
    if tabs is not None:
        outputs.append(tabs)

    def restore(request: gr.Request) -> Any:
        query = dict(request.query_params)
        values, problems = read(group, query)
        for problem in problems:
            gr.Warning(f"The link is not complete: {problem}.", title="Link")
        updates = [gr.skip() if key not in values else values[key] for key in group.components]
        if tabs is not None:
            open_it = query.get(TAB) == group.tab
            updates.append(gr.Tabs(selected=group.tab) if open_it else gr.skip())
        return updates[0] if len(updates) == 1 else updates or None

    return blocks.load(restore, None, outputs, show_progress="hidden")


def read(group: Shared, query: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values that the address gives to the components, and what is wrong with others."""
    values, problems = {}, []
    for key, component in group.components.items():
        if key not in query:
            continue
        try:
            values[key] = value_of(key, component, query[key])
        except InputError as error:
            problems.append(str(error))
    return values, problems


def value_of(key: str, component: Component, text: str) -> Any:
    """Return the value for `component` that `text`, from an address, stands for.

    Raises:
        InputError: the component does not allow it.
    """
    if isinstance(component, (gr.Slider, gr.Number)):
        return number(key, component, text)
    if isinstance(component, gr.Checkbox):
        if text not in ("true", "false"):
            raise InputError(f"{key} must be true or false, got {text[:40]!r}", key)
        return text == "true"
    if isinstance(component, (gr.Radio, gr.Dropdown)):
        for _, value in component.choices:
            if written(value) == text:
                return value
        raise InputError(f"{key} has no choice {text[:40]!r}", key)
    limit = getattr(component, "max_length", None) or MAX_TEXT
    if len(text) > limit:
        raise InputError(f"{key} may have {limit} characters, got {len(text)}", key)
    return text


def number(key: str, component: gr.Slider | gr.Number, text: str) -> int | float:
    low = -math.inf if component.minimum is None else component.minimum
    high = math.inf if component.maximum is None else component.maximum
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (low <= value <= high and math.isfinite(value)):
        raise InputError(f"{key} must be a number from {low:g} to {high:g}, got {text[:40]!r}", key)
    return int(value) if value.is_integer() and "." not in text else value


def written(value: Any) -> str:
    """Return how the browser writes a value into the address."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


READABLE = (gr.Slider, gr.Number, gr.Checkbox, gr.Radio, gr.Dropdown, gr.Textbox)
