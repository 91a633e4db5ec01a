"""Make thumbnail.png, the card's picture: the words of the example archive, each a point where its
vector lies among the others.

    python -m hub_search.thumbnail

Run it after a new checkpoint is bundled; it draws with that one, on the CPU.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hub.checkpoints import Folders
from hub_search.service import Search

SIZE = (960, 720)
EDGE = 70  # pixels left free around the points
SHARP = 2  # times as large while it is drawn
GROUND, PLAIN, INK = (14, 19, 32), (64, 76, 98), (236, 240, 246)
COLORS = (
    (87, 201, 189), (240, 169, 98), (122, 162, 255), (240, 122, 154), (190, 222, 110),
    (196, 148, 255), (255, 214, 120), (110, 205, 255), (255, 140, 110), (140, 225, 160),
)  # fmt: skip
RADIUS = 8
NEAR = 80  # pixels from their middle, of the points that a name stands above
OFTEN = 6  # times that a word is said
PATH = Path(__file__).with_name("thumbnail.png")


def shown_words(points: dict[str, Any]) -> list[str]:
    """Return the words that are named: said often, and their points the closest together."""
    places = np.column_stack([points["x"], points["y"]])
    words = np.array([word or "" for word in points["word"]])
    spread = {}
    for word, count in Counter(words.tolist()).items():
        if count >= OFTEN:
            own = places[words == word]
            spread[word] = float(np.linalg.norm(own - np.median(own, axis=0), axis=1).mean())
    return sorted(spread, key=lambda word: spread[word])[: len(COLORS)]


def paint(points: dict[str, Any]) -> Image.Image:
    """Return the map of `points`, of the service's `map`, as one picture, 960x720."""
    width, height = (SHARP * side for side in SIZE)
    picture = Image.new("RGB", (width, height), GROUND)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(SHARP * 30)
    free = SHARP * EDGE
    named = shown_words(points)
    places: dict[str, list[tuple[float, float]]] = {word: [] for word in named}
    later = []
    across, down = stretched(points["x"]), 1 - stretched(points["y"])
    for x, y, word in zip(across, down, points["word"], strict=True):
        at = free + x * (width - 2 * free), free + y * (height - 2 * free)
        if word in places:
            places[word].append(at)
            later.append((at, COLORS[named.index(word)]))
        else:
            dot(pen, at, 0.7 * RADIUS, PLAIN)
    for at, color in later:
        dot(pen, at, 1.25 * RADIUS, color)
    taken: list[tuple[float, float, float, float]] = []
    for word in named:
        own = np.array(places[word])
        x, y = np.median(own, axis=0)
        near = own[np.hypot(*(own - (x, y)).T) < SHARP * NEAR]
        y = near[:, 1].min(initial=y) - SHARP * 2 * RADIUS  # above them
        box = pen.textbbox((x, y), word, font, anchor="ms")
        if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
            continue
        taken.append(box)
        pen.text((x, y), word, INK, font, "ms", stroke_width=SHARP * 3, stroke_fill=GROUND)
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def stretched(values: list[float]) -> np.ndarray:
    """Return numbers moved and scaled to go from 0 to 1."""
    found = np.array(values)
    return (found - found.min()) / (found.max() - found.min())


def dot(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, color: tuple[int, int, int]
) -> None:
    reach = SHARP * radius
    pen.ellipse((at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach), color)


def main() -> None:
    search = Search(Folders.standard().find("search"), "cpu")
    picture = paint(search.map()).quantize(128, dither=Image.Dither.NONE)
    picture.save(PATH, optimize=True)
    print(f"{PATH.name}: {picture.size[0]}x{picture.size[1]}, {PATH.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
