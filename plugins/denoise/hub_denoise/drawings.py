"""Pictures, spectrograms, numbers and plots as HTML for the page; the styles are
widgets/drawings.css.

The package `pictures` has the networks for pictures, so this file is not called so.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from hub.media import png

# From quiet to loud: dark enough for both themes, and told apart in grey.
COLORS = np.array(
    [
        (14, 19, 32),
        (18, 43, 66),
        (14, 84, 98),
        (29, 132, 125),
        (104, 178, 128),
        (202, 209, 122),
        (255, 226, 150),
        (255, 246, 220),
    ]
)
WIDEST = 1000  # columns of a spectrogram: of a longer sound, some of its frames
ROWS = 160  # of a spectrogram
SPAN = 80.0  # dB from the darkest colour to the brightest
FRAME = 0.032  # seconds
SERIES = {  # of the plot: the key in the checkpoint, the line's name, its class
    "denoising": ("Stacked denoising auto-encoder", "ours"),
    "plain": ("Stacked plain auto-encoder", "plain"),
    "raw": ("Pixels, nothing learned", "raw"),
}


# Pieces of HTML.


def source(picture: np.ndarray) -> str:
    """Return a picture, (height, width) or (…, 3) uint8, as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def thumbnail(picture: np.ndarray, side: int = 96) -> str:
    """Return a picture, (height, width) or (…, 3) uint8, small, as a data URL."""
    shrunk = Image.fromarray(picture)
    shrunk.thumbnail((2 * side, side))
    buffer = io.BytesIO()
    shrunk.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def empty(message: str) -> str:
    return f'<div class="empty">{escape(message)}</div>'


def problem(message: str) -> str:
    return f'<p class="problem" role="alert">{escape(message)}</p>'


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with a real minus; of what cannot be told, a dash."""
    if value is None:
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def fact(value: str, unit: str, label: str, before: str = "") -> str:
    """Return a number and what it is of; `before` is what it was."""
    was = f'<s aria-label="before {before},">{before}</s>' if before else ""
    unit = f"<small>{escape(unit)}</small>" if unit else ""
    return f"<div>{was}<b>{value}{unit}</b><span>{escape(label)}</span></div>"


def facts(told: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Return numbers, of `fact`, in a row, and sentences below them."""
    below = f'<p class="notes">{escape(" ".join(notes))}</p>' if notes else ""
    return f'<div class="facts">{"".join(told)}</div>{below}'


def sides(left: str, right: str = "") -> str:
    """Return what is to the left, and what to the right, of a slider over two pictures; or what
    both are."""
    if not right:
        return f'<div class="sides"><span>{escape(left)}</span></div>'
    return f'<div class="sides"><span>← {escape(left)}</span><span>{escape(right)} →</span></div>'


def digit_pairs(pairs: Sequence[dict[str, Any]], clean: np.ndarray) -> str:
    """Return a digit as it was, and for each way of spoiling it, the spoilt one beside the one that
    came back.

    Args:
        pairs: each with `name`, `amount` as text, `spoilt` and `restored`, (height, width) uint8,
            and `psnr` and `before`, dB or None.
    """
    cells = []
    for one in pairs:
        name = escape(one["name"])
        gain = f"{number(one['before'], 1)} → <b>{number(one['psnr'], 1)} dB</b>"
        cells.append(
            f'<section class="pair"><h4>{name} <span>{escape(one["amount"])}</span></h4>'
            f'<div class="two"><img src="{source(one["spoilt"])}" alt="Spoilt: {name}">'
            f'<img src="{source(one["restored"])}" alt="Restored"></div><p>{gain}</p></section>'
        )
    given = f'<img src="{source(clean)}" alt="The digit as it was">'
    head = (
        f'<div class="given">{given}<p>As it was. Below, each spoilt digit and the one that came '
    )
    head += "back, with the peak signal-to-noise ratio of both.</p></div>"
    return f'{head}<div class="pairs">{"".join(cells)}</div>'


# Sound.


def spectrum(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return the levels of a sound, (rows, columns) float32 in dB of full scale, high notes first;
    up to 8 kHz, or half the rate where that is less.

    Args:
        samples: (samples,) or (samples, channels), float in [-1, 1]; channels are mixed.
    """
    mono = samples.mean(axis=1) if samples.ndim == 2 else samples
    size = max(16, round(FRAME * rate))
    count = min(WIDEST, max(1, 4 * len(mono) // size))
    starts = np.linspace(0, max(0, len(mono) - 1), count).astype(int)
    mono = np.pad(mono.astype(np.float32), size)[size - size // 2 :]  # frames have middles there
    frames = mono[starts[:, None] + np.arange(size)] * np.hanning(size).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / (size / 4) ** 2
    top = min(power.shape[1] - 1, math.floor(8000 / rate * size))
    # Each row is the loudest of the bins that it stands for, or the bin that it lies in.
    edges = np.linspace(0, top, ROWS + 1)
    low = np.floor(edges[:-1]).astype(int)
    high = np.maximum(low + 1, np.ceil(edges[1:]).astype(int))
    widest = int((high - low).max())
    bins = np.minimum(low[:, None] + np.arange(widest), high[:, None] - 1)
    rows = power[:, bins].max(axis=2)  # (columns, rows)
    levels: np.ndarray = 10 * np.log10(rows.T[::-1] + 1e-12)
    return levels


def coloured(levels: np.ndarray, top: float) -> str:
    """Return levels, (rows, columns) in dB, as a picture's data URL.

    Args:
        top: the level of the brightest colour; SPAN below it is the darkest.
    """
    grey = (255 * ((levels - top) / SPAN + 1).clip(0, 1)).round().astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(grey))
    at = np.linspace(0, len(COLORS) - 1, 256)
    channels = [np.interp(at, range(len(COLORS)), channel) for channel in COLORS.T]
    image.putpalette(np.stack(channels, axis=1).round().astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def scale() -> str:
    """Return the colours from the quietest to the loudest as a CSS gradient."""
    stops = ", ".join(f"rgb({r} {g} {b})" for r, g, b in COLORS)
    return f"linear-gradient(90deg, {stops})"


# The plot.

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 52, 20, 52, 60


def few_labels(told: dict[str, Any]) -> str:
    """Return how much a classifier errs by how many labels it has seen, as a plot and a table.

    Args:
        told: `labels`, and for each of SERIES that is there, [mean, deviation] in percent by
            number of labels.
    """
    labels = [float(count) for count in told["labels"]]
    series = {key: told[key] for key in SERIES if told.get(key)}
    highest = max(mean + spread for rows in series.values() for mean, spread in rows)
    step = next(size for size in (1, 2, 5, 10, 20, 50) if highest / size <= 6 or size == 50)
    ticks = np.arange(0, highest + step, step)
    low, high = math.log(min(labels)), math.log(max(labels) * 1.0001)

    def across(count: float) -> float:
        part = (math.log(count) - low) / max(high - low, 1e-9)
        return LEFT + (WIDTH - LEFT - RIGHT) * (0.04 + 0.92 * part)

    def down(error: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * error / float(ticks[-1])

    drawn = [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(at):.1f}" '
        f'y2="{down(at):.1f}"/><text x="{LEFT - 8}" y="{down(at) + 4:.1f}" '
        f'text-anchor="end">{at:g}</text>'
        for at in ticks
    ]
    drawn += [
        f'<text x="{across(count):.1f}" y="{HEIGHT - BOTTOM + 24}" text-anchor="middle">'
        f"{count:,.0f}</text>"
        for count in labels
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    drawn.append(
        f'<text class="axis" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">labels</text>'
        f'<text class="axis" x="4" y="22">test error, %</text>'
    )
    for key, rows in series.items():
        points = [
            (across(count), down(mean), down(max(0.0, mean - spread)), down(mean + spread))
            for count, (mean, spread) in zip(labels, rows, strict=True)
        ]
        kind = SERIES[key][1]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)
        drawn.append(f'<polyline class="{kind}" points="{line}"/>')
        for x, y, bottom, top in points:
            drawn.append(
                f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:.1f}" y2="{top:.1f}"/>'
                f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
            )
    legend = "".join(
        f'<span class="{SERIES[key][1]}">{escape(SERIES[key][0])}</span>' for key in series
    )
    head = "".join(f'<th scope="col">{escape(SERIES[key][0])}</th>' for key in series)
    body = "".join(
        f'<tr><th scope="row">{count:,.0f}</th>'
        + "".join(f"<td>{rows[at][0]:.2f} ± {rows[at][1]:.2f}</td>" for rows in series.values())
        + "</tr>"
        for at, count in enumerate(labels)
    )
    return (
        f'<div class="plot"><div class="legend">{legend}</div>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Test error by number of '
        f'labels; the table below has the numbers">{"".join(drawn)}</svg></div>'
        f'<div class="wide"><table><caption>Test error in %, mean ± deviation over draws '
        f'of the labelled digits</caption><thead><tr><th scope="col">Labels</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
