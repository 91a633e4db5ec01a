"""The playground of the search: say a word and find it, compare two sounds, look at a map of words,
add recordings of one's own.

A tab is a function. What a visitor says is the value of a small widget (widgets/query.js), so that
it is sent with every search and kept nowhere; where it is an example or a part of an archive it is
a short text too, and part of the link. Clips are fetched when they are first played.
"""

from __future__ import annotations

import base64
import contextvars
import functools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

import hub.site
from hub import HubError, InputError
from hub.media import wav
from hub.site import share
from hub_search import pictures
from hub_search.service import EXAMPLE_ARCHIVE, RATE, SYSTEMS, Search

WIDGETS = Path(__file__).with_name("widgets")
widget = functools.partial(hub.site.widget, WIDGETS)
BEFORE, AFTER = 0.4, 0.4  # seconds of a recording that are shown and played around a hit
CONTEXT = 10.0  # seconds around a part of an archive that tell what it is normalised by
LONGEST_CLIP = 20.0  # seconds that are played at once
POLL = 0.25  # seconds between two looks at how far an indexing is
FIRST = "example:morning"
NEAR = ("example:weather", "example:feather")
NAMES = {
    "contrastive": "Contrastive",
    "true_pairs": "Contrastive, true pairs",
    "cae": "CAE",
    "cae_true_pairs": "CAE, true pairs",
    "dsa": "DSA",
    "sa": "SA",
}
SYSTEM_CHOICES = [(NAMES[system], system) for system in SYSTEMS]
STORE, SECRET = "latenthub-search", "kept by the browser for itself"

# How a widget's value is written into a link, and read from it; what nobody else has is left out.
TO_TEXT = """(value) => {
  if (!value || !["example", "clip"].includes(value.kind)) return "";
  if (value.kind === "example") return `example:${value.name}`;
  return ["clip", value.archive, value.recording, value.start, value.end].join(":");
}"""
TO_VALUE = """(text) => {
  const [kind, ...rest] = (text || "").split(":");
  if (kind === "example" && rest.length) return { kind, name: rest.join(":") };
  const [archive, recording, start, end] = rest;
  if (kind !== "clip" || !end) return null;
  return { kind, archive, recording, start: Number(start), end: Number(end) };
}"""
SAME = "(value) => value"
# Two sounds to compare: those that are there, else those of the link, else two that are near.
FILLED = f"""(first, second, one, two) => {{
  const value = {TO_VALUE};
  const open = document.querySelector("#search-first")?.getClientRects().length;
  if (first || second || !(one || two || open)) return [first, second];
  return one || two ? [value(one), value(two)] : [value("{NEAR[0]}"), value("{NEAR[1]}")];
}}"""


def page(service: Search) -> gr.Blocks:
    """Find where a word is said, and see why."""
    with gr.Blocks() as blocks:
        own = gr.BrowserState([], storage_key=STORE, secret=SECRET)
        archive = hidden_text(EXAMPLE_ARCHIVE, "Archive")
        with gr.Tabs() as tabs:
            search = SearchTab(service, archive)
            compare = CompareTab(service)
            chart = MapTab(service, archive)
            mine = OwnTab(service)
        wire(service, own, archive, tabs, search, compare, chart, mine)
    return blocks


# The tabs.


class SearchTab:
    """Say a word; see where it is."""

    def __init__(self, service: Search, archive: gr.Textbox) -> None:
        with gr.Tab("Search", id="search") as tab, gr.Row(elem_classes="hub-row"):
            with gr.Column(scale=2, min_width=300, elem_classes="hub-panel"):
                self.query = sound_widget(
                    service,
                    "Say one word or a short phrase, up to ten seconds.",
                    elem_id="search-query",
                )
                self.said = hidden_text(FIRST, "Said")
                self.picker = picker("Search in", "search-in")
                self.system = systems("Listen with")
                self.count = gr.Slider(1, 50, 10, step=1, label="How many places")
            with gr.Column(scale=3, min_width=320):
                self.results = widget(
                    "results",
                    None,
                    found=None,
                    lanes=None,
                    server_functions=[sounds(service)],
                    elem_id="search-results",
                )

        def find(value: Any, archive: str, system: str, count: int) -> Iterator[list[Any]]:
            if not value:
                yield [gr.HTML(found=None), gr.HTML(heard=None)]
                return
            yield [gr.HTML(found={"pending": True}), gr.skip()]
            try:
                heard, found = looked_up(service, value, archive, system, count)
                yield [gr.HTML(found=found), gr.HTML(heard=heard)]
            except InputError as error:
                if (error.argument or "").startswith(("audio", "span", "name")):
                    yield [gr.HTML(found=None), gr.HTML(heard={"error": str(error)})]
                else:
                    yield [gr.HTML(found={"error": str(error)}), gr.HTML(heard=None)]
            except HubError as error:
                yield [gr.HTML(found={"error": str(error)}), gr.HTML(heard=None)]
            except Exception:  # the hub tells of it
                yield [gr.HTML(found=None), gr.HTML(heard=None)]
                raise

        bind(self.picker, archive)
        told = [self.query, archive, self.system, self.count]
        self.restored = share(
            "search",
            tab=tab,
            arguments={"k": "count"},
            said=self.said,
            archive=archive,
            system=self.system,
            count=self.count,
        )
        self.restored.then(None, self.said, self.query, js=TO_VALUE)
        self.query.change(None, self.query, self.said, js=TO_TEXT)
        gr.on(
            [self.query.change, archive.change, self.system.change, self.count.release],
            find,
            told,
            [self.results, self.query],
            show_progress="hidden",
            trigger_mode="always_last",
        )
        archive.change(
            lambda archive: gr.HTML(lanes=lanes(service, archive)),
            archive,
            self.results,
            show_progress="hidden",
        )


class CompareTab:
    """Lay two sounds over each other."""

    def __init__(self, service: Search) -> None:
        with gr.Tab("Compare", id="compare") as tab:
            with gr.Row(elem_classes="hub-row"):
                with gr.Column(scale=2, min_width=300):
                    with gr.Column(elem_classes="hub-panel"):
                        self.first = sound_widget(service, "One sound", elem_id="search-first")
                    with gr.Column(elem_classes="hub-panel"):
                        self.second = sound_widget(service, "And another", elem_id="search-second")
                    with gr.Column(elem_classes="hub-panel"):
                        self.system = systems("Vectors of")
                with gr.Column(scale=3, min_width=320):
                    self.aligned = widget("alignment", None, aligned=None, elem_id="search-aligned")
            one, two = hidden_text("", "One"), hidden_text("", "Two")

        def align(first: Any, second: Any, system: str) -> list[Any]:
            found: dict[str, Any] | None = None
            heard: list[Any] = [None, None]
            try:
                if first:
                    heard[0] = picture_of(service, first)
                if second:
                    heard[1] = picture_of(service, second)
                if first and second:
                    found = compared(service, first, second, system)
            except InputError as error:
                found = {"error": str(error)}
            return [gr.HTML(aligned=found), *(gr.HTML(heard=one) for one in heard)]

        restored = share(
            "similar",
            tab=tab,
            arguments={"system": "heard_by"},
            one=one,
            two=two,
            heard_by=self.system,
        )
        for text, sound in ((one, self.first), (two, self.second)):
            sound.change(None, sound, text, js=TO_TEXT)
        filled = [self.first, self.second, one, two]
        for event in (restored.then, tab.select):
            event(None, filled, filled[:2], js=FILLED)
        gr.on(
            [self.first.change, self.second.change, self.system.change],
            align,
            [self.first, self.second, self.system],
            [self.aligned, self.first, self.second],
            show_progress="hidden",
            trigger_mode="always_last",
        )


class MapTab:
    """The vectors of an archive's words, laid out flat."""

    def __init__(self, service: Search, archive: gr.Textbox) -> None:
        with gr.Tab("Map", id="map") as tab, gr.Row(elem_classes="hub-row"):
            with gr.Column(scale=3, min_width=320):
                self.chart = widget(
                    "map",
                    "",
                    points=None,
                    by="word",
                    server_functions=[sounds(service)],
                    elem_id="search-map",
                )
            with gr.Column(scale=2, min_width=290, elem_classes="hub-panel"):
                self.by = gr.Radio(
                    [("the word", "word"), ("the voice", "voice")],
                    value="word",
                    label="Colours tell",
                    elem_classes="hub-chips",
                )
                self.system = systems("Vectors of")
                self.method = gr.Radio(
                    [("t-SNE: neighbours together", "tsne"), ("PCA: widest directions", "pca")],
                    value="tsne",
                    label="Laid out by",
                    elem_classes="hub-chips",
                )
                self.picker = picker("The words of", "search-of")
                gr.Markdown(
                    "Each point is one spoken word, made a vector without knowing which word it "
                    "is. Where an encoder is good, the same word of different voices falls "
                    "together, and words that sound alike lie close.",
                    elem_classes="hub-caption",
                )
            self.point = hidden_text("", "Point")

        def lay_out(archive: str, system: str, method: str) -> Any:
            try:
                points = service.map(archive, system, method)
            except InputError as error:
                points = {"error": str(error)}
            return gr.HTML(points=points)

        bind(self.picker, archive)
        bind(self.chart, self.point)
        share(
            "map",
            tab=tab,
            arguments={"system": "of"},
            of=self.system,
            archive=archive,
            method=self.method,
            by=self.by,
            point=self.point,
        )
        gr.on(
            [tab.select, self.system.input, self.method.input, self.picker.change],
            lay_out,
            [archive, self.system, self.method],
            self.chart,
            show_progress="minimal",
            trigger_mode="always_last",
        )
        gr.on(
            [tab.select, self.by.change],
            lambda by: gr.HTML(by=by),
            self.by,
            self.chart,
            show_progress="hidden",
        )
        tab.select(None, self.point, self.chart, js=SAME)


class OwnTab:
    """Make recordings of one's own searchable."""

    def __init__(self, service: Search) -> None:
        with gr.Tab("Recordings", id="own") as tab, gr.Row(elem_classes="hub-row"):
            with gr.Column(scale=3, min_width=300, elem_classes="hub-panel"):
                self.adding = widget("adding", None, done=None, into=None, elem_id="search-adding")
            with gr.Column(scale=3, min_width=300):
                self.mine = widget("mine", None, archives=[], elem_id="search-mine")
            self.into = hidden_text("", "Added to")
        self.restored = share(None, tab=tab, into=self.into)


def wire(
    service: Search,
    own: gr.BrowserState,
    archive: gr.Textbox,
    tabs: gr.Tabs,
    search: SearchTab,
    compare: CompareTab,
    chart: MapTab,
    mine: OwnTab,
) -> None:
    """Connect the tabs: a hit is compared, a point is searched for, what was added is chosen."""
    pickers = [search.picker, chart.picker]

    def refreshed(kept: Any, archive: str) -> list[Any]:
        """Return the pickers and the list of own archives anew."""
        described = [described_own(service, one) for one in known(kept)]
        built_in = service.archives("list")["archives"]
        offered = [*map(offer, built_in), *(offer(one) for one in described if not missing(one))]
        if archive not in [one["id"] for one in offered]:
            offered += shared_with_me(service, archive)
        return [gr.HTML(archives=offered) for _ in pickers] + [
            gr.HTML(archives=[listed(one) for one in described])
        ]

    def opened(kept: Any, archive: str) -> list[Any]:
        names = [one["name"] for one in service.examples()["examples"]]
        sayings = [gr.HTML(examples=names) for _ in range(3)]
        shown = gr.HTML(lanes=lanes(service, archive))
        return [*refreshed(kept, archive), *sayings, shown]

    lists = [*pickers, mine.mine]
    search.restored.then(
        opened,
        [own, archive],
        [*lists, search.query, compare.first, compare.second, search.results],
        show_progress="hidden",
    )

    def chosen(event: gr.EventData) -> Any:
        return {"kind": "clip", **event.clip}

    def to_compare(value: Any, event: gr.EventData) -> list[Any]:
        return [value, chosen(event), gr.Tabs(selected="compare")]

    def to_search(event: gr.EventData) -> list[Any]:
        return [chosen(event), gr.Tabs(selected="search")]

    search.results.compare(
        to_compare, search.query, [compare.first, compare.second, tabs], show_progress="hidden"
    )
    search.results.search(to_search, None, [search.query, tabs], show_progress="hidden")
    chart.chart.search(to_search, None, [search.query, tabs], show_progress="hidden")

    # Own recordings.

    def add(value: Any, kept: Any) -> Iterator[list[Any]]:
        yield from added(service, value, known(kept))

    def drop(kept: Any, event: gr.EventData) -> Any:
        one = next((one for one in known(kept) if one["id"] == event.id), None)
        if one is None:
            raise gr.Error("This browser has no key to it, so it cannot be deleted from here.")
        if getattr(event, "recording", None):
            service.archives("remove", one["id"], one["key"], recording=event.recording)
            return gr.skip()
        service.archives("delete", one["id"], one["key"])
        return [other for other in known(kept) if other is not one]

    def forget(kept: Any, event: gr.EventData) -> Any:
        return [one for one in known(kept) if one["id"] != event.id]

    def search_in(event: gr.EventData) -> list[Any]:
        return [event.id, gr.Tabs(selected="search")]

    def add_to(event: gr.EventData) -> Any:
        return gr.HTML(into={"id": event.id, "name": event.name})

    went = mine.adding.go(add, [mine.adding, own], [mine.adding, own], show_progress="hidden")
    halted = mine.adding.halt(None, cancels=[went])
    dropped = mine.mine.drop(drop, own, own, show_progress="hidden")
    forgot = mine.mine.forget(forget, own, own, show_progress="hidden")
    for event in (went, halted, dropped, forgot):
        event.then(refreshed, [own, archive], lists, show_progress="hidden")
    for list_ in (mine.adding, mine.mine):
        list_.search(search_in, None, [archive, tabs], show_progress="hidden")
    mine.mine.more(add_to, None, mine.adding, show_progress="hidden")


# What is done for them.


def looked_up(
    service: Search, value: Any, archive: str, system: str, count: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was heard of a query, and what was found, as the widgets show them."""
    audio, span = sound_of(service, value)
    began = time.perf_counter()
    answer = service.search(audio, archive, count, system, span)
    took = 1000 * (time.perf_counter() - began)
    heard = picture_of(service, value, answer["query"])
    hits = [shown_hit(service, archive, hit) for hit in answer["hits"]]
    places = len({hit["recording"] for hit in hits})
    summary = (
        f"{plural(len(hits), 'place')} in {plural(places, 'recording')}, found among "
        f"{answer['segments']:,} stretches of sound"
        + (f" in {took:.0f} ms" if took < 1000 else "")  # else something was loaded
        + ", by sound alone."
        if hits
        else "Nothing was found."
    )
    return heard, {"archive": archive, "hits": hits, "summary": summary}


def shown_hit(service: Search, archive: str, hit: dict[str, Any]) -> dict[str, Any]:
    """Return a hit with a picture of what is around it."""
    begin, end = max(0.0, hit["start"] - BEFORE), hit["end"] + AFTER
    samples = service.clip(archive, hit["recording"], begin, end)
    return {
        **hit,
        "said": hit["text"],
        "from": begin,
        "to": begin + len(samples) / RATE,
        "picture": pictures.source(service.spectrogram(samples)),
    }


def picture_of(
    service: Search, value: Any, heard: dict[str, float] | None = None
) -> dict[str, Any]:
    """Return a picture of something said, and where in it the voice is, as the widget shows it.

    Args:
        heard: start and end of the voice, if that is known already.
    """
    audio, span = sound_of(service, value)
    spectrogram = service.spectrogram(audio)
    seconds = spectrogram.shape[1] / 100
    if span is not None:  # a part of an archive: it alone is shown
        first, last = round(100 * span[0]), round(100 * span[1])
        spectrogram = spectrogram[:, first:last]
        heard = {"start": 0.0, "end": span[1] - span[0]}
        seconds = spectrogram.shape[1] / 100
    elif heard is None:
        heard = service.embed(audio)
    return {
        "of": reference(value),
        "picture": pictures.source(spectrogram),
        "seconds": seconds,
        "start": heard["start"],
        "end": heard["end"],
    }


def compared(service: Search, first: Any, second: Any, system: str) -> dict[str, Any]:
    """Return how two sounds lie over each other, as the widget shows it."""
    (one, one_span), (two, two_span) = sound_of(service, first), sound_of(service, second)
    answer = service.similar(one, two, system, one_span, two_span)
    matrix = service.alignment(one, two, one_span, two_span)
    ends = [answer["first"], answer["second"]]
    lengths = [end["end"] - end["start"] for end in ends]
    path = [
        [(at - end["start"]) / length for at, end, length in zip(step, ends, lengths, strict=True)]
        for step in answer["path"]
    ]
    shown = [
        service.spectrogram(audio)[:, round(100 * end["start"]) : round(100 * end["end"])]
        for audio, end in zip((one, two), ends, strict=True)
    ]
    return {
        "score": answer["score"],
        "cost": answer["cost"],
        "first": {
            "name": title(first),
            "picture": pictures.source(shown[0], upright=True),
            "seconds": lengths[0],
        },
        "second": {
            "name": title(second),
            "picture": pictures.source(shown[1]),
            "seconds": lengths[1],
        },
        "matrix": pictures.source(matrix[::-1]),
        "path": path,
    }


def added(service: Search, value: Any, kept: list[dict[str, str]]) -> Iterator[list[Any]]:
    """Index what was uploaded, file by file; yield how far it is, and the visitor's archives."""
    files, into = list(value.get("files") or ()), value.get("archive")
    if into:
        mine = next((one for one in kept if one["id"] == into), None)
        if mine is None:
            raise gr.Error("This browser has no key to that archive, so nothing can be added.")
    else:
        name = str(value.get("name") or "").strip() or "My recordings"
        mine = service.archives("create", name=name)["archives"][0]
        kept = [*kept, {"id": mine["id"], "key": mine["key"], "name": mine["name"]}]
    told: list[dict[str, str]] = []

    def state(number: int, part: float) -> list[Any]:
        names = [str(file.get("orig_name")) for file in files]
        done = {
            "archive": mine["id"],
            "running": number < len(files),
            "part": (number + part) / max(1, len(files)),
            "text": f"Listening to {names[number]}, {number + 1} of {len(files)}"
            if number < len(files)
            else "",
            "files": [
                *told,
                *(
                    {**known_by(file), "state": "now", "text": ""}
                    for file in files[number : number + 1]
                ),
            ],
        }
        return [gr.HTML(done=done), kept]

    for number, file in enumerate(files):
        yield state(number, 0.0)
        work = Work(service.index, [file], mine["id"], mine["key"])
        for part in work.watched():
            yield state(number, part)
        told.append({**known_by(file), **outcome(work.result())})
    yield state(len(files), 0.0)


def known_by(file: dict[str, Any]) -> dict[str, str]:
    """Return what tells an uploaded file from others; those of equal content share a path."""
    return {"path": file["path"], "name": str(file.get("orig_name"))}


class Work:
    """A call that runs beside, so that how far it is can be told meanwhile.

    It runs in a copy of this thread's context: the hub knows whose call it is, and ends it where
    the visitor stops or leaves.
    """

    def __init__(self, call: Callable[..., Any], *values: Any) -> None:
        self.part = 0.0
        self.error: BaseException | None = None
        self.answer: Any = None
        context = contextvars.copy_context()
        self.thread = threading.Thread(
            target=context.run, args=(self.run, call, values), daemon=True
        )
        self.thread.start()

    def run(self, call: Callable[..., Any], values: tuple[Any, ...]) -> None:
        try:
            self.answer = call(*values, progress=self.say)
        except BaseException as error:  # told by whoever asks for the result
            self.error = error

    def say(self, fraction: float, message: str = "") -> None:
        self.part = fraction

    def watched(self) -> Iterator[float]:
        """Yield how far it is, 0 to 1, now and then until it ends."""
        before = self.part
        while self.thread.is_alive():
            self.thread.join(POLL)
            if self.part != before:
                before = self.part
                yield before

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.answer


def outcome(answer: dict[str, Any]) -> dict[str, str]:
    """Return what came of indexing one file, as the widget shows it."""
    for one in answer["left_out"]:
        return {"state": "left", "text": one["why"].removeprefix(f"{one['name']}: ")}
    for one in answer["indexed"]:
        return {"state": "done", "text": f"{minutes(one['seconds'])}, searchable"}
    return {"state": "there", "text": "was there already"}


def sound_of(service: Search, value: Any) -> tuple[Any, list[float] | None]:
    """Return what a widget's value stands for, as the service takes it: a sound, and which part of
    it is meant; None: where the voice is.

    Raises:
        InputError: it stands for nothing.
    """
    try:
        kind = value["kind"]
        if kind == "example":
            return service.example(str(value["name"])), None
        if kind == "clip":
            start, end = float(value["start"]), float(value["end"])
            begin = max(0.0, start - CONTEXT)
            clip = service.clip(
                str(value["archive"]), str(value["recording"]), begin, end + CONTEXT
            )
            return clip, [start - begin, min(end - begin, len(clip) / RATE)]
        return value["file" if kind == "file" else "audio"], None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("audio must be a sound: record one, or upload a file", "audio") from error


def sounds(service: Search) -> Callable[[str], dict[str, str]]:
    """Return what widgets fetch a sound by that they name: an example, or a part of an archive."""

    def sound(wish: str) -> dict[str, str]:
        try:
            kind, _, rest = str(wish).partition(":")
            if kind == "example":
                samples = service.example(rest)
            else:
                archive, recording, start, end = rest.split(":")
                begin, stop = float(start), float(end)
                stop = min(stop, begin + LONGEST_CLIP)
                samples = service.clip(archive, recording, begin, stop)
        except (HubError, ValueError) as error:
            return {"error": str(error)}
        return {"audio": "data:audio/wav;base64," + base64.b64encode(wav(samples, RATE)).decode()}

    return sound


def reference(value: Any) -> str:
    """Return what the query widget knows a value by."""
    if value.get("kind") == "example":
        return f"example:{value['name']}"
    if value.get("kind") == "clip":
        start, end = float(value["start"]), float(value["end"])
        return f"clip:{value['archive']}:{value['recording']}:{start:.2f}:{end:.2f}"
    return str(value.get("name"))


def title(value: Any) -> str:
    return str(value.get("name") or value.get("recording"))


def lanes(service: Search, archive: str) -> dict[str, Any] | None:
    """Return an archive's recordings for the time line; None where there is none of that id."""
    try:
        return service.overview(archive)
    except InputError:
        return None


def known(kept: Any) -> list[dict[str, str]]:
    """Return the archives that the browser has kept, without what is none."""
    every = kept if isinstance(kept, list) else []
    return [one for one in every if isinstance(one, dict) and {"id", "key", "name"} <= one.keys()]


def described_own(service: Search, one: dict[str, str]) -> dict[str, Any]:
    try:
        return service.archives("describe", one["id"])["archives"][0]
    except InputError:
        return {**one, "recordings": None}


def missing(one: dict[str, Any]) -> bool:
    return one["recordings"] is None


def shared_with_me(service: Search, archive: str) -> list[dict[str, str]]:
    """Return the archive that a link names, to be offered; nothing where there is none."""
    try:
        return [offer(service.archives("describe", archive)["archives"][0])]
    except InputError:
        return []


def offer(one: dict[str, Any]) -> dict[str, str]:
    return {"id": one["id"], "name": one["name"], "about": about(one)}


def listed(one: dict[str, Any]) -> dict[str, Any]:
    """Return an own archive as the list of them shows it."""
    if missing(one):
        gone = "It is not on this hub any more."
        return {"id": one["id"], "name": one["name"], "about": gone, "missing": True}
    recordings = [
        {key: each[key] for key in ("id", "name", "seconds")} for each in one["recordings"]
    ]
    return {**offer(one), "missing": False, "recordings": recordings}


def about(one: dict[str, Any]) -> str:
    seconds = sum(each["seconds"] for each in one["recordings"])
    return f"{plural(len(one['recordings']), 'recording')}, {minutes(seconds)}"


def plural(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def minutes(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


# What the tabs share.


def sound_widget(service: Search, invites: str, **settings: Any) -> gr.HTML:
    """Return a widget by which something is said: recorded, uploaded, or an example."""
    return widget(
        "query",
        None,
        examples=[],
        heard=None,
        invites=invites,
        server_functions=[sounds(service)],
        **settings,
    )


def picker(heading: str, elem_id: str) -> gr.HTML:
    """Return a widget by which an archive is chosen."""
    return widget("picker", EXAMPLE_ARCHIVE, archives=[], heading=heading, elem_id=elem_id)


def systems(label: str) -> gr.Radio:
    return gr.Radio(
        SYSTEM_CHOICES,
        value=SYSTEMS[0],
        label=label,
        info="SA and DSA: the sequence auto-encoder, plain and de-noising. CAE: the correspondence "
        "auto-encoder. True pairs: taught which words are the same; the others found that out.",
        elem_classes="hub-chips",
    )


def bind(one: gr.HTML, other: Any) -> None:
    """Keep a widget's value and that of a component the same, in the browser."""
    one.change(None, one, other, js=SAME)
    other.change(None, other, one, js=SAME)


def hidden_text(value: str, label: str) -> gr.Textbox:
    return gr.Textbox(value, label=label, max_length=300, visible="hidden")
