"""The playground of anomaly scoring: bring a table, drag a threshold, see which rows are odd and
why; and compare with other detectors.

A tab is a function. What a visitor brings is the value of a widget, and kept nowhere; the detector
that was made of it is kept for a while by the service, and known here by its id. What is wrong with
a table is told where the answer would be, and stays there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from hub import HubError, InputError
from hub.site import progress_of, share
from hub_anomaly import drawings
from hub_anomaly.components import TO_NAME, TO_VALUE, hidden_text, shown, widget
from hub_anomaly.examples import BUNDLED, EXAMPLES
from hub_anomaly.picture_page import picture_tab

FIRST = "cancer"
SHOWN = 50  # rows, the most unusual ones
LEARNING = "Learning what is usual, then scoring: some seconds, for large tables a minute."
SCORING = "Scoring the rows …"
COMPARING = "Each detector learns from the same rows: some seconds, for large tables a minute."
NOT_COMPARED = "How well each detector tells the anomalies of the chosen table will stand here."
NO_LABEL = "none: all rows are taken as usual"

# How the threshold is written into a link, and read from it.
TO_TEXT = '(cut) => (typeof cut === "number" ? String(cut) : "")'
TO_CUT = "(text) => (text && isFinite(text) ? Number(text) : null)"


def page(service: Any) -> gr.Blocks:
    """Learn what is usual, in a table or in pictures, and find what is not."""
    with gr.Blocks() as blocks, gr.Tabs():
        chosen = table_tab(service)
        picture_tab(service)
        compare_tab(service, *chosen)
    return blocks


# The tabs.


def table_tab(service: Any) -> list[Any]:
    """A table, its scores, and a threshold; return what tells the table and its labels."""
    with gr.Tab("Score a table", id="table") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=320):
            told = shown(drawings.facts(), elem_id="anomaly-learned")
            scores = widget(
                "scores",
                None,
                data={"empty": "The detector will answer here."},
                elem_id="anomaly-scores",
            )
        with gr.Column(scale=2, min_width=290, elem_classes="hub-panel"):
            chosen = widget(
                "chooser",
                {"kind": "example", "name": FIRST},
                heading="Learn what is usual from",
                examples=[
                    {"name": name, "title": one.title, "about": about(name)}
                    for name, one in EXAMPLES.items()
                    if one.available or name in BUNDLED
                ],
                invites=("A table of your own", "CSV or Parquet, up to 200 MB; drop it here"),
                optional=False,
                elem_id="anomaly-chooser",
            )
            label = gr.Dropdown(
                [(NO_LABEL, "")],
                value="",
                label="Column that tells which rows are anomalous",
                info="These are not learned from, and half of the others are kept apart to judge.",
                visible=False,
                elem_id="anomaly-label",
            )
            values = gr.Dropdown(
                [],
                value=[],
                multiselect=True,
                label="Its values that mean an anomaly; none: all but the commonest",
                visible=False,
                elem_id="anomaly-values",
            )
            new = widget(
                "chooser",
                None,
                heading="Score with it",
                examples=[],
                invites=("Other rows", "a table with the same columns; else the same table"),
                optional=True,
                elem_id="anomaly-new",
            )
            of, cut = hidden_text(FIRST, "Example"), hidden_text("", "Threshold")
            labels, detector = gr.State({}), gr.State(None)

    def look(value: Any) -> list[Any]:
        """Return the columns of a table that may hold its labels, to be chosen from."""
        kind = value.get("kind") if isinstance(value, dict) else None
        found: dict[str, Any] = {"label": "", "labels": []}
        if kind == "file":
            try:
                found = service.describe(**given(value))
            except HubError:  # learning from it tells what is wrong
                kind = None
        known = {one["name"]: one["values"] for one in found["labels"]}
        choices = [(NO_LABEL, ""), *((name, name) for name in known)]
        return [
            gr.Dropdown(choices, value=found["label"], visible=kind == "file" and len(known) > 0),
            offered(known, found["label"]),
            known,
        ]

    def learn(
        value: Any,
        label: str,
        values: list[str],
        new: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[list[Any]]:
        yield [gr.skip(), gr.HTML(data={"pending": LEARNING}), gr.skip()]
        made = None
        try:
            if known := bundled(value):
                made = service.about(known)
            else:
                made = service.fit(**labelled(value, label, values), progress=progress_of(progress))
            made["key"] = name_of(value, label, values)
            yield [*answer(service, made, new or value, progress), made]
        except HubError as error:
            yield [drawings.facts(), gr.HTML(data={"error": str(error)}), made]
        except Exception:  # the hub tells of it
            yield [drawings.facts(), gr.HTML(data={"empty": "There is no answer."}), made]
            raise

    def score(
        made: dict[str, Any] | None,
        value: Any,
        new: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[list[Any]]:
        if made is None:
            yield [gr.skip(), gr.skip()]
            return
        yield [gr.skip(), gr.HTML(data={"pending": SCORING})]
        try:
            yield answer(service, made, new or value, progress)
        except HubError as error:
            yield [drawings.facts(), gr.HTML(data={"error": str(error)})]
        except Exception:  # the hub tells of it
            yield [drawings.facts(), gr.HTML(data={"empty": "There is no answer."})]
            raise

    def begin(of: str, value: Any, *others: Any) -> Iterator[list[Any]]:
        if of == FIRST:  # else the link names another: its change is answered
            yield from learn(value, *others)

    restored = share("fit", tab=tab, arguments={"example": "of"}, of=of, cut=cut)
    restored.then(None, [of, chosen], chosen, js=TO_VALUE)
    restored.then(None, cut, scores, js=TO_CUT)
    chosen.change(None, chosen, of, js=TO_NAME)
    scores.change(None, scores, cut, js=TO_TEXT)
    inputs = [chosen, label, values]
    shows: dict[str, Any] = {"show_progress": "minimal", "show_progress_on": [told]}
    wanted = {"inputs": [*inputs, new], "outputs": [told, scores, detector], **shows}
    first = restored.then(begin, [of, *wanted["inputs"]], wanted["outputs"], **shows)
    again: dict[str, Any] = {"trigger_mode": "always_last"}
    named = label.input(offered, [labels, label], values, show_progress="hidden")
    named = named.then(learn, **wanted, **again)
    valued = values.input(learn, **wanted, **again)
    scored = new.change(score, [detector, chosen, new], [told, scores], **shows, **again)
    begun = [first, named, valued, scored]  # their answers would come after that of another table
    looked = chosen.change(
        look, chosen, [label, values, labels], show_progress="hidden", cancels=begun
    )
    looked = looked.then(learn, **wanted, **again)
    halted = scores.halt(None, cancels=[*begun, looked])
    halted.then(lambda: gr.HTML(data={"empty": "Stopped."}), None, scores, show_progress="hidden")
    return [of, *inputs]


def compare_tab(
    service: Any, of: gr.Textbox, chosen: gr.HTML, label: gr.Dropdown, values: gr.Dropdown
) -> None:
    """The same table, given to other detectors."""
    with gr.Tab("Compare", id="compare") as tab, gr.Column(elem_id="anomaly-compare"):
        gr.Markdown(
            "The usual way to find anomalies with an auto-encoder is to ask how badly it rebuilds "
            "a row. Measured on the 29 tables of ADBench that is **no better** than PyOD's "
            "AutoEncoder, and behind plain neighbours. What wins is **distance in the code**: how "
            "far a row lies from the nearest usual ones, for the place where it lies. "
            "See what holds for the table that is chosen in the first tab.",
            elem_classes="hub-lead",
        )
        with gr.Row():
            ask = gr.Button("Compare with kNN, IForest, ECOD and LOF", variant="primary")
            stop = gr.Button("Stop", visible=False)
        found = shown(drawings.empty(NOT_COMPARED), elem_id="anomaly-compared")
        on = hidden_text("", "Compared on")  # an example; `of` is the other tab's part of the link

    def compare(
        value: Any,
        label: str,
        values: list[str],
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[list[Any]]:
        yield [drawings.empty(COMPARING), gr.Button(visible=True)]
        done = gr.Button(visible=False)
        try:
            asked = labelled(value, label, values)
            results = service.compare(**asked, progress=progress_of(progress))
            yield [drawings.comparison(results), done]
        except HubError as error:
            yield [drawings.problem(str(error)), done]
        except Exception:  # the hub tells of it
            yield [drawings.empty("There is no answer."), done]
            raise

    restored = share("compare", tab=tab, arguments={"example": "on"}, on=on)
    restored.then(
        None, [on, chosen], chosen, js=f"(on, value) => on ? ({TO_VALUE})(on, value) : value"
    )
    ask.click(None, of, on, js="(of) => of")
    went = ask.click(compare, [chosen, label, values], [found, stop], show_progress_on=[found])
    gr.on(
        [stop.click, chosen.change, label.input, values.input],
        lambda: [drawings.empty(NOT_COMPARED), gr.Button(visible=False)],
        None,
        [found, stop],
        show_progress="hidden",
        cancels=[went],
    )


# What is done for them.


def answer(service: Any, made: dict[str, Any], value: Any, progress: gr.Progress) -> list[Any]:
    """Return what the first tab shows of a detector and a table that it scores."""
    if (name := bundled(value)) and not EXAMPLES[name].available:
        names = [one["name"] for one in made["columns"]]
        return [drawings.learned(made), gr.HTML(data={"empty": wanted_rows(names)})]
    summary, content = service.score(
        made["detector"], **given(value), k=SHOWN, progress=progress_of(progress)
    )
    data = {
        "table": made["key"],
        "lanes": drawings.lanes(made, summary),
        "columns": summary["columns"],
        "rows": summary["top"],
        "total": summary["rows"],
        "file": saved(content),
    }
    return [drawings.learned(made, summary), gr.HTML(data=data)]


def given(value: Any) -> dict[str, Any]:
    """Return the table that a chooser's value stands for, as the service's endpoints take it.

    Raises:
        InputError: there is none.
    """
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "example":
        return {"example": value["name"]}
    if kind != "file":
        raise InputError("table must be chosen: click an example, or bring your own", "table")
    return {"table": [value["file"]]}


def bundled(value: Any) -> str:
    """Return the name of the example that a chooser's value stands for, if it was learned already;
    else nothing."""
    name = (
        value.get("name", "") if isinstance(value, dict) and value.get("kind") == "example" else ""
    )
    return name if name in BUNDLED else ""


def about(name: str) -> str:
    """Return what a row of an example is, and what has to be brought."""
    known = EXAMPLES[name]
    lacking = "" if known.available else " Learned already; rows to score are to be brought."
    return known.about + lacking


def wanted_rows(names: Sequence[str]) -> str:
    """Return what has to be brought to a detector whose table is not here."""
    some = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"This was learned already, from a table that is not here: bring rows with {some}."


def labelled(value: Any, label: str, values: list[str]) -> dict[str, Any]:
    """Return the same with its labels: an example brings its own."""
    asked = given(value)
    return asked if "example" in asked else {**asked, "label": label, "anomalous": values or None}


def name_of(value: Any, label: str, values: list[str]) -> str:
    """Return what tells a table and its labels from others."""
    if not isinstance(value, dict):
        return ""
    if value.get("kind") == "example":
        return str(value["name"])
    return "/".join([str(value.get("file", {}).get("path")), label, *values])


def offered(known: dict[str, list[str]], label: str) -> gr.Dropdown:
    """Return the choice of the values of a column that mean an anomaly."""
    return gr.Dropdown(known.get(label, []), value=[], visible=label in known)


def saved(content: bytes) -> dict[str, Any]:
    """Return a table as a file that the browser can fetch."""
    path = gr.processing_utils.save_bytes_to_cache(
        content, "scored.csv", gr.utils.get_upload_folder()
    )
    return {"path": path, "orig_name": "scored.csv", "meta": {"_type": "gradio.FileData"}}
