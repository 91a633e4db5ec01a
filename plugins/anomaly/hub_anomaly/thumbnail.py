"""Make thumbnail.png, the card's picture: how unusual each place of a plane is to a detector that
has learned two moons, its contours, and points that lie off them.

    python -m hub_anomaly.thumbnail
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hub_anomaly.tables.detector import Detector

SIZE = (960, 720)  # pixels
COARSE = 3  # pixels of a place that is scored
ROWS, ODD = 700, 14
LEFT, RIGHT, LOW = -1.75, 2.75, -1.38  # of the plane
LEVELS = (0.3, 1.5, 2.7, 3.9)  # above the score that 98 of 100 points stay below
APART = 0.25  # of odd points
PAPER, INK, RED = (247, 246, 242), (15, 122, 115), (206, 62, 54)
# From what is usual to what is not.
SCALE = ((15, 122, 115), (96, 172, 160), (186, 216, 204), (247, 246, 242))
PATH = Path(__file__).with_name("thumbnail.png")


def plane() -> np.ndarray:
    """Return the middles of places, (height, width, 2)."""
    width, height = SIZE[0] // COARSE, SIZE[1] // COARSE
    step = (RIGHT - LEFT) / width
    across, up = LEFT + step * (np.arange(width) + 0.5), LOW + step * (np.arange(height) + 0.5)
    return np.stack(np.meshgrid(across, up[::-1]), 2)


def pixel(point: np.ndarray) -> tuple[float, float]:
    scale = SIZE[0] / (RIGHT - LEFT)
    return scale * (point[0] - LEFT), SIZE[1] - scale * (point[1] - LOW)


def paint() -> Image.Image:
    from sklearn.datasets import make_moons

    known = make_moons(ROWS, noise=0.07, random_state=0)[0]
    detector = Detector.fit(known, calibrate=False)
    places = plane()
    scores = detector.scores(places.reshape(-1, 2)).score.reshape(places.shape[:2])
    low, high = np.quantile(detector.own, 0.1), np.quantile(scores, 0.97)
    level = ((scores - low) / (high - low)).clip(0, 1)
    steps = np.linspace(0, 1, len(SCALE))
    colours = np.stack([np.interp(level, steps, [one[i] for one in SCALE]) for i in range(3)], 2)
    for level in LEVELS:  # a line where neighbours lie on both sides
        inside = scores < np.quantile(detector.own, 0.98) + level
        line = np.zeros_like(inside)
        line[:-1] |= inside[:-1] != inside[1:]
        line[:, :-1] |= inside[:, :-1] != inside[:, 1:]
        colours[line] = PAPER
    canvas = Image.fromarray(colours.round().astype(np.uint8))
    canvas = canvas.resize(SIZE, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(canvas)
    rng = np.random.default_rng(3)
    spots = rng.uniform((LEFT + 0.2, LOW + 0.2), (RIGHT - 0.2, -LOW + 0.3), (200, 2))
    spots = spots[detector.rarity(detector.scores(spots).score) < 0.005]
    odd: list[np.ndarray] = []
    for spot in spots:
        if len(odd) < ODD and all(np.linalg.norm(spot - one) > APART for one in odd):
            odd.append(spot)
    for points, radius, colour in ((known[::4], 4, PAPER), (odd, 11, RED)):
        for x, y in map(pixel, points):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
    return canvas


def main() -> None:
    picture = paint().quantize(128, dither=Image.Dither.NONE)
    picture.save(PATH, optimize=True)
    print(f"{PATH.name}: {picture.size[0]}x{picture.size[1]}, {PATH.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
