"""Make the example archive: synthetic voices read sentences.

    python -m hub_search.example.make

espeak-ng 1.51 speaks (its library, `apt install espeak-ng`), and tells when each word begins and
each pause; so the times of words are its own. The sentences were written for this archive: words
come again in other voices, and there are words that sound alike, as ship and sheep, three, free and
tree. Each run gives the same samples; the files differ in the number of their stream only.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
RATE = 16_000  # samples a second, of what is written
BITS = 24_000  # a second
GAP = 0.35  # seconds between sentences
LEVEL = 0.08  # root mean square of each recording, of full scale
PEAK = 0.89


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng."""

    language: str  # its accent, as espeak-ng calls it
    variant: str  # f: a woman's, m: a man's
    pitch: int  # 0 to 99
    speed: int  # words a minute


VOICES = {
    "anna": Voice("en-us", "f2", 58, 150),
    "ben": Voice("en", "m3", 42, 155),
    "clara": Voice("en-gb-x-rp", "f4", 52, 145),
    "david": Voice("en-us", "m7", 34, 165),
    "ella": Voice("en-029", "f3", 62, 150),
    "finn": Voice("en-gb-scotland", "m2", 48, 160),
}
ASKING = Voice("en-us-nyc", "f5", 45, 140)  # of the example queries; not in the archive

THEMES = {
    "anna-1": (
        "The harbour",
        "Every morning a white ship leaves the harbour.",
        "The captain counts the passengers, and three sailors pull the ropes.",
        "A yellow boat brings fish to the market before the water turns grey.",
        "In winter the harbour is quiet, and the light stays on all night.",
        "My brother says that the sea is never the same colour twice.",
        "When the weather is bad, the ship waits behind the island.",
    ),
    "ben-1": (
        "The farm",
        "The farmer keeps forty sheep and one old goat.",
        "In the morning they drink cold water from the river.",
        "A tall tree gives them shade in the middle of summer.",
        "Last winter a sheep was lost, and we looked for it all night.",
        "My mother sells the wool at the market, and the children are free to help.",
        "The weather was better this year, so the garden is full of flowers.",
    ),
    "clara-1": (
        "The kitchen",
        "There is bread and butter on the kitchen table.",
        "She pours hot water on the coffee and opens the window.",
        "Three yellow apples lie beside the bottle of milk.",
        "The doctor told her to drink less coffee in the morning.",
        "Put the sugar under the window, and the letter on the table.",
        "My brother likes his butter soft and his bread without salt.",
    ),
    "david-1": (
        "The station",
        "The train leaves the station at seven in the morning.",
        "A ticket to the mountain costs thirty dollars.",
        "Children travel free, and students pay half of the money.",
        "The passengers sleep all night, and at first light they see the river.",
        "Somebody left a leather coat and a letter on the train.",
        "The weather was bad, and the train was three hours late.",
    ),
    "ella-1": (
        "The garden",
        "Under the oldest tree in the garden there is a little table.",
        "My mother drinks her coffee there when the weather is fine.",
        "Birds come for water, and leave a feather on the grass.",
        "Yellow flowers open in the morning and close at night.",
        "In summer the children sleep outside under the open window.",
        "A mouse lives behind the house and steals our bread.",
    ),
    "finn-1": (
        "The mountain",
        "We climbed the mountain together, my brother and the doctor and I.",
        "The river was frozen, and the light was better than in summer.",
        "At night the thunder came, and the weather turned within an hour.",
        "Three sheep stood under a tree and did not move.",
        "In the morning we saw the island, the harbour and a ship.",
        "Nobody spoke, for the picture was bigger than any word.",
    ),
    "anna-2": (
        "The school",
        "The teacher writes a number on the board and waits.",
        "Three children look out of the window at the yellow bus.",
        "There is music on Friday, and a picture of the mountain on the wall.",
        "The teacher says that every student is free to answer.",
        "My brother forgot his ticket, his letter and his leather bag.",
        "In winter the classroom is cold, and we keep our coats on.",
    ),
    "ben-2": (
        "The market",
        "On Saturday the market opens at six in the morning.",
        "A woman sells bread, butter and yellow cheese.",
        "Leather shoes cost too much money, and the coats cost more.",
        "You can taste the coffee for free, but the bottle is not cheap.",
        "A doctor and a teacher argue about the weather.",
        "At night nothing is left but a feather and some water.",
    ),
    "clara-2": (
        "The letter",
        "A letter came this morning from my mother.",
        "She writes that the garden is full, and the river is high.",
        "The doctor was there, and he says that she is better.",
        "My brother bought a house near the station, with a yellow window.",
        "They listen to music at night and sleep late in summer.",
        "She put a picture of the ship into the letter, and a little money.",
    ),
    "david-2": (
        "The music",
        "The music began at night, when the children were asleep.",
        "A hundred people stood together under the open sky.",
        "The singer was a teacher, and her brother played the guitar.",
        "Nobody needed a ticket, for the concert was free.",
        "The thunder was louder than the music, and the light went out.",
        "In the morning we found a coat, a bottle and a yellow feather.",
    ),
    "ella-2": (
        "The hospital",
        "The doctor works all night and goes home in the morning.",
        "She drinks water instead of coffee and keeps the window open.",
        "A child asked her the number of his room three times.",
        "His mother brought a picture of a sheep, a goat and a mouse.",
        "The teacher sent him a letter, and the children sang.",
        "In winter the hospital is warm, and everybody feels better.",
    ),
    "finn-2": (
        "The island",
        "The island has one house, one tree and a hundred sheep.",
        "A ship brings bread, water and letters when the weather is right.",
        "In summer the light never goes, and people forget to sleep.",
        "My mother was a teacher here, in a school of three students.",
        "We sold the boat at the market, and the money is gone.",
        "Now I take the train, and I dream of the harbour at night.",
    ),
}
QUERIES = (
    "morning", "water", "sheep", "ship", "three", "free", "weather", "feather", "letter", "better",
    "doctor", "yellow", "brother", "teacher", "market", "window",
)  # fmt: skip
PHRASES = ("in the morning", "bread and butter")


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


WORD, PHONEME, END, NOTHING = 1, 7, 5, 0  # espeak_EVENT_TYPE
SYNCHRONOUS, PHONEME_EVENTS, UTF8 = 2, 1, 1
PITCH, SPEED, GAP_OF_WORDS = 3, 1, 7  # espeak_PARAMETER
CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


class Speaker:
    """espeak-ng's library, which knows one voice at a time."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        self.library = ctypes.CDLL(name)
        self.rate = self.library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS)
        self.heard: list[np.ndarray] = []
        self.events: list[tuple[int, int, int, float, str]] = []
        self.callback = CALLBACK(self.take)
        self.library.espeak_SetSynthCallback(self.callback)

    def take(self, samples, count, events) -> int:
        if samples and count:
            self.heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        for event in events:
            if event.type == NOTHING:
                break
            sound = event.id.decode("utf-8", "replace") if event.type == PHONEME else ""
            told = (event.type, event.text_position, event.length, event.audio_position / 1000)
            self.events.append((*told, sound))
        return 0

    def say(self, voice: Voice, text: str) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
        """Return `text` as `voice` says it, (samples,) float32 at `self.rate`, and each word with
        its begin and end in seconds."""
        self.heard, self.events = [], []
        if self.library.espeak_SetVoiceByName(f"{voice.language}+{voice.variant}".encode()):
            raise SystemExit(f"espeak-ng has no voice {voice.language}+{voice.variant}")
        self.library.espeak_SetParameter(PITCH, voice.pitch, 0)
        self.library.espeak_SetParameter(SPEED, voice.speed, 0)
        content = text.encode()
        self.library.espeak_Synth(content, len(content) + 1, 0, 0, 0, UTF8, None, None)
        samples = np.concatenate(self.heard).astype(np.float32) / 32768
        return samples, self.words(text, len(samples) / self.rate)

    def words(self, text: str, seconds: float) -> list[tuple[str, float, float]]:
        """Return the words by espeak-ng's events: one ends where the next begins, or a pause.

        It says some words as one ("in the"), with one event: they stay together.
        """
        tokens = [(one.start(), one.end()) for one in re.finditer(r"[^\s,.]+", text)]
        found: list[tuple[int, float, float]] = []  # number of the first token, start, end
        for number, (kind, place, _, begin, _) in enumerate(self.events):
            token = next((n for n, (_, end) in enumerate(tokens) if place - 1 < end), len(tokens))
            if kind != WORD or token == len(tokens) or (found and token < found[-1][0]):
                continue  # a comma is an event too
            end = seconds
            for after, _, _, when, sound in self.events[number + 1 :]:
                if when > begin and (after in (WORD, END) or after == PHONEME and "_" in sound):
                    end = when
                    break
            if found and token == found[-1][0]:  # it is told in two halves
                begin = found.pop()[1]
            found.append((token, begin, min(end, seconds)))
        firsts = [token for token, _, _ in found[1:]] + [len(tokens)]
        return [
            (" ".join(text[a:b] for a, b in tokens[token:following]).lower(), begin, end)
            for (token, begin, end), following in zip(found, firsts, strict=True)
        ]


def recording(speaker: Speaker, voice: Voice, sentences: tuple[str, ...]):
    """Return sentences one after another, (samples,) float32 at 16 kHz, and what is said when."""
    import soxr

    parts, told, at = [], [], 0.0
    for sentence in sentences:
        samples, words = speaker.say(voice, sentence)
        samples = soxr.resample(samples, speaker.rate, RATE, quality="HQ")
        loud = np.flatnonzero(np.abs(samples) > 1e-3)
        samples = samples[: loud[-1] + RATE // 50]
        told.append(
            {
                "text": sentence,
                "start": round(at, 3),
                "end": round(at + len(samples) / RATE, 3),
                "words": [
                    [word, round(at + a, 3), round(at + min(b, len(samples) / RATE), 3)]
                    for word, a, b in words
                ],
            }
        )
        gap = round(GAP * RATE)
        parts += [samples, np.zeros(gap, np.float32)]
        at += (len(samples) + gap) / RATE
    whole = np.concatenate(parts[:-1])
    gain = min(LEVEL / np.sqrt(np.mean(whole**2)), PEAK / np.abs(whole).max())
    # A room is never wholly silent; the noise is 66 dB below the voice's root mean square.
    noise = np.random.default_rng(len(whole)).normal(0, 4e-5, len(whole))
    return (whole * gain + noise).astype(np.float32), told


def write(path: Path, samples: np.ndarray) -> None:
    import soundfile

    level = 1 - (BITS - 6000) / 250_000  # as libsndfile counts: 0 is 256 kbit/s, 1 is 6
    soundfile.write(path, samples, RATE, format="OGG", subtype="OPUS", compression_level=level)


def main() -> None:
    speaker = Speaker()
    told = []
    for id, (title, *sentences) in THEMES.items():
        name = id.partition("-")[0]
        voice = VOICES[name]
        samples, said = recording(speaker, voice, tuple(sentences))
        write(HERE / f"{id}.opus", samples)
        told.append(
            {
                "id": id,
                "name": f"{name.capitalize()}: {title.lower()}",
                "voice": name,
                "espeak": f"{voice.language}+{voice.variant}",
                "seconds": round(len(samples) / RATE, 3),
                "sentences": said,
            }
        )
        quiet = np.mean(np.abs(samples) < 1e-3)
        level = 20 * np.log10(np.sqrt(np.mean(samples**2)))
        print(
            f"{id}: {len(samples) / RATE:.1f} s, {level:.1f} dB, peak {np.abs(samples).max():.2f}, "
            f"{100 * quiet:.0f} % quiet"
        )
    queries = []
    for text in (*QUERIES, *PHRASES):
        samples, _ = recording(speaker, ASKING, (text,))
        file = f"query-{text.replace(' ', '-')}.opus"
        margin = np.random.default_rng(len(text)).normal(0, 4e-5, RATE // 8).astype(np.float32)
        write(HERE / file, np.concatenate([margin, samples, margin]))
        queries.append({"name": text, "file": file})
    manifest = {"made_by": "espeak-ng 1.51", "recordings": told, "queries": queries}
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
