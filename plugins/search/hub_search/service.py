"""What can be asked of the search: where a word is said, how alike two sounds are, and archives of
recordings to look in.

Sound goes in as any audio file, and is mono at 16 kHz inside; times are seconds from its start.
What is said in a query is what is looked for: silence at both ends is left away, and the spectrum
is normalised as that of recordings is, as far as so short a sound tells its own mean and variance.
Equal arguments give equal answers as long as the archive stays as it is. Everything heavy is
imported when the service is made.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import numpy as np

from hub import (
    Files,
    HubError,
    Image,
    InputError,
    Json,
    Length,
    Progress,
    Range,
    Sound,
    Upload,
    endpoint,
    state,
)
from hub.audio import loudness, read
from hub_search import layout

if TYPE_CHECKING:
    from torch import Tensor

    from hub_search.archive import Hit

log = logging.getLogger(__name__)
RATE = 16_000  # Hz
FRAME_RATE = 100  # frames a second
LEAST, MOST = 0.1, 10.0  # seconds of voice in a query
LONGEST = 60.0  # seconds of a sound that a query is in
HOUR = 3600.0
USUAL = 50  # frames that usual speech counts as beside a query's own, of 25, 50, 100, 200, 400
QUIETEST = -60.0  # dB of full scale that the loudest part of a query has at least
LONGEST_CLIP = 60.0  # seconds
SHOWN_BANDS, SHOWN_RANGE = 64, 60.0  # of a spectrogram to look at: mel bands, dB
GPU_SECONDS = 20  # the most of a lent GPU, its start included
MAP_POINTS = 600  # of a map: time grows with their square
OUTLINED = 7200.0  # seconds of an archive whose envelopes are drawn
MOST_FILES, MOST_BYTES = 500, 2_000_000_000  # of one `index`; bytes of each
KEPT = 500  # maps and outlines that are kept in memory
EXAMPLE_ARCHIVE = "example"

Audio = Annotated[np.ndarray, Sound(RATE, max_seconds=LONGEST)]
System = Literal["contrastive", "true_pairs", "cae", "cae_true_pairs", "dsa", "sa"]
SYSTEMS: tuple[str, ...] = get_args(System)
Id = Annotated[str, Length(1, 200)]
Key = Annotated[str, Length(1, 200)]
Name = Annotated[str, Length(1, 120)]
Seconds = Annotated[float, Range(0, HOUR)]
EXAMPLES = Path(__file__).with_name("example")
A_WORD, ANOTHER = EXAMPLES / "query-morning.opus", EXAMPLES / "query-yellow.opus"
A_NAME, A_RECORDING = "morning", "anna-1"  # of the example archive
Span = Annotated[list[Annotated[float, Range(0, LONGEST)]], Length(2, 2)]


@dataclass(frozen=True)
class Said:
    """What is said in a sound: a part of it; the rest tells what it is normalised by."""

    whole: Tensor  # (frames, 40), normalised log-mel of all of it
    first: int  # frame
    last: int  # frame, not included

    @property
    def frames(self) -> Tensor:
        return self.whole[self.first : self.last]

    @property
    def start(self) -> float:
        return self.first / FRAME_RATE

    @property
    def end(self) -> float:
        return self.last / FRAME_RATE


@dataclass(frozen=True)
class Point:
    """What a point of a map is of."""

    word: str | None  # None: nobody knows
    voice: str | None
    recording: str  # its id
    name: str
    start: float  # seconds
    end: float


class Search:
    """The encoders of one checkpoint, and the archives of this hub."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        import torch

        from hub.audio import log_mel
        from hub_search import dtw, example, model, places
        from hub_search.archive import Archives, Query, weights_of

        self.torch = torch
        self.log_mel = log_mel
        self.dtw = dtw
        self.places = places
        self.Query = Query
        self.model = model
        self.networks = model.load(checkpoint, device)
        # Compile what queries are embedded and aligned by: seconds where it was never kept.
        self.networks.compile()
        one = np.ones((2, 1), np.float32)
        dtw.around(one, [one], np.array([[0, 2]]), 0)
        self.kept = Archives(
            state.folder("search"), weights_of(self.networks), max_bytes=state.most_bytes()
        )
        self.given = example
        self.sayings = example.queries()
        example.offer(self.kept, self.networks, real=False)
        self.device = device
        self.real: threading.Thread | None = None  # makes the archive of real speakers
        self.made: OrderedDict[Any, Any] = OrderedDict()  # maps and outlines, by what they are of

    # What is said.

    @endpoint(gpu_seconds=GPU_SECONDS, max_batch=32, examples=[{"audio": A_WORD}])
    def embed(
        self,
        audio: list[Audio],
        system: list[System] = "contrastive",  # type: ignore[assignment]
        span: list[Span | None] = None,  # type: ignore[assignment]
    ) -> list[
        Annotated[
            dict,
            Json(
                {
                    "vector": "numbers, its length is 1: cosines are inner products",
                    "system": "which encoder made it",
                    "start": "seconds, where what is said begins",
                    "end": "seconds, where it ends",
                }
            ),
        ]
    ]:
        """Return the vector of a spoken word or phrase.

        Args:
            audio: a sound of at most 60 seconds in which 0.1 to 10 seconds are spoken; of more
                than 2 seconds, the vector tells of the first 2.
            system: which encoder; the sets of vectors of two encoders cannot be compared.
            span: [start, end] in seconds, the part that is meant; null: all that is said. The rest
                of the sound still tells what its spectrum is normalised by.

        Returns:
            `vector`, `system`, `start`, `end`.
        """
        every: list[Any] = [
            self._said_or_error(one, part) for one, part in zip(audio, span, strict=True)
        ]
        for name in dict.fromkeys(system):
            chosen = [
                i for i, one in enumerate(every) if system[i] == name and isinstance(one, Said)
            ]
            try:
                vectors = self._vectors([every[i].frames for i in chosen], name)
            except InputError as error:
                for i in chosen:
                    every[i] = error
                continue
            for i, vector in zip(chosen, vectors, strict=True):
                said = every[i]
                every[i] = {
                    "vector": vector.tolist(),
                    "system": name,
                    "start": said.start,
                    "end": said.end,
                }
        return every

    @endpoint(gpu_seconds=GPU_SECONDS, examples=[{"audio": A_WORD}])
    def search(
        self,
        audio: Audio,
        archive: Id = EXAMPLE_ARCHIVE,
        k: Annotated[int, Range(1, 100)] = 10,
        system: System = "contrastive",
        span: Span | None = None,
        align: bool = True,
    ) -> Annotated[
        dict,
        Json(
            {
                "archive": "the id of the archive",
                "system": "which encoder compared",
                "segments": "how many stretches of sound were looked through",
                "query": "start and end of what is said in the query, seconds",
                "hits": "best first: recording, name, start and end in seconds, score from -1 to "
                "1, and text: what is said before, at and after it, or null where nobody knows",
            }
        ),
    ]:
        """Find where a spoken word or phrase is said in an archive of recordings.

        The query becomes a vector, and so did every stretch of the recordings that may be a word.
        The twentieth of them whose vectors point most the same way, 300 to 1,000, are looked at
        again: the query is aligned with each and what lies around it by dynamic time warping, which
        tells the better ones apart and corrects where they start and end. A query longer than 1.2
        seconds is looked up in parts of 0.6 seconds, and what follows each other as they do is
        aligned with the whole. Of hits that overlap, only the best is given.

        Args:
            audio: a sound of at most 60 seconds in which 0.1 to 10 seconds are spoken.
            archive: the id of an archive: see `archives`.
            k: how many hits, at most.
            system: which encoder compares; archives of one's own have the default's vectors only.
            span: [start, end] in seconds, the part of the sound that is looked for; null: all that
                is said in it.
            align: whether what the vectors find is looked at again; without, a search takes a
                thirtieth of the time and finds less.

        Returns:
            `archive`, `system`, `segments`, `query`, `hits`. A score is the weighed mean of the
            vectors' cosine and of 1 - the alignment's cost, or the cosine alone: 1 is the same
            sound.
        """
        said = self._said(audio, span)
        parts = self.places.parts(len(said.frames))
        vectors = self._vectors([said.frames[start:end] for start, end in parts], system)
        self._current(archive)
        query = self.Query(vectors, self._features(said))
        hits = self.kept.find(archive, query, k, self.networks, system, align)
        return {
            "archive": archive,
            "system": system,
            "segments": self.kept.describe(archive)["segments"],
            "query": {"start": said.start, "end": said.end},
            "hits": [
                {
                    "recording": hit.recording,
                    "name": hit.name,
                    "start": round(float(hit.start), 2),
                    "end": round(float(hit.end), 2),
                    "score": round(float(hit.score), 4),
                    "text": self._text(archive, hit),
                }
                for hit in hits
            ],
        }

    @endpoint(gpu_seconds=GPU_SECONDS, examples=[{"first": A_WORD, "second": ANOTHER}])
    def similar(
        self,
        first: Audio,
        second: Audio,
        system: System = "contrastive",
        first_span: Span | None = None,
        second_span: Span | None = None,
    ) -> Annotated[
        dict,
        Json(
            {
                "score": "cosine of the two vectors, -1 to 1",
                "cost": "of the alignment: mean of its frames' unlikeness, 0 to 1",
                "first": "start and end of what is said in the first, seconds",
                "second": "the same of the second",
                "path": "the alignment: [time in the first, time in the second], seconds",
            }
        ),
    ]:
        """Tell how alike two spoken words are, and which moment of one goes with which of the
        other.

        The score is that of the vectors; the alignment is dynamic time warping (Sakoe and Chiba,
        1978) of mel-frequency cepstra with their slopes, by the cosine of frames.

        Args:
            first: a sound of at most 60 seconds in which 0.1 to 10 seconds are spoken.
            second: another one.
            system: which encoder makes the vectors.
            first_span: [start, end] in seconds, the part of the first that is meant; null: all that
                is said in it.
            second_span: the same of the second.

        Returns:
            `score`, `cost`, `first`, `second`, `path`.
        """
        one, two = self._said(first, first_span, "first"), self._said(second, second_span, "second")
        vectors = self._vectors([one.frames, two.frames], system)
        steps, costs = self.dtw.path(*(self._features(said) for said in (one, two)))
        times = steps / FRAME_RATE + (one.start, two.start)
        return {
            "score": round(float(vectors[0] @ vectors[1]), 4),
            "cost": round(float(costs.mean()), 4),
            "first": {"start": one.start, "end": one.end},
            "second": {"start": two.start, "end": two.end},
            "path": times.round(2).tolist(),
        }

    @endpoint(gpu_seconds=GPU_SECONDS, examples=[{"first": A_WORD, "second": ANOTHER}])
    def alignment(
        self,
        first: Audio,
        second: Audio,
        first_span: Span | None = None,
        second_span: Span | None = None,
    ) -> Annotated[np.ndarray, Image()]:
        """Draw how unlike each moment of one sound is to each of another: what `similar` aligns.

        Args:
            first: a sound of at most 60 seconds in which 0.1 to 10 seconds are spoken.
            second: another one.
            first_span: [start, end] in seconds, the part of the first that is meant; null: all that
                is said in it.
            second_span: the same of the second.

        Returns:
            A picture: a row per hundredth of a second of the first, from its start, a column per
            one of the second; black is alike, white as unlike as can be.
        """
        one, two = self._said(first, first_span, "first"), self._said(second, second_span, "second")
        unit = [self.dtw.prepared(self._features(said), "cosine") for said in (one, two)]
        return shades(self.dtw.frame_costs(*unit, "cosine"), 0.0, 1.4)

    @endpoint(examples=[{"audio": A_WORD}])
    def spectrogram(self, audio: Audio) -> Annotated[np.ndarray, Image()]:
        """Draw a sound: 64 mel bands, low ones below, a column per hundredth of a second.

        Args:
            audio: a sound of at most 60 seconds.

        Returns:
            A picture, 64 pixels high; white is the loudest, black 60 dB less.

        Raises:
            InputError: the sound is shorter than a hundredth of a second.
        """
        levels = (10 / np.log(10)) * self.log_mel(audio, SHOWN_BANDS).numpy()  # dB
        if not len(levels):
            raise InputError(
                f"audio must have a hundredth of a second at least; got {len(audio)} samples at "
                "16 kHz",
                "audio",
            )
        return shades(levels.T[::-1], levels.max() - SHOWN_RANGE, levels.max())

    @endpoint
    def examples(
        self,
    ) -> Annotated[dict, Json({"examples": "one object per example: name, voice"})]:
        """List example queries: words said by a voice that is not in the example archive.

        Returns: `examples`: for each its `name`, which `example` takes.
        """
        return {"examples": [{"name": name} for name in self.sayings]}

    @endpoint(examples=[{"name": A_NAME}])
    def example(self, name: Name) -> Annotated[np.ndarray, Sound(RATE)]:
        """Return the sound of an example query.

        Args:
            name: one of those that `examples` lists.

        Returns:
            The sound, at 16 kHz.
        """
        if name not in self.sayings:
            raise InputError(
                f"name must be one of {', '.join(self.sayings)}; got {name[:60]!r}", "name"
            )
        return self.sayings[name]

    # Archives.

    @endpoint(examples=[{"action": "list"}])
    def archives(
        self,
        action: Literal["list", "create", "describe", "delete", "remove"] = "list",
        archive: Id | None = None,
        key: Key | None = None,
        recording: Id | None = None,
        name: Name | None = None,
    ) -> Annotated[
        dict,
        Json(
            {
                "archives": "one object per archive: id, name, built_in, made, recordings (id, "
                "name, seconds and segments of each), segments, seconds, bytes; of a new one key"
            }
        ),
    ]:
        """List, create, describe or delete archives of recordings.

        An archive's id opens searching in it, for whoever knows it; its key, which is told once,
        opens adding and deleting. Only the archives that are built in are listed: synthetic voices,
        and, where the data are and from a minute after the first call on, real speakers.

        Args:
            action: "list" tells of the archives that are built in; "create" makes an empty one of
                the name `name`, for `index` to fill; "describe" tells of `archive`; "delete"
                deletes it, "remove" one recording of it.
            archive: the id of an archive; null for "list" and "create".
            key: its key, for "delete" and "remove".
            recording: the id of a recording, for "remove".
            name: what to call a new archive; null: Recordings.

        Returns:
            `archives`: those it is about, as they are now; nothing after "delete".

        Raises:
            InputError: there is no such archive or recording, the key is not its, or an argument is
                missing.
        """
        if action == "list":
            self._begin_real()
            return {"archives": self.kept.builtin()}
        if action == "create":
            made = self.kept.create(name or "Recordings")
            return {"archives": [{**self.kept.describe(made.id), "key": made.key}]}
        if archive is None:
            raise InputError(f"archive is needed to {action} one: its id", "archive")
        if action == "describe":
            return {"archives": [self.kept.describe(archive)]}
        if key is None:
            raise InputError(f"key is needed to {action}: `create` or `index` told it", "key")
        if action == "delete":
            self.kept.delete(archive, key)
            return {"archives": []}
        if recording is None:
            raise InputError("recording is needed to remove one: its id", "recording")
        self.kept.remove(archive, key, recording)
        return {"archives": [self.kept.describe(archive)]}

    @endpoint(timeout=3600, gpu_seconds=120, examples=[{"files": [A_WORD], "name": "Example"}])
    def index(
        self,
        files: Annotated[list[Upload], Files(high=MOST_FILES, max_bytes=MOST_BYTES)],
        archive: Id | None = None,
        key: Key | None = None,
        name: Name | None = None,
        progress: Progress | None = None,
    ) -> Annotated[
        dict,
        Json(
            {
                "archive": "the id of the archive: opens searching in it",
                "key": "its key: opens adding and deleting",
                "indexed": "one object per recording that was added: id, name, seconds, segments",
                "already": "the names of files that were in it before",
                "left_out": "one object per file that was left out: name, why",
            }
        ),
    ]:
        """Make recordings searchable: cut each into stretches that may be words, and keep their
        vectors.

        Each recording is added as a whole or not at all, as soon as it is done: where the call is
        given up, or fails, those before stay. Call again with the same archive, key and files to go
        on: what is there already is passed over. A file that cannot be read is left out, and told.

        Args:
            files: audio files of at most an hour each.
            archive: the id of the archive that they are added to; null: a new one.
            key: its key; null for a new one.
            name: what to call a new archive; null: Recordings.

        Returns:
            `archive`, `key`, `indexed`, `already`, `left_out`.

        Raises:
            InputError: there is no such archive, or the key is not its.
        """
        if archive is None:
            made = self.kept.create(name or "Recordings")
            archive, key = made.id, made.key
        elif key is None:
            raise InputError("key is needed to add: `create` or `index` told it", "key")
        self.kept.allow(archive, key)  # before anything is heard
        indexed: list[dict[str, Any]] = []
        already: list[str] = []
        left_out: list[dict[str, str]] = []
        for number, file in enumerate(files):
            say = telling(progress, number, len(files), file.name)
            say(0.0)
            try:
                samples = read(file.source, RATE, HOUR, file.name)
                added = self.kept.add(archive, key, file.name, samples, self.networks, say)
            except InputError as error:
                if error.argument in ("archive", "key"):  # deleted meanwhile
                    raise
                left_out.append({"name": file.name, "why": str(error)})
                continue
            if added.skipped:
                already.append(file.name)
            else:
                indexed.append(
                    {
                        "id": added.id,
                        "name": added.name,
                        "seconds": added.seconds,
                        "segments": added.segments,
                    }
                )
        if progress:
            progress(1.0, "done")
        return {
            "archive": archive,
            "key": key,
            "indexed": indexed,
            "already": already,
            "left_out": left_out,
        }

    @endpoint(examples=[{"archive": EXAMPLE_ARCHIVE, "recording": A_RECORDING, "end": 1.0}])
    def clip(
        self, archive: Id, recording: Id, start: Seconds = 0.0, end: Seconds = 10.0
    ) -> Annotated[np.ndarray, Sound(RATE)]:
        """Return a part of a recording.

        Args:
            archive: the id of an archive.
            recording: the id of one of its recordings: see `archives`.
            start: seconds.
            end: seconds, at most 60 after the start; beyond the recording's end it is that.

        Returns:
            The sound, at 16 kHz.
        """
        if not start < end <= start + LONGEST_CLIP:
            raise InputError(
                f"end must be after start, at most {LONGEST_CLIP:g} seconds; got {start:g} to "
                f"{end:g}",
                "end",
            )
        return self.kept.samples(archive, recording, start, end)

    @endpoint(examples=[{"archive": EXAMPLE_ARCHIVE}])
    def overview(
        self, archive: Id = EXAMPLE_ARCHIVE
    ) -> Annotated[
        dict,
        Json(
            {
                "archive": "the id of the archive",
                "recordings": "one object each: id, name, seconds, and envelope: its level in ten "
                "steps, a digit per tenth of a second, 0 quiet to 9 loud; empty beyond two hours",
            }
        ),
    ]:
        """Show an archive's recordings in outline: when each is loud and when quiet.

        Args:
            archive: the id of an archive.

        Returns:
            `archive`, `recordings`.
        """
        recordings, seconds = [], 0.0
        for one in self.kept.describe(archive)["recordings"]:
            seconds += one["seconds"]
            drawn = self._envelope(archive, one["id"]) if seconds <= OUTLINED else ""
            told = {key: one[key] for key in ("id", "name", "seconds")}
            recordings.append({**told, "envelope": drawn})
        return {"archive": archive, "recordings": recordings}

    @endpoint(timeout=120, gpu_seconds=GPU_SECONDS)
    def map(
        self,
        archive: Id = EXAMPLE_ARCHIVE,
        system: System = "contrastive",
        method: Literal["pca", "tsne"] = "tsne",
    ) -> Annotated[
        dict,
        Json(
            {
                "archive": "the id of the archive",
                "x": "from -1 to 1, one number per stretch of sound",
                "y": "from -1 to 1, upwards",
                "word": "what is said there, or null where nobody knows",
                "voice": "who says it, or null",
                "recording": "the id of its recording",
                "name": "what that is called",
                "start": "seconds",
                "end": "seconds",
            }
        ),
    ]:
        """Lay out the vectors of an archive's words flat, those that are alike close together.

        Where it is known which words are said when, as in the example archive, each word is a
        point; elsewhere each stretch of sound that may be a word is one, 1500 at most.

        Args:
            archive: the id of an archive.
            system: which encoder makes the vectors.
            method: "pca" shows the two directions in which vectors differ most (Pearson, 1901);
                "tsne" keeps neighbours together (van der Maaten and Hinton, JMLR 9, 2008).

        Returns:
            `archive`; `x`, `y`, `word`, `voice`, `recording`, `name`, `start`, `end`: lists of
            equal length.
        """
        vectors, points = self._points(archive, system)
        name = ("map", archive, system, method, len(points), float(vectors.sum()))
        if name not in self.made:
            places = (layout.tsne if method == "tsne" else layout.pca)(vectors)
            self._keep(name, places.astype(float).round(4))
        places = self.made[name]
        return {
            "archive": archive,
            "x": places[:, 0].tolist(),
            "y": places[:, 1].tolist(),
            "word": [one.word for one in points],
            "voice": [one.voice for one in points],
            "recording": [one.recording for one in points],
            "name": [one.name for one in points],
            "start": [one.start for one in points],
            "end": [one.end for one in points],
        }

    # Steps that several endpoints share.

    def _begin_real(self) -> None:
        """Begin to make the archive of real speakers, where there are data and none has begun.

        It takes a minute on a CPU, once, beside all else; it is listed from then on.
        """
        if self.real is None:
            self.real = threading.Thread(target=self._offer_real, daemon=True)
            self.real.start()
            if self.device != "cpu":  # which is for who has the turn, and done soon
                self.real.join()

    def _offer_real(self) -> None:
        try:
            self.given.offer(self.kept, self.networks)
        except HubError as error:
            log.warning("the archive of real speakers is not offered: %s", error)

    def _said(
        self, audio: np.ndarray, span: Sequence[float] | None, argument: str = "audio"
    ) -> Said:
        """Return what is said in a sound.

        Raises:
            InputError: it is silent, or what is said is too short or too long; or the span is
                none.
        """
        from hub.audio import loudness

        loud = loudness(audio)
        frames = self._frames(audio, loud)
        first, last = spoken(loud, argument) if span is None else part(span, len(frames), argument)
        seconds = (last - first) / FRAME_RATE
        if not LEAST <= seconds <= MOST:
            raise InputError(
                f"{argument} must hold {LEAST:g} to {MOST:g} seconds of voice; found "
                f"{seconds:.2f} seconds",
                argument,
            )
        return Said(frames, first, last)

    def _frames(self, audio: np.ndarray, loud: np.ndarray) -> Tensor:
        """Return a query's log-mel frames, (frames, 40), normalised.

        A recording tells by itself at which level each band of its speech lies; one word does not,
        and normalised by itself alone it would lose what tells it from other words. So the speech
        of training is weighed in: on the validation words of the learners' set, cut out of their
        sentences, MAP is then .246; with the whole sentence it is .313.
        """
        whole = self.log_mel(audio)
        voice = whole[self.torch.from_numpy(self.model.voiced(loud))]
        deviation, mean = self.networks.usual
        if len(voice) > 1:
            own = len(voice) / (len(voice) + USUAL)
            found = self.torch.std_mean(voice, dim=0)
            deviation = own * found[0] + (1 - own) * deviation
            mean = own * found[1] + (1 - own) * mean
        return (whole - mean) / deviation.clamp_min(self.model.LEAST)

    def _said_or_error(self, audio: np.ndarray, span: Sequence[float] | None) -> Any:
        try:
            return self._said(audio, span)
        except InputError as error:
            return error

    def _vectors(self, segments: Sequence[Tensor], system: str) -> np.ndarray:
        """Return a unit vector of each segment, (segments, dimensions).

        Raises:
            InputError: the checkpoint has no such encoder.
        """
        self._check(system)
        return self.networks.embed(segments, system)

    def _check(self, system: str) -> None:
        if system not in self.networks.systems:
            held = ", ".join(self.networks.systems)
            raise InputError(
                f"system must be one that the checkpoint holds: {held}; got {system}", "system"
            )

    def _current(self, archive: str) -> None:
        """Make an archive's vectors anew where they are of another checkpoint than ours."""
        if self.kept.stale(archive):
            self.kept.reembed(archive, self.networks)

    def _features(self, said: Said) -> np.ndarray:
        """Return what sounds are aligned by, (frames, features)."""
        return self.dtw.features(said.whole)[said.first : said.last]

    def _points(self, archive: str, system: str) -> tuple[np.ndarray, list[Point]]:
        """Return the vectors of a map, (points, dimensions), and what each is of."""
        self._check(system)
        self._current(archive)
        if words := self.given.words(archive):
            vectors = self._vectors(self._cut(archive, words), system)
            names = {one["id"]: one["name"] for one in self.given.manifest()["recordings"]}
            return vectors, [
                Point(
                    one.word,
                    one.voice.capitalize(),
                    one.recording,
                    names[one.recording],
                    one.start,
                    one.end,
                )
                for one in words
            ]
        vectors, spans = self.kept.vectors(archive, MAP_POINTS)
        if system != self.networks.systems[0]:
            vectors = self._vectors(self._cut(archive, spans), system)
        return vectors, [
            Point(None, None, one.recording, one.name, one.start, one.end) for one in spans
        ]

    def _cut(self, archive: str, spans: Sequence[Any]) -> list[Tensor]:
        """Return the frames of spans of an archive's recordings."""
        frames = {
            recording: self.model.frames_of(self.kept.samples(archive, recording))
            for recording in {one.recording for one in spans}
        }
        return [
            frames[one.recording][round(FRAME_RATE * one.start) : round(FRAME_RATE * one.end)]
            for one in spans
        ]

    def _text(self, archive: str, hit: Hit) -> dict[str, str] | None:
        """Return what is said at a hit and around it, in the example archive; of others nobody
        knows."""
        if archive != self.given.EXAMPLE:
            return None
        told = self.given.manifest()["recordings"]
        recording = next((one for one in told if one["id"] == hit.recording), None)
        for sentence in recording["sentences"] if recording else ():
            if sentence["start"] <= (hit.start + hit.end) / 2 <= sentence["end"]:
                return marked(sentence["words"], hit.start, hit.end)
        return None

    def _envelope(self, archive: str, recording: str) -> str:
        """Return how loud a recording is, a digit per tenth of a second."""
        name = ("envelope", archive, recording)
        if name not in self.made:
            level = loudness(self.kept.samples(archive, recording))
            tenths = level[: len(level) // 10 * 10].reshape(-1, 10).max(axis=1, initial=-100)
            top = float(tenths.max(initial=-100))
            steps = (9 * (tenths - top + 40) / 40).clip(0, 9).round().astype(int)
            self._keep(name, "".join(map(str, steps)))
        return self.made[name]

    def _keep(self, name: Any, value: Any) -> None:
        self.made[name] = value
        while len(self.made) > KEPT:
            self.made.popitem(last=False)


def marked(words: Sequence[Sequence[Any]], start: float, end: float) -> dict[str, str]:
    """Return the words of a sentence, [word, start, end] each, before a span, in it and after."""
    parts: dict[str, list[str]] = {"before": [], "hit": [], "after": []}
    for word, begin, stop in words:
        middle = (begin + stop) / 2
        place = "before" if middle < start else "after" if middle > end else "hit"
        parts[place].append(word)
    return {place: " ".join(found) for place, found in parts.items()}


def telling(
    progress: Progress | None, number: int, count: int, name: str
) -> Callable[[float], None]:
    """Return what is told how much of one file of several is done."""

    def say(part: float) -> None:
        if progress:
            progress((number + part) / count, f"listening to {name}")

    return say


def spoken(loud: np.ndarray, argument: str = "audio") -> tuple[int, int]:
    """Return from which frame to which something is said, of the level of each, (frames,) dB.

    Raises:
        InputError: nothing is said.
    """
    from hub_search.segments import Cuts, smoothed, voice

    if not len(loud):
        raise InputError(f"{argument} is too short: a word takes {LEAST:g} seconds", argument)
    level = smoothed(np.asarray(loud, np.float64), 3)
    loudest = float(level.max())
    if loudest < QUIETEST:
        raise InputError(
            f"{argument} says nothing: its loudest part is at {loudest:.0f} dB, speech is above "
            f"{QUIETEST:.0f} dB; record it louder or closer to the microphone",
            argument,
        )
    found = voice(level, Cuts())
    if not found:  # one short sound: less than a word
        loud_enough = np.flatnonzero(level > loudest - 12)
        return int(loud_enough[0]), int(loud_enough[-1]) + 1
    return found[0][0], found[-1][1]


def part(span: Sequence[float], count: int, argument: str) -> tuple[int, int]:
    """Return from which frame to which a span lies, of `count` frames.

    Raises:
        InputError: it lies outside, or ends before it starts.
    """
    name = "span" if argument == "audio" else f"{argument}_span"
    first, last = round(FRAME_RATE * span[0]), min(count, round(FRAME_RATE * span[1]))
    if not first < last:
        raise InputError(
            f"{name} must be [start, end] within the sound's {count / FRAME_RATE:.2f} seconds; got "
            f"[{span[0]:g}, {span[1]:g}]",
            name,
        )
    return first, last


def shades(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return numbers as a picture, uint8: `low` and below black, `high` and above white."""
    scaled = (np.asarray(values, np.float32) - low) / max(high - low, 1e-9)
    return (255 * scaled.clip(0, 1)).round().astype(np.uint8)
