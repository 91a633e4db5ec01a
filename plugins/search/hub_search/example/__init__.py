"""The archives that are there from the start: synthetic voices, and real ones where there are data.

The example archive is part of the package: see make.py. The other is made of the test split of a
set of real speech, of speakers that no network of a checkpoint has heard, where `hub.data` finds
it; nothing of it is in the package.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hub_search.archive import Archives, Embedder

HERE = Path(__file__).resolve().parent
EXAMPLE, REAL = "example", "real-speakers"
TITLES = {EXAMPLE: "Synthetic voices", REAL: "Real speakers, never heard in training"}
REAL_SETS = (
    "speech/librispeech_excerpt",
    "speech/speechocean762_adults",
)  # the first that is there
MOST_REAL = 900.0  # seconds
RATE = 16_000
PAUSE = 0.3  # seconds between two utterances of a real speaker
VERSION = "1"  # of how they are made of what


@dataclass(frozen=True)
class Word:
    """A word of the example archive, and where it is said."""

    word: str
    voice: str
    recording: str
    start: float  # seconds
    end: float


@functools.lru_cache(maxsize=1)
def manifest() -> dict[str, Any]:
    """Return what is said in the example archive: recordings with their sentences and words, and
    the example queries."""
    told: dict[str, Any] = json.loads((HERE / "manifest.json").read_text("utf-8"))
    return told


def queries() -> dict[str, np.ndarray]:
    """Return words and phrases said by a voice that is not in the example archive, by what is said:
    (samples,) float32 at 16 kHz each."""
    from hub.audio import read

    return {one["name"]: read((HERE / one["file"]).read_bytes()) for one in manifest()["queries"]}


def words(archive: str, archives: Archives | None = None, letters: int = 4) -> list[Word]:
    """Return the words of at least `letters` letters of the example archive, but for those that
    are said together with the next; of any other archive, none: nobody knows them."""
    if archive != EXAMPLE:
        return []
    return [
        Word(word, one["voice"], one["id"], start, end)
        for one in manifest()["recordings"]
        for sentence in one["sentences"]
        for word, start, end in sentence["words"]
        if len(word) >= letters and " " not in word and end - start >= 0.15
    ]


def offer(archives: Archives, networks: Embedder, real: bool = True) -> list[str]:
    """Make the built-in archives where they are not there yet, or were made of something else;
    return their ids. The example takes some seconds, the real speakers about a minute, once.

    Raises:
        ServiceError: there is no room on the disk.
    """
    made = [EXAMPLE]
    archives.build(EXAMPLE, TITLES[EXAMPLE], version(EXAMPLE), synthetic(), networks)
    name = real_set() if real else None
    if name is not None:
        source = version(name)
        archives.build(REAL, TITLES[REAL], source, real_speakers(name), networks)
        made.append(REAL)
    return made


def synthetic() -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield id, name and sound of each recording of the example archive."""
    from hub.audio import read

    for one in manifest()["recordings"]:
        yield one["id"], one["name"], read((HERE / f"{one['id']}.opus").read_bytes())


def real_set() -> str | None:
    """Return the set of real speech that is there, if there is one."""
    from hub import data

    return next((name for name in REAL_SETS if data.available(name)), None)


def real_speakers(name: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield id, name and sound of a recording per speaker of a set's test split: utterances one
    after another, at most a quarter of an hour of all."""
    from hub import data
    from hub.audio import read

    rows = data.table(name, "test").to_pylist()
    speakers = list(dict.fromkeys(row["speaker"] for row in rows))
    share = MOST_REAL / len(speakers)
    for number, speaker in enumerate(speakers, 1):
        own = [row for row in rows if row["speaker"] == speaker]
        yield f"speaker-{number}", spoken_by(number, own), joined(own, share, read)


def spoken_by(number: int, rows: Iterable[dict[str, Any]]) -> str:
    voice = {"f": ", a woman", "m": ", a man"}.get(next(iter(rows))["gender"] or "", "")
    return f"Speaker {number}{voice}"


def joined(rows: Iterable[dict[str, Any]], seconds: float, read: Any) -> np.ndarray:
    parts: list[np.ndarray] = []
    for row in rows:
        if sum(map(len, parts)) > seconds * RATE:
            break
        parts += [read(row["audio"]["bytes"]), np.zeros(round(PAUSE * RATE), np.float32)]
    return np.concatenate(parts[:-1])


def version(name: str) -> str:
    """Return what changes when a built-in archive would be made of something else."""
    if name != EXAMPLE:
        return f"{VERSION}:{name}"
    return f"{VERSION}:{hashlib.sha256((HERE / 'manifest.json').read_bytes()).hexdigest()}"
