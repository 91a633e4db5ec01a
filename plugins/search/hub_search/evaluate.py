"""What a checkpoint is measured by: how well it finds words that unseen speakers say, beside
dynamic time warping and other ways to compare the same words.

Every way is given the same speech, normalised alike: each log-mel band at mean 0 and variance 1
over all that its speaker says. Settings of the peers were chosen on the validation split.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from hub.evaluation import QUICK, Evaluation, Metric
from hub_search import dtw, places, spotting
from hub_search.data import BOOKS, LEARNERS, TIMIT, Utterance, by_speaker
from hub_search.measures import (
    Retrieval,
    centred,
    chance,
    cosine_distances,
    difference,
    retrieval,
)
from hub_search.model import Networks, load
from hub_search.words import Segment, part, queries, segments, spoken

SPLITS = {
    LEARNERS: ("test",),
    BOOKS: ("test",),
    TIMIT: ("train", "validation", "test"),  # nothing of it is trained on
}
SHORT = {LEARNERS: "", BOOKS: "_librispeech", TIMIT: "_timit"}  # in the names of metrics
SYSTEMS = {"contrastive": "", "cae": "_cae_discovered"}  # the others are called as they are
ASKED = 3  # of so many words that could be looked for in recordings, one is
POINTS = 15  # of a word, at equal distances, that its downsampled frames are taken at


@dataclass(frozen=True)
class Warping:
    """A way to compare words by dynamic time warping."""

    told: str
    cepstra: int
    slope: float
    scaled: bool  # each coefficient and slope at mean 0 and variance 1 over its speaker's frames
    frame: dtw.Frame = "cosine"
    diagonal: float = 1.0


WARPINGS = {
    "dtw": Warping(
        f"dynamic time warping of {dtw.CEPSTRA} MFCC, {dtw.SLOPE:g} deltas and {dtw.SLOPE:g} "
        f"delta-deltas, frame cosine, diagonal weight {dtw.DIAGONAL:g}, cost / (n + m), no band: "
        "the best of about 60 ways on the validation split",
        dtw.CEPSTRA,
        dtw.SLOPE,
        False,
        diagonal=dtw.DIAGONAL,
    ),
    "dtw_mfcc13": Warping(
        "dynamic time warping of 13 MFCC, 4 deltas and 4 delta-deltas, frame cosine, cost / (n + "
        "m), no band",
        13,
        4.0,
        False,
    ),
    "dtw_mfcc39": Warping(
        "dynamic time warping of 39 MFCC with deltas, mean and variance normalised, frame cosine, "
        "cost / (n + m), no band",
        13,
        1.0,
        True,
    ),
    "dtw_euclidean": Warping(
        "dynamic time warping of 39 MFCC with deltas, mean and variance normalised, Euclidean "
        "frames, cost / (n + m), no band",
        13,
        1.0,
        True,
        "euclidean",
    ),
}


@dataclass(frozen=True, eq=False)
class Words:
    """The words of one set, and what the peers make of them."""

    name: str
    segments: list[Segment]
    told: str  # how many, for a protocol
    peers: dict[str, Retrieval]
    costs: np.ndarray  # (words, words), of aligning each two by the tuned peer

    @property
    def texts(self) -> list[str]:
        return [one.word for one in self.segments]

    @property
    def speakers(self) -> list[str]:
        return [one.speaker for one in self.segments]

    def judge(self, distances: np.ndarray) -> Retrieval:
        return retrieval(distances, self.texts, self.speakers)


@dataclass(frozen=True, eq=False)
class Continuous:
    """Recordings in which words are looked for, and what the peer finds."""

    heard: list[spotting.Recording]
    windows: spotting.Windows
    asked: list[Segment]
    features: list[np.ndarray]  # (frames, n) of each that is asked for, as DTW compares them
    whole: list[np.ndarray]  # (frames, n) of each recording
    peer: list[spotting.Answers] = field(repr=False)
    told: str


@dataclass(frozen=True, eq=False)
class Material:
    """All that does not depend on a checkpoint."""

    words: dict[str, Words]
    continuous: Continuous
    quick: bool


def evaluate(checkpoint: Path, device: str = "cpu", quick: bool = False) -> Evaluation:
    """Measure the checkpoint on speakers it never heard; takes about four minutes on one core.

    Args:
        quick: stated parts of the sets, in less than a minute. The metrics' names then end in
            "_quick": their values are not those of the full measure.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        DataError: a set is not there.
    """
    return measured(load(checkpoint, device), material(quick))


def compare(checkpoints: Sequence[Path], device: str = "cpu") -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation (n - 1) of each metric over checkpoints, such as those of
    several seeds; the peers are measured once.

    Raises:
        CheckpointError: one is missing or damaged.
        DataError: a set is not there.
    """
    networks, shared = [load(one, device) for one in checkpoints], material(quick=False)
    found = [measured(one, shared).metrics for one in networks]
    values = {
        name: [one[name].value for one in found]
        for name in found[0]
        if all(name in one for one in found)
    }
    return {
        name: (float(np.mean(some)), float(np.std(some, ddof=1)) if len(some) > 1 else 0.0)
        for name, some in values.items()
    }


def material(quick: bool) -> Material:
    """Read the sets, and measure the peers on them."""
    heard = {name: part(spoken(name, splits), 2 if quick else 1) for name, splits in SPLITS.items()}
    words = {name: words_of(name, some, quick) for name, some in heard.items()}
    return Material(words, continuous(heard[LEARNERS], quick), quick)


def words_of(name: str, heard: list[Utterance], quick: bool) -> Words:
    """Return the words of a set, with the peers on LEARNERS, and with DTW elsewhere."""
    some = segments(heard)
    texts, speakers = [one.word for one in some], [one.speaker for one in some]
    by_lot = chance(texts, speakers)
    told = (
        f"{'every second utterance of ' * quick}{name.rpartition('/')[2]} "
        f"{' + '.join(SPLITS[name])}: {len(some)} words of at least 4 letters and 0.25 s by "
        f"{len(set(speakers))} speakers, each compared with those of the other speakers; "
        f"{len(queries(some))} asked for; bands of log-mel at mean 0 and variance 1 per speaker; "
        f"by chance AP {by_lot[0]:.3f}, MAP {by_lot[1]:.3f}"
    )
    peers, costs = {}, {}
    for peer, way in WARPINGS.items():
        if peer == "dtw" or name == LEARNERS:
            sounds = sounds_of(featured(heard, way.cepstra, way.slope, way.scaled))
            costs[peer] = dtw.among(sounds, way.frame, way.diagonal, workers=os.cpu_count() or 1)
            peers[peer] = retrieval(costs[peer], texts, speakers)
    if name == LEARNERS:
        vectors = downsampled(sounds_of(featured(heard, dtw.CEPSTRA, 1.0, False)))
        peers["downsampled_mfcc"] = retrieval(cosine_distances(vectors), texts, speakers)
    return Words(name, some, told, peers, costs["dtw"])


def featured(heard: list[Utterance], cepstra: int, slope: float, scaled: bool) -> list[Utterance]:
    """Return the utterances with cepstra and slopes for frames; `scaled`: at mean 0 and variance 1
    over the speaker's."""
    found = [
        replace(one, frames=torch.from_numpy(dtw.features(one.frames, cepstra, slope)))
        for one in heard
    ]
    return by_speaker(found) if scaled else found


def sounds_of(heard: Iterable[Utterance]) -> list[np.ndarray]:
    return [one.frames.numpy() for one in segments(heard)]


def downsampled(sounds: Sequence[np.ndarray]) -> np.ndarray:
    """Return vectors of words by taking frames at equal distances, (words, 15 features) float32.

    Levin et al., "Fixed-Dimensional Acoustic Embeddings of Variable-Length Segments in Low-Resource
    Settings", ASRU 2013; between two frames the nearer is taken.
    """
    return np.stack(
        [one[np.linspace(0, len(one) - 1, POINTS).round().astype(int)].ravel() for one in sounds]
    )


def continuous(heard: list[Utterance], quick: bool) -> Continuous:
    """Return the recordings to be searched, what is asked for, and what DTW finds there."""
    heard = part(heard, 4 if quick else 1)
    warped = featured(heard, dtw.CEPSTRA, dtw.SLOPE, False)
    some, sounds = segments(heard), sounds_of(warped)
    chosen = queries(some)[::ASKED]
    asked = [some[index] for index in chosen]
    recordings = spotting.recordings(heard)
    whole = [one.frames.numpy() for one in spotting.recordings(warped)]
    features = [sounds[index] for index in chosen]
    found = spotting.by_warping(asked, features, recordings, whole)
    bar = tqdm(found, "warping", len(asked), unit="query", mininterval=5)
    windows = spotting.windows(recordings)
    hours = sum(one.hours for one in recordings)
    told = (
        f"{len(asked)} words, every third that can be, asked for in all that other speakers read, "
        f"{60 * hours:.1f} minutes by {len(recordings)} speakers, of which {len(windows.frames)} "
        "windows are compared; bands at mean 0 and variance 1 per speaker; a hit overlaps the word "
        "by half (intersection over union), each word is found once"
    )
    return Continuous(recordings, windows, asked, features, whole, list(bar), told)


def measured(networks: Networks, shared: Material) -> Evaluation:
    """Return all metrics of a checkpoint and of the peers."""
    metrics: dict[str, Metric] = {}
    for words in shared.words.values():
        metrics |= of_words(networks, words, shared.quick)
    metrics |= of_continuous(networks, shared.continuous)
    if shared.quick:
        metrics = {name + QUICK: one for name, one in metrics.items()}
    return Evaluation(metrics, f"{LEARNERS} and {BOOKS}, test splits, and all of {TIMIT}")


def of_words(networks: Networks, words: Words, quick: bool) -> dict[str, Metric]:
    """Return the metrics of one set: the systems', the peers', and how sure differences are."""
    frames, short = [one.frames for one in words.segments], SHORT[words.name]
    vectors = {system: networks.embed(frames, system) for system in networks.systems}
    found = {
        called(system): words.judge(cosine_distances(some)) for system, some in vectors.items()
    }
    default, main = networks.systems[0], words.name == LEARNERS
    ways = {called(system): f"cosine of the vectors of `{system}`" for system in vectors}
    ways |= {f"_{peer}": told_of(peer) for peer in words.peers}
    # Costs are over the sum of the lengths here, and over their geometric mean in searches.
    both = cosine_distances(vectors[default]) + 2 * places.WEIGHT * words.costs
    found["_aligned"] = words.judge(both)
    ways["_aligned"] = (
        f"1 - cosine of the vectors of `{default}`, plus {2 * places.WEIGHT:g} times the cost of "
        "aligning the two by `dtw`, as searches rank what the vectors find"
    )
    if main:
        less = centred(vectors[default], words.speakers)
        found["_centred"] = words.judge(cosine_distances(less))
        ways["_centred"] = (
            f"cosine of the vectors of `{default}` less the mean vector of all words of the "
            "speaker, which needs to know who speaks"
        )
    found |= {f"_{peer}": one for peer, one in words.peers.items()}
    metrics = {}
    chief = (called(default), "_aligned", "_dtw")
    for name, one in found.items():
        told = f"{ways[name]}; {words.told}"
        metrics[f"map{short}{name}"] = share(one.map, told)
        if main or name in chief:
            metrics[f"ap{short}{name}"] = share(one.ap, told)
        if main and name in chief:
            metrics[f"p_at_n{name}"] = share(one.p_at_n, told)
    draws = 1_000 if quick else 10_000
    ours, aligned, theirs = (found[name] for name in chief)
    metrics |= compared(f"map{short}_minus_dtw", ours, theirs, words.told, draws)
    metrics |= compared(f"map{short}_aligned_minus_dtw", aligned, theirs, words.told, draws)
    if main and {"_dsa", "_sa"} <= found.keys():
        metrics |= compared("map_dsa_minus_sa", found["_dsa"], found["_sa"], words.told, draws)
    return metrics


def called(system: str) -> str:
    """Return how the names of a system's metrics end."""
    return SYSTEMS.get(system, f"_{system}")


def told_of(peer: str) -> str:
    if peer in WARPINGS:
        return WARPINGS[peer].told
    return (
        f"cosine of {POINTS} frames at equal distances, of {dtw.CEPSTRA} MFCC, deltas and "
        "delta-deltas: the best of 24 ways on the validation split"
    )


def share(value: float, protocol: str) -> Metric:
    return Metric(value, "", True, protocol)


def compared(
    name: str, ours: Retrieval, theirs: Retrieval, told: str, draws: int
) -> dict[str, Metric]:
    """Return a difference of mean average precision, and the ends of its interval."""
    found = difference(ours.each, theirs.each, draws)
    how = f"difference of MAP, {draws:,} paired bootstrap draws of queries, 95 %; {told}"
    return {
        name: share(found.mean, how),
        f"{name}_low": share(found.low, how),
        f"{name}_high": share(found.high, how),
    }


def of_continuous(networks: Networks, place: Continuous) -> dict[str, Metric]:
    """Return the metrics of query by example in continuous recordings."""
    found = {"_dtw": place.peer}
    ways = {
        "_dtw": (
            f"subsequence dynamic time warping of {dtw.CEPSTRA} MFCC, {dtw.SLOPE:g} deltas and "
            "delta-deltas, frame cosine, cost / sqrt(n m)"
        )
    }
    for system in networks.systems:
        vectors = networks.embed([one.frames for one in place.asked], system)
        windows = networks.embed(place.windows.frames, system)
        answers = spotting.by_vectors(place.asked, vectors, place.heard, place.windows, windows)
        found[called(system)] = list(answers)
        ways[called(system)] = f"cosine of the vectors of `{system}`"
        if system == networks.systems[0]:
            both = spotting.by_both(
                place.asked,
                vectors,
                place.features,
                place.heard,
                place.whole,
                place.windows,
                windows,
            )
            found[f"{called(system)}_aligned"] = list(both)
            ways[f"{called(system)}_aligned"] = (
                f"as the archives search: the {100 * places.SHARE:g} % of windows, {places.NEAR} "
                f"to {places.MOST}, nearest by the vectors of `{system}`, the query aligned with "
                f"each and what lies around it by the same dynamic time warping; cosine + "
                f"{places.WEIGHT:g} (1 - cost), spans halfway between the window's ends and the "
                "alignment's, all chosen on the validation split"
            )
    metrics = {}
    for name, answers in found.items():
        told = f"{ways[name]}; {place.told}"
        metrics[f"qbe_map{name}"] = share(spotting.mean_average_precision(answers), told)
        alarms = spotting.false_alarms_per_hour(answers)
        if np.isfinite(alarms):  # else fewer than half of the words are found at all
            metrics[f"qbe_false_alarms_per_hour{name}"] = Metric(
                alarms, "an hour", False, f"one threshold that finds half of the words; {told}"
            )
    return metrics


def table(found: Mapping[str, tuple[float, float]]) -> str:
    """Return means and deviations as lines of text."""
    return "\n".join(
        f"{name:40} {mean:9.4f} ± {spread:.4f}" for name, (mean, spread) in found.items()
    )


if __name__ == "__main__":  # python -m hub_search.evaluate CHECKPOINT...
    print(table(compare([Path(argument) for argument in sys.argv[1:]])))
