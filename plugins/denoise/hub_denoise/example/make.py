"""Make the example pictures and sounds.

    python -m hub_denoise.example.make

Photographs come from scikit-image, digits are drawn with a font (DejaVu, `apt install
fonts-dejavu`), and espeak-ng 1.51 speaks (its library, `apt install espeak-ng`). README.md tells
where each is from and its licence. No network was trained on any of them.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hub.handwriting import SIDE, centred

HERE = Path(__file__).resolve().parent
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Oblique.ttf"
RATE = 16_000  # samples a second, of what is written
BITS = 32_000  # a second
LEVEL, PEAK = 0.08, 0.89  # root mean square and largest sample, of full scale


def photographs() -> dict[str, Image.Image]:
    """Return parts of scikit-image's pictures, shrunk: so no trace of a JPEG file is left."""
    from skimage import data

    whole = {
        "photographer": (data.camera(), (40, 30, 472, 350), (378, 280)),
        "rocket": (data.rocket(), (170, 20, 554, 308), (360, 270)),
        "retina": (data.retina(), (250, 300, 1202, 1014), (360, 270)),
        "galaxies": (data.hubble_deep_field(), (20, 40, 820, 640), (360, 270)),
        "bricks": (data.brick(), (0, 64, 512, 448), (360, 270)),
    }
    return {
        name: Image.fromarray(picture).crop(box).resize(size, Image.Resampling.LANCZOS)
        for name, (picture, box, size) in whole.items()
    }


def digits() -> Image.Image:
    """Return the digits 0 to 9 beside each other, 280x28, white on black."""
    font = ImageFont.truetype(FONT, 240)
    sheet = Image.new("L", (10 * SIDE, SIDE))
    for digit in range(10):
        large = Image.new("L", (480, 480))
        ImageDraw.Draw(large).text((240, 240), str(digit), 255, font, "mm", stroke_width=5)
        sheet.paste(centred(large), (digit * SIDE, 0))
    return sheet


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng."""

    name: str  # its accent, then f: a woman's, m: a man's
    pitch: int  # 0 to 99
    speed: int  # words a minute


SENTENCES = {
    "anna": (
        Voice("en-us+f2", 58, 150),
        "Every morning the ferry crosses the bay, and somebody waves from the other side.",
    ),
    "ben": (
        Voice("en+m3", 42, 155),
        "Please leave the blue suitcase at the station, next to the ticket office.",
    ),
}
SYNCHRONOUS, UTF8, SPEED, PITCH = 2, 1, 1, 3  # of speak_lib.h
CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def say(voice: Voice, text: str) -> np.ndarray:
    """Return `text` as `voice` says it, (samples,) float32 at 16 kHz, with a pause around it."""
    import soxr

    library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, None, 0)
    heard: list[np.ndarray] = []

    def take(samples, count, events) -> int:
        if samples and count:
            heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = CALLBACK(take)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.name.encode()):
        raise SystemExit(f"espeak-ng has no voice {voice.name}")
    library.espeak_SetParameter(PITCH, voice.pitch, 0)
    library.espeak_SetParameter(SPEED, voice.speed, 0)
    content = text.encode()
    library.espeak_Synth(content, len(content) + 1, 0, 0, 0, UTF8, None, None)
    samples = np.concatenate(heard).astype(np.float32) / 32768
    samples = soxr.resample(samples, rate, RATE, quality="HQ")
    loud = np.flatnonzero(np.abs(samples) > 1e-3)
    samples = np.pad(samples[loud[0] : loud[-1] + 1], RATE // 4)
    return samples * min(LEVEL / np.sqrt(np.mean(samples**2)), PEAK / np.abs(samples).max())


def write(path: Path, samples: np.ndarray) -> None:
    import soundfile

    level = 1 - (BITS - 6000) / 250_000  # as libsndfile counts: 0 is 256 kbit/s, 1 is 6
    soundfile.write(path, samples, RATE, format="OGG", subtype="OPUS", compression_level=level)


def main() -> None:
    for name, picture in photographs().items():
        picture.save(HERE / f"{name}.webp", quality=96, method=6)
    digits().save(HERE / "digits.png", optimize=True)
    for name, (voice, sentence) in SENTENCES.items():
        write(HERE / f"{name}.opus", say(voice, sentence))
    for path in sorted(HERE.iterdir()):
        if path.suffix in (".webp", ".png", ".opus"):
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
