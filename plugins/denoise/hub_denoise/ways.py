"""The ways of spoiling what is clean, by name, and how far each may go.

Importing this module imports neither numpy nor torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Of = Literal["picture", "sound", "text"]


@dataclass(frozen=True)
class Way:
    """One way, and its amount."""

    of: Of
    least: float
    most: float
    default: float
    unit: str


def noise() -> Way:
    return Way("sound", -20, 40, 5, "dB that speech is louder than it, the less the worse")


def words() -> Way:
    return Way("text", 0, 1, 0.15, "share of the words")


WAYS: dict[str, Way] = {
    "gaussian": Way("picture", 0, 255, 25, "grey levels of 255, the noise's deviation"),
    "salt_and_pepper": Way("picture", 0, 1, 0.1, "share of the pixels"),
    "masking": Way("picture", 0, 1, 0.5, "share of the pixels"),
    "occlusion": Way("picture", 0, 1, 0.4, "share of the shorter side"),
    "shift": Way("picture", 0, 0.5, 0.15, "share of the shorter side"),
    "downscale": Way("picture", 1, 8, 2, "times smaller, and as large as before again"),
    "halve": Way("picture", 2, 2, 2, "times smaller"),
    **{
        name: noise()
        for name in (
            "white",
            "coloured",
            "hum",
            "clicks",
            "band",
            "babble",
            "siren",
            "engine",
        )
    },
    **{name: words() for name in ("hide", "blank", "swap", "drop", "replace", "insert")},
}
NAMES = tuple(WAYS)


def ways_of(of: Of) -> list[str]:
    """Return the names of the ways to spoil pictures, sounds or texts."""
    return [name for name, way in WAYS.items() if way.of == of]
