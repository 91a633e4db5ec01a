"""Odd files of every kind: what a visitor uploads by mistake, and what only an attacker would."""

from __future__ import annotations

import base64
import importlib.util
import io
import math
import struct
import wave
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hub import media
from hub.fuzz.sounds import AV, SNDFILE, made, silent_film
from hub.kinds import Kind, ListOf, Maybe
from hub.media import File, Files, Image, Sound, Table, wav
from hub.samples import voiced

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8"/></svg>'
ATTACKS: tuple[Any, ...] = (
    "/etc/passwd",
    "../../etc/passwd",
    "http://127.0.0.1:9/a.png",
    "file:///etc/passwd",
    "data:",
    "data:image/png;base64,",
    "data:image/png;base64,!!!!",
    "data:image/png;base64,AAAA",
    "data:text/plain,hello",
    "data:;base64," + base64.b64encode(SVG).decode(),
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    {"path": "a\0b", "meta": {"_type": "gradio.FileData"}},
    {"path": "", "meta": {"_type": "gradio.FileData"}},
    {"path": 5, "meta": {"_type": "gradio.FileData"}},
    {"path": "x" * 5000, "meta": {"_type": "gradio.FileData"}},
    {"url": "http://127.0.0.1:9/a.png", "meta": {"_type": "gradio.FileData"}},
    {"path": "http://127.0.0.1:9/a.png", "url": "http://127.0.0.1:9/", "meta": 3},
    {"path": None, "url": None, "meta": {"_type": "gradio.FileData"}},
    {"meta": {"_type": "gradio.FileData"}},
)


@dataclass(frozen=True)
class Upload:
    """A file to be uploaded before the call; or to be sent as a data URL."""

    name: str
    content: bytes
    inline: bool = False

    def __repr__(self) -> str:
        return f"Upload({self.name!r}, {len(self.content)} bytes, {self.content[:12]!r})"


def as_sent(kind: Kind, value: Any) -> Any:
    """Return a value that a page or a test would hand over as a client sends it."""
    import numpy as np
    import pandas

    if isinstance(kind, Maybe):
        return value if value is None else as_sent(kind.kind, value)
    if isinstance(kind, ListOf) and isinstance(value, (list, tuple)):
        return [as_sent(kind.kind, one) for one in value]
    if isinstance(kind, Files) and isinstance(value, (list, tuple)):
        return [as_sent(kind, one) for one in value]
    if isinstance(value, media.Upload):
        content = value.file.read_bytes() if isinstance(value.file, Path) else value.file
        return Upload(value.name, content)
    if isinstance(value, Path):
        return Upload(value.name, value.read_bytes())
    if isinstance(value, (bytes, bytearray)):
        suffix = kind.suffixes[0] if isinstance(kind, File) and kind.suffixes else ".bin"
        return Upload(f"a{suffix}", bytes(value))
    if isinstance(value, pandas.DataFrame):
        return Upload("a.csv", value.to_csv(index=False).encode())
    if isinstance(kind, Sound) and not isinstance(value, str):
        rate, samples = value if isinstance(value, tuple) else (kind.rate, value)
        return Upload("a.wav", wav(np.asarray(samples), rate))
    return value.tolist() if isinstance(value, np.ndarray) else value


def uploads(kind: Kind) -> st.SearchStrategy[Upload]:
    """Return files for an argument of `kind`: mostly of its own, some damaged, some of others."""
    own = makers(kind)
    others = [*PICTURES, *SOUNDS, *TABLES, *FILES]
    made = st.one_of(st.sampled_from(own), st.sampled_from(own), st.sampled_from(others))
    names = st.sampled_from(
        ["a.png", "a.wav", "a.mp3", "a.csv", "a.npz", "a.txt", "a", "ä ö.png", "a.svg"]
    )
    return st.builds(upload, made, names, st.booleans(), damages())


def upload(made: Maker, name: str, keep: bool, damage: Damage) -> Upload:
    own_name, content = made.name, damage(made.content())
    return Upload(own_name if keep else name, content, inline=keep and len(content) % 3 == 0)


Damage = Callable[[bytes], bytes]


def damages() -> st.SearchStrategy[Damage]:
    """Return ways to damage a file; most leave it whole."""
    whole: st.SearchStrategy[Damage] = st.just(lambda content: content)
    part = st.floats(0, 1)
    cut = st.builds(lambda p: lambda content: content[: int(p * len(content))], part)
    flip = st.builds(
        lambda p, bit: lambda content: flipped(content, p, bit), part, st.integers(0, 7)
    )
    return st.one_of(whole, whole, whole, cut, flip)


def flipped(content: bytes, part: float, bit: int) -> bytes:
    if not content:
        return content
    place = min(int(part * len(content)), len(content) - 1)
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


@dataclass(frozen=True)
class Maker:
    """A file by its name, and how it is made."""

    name: str
    content: Callable[[], bytes]


def makers(kind: Kind) -> list[Maker]:
    if isinstance(kind, Image):
        return PICTURES
    if isinstance(kind, Sound):
        return SOUNDS
    if isinstance(kind, Table):
        return TABLES
    if isinstance(kind, File):
        return FILES
    return [*PICTURES, *SOUNDS]  # of Files: whatever a folder may hold


# Pictures.


def picture(mode: str, size: tuple[int, int] = (24, 20), form: str = "PNG", **how: Any) -> bytes:
    """Return a picture with an upright stroke."""
    from PIL import Image as Pictures
    from PIL import ImageDraw

    image = Pictures.new("L", size)
    middle = size[0] // 2
    ImageDraw.Draw(image).line([(middle, 1), (middle, size[1] - 2)], fill=255, width=2)
    buffer = io.BytesIO()
    converted = image.convert("P").convert(mode) if mode == "PA" else image.convert(mode)
    converted.save(buffer, form, **how)
    return buffer.getvalue()


def animated(form: str) -> bytes:
    from PIL import Image as Pictures

    frames = [Pictures.new("L", (16, 16), shade) for shade in (0, 128, 255)]
    buffer = io.BytesIO()
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:], duration=50)
    return buffer.getvalue()


def png_that_says(width: int, height: int) -> bytes:
    """Return a small PNG whose header claims a size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PICTURES = [
    *(Maker(f"{mode}.png", lambda mode=mode: picture(mode)) for mode in ("L", "RGB", "RGBA", "LA")),  # type: ignore[misc]
    Maker("palette.png", lambda: picture("P", transparency=0)),
    Maker("bits.png", lambda: picture("1")),
    Maker("deep.png", lambda: picture("I;16")),
    Maker("float.tiff", lambda: picture("F", form="TIFF")),
    Maker("cmyk.jpg", lambda: picture("CMYK", form="JPEG")),
    Maker("lab.tiff", lambda: picture("RGB", form="TIFF", compression="tiff_lzw")),
    Maker("grey.jpg", lambda: picture("L", form="JPEG")),
    Maker("small.bmp", lambda: picture("RGB", form="BMP")),
    Maker("lossy.webp", lambda: picture("RGBA", form="WEBP")),
    Maker("one.png", lambda: picture("L", (1, 1))),
    Maker("thin.png", lambda: picture("L", (3000, 1))),
    Maker("wide.png", lambda: picture("L", (5000, 4))),
    Maker("black.png", lambda: picture("L", (28, 28), dpi=(0, 0))),
    Maker("moving.gif", lambda: animated("GIF")),
    Maker("moving.webp", lambda: animated("WEBP")),
    Maker("moving.png", lambda: animated("PNG")),
    Maker("drawing.svg", lambda: SVG),
    Maker("page.png", lambda: b"<html><script>alert(1)</script></html>"),
    Maker("huge.png", lambda: png_that_says(2**31 - 1, 2**31 - 1)),
    Maker("large.png", lambda: png_that_says(30_000, 30_000)),
    Maker("none.png", lambda: png_that_says(0, 0)),
    Maker("empty.png", lambda: b""),
]


# Sound.


def sound(rate: int = 8000, width: int = 2, channels: int = 1, frames: int = 800) -> bytes:
    """Return a WAV file of a tone."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        scale = 2 ** (8 * width - 2)
        tone = (int(scale * math.sin(i / 5)) for i in range(frames))
        one = [level.to_bytes(width, "little", signed=True) * channels for level in tone]
        file.writeframes(b"".join(one))
    return buffer.getvalue()


def with_head(content: bytes, place: int, form: str, value: int) -> bytes:
    """Return a WAV file with a number of its header replaced."""
    return content[:place] + struct.pack(form, value) + content[place + struct.calcsize(form) :]


SOUNDS = [
    *(
        Maker(f"{rate}.wav", lambda rate=rate: sound(rate))  # type: ignore[misc]
        for rate in (1, 7, 999, 8000, 11_025, 44_100, 192_000, 4_000_000)
    ),
    *(
        Maker(f"{8 * width}bits.wav", lambda width=width: sound(width=width))  # type: ignore[misc]
        for width in (1, 3, 4)
    ),
    Maker("stereo.wav", lambda: sound(channels=2)),
    Maker("many.wav", lambda: sound(channels=64)),
    Maker("silent.wav", lambda: sound().replace(sound()[44:], bytes(1600))),
    Maker("empty.wav", lambda: sound(frames=0)),
    Maker("one.wav", lambda: sound(frames=1)),
    Maker("long.wav", lambda: sound(100, 1, frames=100_000)),
    Maker("no-channels.wav", lambda: with_head(sound(), 22, "<H", 0)),
    Maker("no-rate.wav", lambda: with_head(sound(), 24, "<I", 0)),
    Maker("fast.wav", lambda: with_head(sound(), 24, "<I", 2**32 - 1)),
    Maker("float.wav", lambda: with_head(sound(width=4), 20, "<H", 3)),
    Maker("lying.wav", lambda: with_head(sound(), 40, "<I", 2**32 - 1)),
    Maker("a.mp3", lambda: b"ID3\x04\0\0\0\0\0\0" + bytes(200)),
    Maker("text.mp3", lambda: b"Dear all, this is no sound.\n" * 20),
    Maker("list.m3u8", lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
    Maker("list.mp3", lambda: b"ffconcat version 1.0\nfile /etc/passwd\n"),
    Maker("voice.wav", lambda: wav(voiced(16_000, 1.0), 16_000)),
]


def spoken(ending: str) -> Maker:
    """Return a made-up voice in one of the formats that hub.audio reads."""
    return Maker(f"voice.{ending}", lambda: made(ending, voiced(16_000, 0.5), 16_000))


if importlib.util.find_spec("soundfile"):
    SOUNDS += [spoken(one) for one in SNDFILE]
if importlib.util.find_spec("av"):
    SOUNDS += [spoken(one) for one in AV if one != "webm"]  # whose Opus knows 48 kHz only
    SOUNDS += [
        Maker("voice.webm", lambda: made("webm", voiced(48_000, 0.5), 48_000)),
        Maker("silent.mp4", silent_film),
    ]


# Tables and other files.

TABLES = [
    Maker("plain.csv", lambda: b"x,y\n1,2\n2,3\n3,5\n"),
    Maker("bom.csv", lambda: "x,y\n1,2\n".encode("utf-8-sig")),
    Maker("utf16.csv", lambda: "x,y\n1,ä\n".encode("utf-16")),
    Maker("latin.csv", lambda: "größe,y\n1,2\n".encode("latin-1")),
    Maker("head.csv", lambda: b"x,y\n"),
    Maker("lines.csv", lambda: b"\n\n\n\n"),
    Maker("ragged.csv", lambda: b"x,y\n1\n1,2,3\n,,\n"),
    Maker("quotes.csv", lambda: b'x,y\n"1,2\n3,4\n'),
    Maker("nuls.csv", lambda: b"x,y\n\0,\0\n1,2\n"),
    Maker("huge.csv", lambda: b"x,y\n1e400,-1e400\nnan,99999999999999999999999\n"),
    Maker("twice.csv", lambda: b"x,x,x\n1,2,3\n"),
    Maker("semicolons.csv", lambda: b"x;y\n1,5;2,5\n"),
    Maker("wide.csv", lambda: b",".join(b"c%d" % i for i in range(2000)) + b"\n" + b"1," * 1999),
    Maker("words.csv", lambda: b"x,y\nred,blue\ngreen,\n"),
    Maker("formula.csv", lambda: b"x\n=1+1\n@SUM(A1)\n"),
    Maker("empty.csv", lambda: b""),
]


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("../../a.npy", b"\x93NUMPY\x01\0")
    return buffer.getvalue()


FILES = [
    Maker("a.txt", lambda: b"some text"),
    Maker("a.json", lambda: b'{"a": NaN}'),
    Maker("a.npz", archive),
    Maker("a.npy", lambda: b"\x93NUMPY\x01\0\x76\0{'descr': '|O', 'fortran_order': False}"),
    Maker("a.bin", lambda: bytes(range(256))),
    Maker("empty.bin", lambda: b""),
]
