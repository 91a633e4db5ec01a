"""Files of sound in every format that hub.audio reads, and some that hold none.

Needs the extra `audio`.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.floating[Any]]

SNDFILE = {  # by ending: libsndfile's format and subtype
    "8.wav": ("WAV", "PCM_U8"),
    "wav": ("WAV", "PCM_16"),
    "24.wav": ("WAV", "PCM_24"),
    "32.wav": ("WAV", "PCM_32"),
    "float.wav": ("WAV", "FLOAT"),
    "double.wav": ("WAV", "DOUBLE"),
    "mulaw.wav": ("WAV", "ULAW"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_24"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "24.flac": ("FLAC", "PCM_24"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
AV = {  # by ending: FFmpeg's container and codec
    "m4a": ("ipod", "aac"),
    "alac.m4a": ("ipod", "alac"),
    "mp4": ("mp4", "aac"),
    "aac": ("adts", "aac"),
    "webm": ("webm", "libopus"),
    "mka": ("matroska", "flac"),
    "mov": ("mov", "pcm_s16le"),
}


def made(ending: str, samples: Samples, rate: int) -> bytes:
    """Return samples, (samples,) or (samples, channels), as the content of a file."""
    if ending in SNDFILE:
        import soundfile

        form, subtype = SNDFILE[ending]
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, rate, format=form, subtype=subtype)
        return buffer.getvalue()
    container, codec = AV[ending]
    return muxed(container, codec, samples, rate)


def muxed(container: str, codec: str, samples: Samples, rate: int, film: bool = False) -> bytes:
    """Return samples as FFmpeg writes them, beside a few black pictures with `film`."""
    import av
    import numpy as np

    sides = np.atleast_2d(samples.T)
    layout = {1: "mono", 2: "stereo"}[len(sides)]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        if film:
            pictures = file.add_stream("mpeg4", rate=10)
            pictures.width = pictures.height = 32
        sound = file.add_stream(codec, rate=rate, layout=layout)
        if film:
            for _ in range(5):
                black = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
                file.mux(pictures.encode(black))
            file.mux(pictures.encode(None))
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sides, np.float32), format="fltp", layout=layout
        )
        frame.sample_rate, frame.pts = rate, 0
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return buffer.getvalue()


def silent_film() -> bytes:
    """Return an MP4 file that holds pictures only."""
    import av
    import numpy as np

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        pictures = file.add_stream("mpeg4", rate=10)
        pictures.width = pictures.height = 32
        for _ in range(5):
            file.mux(pictures.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        file.mux(pictures.encode(None))
    return buffer.getvalue()
