"""Make thumbnail.png, the card's picture: a photograph, spoilt to the left, restored to the right.

    python -m hub_denoise.thumbnail

Run it after a new checkpoint is bundled; it draws with that one, on the CPU.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hub import Picture
from hub.checkpoints import Folders
from hub_denoise import example
from hub_denoise.service import Denoise

SMALL, SCALE = (320, 240), 3  # pixels, and how much larger the thumbnail is
SIGMA = 40  # grey levels
PLACE = 0.36  # of the slider, in widths: the face is restored
HANDLE = 34  # radius of the slider's
PAPER, INK = (247, 246, 242), (15, 122, 115)
PATH = Path(__file__).with_name("thumbnail.png")


def halves(denoise: Denoise) -> tuple[np.ndarray, np.ndarray]:
    """Return the photograph with noise, and what the network makes of it, each (240, 320)."""
    whole = Image.fromarray(example.photograph("photographer"))
    clean = whole.resize(SMALL, Image.Resampling.LANCZOS)
    picture = Picture(np.array(clean))
    spoilt = denoise.corrupt(way="gaussian", image=picture, amount=SIGMA)[0]
    assert spoilt is not None  # a picture was given
    restored, _ = denoise.denoise_image(Picture(spoilt))
    return spoilt, restored


def paint(spoilt: np.ndarray, restored: np.ndarray) -> Image.Image:
    """Return both side by side under a slider's handle, 960x720."""
    size = (SCALE * SMALL[0], SCALE * SMALL[1])
    left = Image.fromarray(spoilt).resize(size, Image.Resampling.NEAREST)
    canvas = Image.fromarray(restored).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    middle, half = round(PLACE * size[0]), size[1] // 2
    canvas.paste(left.crop((0, 0, middle, size[1])), (0, 0))
    pen = ImageDraw.Draw(canvas)
    pen.rectangle((middle - 3, 0, middle + 2, size[1]), PAPER)
    pen.ellipse((middle - HANDLE, half - HANDLE, middle + HANDLE, half + HANDLE), PAPER)
    for way in (-1, 1):
        tip, base = middle + way * 22, middle + way * 9
        pen.polygon([(tip, half), (base, half - 13), (base, half + 13)], INK)
    return canvas


def main() -> None:
    denoise = Denoise(Folders.standard().find("denoise"), "cpu")
    picture = paint(*halves(denoise)).quantize(160, dither=Image.Dither.NONE)
    picture.save(PATH, optimize=True)
    print(f"{PATH.name}: {picture.size[0]}x{picture.size[1]}, {PATH.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
