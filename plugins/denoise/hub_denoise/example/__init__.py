"""The examples of the page: photographs, digits, spoken sentences, texts.

README.md tells where each is from.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
RATE = 16_000  # Hz, of the voices
PHOTOGRAPHS = {  # by the name of the file: its name on the page
    "photographer": "Photographer",
    "rocket": "Rocket",
    "retina": "Retina",
    "galaxies": "Galaxies",
    "bricks": "Bricks",
}
GREY = ("photographer", "bricks")
VOICES = {"anna": "A woman’s voice", "ben": "A man’s voice"}
TEXTS = {
    "weather": "The storm reached the coast on Monday evening, and several thousand homes were "
    "without electricity. Officials said that most of the roads would be open again before the "
    "end of the week.",
    "market": "The company said on Thursday that its profit had risen for the third year in a row. "
    "Its shares gained more than four percent in early trading, while the rest of the market was "
    "little changed.",
    "football": "The home team scored twice in the first half, but the visitors came back after "
    "the break and won the game in the final minute. Their coach said that the players had never "
    "lost hope.",
    "election": "Voters will choose a new president on Sunday. According to the latest poll, the "
    "race is too close to call, and both parties have promised to accept the result.",
}


@functools.lru_cache(maxsize=len(PHOTOGRAPHS))
def photograph(name: str) -> np.ndarray:
    """Return a photograph of PHOTOGRAPHS, (height, width) or (height, width, 3) uint8."""
    from PIL import Image

    with Image.open(HERE / f"{name}.webp") as opened:
        return np.array(opened.convert("L" if name in GREY else "RGB"))


@functools.lru_cache(maxsize=1)
def digits() -> np.ndarray:
    """Return the digits 0 to 9, (10, 28, 28) uint8, white on black."""
    from PIL import Image

    with Image.open(HERE / "digits.png") as opened:
        sheet = np.array(opened.convert("L"))
    return sheet.reshape(28, 10, 28).transpose(1, 0, 2)


def voice(name: str) -> Path:
    """Return the file of a voice of VOICES."""
    return HERE / f"{name}.opus"
