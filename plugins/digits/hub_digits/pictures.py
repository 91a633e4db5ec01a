"""Pictures and numbers as HTML for the page of the digits; the styles are widgets/pictures.css."""

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hub.media import png


def source(picture: np.ndarray) -> str:
    """Return a picture, (height, width) uint8, as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def image(picture: np.ndarray, says: str) -> str:
    return f'<img src="{source(picture)}" alt="{says}">'


def figure(picture: np.ndarray, caption: str) -> str:
    return f"<figure>{image(picture, caption)}<figcaption>{caption}</figcaption></figure>"


def empty(message: str) -> str:
    return f'<div class="empty">{message}</div>'


def kept(seen: np.ndarray, layers: Sequence[np.ndarray]) -> str:
    """Return what the model sees, what its code keeps, and what ever more groups of it keep."""
    steps = [
        figure(layer, "top group" if i == 1 else f"top {i}" if i < len(layers) else f"all {i}")
        for i, layer in enumerate(layers, start=1)
    ]
    return (
        '<div class="pair large">'
        + figure(seen, "what the model sees, 28 × 28")
        + figure(layers[-1], "what the code keeps")
        + "</div><h4>Rebuilt from ever more of the code</h4>"
        + f'<div class="strip">{"".join(steps)}</div>'
    )


def judged(score: dict[str, Any]) -> str:
    """Return the classifier's bars and how likely the drawing is, of what `score` answers."""
    probabilities, best = score["probabilities"], score["digit"]
    bars = "".join(
        f'<div class="{"best" if digit == best else ""}">'
        f'<i style="height:{100 * p:.0f}%"></i>{digit}</div>'
        for digit, p in enumerate(probabilities)
    )
    says = f"The classifier takes it for a {best}, with {100 * probabilities[best]:.0f} per cent"
    bound = f"{score['bound']:.1f}".replace("-", "−")
    return (
        f'<h4>Which digit is it?</h4><div class="bars" role="img" aria-label="{says}">{bars}</div>'
        f'<div class="facts"><div><b>{bound}</b><span>nats: its log-probability is at least '
        f"this</span></div>{usual(score['percentile'])}</div>" + meter(score["percentile"])
    )


def usual(percentile: float | None) -> str:
    if percentile is None:
        return ""
    return f"<div><b>{percentile:.0f} %</b><span>of real digits are less likely</span></div>"


def meter(percentile: float | None) -> str:
    if percentile is None:
        return ""
    return f'<div class="meter" aria-hidden="true"><i style="left:{percentile:.1f}%"></i></div>'


def sheet(pictures: Sequence[np.ndarray], of: str) -> str:
    """Return pictures as one square sheet."""
    columns = math.ceil(math.sqrt(len(pictures)))
    cells = "".join(image(picture, f"{of}, drawn by the model") for picture in pictures)
    return f'<div class="sheet" style="grid-template-columns:repeat({columns},1fr)">{cells}</div>'


def completions(
    given: np.ndarray, hidden: str, completed: Sequence[np.ndarray] | None = None
) -> str:
    """Return the given half, and eight completions of it; without them, eight times the half."""
    half = covered(given, hidden)
    first = f"<figure>{half}<figcaption>given</figcaption></figure>"
    if completed is None:
        cells = [f"<figure>{half}<figcaption>…</figcaption></figure>"] * 8
    else:
        cells = [figure(each, f"completion {i}") for i, each in enumerate(completed, start=1)]
    return f'<div class="nine">{first}{"".join(cells)}</div>'


def covered(picture: np.ndarray, hidden: str) -> str:
    """Return a picture whose `hidden` half is covered."""
    says = f"A digit, its {hidden} half hidden"
    return f'<div class="covered">{image(picture, says)}<div class="veil {hidden}"></div></div>'


def rows(groups: Sequence[dict[str, Any]], pictures: Sequence[Sequence[np.ndarray]]) -> str:
    """Return a row per latent group: its name and size, and the digit with that group varied."""
    lines = []
    for i, (group, varied) in enumerate(zip(groups, pictures, strict=True), start=1):
        size = " × ".join(str(side) for side in group["size"])
        cells = "".join(image(picture, f"Group {i} varied") for picture in varied)
        lines.append(
            f'<div class="row"><p><b>{i}. {group["level"]}</b> <span>{size} numbers</span></p>'
            f'<div class="cells">{cells}</div></div>'
        )
    return f'<div class="rows">{"".join(lines)}</div>'
