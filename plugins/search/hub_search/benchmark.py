"""How fast a query is answered, beside DTW on the same archive, and how that grows; how fast speech
is indexed, how large the index is, and what it misses."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from torch import Tensor

from hub import data
from hub.audio import read
from hub.benchmark import compare, seconds
from hub.evaluation import Bench
from hub_search import dtw, example
from hub_search.archive import RATE, Archives, Query, cut, embedded, weights_of
from hub_search.index import Index, cosines, one_thread
from hub_search.model import Networks, load

SEGMENTS = 10_000  # of the archive that DTW looks through too
SIZES = (10_000, 31_623, 100_000, 316_228, 1_000_000)  # of the index, to see how time grows
NOISE = 0.35  # length of what is added to a unit vector that comes again: a cosine of 0.94
QUERIES = 100
RUNS = 5
ASKED = 30  # words that are looked for one after the other
HITS = 10
FOUND = 150  # rows that a search of ten hits asks its index for
CHUNK = 50_000
SETS = ("speech/speechocean762_adults", "speech/librispeech_excerpt")


@dataclass(frozen=True, eq=False)
class Speech:
    """Recordings with their spans."""

    sounds: list[np.ndarray]  # (samples,) at 16 kHz
    frames: list[Tensor]  # (frames, 40)
    spans: list[np.ndarray]  # (spans, 2)
    is_of: str

    @property
    def hours(self) -> float:
        return sum(map(len, self.sounds)) / RATE / 3600


def benchmark(checkpoint: Path, device: str = "cpu") -> list[Bench]:
    """Return how many queries are answered in a second, beside DTW's, and what an archive takes.

    The archive is of the test speakers of real speech where that is there, else of the example
    archive; larger ones repeat its vectors with noise.
    """
    networks = load(checkpoint, device)
    networks.compile()  # as the service does when it starts
    speech = heard()
    with tempfile.TemporaryDirectory() as folder:
        indexed = indexing(Path(folder), speech, networks)
        vectors = vectors_of(speech, networks)
        return [
            *queries(Path(folder), speech, networks),
            indexed,
            *growth(Path(folder), vectors),
        ]


def heard() -> Speech:
    """Return real speech with 10,000 spans if it is there, else what the example archive has."""
    sounds: list[np.ndarray] = []
    name = next((one for one in SETS if data.available(one)), None)
    source = from_set(name) if name else (sound for _, _, sound in example.synthetic())
    frames, spans = [], []
    for sound in source:
        found, own = cut(sound)
        sounds.append(sound)
        frames.append(own)
        spans.append(found)
        if sum(map(len, spans)) >= SEGMENTS:
            break
    return Speech(sounds, frames, spans, f"{name}, test" if name else "the example archive")


def from_set(name: str) -> Iterator[np.ndarray]:
    for row in data.table(name, "test").to_pylist():
        yield read(row["audio"]["bytes"])


def indexing(folder: Path, speech: Speech, networks: Networks) -> Bench:
    """Return how many hours of speech are added to an archive in an hour, everything included: cut,
    embedded, written to the disk."""
    times = []
    joined = np.concatenate(speech.sounds)[: 300 * RATE]
    for run in range(4):  # the first warms up
        archives = Archives(folder / f"indexed-{run}", spare=0)
        made = archives.create("Benchmark")
        add = lambda archives=archives, made=made: archives.add(  # noqa: E731
            made.id, made.key, "five minutes", joined, networks
        )
        times.append(seconds(add))
        shutil.rmtree(archives.folder)
    speed = len(joined) / RATE / statistics.median(times[1:])
    return Bench("indexing", speed, None, None, "hours of speech/h", 3, "")


def vectors_of(speech: Speech, networks: Networks) -> np.ndarray:
    """Return the vectors of all spans, (spans, dimensions) float16."""
    system = networks.systems[0]
    return np.concatenate(
        [
            embedded(spans, frames, networks, system, None)
            for spans, frames in zip(speech.spans, speech.frames, strict=True)
            if len(spans)
        ]
    )


def queries(folder: Path, speech: Speech, networks: Networks) -> Iterator[Bench]:
    """Yield how many queries are answered in a second, from their frames to their hits, one after
    the other, and how many by DTW: of the query with each span, and through each recording. What
    DTW needs of the archive is made beforehand, as our vectors are."""
    archives = Archives(folder / "asked", weights_of(networks), spare=0)
    sounds = ((f"recording-{n}", f"{n}", sound) for n, sound in enumerate(speech.sounds, 1))
    archives.build("benchmark", "Benchmark", "1", sounds, networks)
    features = [dtw.features(one) for one in speech.frames]
    asked = words(speech)
    frames = [speech.frames[number][start:end] for number, start, end in asked]
    looked_for = [features[number][start:end] for number, start, end in asked]
    count = sum(map(len, speech.spans))

    def answers(align: bool) -> Callable[[], object]:
        def ask() -> object:
            found = []
            for own, query in zip(frames, looked_for, strict=True):
                vectors = networks.embed([own], networks.systems[0])
                asked_for = Query(vectors, query)
                found.append(archives.find("benchmark", asked_for, HITS, networks, align=align))
            return found

        return ask

    spans = by_span(looked_for, features, speech)
    told = f"DTW of the query with each of {count} spans ({speech.is_of}), compiled, one core"
    through_all = through(looked_for, features)
    minutes = f"subsequence DTW through the same {60 * speech.hours:.0f} minutes, one core"
    for name, align, peer, peer_is in (
        ("queries, vectors alone", False, spans, told),
        ("queries, what vectors find aligned", True, spans, told),
        ("queries, vectors alone, continuous", False, through_all, minutes),
        ("queries, aligned, continuous", True, through_all, minutes),
    ):
        with threadpool_limits(1):  # threads that wait for the next product take the other's core
            found = compare(
                name,
                answers(align),
                peer,
                peer_is=peer_is,
                items=len(asked),
                unit="queries",
                runs=RUNS,
                settled=True,
            )
        yield found


def words(speech: Speech) -> list[tuple[int, int, int]]:
    """Return recording, start and end of thirty spans of about half a second."""
    found = sorted(
        (abs(int(end - start) - 50), number, int(start), int(end))
        for number, spans in enumerate(speech.spans)
        for start, end in spans[len(spans) // 2 :][:1]
    )
    return [one[1:] for one in found[:ASKED]]


def by_span(
    queries: list[np.ndarray], features: list[np.ndarray], speech: Speech
) -> Callable[[], object]:
    """Return a search that aligns each query with every span."""
    cut_out = [
        own[start:end]
        for own, spans in zip(features, speech.spans, strict=True)
        for start, end in spans
    ]
    ends = np.cumsum([0, *map(len, cut_out)])
    ready = dtw.prepared(np.concatenate(cut_out), "cosine")

    def nearest(query: np.ndarray) -> np.ndarray:
        out = np.empty(len(cut_out), np.float32)
        costs = dtw.frame_costs(dtw.prepared(query, "cosine"), ready, "cosine")
        dtw.align(costs, ends, np.float32(dtw.DIAGONAL), out)
        return np.argsort(out)[:HITS]

    return lambda: [nearest(query) for query in queries]


def through(queries: list[np.ndarray], features: list[np.ndarray]) -> Callable[[], object]:
    """Return a search that aligns each query with any part of each recording."""
    return lambda: [
        float(dtw.subsequence(query, one, "cosine", dtw.DIAGONAL)[0].min())
        for query in queries
        for one in features
    ]


def growth(folder: Path, vectors: np.ndarray) -> Iterator[Bench]:
    """Yield how the time of a lookup grows with the archive, and what the large index takes and
    misses."""
    asked = [unit(one) for one in vectors[-QUERIES:]]  # they come from nowhere else
    times = []
    for size in SIZES:
        kept = repeated(folder / "vectors.f16", vectors[:-QUERIES], size)
        index = Index(kept.shape[1])
        with one_thread():
            index.add(np.arange(size), kept)
        times.append(1000 * statistics.median(lookup_times(index, asked, kept)))
    large = index.inverted is not None
    path = folder / "index.faiss"
    if large:
        index.save(path)
    slope = float(np.polyfit(np.log10(SIZES), np.log10(times), 1)[0])
    ways = f"{len(index)} vectors, real ones repeated with noise"
    yield Bench("lookup, 10,000 segments", times[0], None, None, "ms", QUERIES, "")
    yield Bench("lookup, 1,000,000 segments", times[-1], None, None, "ms", QUERIES, "")
    yield Bench("growth of lookup time", slope, None, None, "slope, log of log", len(SIZES), "")
    yield Bench(
        "index memory",
        path.stat().st_size / size,
        2.0 * kept.shape[1],
        path.stat().st_size / size / (2.0 * kept.shape[1]),
        "MB per million segments",
        1,
        "the flat index, float16",
    )
    found = statistics.mean(
        len(set(index.nearest(one, HITS, kept)[0].tolist()) & exact(one, kept)) / HITS
        for one in asked
    )
    yield Bench("recall@10", found, 1.0, found, "share", QUERIES, f"exact search of {ways}")


def lookup_times(index: Index, asked: list[np.ndarray], kept: np.ndarray) -> list[float]:
    for one in asked[:5]:
        index.nearest(one, FOUND, kept)
    return [seconds(lambda one=one: index.nearest(one, FOUND, kept)) for one in asked]


def repeated(path: Path, vectors: np.ndarray, count: int) -> np.ndarray:
    """Return `vectors` over and over, each time with other noise, (count, dimensions) float16, in a
    file that is mapped."""
    rng = np.random.default_rng(0)
    shape = (count, vectors.shape[1])
    with path.open("wb") as file:
        for start in range(0, count, CHUNK):
            rows = np.arange(start, min(start + CHUNK, count))
            values = vectors[rows % len(vectors)].astype(np.float32)
            noise = rng.standard_normal(values.shape, np.float32) * NOISE / np.sqrt(shape[1])
            values += np.where((rows < len(vectors))[:, None], 0, noise)
            values /= np.linalg.norm(values, axis=1, keepdims=True)
            file.write(values.astype(np.float16).tobytes())
    return np.memmap(path, np.float16, "r", shape=shape)


def exact(query: np.ndarray, kept: np.ndarray) -> set[int]:
    """Return the ten rows nearest to a query, by looking at all."""
    scores = np.concatenate(
        [cosines(kept[start : start + CHUNK], query) for start in range(0, len(kept), CHUNK)]
    )
    return set(np.argpartition(-scores, HITS)[:HITS].tolist())


def unit(vector: np.ndarray) -> np.ndarray:
    values = vector.astype(np.float32)
    return values / np.linalg.norm(values)
