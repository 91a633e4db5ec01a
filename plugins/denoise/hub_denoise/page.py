"""The playground of denoising: photographs, digits, speech, text; and what denoising teaches.

A tab is a function. What a visitor chooses is the value of a component and part of the link; what
is shown comes from the endpoints of hub_denoise.service, which `service` has: each call runs where
the hub has put the model. What is wrong with an input is told where the answer would be, and stays
there.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import numpy as np
from PIL import Image

import hub.site
from hub import HubError, InputError
from hub.audio import encode
from hub.handwriting import centred, painted
from hub.site import progress_of, share
from hub_denoise import drawings, example
from hub_denoise.digit import from_picture
from hub_denoise.ways import WAYS

WIDGETS = Path(__file__).with_name("widgets")
widget = functools.partial(hub.site.widget, WIDGETS)
shown = functools.partial(hub.site.shown, WIDGETS)
FIRST = "photographer"
SEEDS = 9999  # seeds on the page go from 0 to this, so that one can be read out
SIGMA = 75  # grey levels, the most that the slider gives
FOLLOWED = 400  # pixels of the longer side of a visitor's picture that follows a slider
SEEN = 1.0e6  # pixels of a visitor's picture that are restored at once; more, when asked for
DOUBLED = 0.25e6  # the same, of one that is doubled
UNPACKED = 5_000_000  # samples of a sound that is sent as WAV
MOST_TEXT = 2_000  # characters: as many as a link holds

DIGIT_WAYS = {  # how far each goes at the slider's end: as far as the network was trained
    "gaussian": ("Gaussian noise", 255.0, lambda amount: f"deviation {amount:.0f} of 255"),
    "salt_and_pepper": ("Salt and pepper", 0.6, lambda amount: f"{100 * amount:.0f} % of pixels"),
    "masking": ("Masking", 0.9, lambda amount: f"{100 * amount:.0f} % of pixels"),
    "occlusion": ("Occlusion", 0.5, lambda amount: f"{28 * amount:.0f} pixels a side"),
    "shift": ("Shift", 6 / 28, lambda amount: f"up to {28 * amount:.0f} pixels"),
    "downscale": ("Downscaling", 4.0, lambda amount: f"{amount:.1f} times smaller"),
}
NOISES = [
    ("White", "white"),
    ("Coloured", "coloured"),
    ("Babble", "babble"),
    ("Hum", "hum"),
    ("Clatter", "clicks"),
    ("Band", "band"),
    ("Engine", "engine"),
    ("Siren", "siren"),
    ("None: it is noisy already", ""),
]
TEXT_WAYS = [
    ("Words hidden", "hide"),
    ("Letters hidden", "blank"),
    ("Letters swapped", "swap"),
    ("Letters dropped", "drop"),
    ("Letters replaced", "replace"),
    ("Letters inserted", "insert"),
    ("Nothing: it is spoilt already", ""),
]

# How a chooser's value is written into a link, and read from it; what nobody else has is left out.
TO_NAME = """(value) => !value ? "" : value.kind === "example" ? value.name
  : value.kind === "drawn" ? "drawn" : "own\""""
TO_VALUE = """(name, value) => name === "drawn" ? { kind: "drawn" }
  : name === "own" || !name ? (value && value.kind === "file" ? value : null)
  : { kind: "example", name }"""
DRAWN = '() => ({ kind: "drawn" })'
SAME = "(value) => value"


def page(service: Any) -> gr.Blocks:
    """Corrupt what is clean, and get it back; or bring what is noisy."""
    with gr.Blocks() as blocks, gr.Tabs():
        photographs_tab(service)
        digits_tab(service)
        speech_tab(service)
        text_tab(service)
        learning_tab(service, blocks)
    return blocks


# The tabs.


def photographs_tab(service: Any) -> None:
    """Before and after of a photograph."""
    with gr.Tab("Photos", id="photographs") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=320):
            names = shown(drawings.sides("The original"), elem_id="denoise-sides")
            first = example.photograph(FIRST)
            slider = gr.ImageSlider(
                (first, first),  # as large as what will be there
                show_label=False,
                format="png",
                interactive=False,
                max_height=560,
                elem_id="denoise-photograph",
                elem_classes="hub-stays",
            )
            told = shown(drawings.facts([]), elem_id="denoise-measured")
        with gr.Column(scale=2, min_width=290, elem_classes="hub-panel"):
            tiles = [
                {"name": name, "title": title, "picture": drawings.thumbnail(picture)}
                for name, title in example.PHOTOGRAPHS.items()
                for picture in [example.photograph(name)]
            ]
            chosen = widget(
                "chooser",
                {"kind": "example", "name": FIRST},
                examples=tiles,
                elem_id="denoise-chooser",
            )
            of = hidden_text(FIRST, "Picture")
            task = chips(
                "What to do", [("Take noise away", "denoise"), ("Double its size", "upscale")]
            )
            with gr.Column(visible=True) as for_noise:
                way = chips(
                    "How it is spoilt first",
                    [
                        ("Gaussian noise", "gaussian"),
                        ("Salt and pepper", "salt_and_pepper"),
                        ("Pixels lost", "masking"),
                        ("Not at all: it is noisy already", ""),
                    ],
                )
                sigma = gr.Slider(
                    0, SIGMA, 25, step=1, label="Strength of the noise, σ in grey levels of 255"
                )
                part = gr.Slider(
                    0, 80, 10, step=1, visible=False, label="Pixels that it hits, per cent"
                )
                known = gr.Checkbox(
                    False,
                    label="Tell the network how strong the noise is",
                    info="else it finds out",
                )
                level = gr.Slider(
                    0,
                    SIGMA,
                    0,
                    step=1,
                    visible=False,
                    label="Its noise, σ in grey levels; 0: the network finds out",
                )
                seed = gr.Slider(0, SEEDS, 0, step=1, label="Seed of what is spoilt")
            with gr.Column(visible=False) as for_size:
                given = chips(
                    "What is doubled",
                    [("Half of it: the original is known", "half"), ("It itself", "whole")],
                )
            whole = gr.Checkbox(
                False, visible=False, label="All of it, not the middle alone: takes longer"
            )
            ensemble = gr.Checkbox(
                False, label="Mean of eight turns and reflections", info="8 times as slow"
            )
    controls = [task, way, sigma, part, known, level, given, whole, ensemble, seed]

    def follow(value: Any, *settings: Any) -> list[Any]:
        try:
            return photograph(service, value, *settings)
        except HubError as error:
            return [
                gr.ImageSlider(visible=False),
                drawings.problem(explained(error)),
                "",
                gr.skip(),
            ]

    def begin(of: str, value: Any, *settings: Any) -> list[Any]:
        if of != value.get("name"):  # the link names another: its change is answered
            return [gr.skip()] * 4
        return follow(value, *settings)

    def arrange(task: str, way: str) -> list[Any]:
        return [
            gr.Column(visible=task == "denoise"),
            gr.Column(visible=task == "upscale"),
            gr.Slider(visible=way == "gaussian"),
            gr.Slider(visible=way in ("salt_and_pepper", "masking")),
            gr.Checkbox(visible=way == "gaussian"),
            gr.Slider(visible=way == ""),
            gr.Slider(visible=way != ""),
        ]

    restored = share(
        "denoise_image",
        tab=tab,
        arguments={"sigma": "level"},
        of=of,
        task=task,
        way=way,
        noise=sigma,
        part=part,
        known=known,
        level=level,
        given=given,
        ensemble=ensemble,
        seed=seed,
    )
    restored.then(None, [of, chosen], chosen, js=TO_VALUE)
    chosen.change(None, chosen, of, js=TO_NAME)
    gr.on(
        [task.change, way.change],
        arrange,
        [task, way],
        [for_noise, for_size, sigma, part, known, level, seed],
        show_progress="hidden",
    )
    inputs, outputs = [chosen, *controls], [slider, names, told, whole]
    shows: dict[str, Any] = {"show_progress": "minimal", "show_progress_on": [told]}
    restored.then(begin, [of, *inputs], outputs, **shows)
    other = chosen.change(lambda: False, None, whole, show_progress="hidden")
    other.then(follow, inputs, outputs, trigger_mode="always_last", **shows)
    moved = [each.input for each in controls]
    gr.on(moved, follow, inputs, outputs, trigger_mode="always_last", **shows)


def digits_tab(service: Any) -> None:
    """A digit spoilt in six ways at once."""
    with gr.Tab("Digits", id="digits") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=320):
            answer = shown(drawings.empty("The model will answer here."), elem_id="denoise-digits")
        with gr.Column(scale=2, min_width=290, elem_classes="hub-panel"):
            tiles = [
                {"name": str(digit), "title": str(digit), "picture": drawings.source(picture)}
                for digit, picture in enumerate(example.digits())
            ]
            chosen = widget(
                "chooser",
                {"kind": "example", "name": "5"},
                examples=tiles,
                small=True,
                elem_id="denoise-digit-chooser",
            )
            pad = widget("pad", "", hint="or draw one here", elem_id="denoise-pad")
            model = gr.Radio(["digit"], value="digit", label="Model", visible="hidden")
            which = hidden_text("5", "Digit")
            strokes = hidden_text("", "Strokes")
            strength = gr.Slider(
                0, 100, 40, step=1, label="Strength, per cent of the most it was trained on"
            )
            seed = gr.Slider(0, SEEDS, 0, step=1, label="Seed of what is spoilt")
            again = gr.Button("Spoil it in another way", variant="primary")
    controls = [strength, seed]

    def follow(value: Any, strokes: str, strength: float, seed: int) -> str:
        try:
            return spoilt_digits(service, digit_of(service, value, strokes), strength / 100, seed)
        except HubError as error:
            return drawings.problem(explained(error))

    restored = share(
        "denoise_image",
        tab=tab,
        which=which,
        strokes=strokes,
        amount=strength,
        chance=seed,
        model=model,  # for the code that a visitor copies
    )
    restored.then(None, [which, chosen], chosen, js=TO_VALUE)
    restored.then(None, strokes, pad, js=SAME)
    chosen.change(None, chosen, which, js=TO_NAME)
    pad.change(None, pad, strokes, js=SAME)
    pad.drawn(None, None, chosen, js=DRAWN)
    again.click(fresh_seed, None, seed)
    gr.on(
        [tab.select, chosen.change, strokes.change, strength.input, seed.change],
        follow,
        [chosen, strokes, *controls],
        answer,
        show_progress="hidden",
        trigger_mode="always_last",
    )


def speech_tab(service: Any) -> None:
    """Speech before and after, and what was taken away."""
    with gr.Tab("Speech", id="speech") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=320):
            told = shown(drawings.facts([]), elem_id="denoise-heard")  # progress goes there
            sounds = widget(
                "sounds", {"empty": "The model will answer here."}, elem_id="denoise-sounds"
            )
        with gr.Column(scale=2, min_width=290, elem_classes="hub-panel"):
            voices = [(title, name) for name, title in example.VOICES.items()]
            said = chips("What is said", [*voices, ("My own recording", "own")])
            own = gr.Audio(
                label="Upload a file, or record",
                sources=["upload", "microphone"],
                type="filepath",
                visible=False,
                elem_id="denoise-own",
            )
            kind = chips("Noise that is added", NOISES)
            snr = gr.Slider(
                -10, 30, 5, step=1, label="Speech above noise, dB: the less, the noisier"
            )
            strength = gr.Slider(
                0, 1, 1, step=0.05, label="How much of what is found to be noise is taken away"
            )
            seed = gr.Slider(0, SEEDS, 0, step=1, label="Seed of the noise")
    controls = [kind, snr, strength, seed]

    def follow(
        said: str,
        own: str | None,
        kind: str,
        snr: float,
        strength: float,
        seed: int,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[list[Any]]:
        if said == "own" and own is None:
            yield [
                drawings.facts([]),
                {"empty": "Record something, or upload a file: it is kept nowhere."},
            ]
            return
        yield [gr.skip(), {"pending": True}]
        try:
            path = Path(own) if said == "own" and own else example.voice(said)
            yield heard(service, path, kind, snr, strength, seed, progress_of(progress))
        except HubError as error:
            yield [drawings.facts([]), {"error": explained(error)}]
        except Exception:  # the hub tells of it
            yield [drawings.facts([]), {"empty": "There is no answer."}]
            raise

    def arrange(said: str, kind: str) -> list[Any]:
        return [
            gr.Audio(visible=said == "own"),
            gr.Slider(visible=kind != ""),
            gr.Slider(visible=kind != ""),
        ]

    share(
        "denoise_speech",
        tab=tab,
        said=said,
        kind=kind,
        snr=snr,
        strength=strength,
        din=seed,
    )
    gr.on(
        [tab.select, said.change, kind.change],
        arrange,
        [said, kind],
        [own, snr, seed],
        show_progress="hidden",
    )
    gr.on(
        [tab.select, said.change, own.change, kind.input, snr.input, strength.input, seed.input],
        follow,
        [said, own, *controls],
        [told, sounds],
        show_progress="minimal",
        show_progress_on=[told],
        trigger_mode="always_last",
    )


def text_tab(service: Any) -> None:
    """A text with words or letters hidden, and what they may have been."""
    first = next(iter(example.TEXTS.values()))
    with gr.Tab("Text", id="text") as tab, gr.Row(elem_classes="hub-row"):
        with gr.Column(scale=3, min_width=320):
            answer = widget(
                "text", {"empty": "The model will answer here."}, elem_id="denoise-text"
            )
        with gr.Column(scale=2, min_width=290, elem_classes="hub-panel"):
            text = gr.Textbox(
                first,
                lines=6,
                max_lines=14,
                max_length=MOST_TEXT,
                label="English text",
                info="Four underscores stand for a hidden word, one for a hidden letter.",
                elem_id="denoise-typed",
            )
            names = gr.Row(elem_classes="hub-examples")
            with names:
                buttons = {name: gr.Button(name, size="sm") for name in example.TEXTS}
            way = chips("What is spoilt", TEXT_WAYS)
            part = gr.Slider(0, 60, 20, step=1, label="Words that are spoilt, per cent")
            seed = gr.Slider(0, SEEDS, 0, step=1, label="Seed: which words")
            again = gr.Button("Spoil other words", variant="primary")
    controls = [text, way, part, seed]

    def follow(text: str, way: str, part: float, seed: int) -> Iterator[Any]:
        if not text.strip():
            yield {"empty": "Type a few sentences, or choose an example."}
            return
        yield {"pending": True}
        try:
            yield read(service, text, way, part / 100, seed)
        except HubError as error:
            yield {"error": explained(error)}
        except Exception:  # the hub tells of it
            yield {"empty": "There is no answer."}
            raise

    share(
        "restore_text",
        tab=tab,
        text=text,
        garble=way,
        words=part,
        which_words=seed,
    )
    way.change(
        lambda way: [gr.Slider(visible=way != ""), gr.Slider(visible=way != "")],
        way,
        [part, seed],
        show_progress="hidden",
    )
    for name, button in buttons.items():
        button.click(functools.partial(example.TEXTS.get, name), None, text)
    again.click(fresh_seed, None, seed)
    gr.on(
        [tab.select, text.change, way.input, part.input, seed.change],
        follow,
        controls,
        answer,
        show_progress="hidden",
        trigger_mode="always_last",
    )


def learning_tab(service: Any, blocks: gr.Blocks) -> None:
    """What features that denoising has taught are worth, where the checkpoint tells it."""
    with gr.Tab("Learning", id="learning") as tab:
        gr.Markdown(
            "Does it help to learn? The claim of 2008: layers that were first trained to restore "
            "spoilt digits give a classifier more than layers trained to copy them, and more than "
            "pixels, most of all where few digits have a label. Here all three are judged by the "
            "same classifier, on the test digits of MNIST.",
            elem_classes="hub-caption",
        )
        plot = shown("", elem_id="denoise-labels")
    share("few_labels", tab=tab)

    def look() -> str:
        try:
            told = service.few_labels()
        except HubError:  # no checkpoint: the page's head tells of it
            told = {}
        return drawings.few_labels(told) if told else drawings.empty("It was not measured here.")

    blocks.load(look, None, plot, show_progress="hidden")


# What is done for them.


def photograph(
    service: Any,
    value: Any,
    task: str,
    way: str,
    sigma: float,
    part: float,
    known: bool,
    level: float,
    given: str,
    whole: bool,
    ensemble: bool,
    seed: int,
) -> list[Any]:
    """Return what the tab of photographs shows: two pictures, their names, numbers, and whether
    all of a large picture can be asked for."""
    made = way != "" if task == "denoise" else given == "half"  # so the original is known
    picture, notes, larger = picture_of(service, value, task, made, whole)
    if task == "upscale":
        pair, told, more = doubled(service, picture, made, ensemble)
        names = "Bicubic interpolation", "The network"
    else:
        amount = sigma if way == "gaussian" else part / 100
        spoilt = picture
        if made:
            spoilt = service.corrupt(image=picture, way=way, amount=amount, seed=seed)[0]
        telling = (sigma if known and way == "gaussian" else 0.0) if made else level
        clean = picture if made else None
        found, info = service.denoise_image(spoilt, sigma=telling, ensemble=ensemble, clean=clean)
        before = as_read(service, spoilt) if isinstance(spoilt, Path) else spoilt
        pair, told, more = (before, found), measured(info, telling), info["notes"]
        names = "Spoilt" if made else "As it is", "Restored"
    height, width = pair[1].shape[:2]
    stays = ["hub-stays"] if width >= height else []  # a tall one would leave no room
    return [
        gr.ImageSlider(pair, visible=True, elem_classes=stays),
        drawings.sides(*names),
        drawings.facts(told, [*notes, *more]),
        gr.Checkbox(visible=larger or whole),
    ]


def doubled(
    service: Any, picture: Any, made: bool, ensemble: bool
) -> tuple[tuple[Any, Any], list[str], list[str]]:
    """Return a picture doubled by bicubic interpolation and by the network, numbers, and notes.

    Args:
        made: halve it first, so that the original is known.
    """
    small, clean = picture, None
    if made:
        small, clean = service.corrupt(image=picture, way="halve", amount=2)[0], picture
    found, info = service.upscale_image(small, ensemble=ensemble, clean=clean)
    plain = Image.fromarray(as_read(service, small) if isinstance(small, Path) else small)
    size = (found.shape[1], found.shape[0])
    pair = np.asarray(plain.resize(size, Image.Resampling.BICUBIC)), found
    if not made:
        width, height = info["size"]
        return pair, [drawings.fact(f"{width} × {height}", "", "pixels")], info["notes"]
    told = [
        drawings.fact(
            drawings.number(info["psnr"]),
            "dB",
            "peak signal-to-noise ratio: bicubic → network",
            drawings.number(info["psnr_bicubic"]),
        ),
        drawings.fact(
            drawings.number(info["ssim"], 3),
            "",
            "structural similarity: bicubic → network",
            drawings.number(info["ssim_bicubic"], 3),
        ),
    ]
    return pair, told, info["notes"]


def measured(info: dict[str, Any], telling: float) -> list[str]:
    """Return the numbers of a denoised picture."""
    told = []
    if info["psnr_before"] is not None or info["psnr"] is not None:
        told.append(
            drawings.fact(
                drawings.number(info["psnr"]),
                "dB",
                "peak signal-to-noise ratio, higher is better",
                drawings.number(info["psnr_before"]),
            )
        )
        if info["ssim"] is not None:
            told.append(
                drawings.fact(
                    drawings.number(info["ssim"], 3),
                    "",
                    "structural similarity, at most 1",
                    drawings.number(info["ssim_before"], 3),
                )
            )
    estimated = drawings.number(info["sigma_estimated"], 1)
    how = f"noise level found; {telling:g} was told" if telling else "noise level found"
    told.append(drawings.fact(f"σ {estimated}", "", how))
    return told


def picture_of(
    service: Any, value: Any, task: str, made: bool, whole: bool
) -> tuple[Any, list[str], bool]:
    """Return the picture that a chooser's value stands for, what was done to it, and whether there
    is more of it.

    Raises:
        InputError: there is none, or the file is no picture.
    """
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "example" and value.get("name") in example.PHOTOGRAPHS:
        return example.photograph(value["name"]), [], False
    if kind != "file":
        raise InputError("image must be chosen: click an example, or bring your own", "image")
    path = Path(value["file"]["path"])
    if whole and not made:
        return path, [], False
    if made:
        return *followed(service, path), False
    pixels = as_read(service, path)
    height, width = pixels.shape[:2]
    most = DOUBLED if task == "upscale" else SEEN
    if width * height <= most:
        return path, [], False
    scale = (most / (width * height)) ** 0.5
    across, down = max(1, round(scale * width)), max(1, round(scale * height))
    left, top = (width - across) // 2, (height - down) // 2
    middle = pixels[top : top + down, left : left + across]
    return middle, [f"The middle {across:,} × {down:,} of {width:,} × {height:,} pixels."], True


@functools.lru_cache(maxsize=16)  # a slider asks for the same one again and again
def followed(service: Any, path: Path) -> tuple[np.ndarray, list[str]]:
    """Return a file's picture, made smaller where it could not follow a slider, and a note of
    that."""
    pixels = as_read(service, path)
    height, width = pixels.shape[:2]
    if max(height, width) <= FOLLOWED:
        return pixels, []
    picture = Image.fromarray(pixels)
    picture.thumbnail((FOLLOWED, FOLLOWED), Image.Resampling.LANCZOS)
    how = f"Made smaller, from {width:,} × {height:,} pixels, to follow the slider."
    return np.array(picture), [how]


def as_read(service: Any, path: Path) -> np.ndarray:
    """Return a file's picture as the service reads it, (height, width) or (…, channels) uint8.

    Raises:
        InputError: it is none, or too large.
    """
    read: np.ndarray = service.corrupt(way="gaussian", image=path, amount=0)[0]
    return read


def digit_of(service: Any, value: Any, strokes: str) -> np.ndarray:
    """Return the digit that is chosen or drawn, (28, 28) uint8.

    Raises:
        InputError: there is none.
    """
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "drawn" and strokes:
        return np.array(centred(painted(strokes)))
    if kind == "example" and str(value.get("name")) in "0123456789":
        return example.digits()[int(value["name"])]
    if kind != "file":
        raise InputError(
            "image must be chosen: click a digit, draw one, or bring a picture", "image"
        )
    return from_picture(as_read(service, Path(value["file"]["path"])))


def spoilt_digits(service: Any, clean: np.ndarray, strength: float, seed: int) -> str:
    """Return a digit spoilt in each way and restored, as the tab shows it.

    Args:
        strength: 0 to 1, of how far each way goes.
    """
    pairs = []
    for way, (name, most, says) in DIGIT_WAYS.items():
        least = WAYS[way].least
        amount = least + strength * (most - least)
        spoilt = service.corrupt(image=clean, way=way, amount=amount, seed=seed)[0]
        restored, info = service.denoise_image(spoilt, model="digit", clean=clean)
        pairs.append(
            {
                "name": name,
                "amount": says(amount),
                "spoilt": spoilt,
                "restored": restored,
                "psnr": info["psnr"],
                "before": info["psnr_before"],
            }
        )
    return drawings.digit_pairs(pairs, clean)


def heard(
    service: Any,
    path: Path,
    kind: str,
    snr: float,
    strength: float,
    seed: int,
    progress: Callable[[float, str], None],
) -> list[Any]:
    """Return the numbers of denoised speech, and its sounds as the widget shows them."""
    clean, noisy = None, None
    given: Any = path
    if kind:
        noisy = service.corrupt(sound=path, way=kind, amount=snr, seed=seed)[1]
        given, clean = noisy, path
    found, removed, info = service.denoise_speech(
        given, strength=strength, clean=clean, progress=progress
    )
    rate = found[0]
    before = (rate, as_float(found[1]) + as_float(removed[1]))
    rows = [("Before", before), ("After", found), ("What was taken away", removed)]
    levels = [drawings.spectrum(as_float(samples), rate) for _, (rate, samples) in rows]
    top = max(float(np.percentile(levels[0], 99.9)), -60.0)
    shown_rows = [
        {
            "name": name,
            "about": f"{loudness(samples)} dB",
            "picture": drawings.coloured(level, top),
            "file": saved(name.lower().replace(" ", "-"), samples, rate),
        }
        for (name, (rate, samples)), level in zip(rows, levels, strict=True)
    ]
    scale = {
        "colours": drawings.scale(),
        "from": f"{drawings.number(top - drawings.SPAN, 0)} dB",
        "to": f"{drawings.number(top, 0)} dB",
    }
    return [drawings.facts(spoken(info), info["notes"]), {"rows": shown_rows, "scale": scale}]


def spoken(info: dict[str, Any]) -> list[str]:
    """Return the numbers of denoised speech."""
    told = []
    for key, digits, unit, label in (
        ("si_sdr", 1, "dB", "signal to distortion, SI-SDR"),
        ("pesq", 2, "", "quality, PESQ, 1 to 4.6"),
        ("stoi", 2, "", "intelligibility, STOI, at most 1"),
    ):
        if info.get(key) is not None:
            before = info.get(f"{key}_before")
            told.append(
                drawings.fact(
                    drawings.number(info[key], digits),
                    unit,
                    label,
                    "" if before is None else drawings.number(before, digits),
                )
            )
    if not told:
        told.append(
            drawings.fact(
                drawings.number(info["level_after_db"], 1),
                "dB",
                "level, of full scale",
                drawings.number(info["level_before_db"], 1),
            )
        )
    return told


def as_float(samples: np.ndarray) -> np.ndarray:
    """Return samples as float32 in [-1, 1]."""
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / 32768
    return samples.astype(np.float32)


def loudness(samples: np.ndarray) -> str:
    """Return a sound's level, of full scale, as text."""
    power = float(np.mean(np.square(as_float(samples), dtype=np.float64)))
    return drawings.number(10 * np.log10(power), 1) if power > 1e-12 else "under −120"


def saved(name: str, samples: np.ndarray, rate: int) -> dict[str, Any]:
    """Return a sound as a file that the browser fetches when it is played; a long one packed."""
    kind: Literal["wav", "flac"] = "wav" if samples.size <= UNPACKED else "flac"
    path = gr.processing_utils.save_bytes_to_cache(
        encode(samples, rate, kind), f"{name}.{kind}", gr.utils.get_upload_folder()
    )
    return {"path": path, "orig_name": f"{name}.{kind}", "meta": {"_type": "gradio.FileData"}}


def read(service: Any, text: str, way: str, share: float, seed: int) -> dict[str, Any]:
    """Return a spoilt text and the restored one, as the widget shows them."""
    clean = text if way else None
    spoilt = text
    if way:
        spoilt = service.corrupt(text=text, way=way, amount=share, seed=seed)[2]
    restored, info = service.restore_text(spoilt, known_places=clean is not None, clean=clean)
    originals = original_words(info, clean)
    seen = parts(info["text"], info["words"], "start", "seen", lambda at, one: {"mark": True})

    def told(at: int, one: dict[str, Any]) -> dict[str, Any]:
        state = {True: "right", False: "wrong"}.get(one["right"])
        return {
            "seen": one["seen"],
            "probability": one["probability"],
            "alternatives": one["alternatives"],
            "truth": originals.get(one["start"], ""),
            "state": state or ("filled" if one["changed"] else "kept"),
        }

    shown_parts = parts(restored, info["words"], "restored_start", "restored", told)
    found: dict[str, Any] = {"seen": seen, "restored": shown_parts}
    words = info["words"]
    if info["accuracy"] is not None:
        right = round(info["accuracy"] * info["spoilt"])
        found["facts"] = {
            "value": f"{right} of {info['spoilt']}",
            "label": "spoilt words restored as they were",
        }
        found["key"] = (
            "Green: as it was. Red: another word. The number is how sure the model is; touch a "
            "word, or point at it, for what else it weighed."
        )
    elif words:
        changed = sum(one["changed"] for one in words)
        found["facts"] = {
            "value": f"{changed}",
            "label": f"of {len(words)} words that looked spoilt were changed",
        }
        found["key"] = (
            "The number is how sure the model is; touch a word, or point at it, for what else it "
            "weighed. Dotted: looked at, and left as it is."
        )
    else:
        found["key"] = (
            "Nothing here looks spoilt: every word is one that the model knows. Hide a word as "
            "____, or letters as _."
        )
    if info["notes"]:
        found["key"] += " " + " ".join(info["notes"])
    return found


def parts(
    text: str,
    words: Sequence[dict[str, Any]],
    start: str,
    word: str,
    told: Callable[[int, dict[str, Any]], dict[str, Any]],
) -> list[Any]:
    """Return a text in parts, its words as {"text": ..., **told}.

    Args:
        start, word: the keys of a word's place in `text`, and of what it is there.
    """
    found: list[Any] = []
    read = 0
    for at, one in enumerate(words):
        found += [text[read : one[start]], {"text": one[word], **told(at, one)}]
        read = one[start] + len(one[word])
    return [part for part in [*found, text[read:]] if part]


def original_words(info: dict[str, Any], clean: str | None) -> dict[int, str]:
    """Return the original of each word, by its start in the spoilt text: spoiling a word leaves as
    many words as there were."""
    from hub_denoise.text.corrupt import tokens

    spoilt, whole = tokens(info["text"]), tokens(clean or "")
    if len(spoilt) != len(whole):
        return {}
    return {one.start: other.text for one, other in zip(spoilt, whole, strict=True)}


# What the tabs share.


def chips(label: str, choices: Sequence[tuple[str, str]]) -> gr.Radio:
    """Return a choice of a few, the first of which is chosen."""
    return gr.Radio(list(choices), value=choices[0][1], label=label, elem_classes="hub-chips")


def explained(error: HubError) -> str:
    """Return an error for who has brought something: that an endpoint may also be called without
    it does not help."""
    return str(error).replace(", or null;", ";")


def hidden_text(value: str, label: str) -> gr.Textbox:
    return gr.Textbox(value, label=label, max_length=2000, visible="hidden")


def fresh_seed() -> int:
    return random.randint(0, SEEDS)
