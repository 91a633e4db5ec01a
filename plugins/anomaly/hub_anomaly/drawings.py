"""Numbers and comparisons as HTML, and scores as the page's widget takes them; the styles are
widgets/drawings.css."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

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


def learned(made: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """Return what is to be known of a detector and of the rows that it has scored.

    Args:
        made, summary: what the service's `fit` and `score` tell.
    """
    told = []
    if summary["auroc"] is not None:
        told.append(fact(number(summary["auroc"]), "%", "AUROC"))
        told.append(fact(number(summary["ap"]), "%", "average precision"))
    told.append(fact(f"{made['rows']:,}", "", f"rows learned in {number(made['seconds'])} s"))
    notes = "; ".join(made["notes"])  # a note may begin with the name of a column
    below = f'<p class="notes">{escape(notes)}.</p>' if notes else ""
    return facts(told) + below


def lanes(made: Mapping[str, Any], summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the groups of scores that the histogram shows, those without rows left out."""
    groups = {"learned": made["learned"], **summary["scores"]}
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
