"""Pictures of sound for the page: spectrograms and the costs of an alignment, as data URLs."""

import base64
import io

import numpy as np
from PIL import Image

# From quiet to loud, and from alike to unlike: dark enough for both themes, and told apart in grey.
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
WIDEST = 1200  # pixels of a picture: what is longer is thinned out


def palette() -> bytes:
    """Return 256 colours, from dark to light, as a PNG holds them."""
    at = np.linspace(0, len(COLORS) - 1, 256)
    channels = [np.interp(at, range(len(COLORS)), channel) for channel in COLORS.T]
    return np.stack(channels, axis=1).round().astype(np.uint8).tobytes()


def source(picture: np.ndarray, upright: bool = False) -> str:
    """Return a picture, (height, width) uint8, in colours, as a data URL.

    Args:
        upright: time, which runs to the right, runs upwards instead.
    """
    picture = thinned(picture)
    if upright:
        picture = np.ascontiguousarray(picture.T[::-1, ::-1])
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.putpalette(palette())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def thinned(picture: np.ndarray) -> np.ndarray:
    """Return a picture at most `WIDEST` wide and high, whole columns and rows left out."""
    steps = [-(-side // WIDEST) for side in picture.shape]
    return picture[:: steps[0], :: steps[1]]


def grey(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return numbers of any shape as uint8, `low` and below as 0, `high` and above as 255."""
    part = (np.asarray(values, np.float32) - low) / max(high - low, 1e-9)
    return (255 * part.clip(0, 1)).round().astype(np.uint8)
