"""Numbers, comparisons and pictures as HTML, and scores as the page's widget takes them; the styles
are widgets/drawings.css."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from hub.media import png

LANES = {  # of the histogram, from top to bottom: the group of scores, its name
    "learned": "Learned from",
    "usual": "Usual, not learned from",
    "anomalous": "Anomalies",
    "new": "New rows",
}
DETECTORS = {  # what a comparison calls them, and what they are
    "ours": ("Ours", "distance in the code and in the table"),
    "code": ("Distance in the code", "a part of ours"),
    "input": ("Distance in the table", "a part of ours, without the network"),
    "reconstruction": ("Reconstruction error", "of the same auto-encoder: the lectures' score"),
    "kNN": ("kNN", "distance to the fifth neighbour"),
    "IForest": ("IForest", "isolation forest"),
    "ECOD": ("ECOD", "tails of each column"),
    "LOF": ("LOF", "local outlier factor"),
}
PARTS = ("code", "input", "reconstruction")

UNUSUAL = (  # shares of usual pictures that score as high, and what a picture is called up to there
    (0.01, "Very unusual"),
    (0.05, "Unusual"),
    (0.2, "A little unusual"),
    (1.0, "Usual"),
)
HEAT = (  # levels of heat, per cent of what is nowhere in most usual pictures, and their colours
    (30, (255, 214, 64)),
    (80, (255, 122, 26)),
    (130, (214, 20, 60)),
)
CAPTIONS = {  # of the picture that is usual in the place of the one that is looked at
    "tiles": "Without what it takes for a defect",
    "digits": "The nearest usual one",
    "clothes": "The nearest usual one",
}
BINS = 48  # of the histogram of usual pictures, at most; of few there are fewer


def empty(message: str) -> str:
    return f'<div class="empty">{escape(message)}</div>'


def problem(message: str) -> str:
    return f'<p class="problem" role="alert">{escape(message)}</p>'


def number(value: float | None, digits: int = 1) -> str:
    """Return a number with a real minus; of what cannot be told, a dash."""
    if value is None:
        return "–"
    return f"{value:,.{digits}f}".replace("-", "−")


def fact(value: str, unit: str, label: str) -> str:
    """Return a number and what it is of."""
    unit = f"<small>{escape(unit)}</small>" if unit else ""
    return f"<div><b>{escape(value)}{unit}</b><span>{escape(label)}</span></div>"


def facts(told: Sequence[str] = ()) -> str:
    """Return numbers, of `fact`, in a row; it is as tall without any."""
    return f'<div class="facts">{"".join(told)}</div>'


def learned(made: Mapping[str, Any], summary: Mapping[str, Any] | None = None) -> str:
    """Return what is to be known of a detector and of the rows that it has scored.

    Args:
        made, summary: what the service's `fit` and `score` tell; without rows that were scored, of
            those that were kept apart.
    """
    told, judged = [], made if summary is None else summary
    if judged["auroc"] is not None:
        told.append(fact(number(judged["auroc"]), "%", "AUROC"))
        told.append(fact(number(judged["ap"]), "%", "average precision"))
    seconds = made["seconds"]
    when = "before" if seconds is None else f"in {number(seconds)} s"
    told.append(fact(f"{made['rows']:,}", "", f"rows learned {when}"))
    notes = "; ".join(made["notes"])  # a note may begin with the name of a column
    below = f'<p class="notes">{escape(notes)}.</p>' if notes else ""
    return facts(told) + below


def lanes(made: Mapping[str, Any], summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the groups of scores that the histogram shows, those without rows left out. A detector
    that was here already ranks among rows that it has not learned from."""
    own = "usual" if made["seconds"] is None else "learned"
    groups = {own: made["learned"], **summary["scores"]}
    return [
        {"key": key, "name": name, **groups[key]}
        for key, name in LANES.items()
        if key in groups and groups[key]["count"]
    ]


def comparison(found: Mapping[str, Any]) -> str:
    """Return how well detectors fared on one table, as a table with bars, the best first.

    Args:
        found: what the service's `compare` tells.
    """
    lines = "".join(line(one) for one in found["results"])
    head = "".join(
        f'<th scope="col"{kind}>{name}</th>'
        for name, kind in (
            ("Detector", ""),
            ("AUROC, %", ""),
            ("Average precision, %", ""),
            ("Seconds", ' class="time"'),
        )
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
        f'</div><p class="notes">{escape(verdict(found["results"]))} All learned from the same '
        f"{found['rows']:,} usual rows, and were judged by {found['judged']:,} others.</p>"
    )


def line(one: Mapping[str, Any]) -> str:
    """Return a detector's line of a comparison."""
    name, about = DETECTORS[one["detector"]]
    kind = "ours" if one["detector"] == "ours" else "part" if one["detector"] in PARTS else ""
    bars = "".join(
        f'<td class="measure">{number(one[measure])}'
        f'<i style="--part: {one[measure]:.1f}%"></i></td>'
        for measure in ("auroc", "ap")
    )
    seconds = number(one["seconds"], 2)
    return (
        f'<tr class="{kind}"><th scope="row">{escape(name)}<small>{escape(about)}</small></th>'
        f'{bars}<td class="time">{seconds}</td></tr>'
    )


def verdict(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what a comparison says of the auto-encoder on this table, in a sentence."""
    ap = {one["detector"]: one["ap"] for one in results}
    gain = ap["code"] - ap["reconstruction"]
    if gain >= 1:
        told = f"finds more than its reconstruction error: {number(gain)} points of average "
        return f"Here distance in the code {told}precision."
    if gain > -1:
        return "Here distance in the code and reconstruction error are about equally good."
    return (
        f"Here reconstruction error is better than distance in the code, by {number(-gain)} points "
        "of average precision: one table is not all tables."
    )


# Pictures.


def note(message: str) -> str:
    return f'<p class="notes">{escape(message)}</p>'


def source(picture: np.ndarray) -> str:
    """Return a picture, (height, width) or (…, 3 or 4) uint8, as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def heat_over(heat: np.ndarray) -> np.ndarray:
    """Return heat, (height, width) uint8 as the service gives it, to be laid over its picture:
    (height, width, 4) uint8, clear where it is usual, yellow to red where it is not."""
    levels = [level for level, _ in HEAT]
    colours = [np.interp(heat, levels, [one[at] for _, one in HEAT]) for at in range(3)]
    strength = ((heat.astype(np.float32) - levels[0]) / (levels[-1] - levels[0])).clip(0, 1)
    layers = [*colours, 255 * np.sqrt(strength)]
    return np.stack(layers, 2).round().astype(np.uint8)


def looked(
    seen: np.ndarray, heat: np.ndarray, restored: np.ndarray, told: Mapping[str, Any], sort: str
) -> str:
    """Return a picture with its heat over it, beside what is usual in its place, and how unusual
    it is.

    Args:
        seen, heat, restored, told: what the service's `score_image` gives, with an opacity of 0.
    """
    name, share = verdict_of(told)
    kind = "" if sort == "tiles" else " pixels"
    pictures = (
        f'<figure><div class="over"><img src="{source(seen)}" alt="The picture">'
        f'<img class="heat" src="{source(heat_over(heat))}" alt="Its heat"></div>'
        "<figcaption>Where it is unusual</figcaption></figure>"
        f'<figure><div class="over"><img src="{source(seen)}" alt="The picture as it is"></div>'
        "<figcaption>As it is</figcaption></figure>"
        f'<figure><div class="over"><img src="{source(restored)}" alt="{CAPTIONS[sort]}"></div>'
        f"<figcaption>{CAPTIONS[sort]}</figcaption></figure>"
    )
    odd = "" if name == "Usual" else ' class="odd"'
    row = f'<p class="verdict" role="status"><b{odd}>{name}</b> <span>{share}</span></p>'
    return f'{row}<div class="looks{kind}">{pictures}</div>'


def verdict_of(told: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a picture is called by its rarity, and that in numbers."""
    count = told["usual"]["count"]
    above = round(told["rarity"] * (count + 1)) - 1
    name = next(name for most, name in UNUSUAL if above <= most * count)
    if not above:
        return name, f"none of {count:,} usual pictures scores as high"
    scores = "score" if above > 1 else "scores"
    return name, f"{above:,} of {count:,} usual pictures {scores} as high or higher"


def beside(told: Mapping[str, Any], usual: str) -> str:
    """Return a histogram of usual pictures' scores with that of the picture, and notes."""
    scores, own = np.array(told["usual"]["scores"]), told["score"]
    low, high = min(scores.min(), own), max(scores.max(), own)
    room = 0.03 * max(high - low, 0.1)
    low, high = low - room, high + room
    bins = min(BINS, max(8, round(2.5 * len(scores) ** 0.5)))
    counts = np.histogram(scores, bins, (low, high))[0]
    bars = "".join(f'<i style="--tall: {100 * count / counts.max():.0f}%"></i>' for count in counts)
    at = 100 * (own - low) / (high - low)
    side = " left" if at > 60 else ""
    below = note(" ".join(told["notes"])) if told["notes"] else ""
    return (
        f'<div class="lane" role="img" aria-label="Score {number(own, 2)}; usual pictures score '
        f'{number(scores.min(), 2)} to {number(scores.max(), 2)}"><div class="bars">{bars}</div>'
        f'<div class="own{side}" style="--at: {at:.1f}%"><span>this picture</span></div></div>'
        f'<p class="notes">Bars: scores of {told["usual"]["count"]:,} usual pictures ({usual}) '
        f"that were not learned from. To the right is more unusual.</p>{below}"
    )
