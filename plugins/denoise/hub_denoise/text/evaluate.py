"""How many spoilt words come back as they were, beside a trigram model on the same spoilt words.

Of the words of documents that no training saw, 15 % are spoilt, in three runs: hidden as a whole
(words of any length), with a third of their letters blank, or with one slip of a letter (swapped,
dropped, replaced or inserted; both of four to 32 letters). Which words are spoilt is told. Right is
the very word, with its capitals; words that the vocabulary has not count as wrong. All systems have
the same vocabulary and the same channel of slips. Once more, slips are made and not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.evaluation import QUICK, Metric
from hub_denoise.text.corrupt import Corrupted, corrupt, tokens
from hub_denoise.text.data import Corpus, counted, texts
from hub_denoise.text.restore import Restorer
from hub_denoise.text.trigram import FrequencyScorer, Trigrams, TrigramScorer

SHARE = 0.15  # of the words that can be spoilt so
SLIPS = ("swap", "drop", "replace", "insert")
RUNS = {"hidden": ("hide",), "blank": ("blank",), "slipped": SLIPS}
TOLD = {
    "hidden": "hidden words, of any length",
    "blank": "words of 4 to 32 letters with a third of their letters blank",
    "slipped": "words of 4 to 32 letters with a letter swapped, dropped, replaced or inserted",
}


@dataclass(frozen=True)
class Count:
    """How a system did."""

    words: int  # that were spoilt
    right: int
    among_five: int  # right, or among the five likeliest


def evaluate_text(
    restorer: Restorer, split: str = "test", quick: bool = False
) -> dict[str, Metric]:
    """Measure a restorer, and the peers, which are counted from the training text first, on one
    document in four: that takes a quarter of an hour.

    Args:
        quick: one document in 25, without the peers; all names then end in "_quick".

    Raises:
        DataError: the news are not there.
    """
    documents = texts(split)[:: 25 if quick else 4]
    systems = {"": restorer} | ({} if quick else peers(restorer))
    metrics: dict[str, Metric] = {}
    for name, system in systems.items():
        found = {run: restored(system, cases(documents, ways)) for run, ways in RUNS.items()}
        metrics |= named(found, name, f"{len(documents)} documents of news ({split})")
    metrics |= untold(systems, documents)
    return {name + QUICK: one for name, one in metrics.items()} if quick else metrics


def peers(restorer: Restorer) -> dict[str, Restorer]:
    """Return the peers: a trigram model and the frequencies of words."""
    found = texts("train")
    counts = counted(found)
    corpus = Corpus.of(found, counts)
    del found
    words = restorer.vocabulary.words
    trigrams = TrigramScorer(Trigrams.of(corpus, counts, words), len(words))
    return {
        "_trigram": Restorer(trigrams, restorer.vocabulary),
        "_frequency": Restorer(FrequencyScorer(counts, words), restorer.vocabulary),
    }


def cases(documents: Sequence[str], ways: Sequence[str]) -> list[Corrupted]:
    """Return documents with SHARE of their words spoilt, always the same, each by its own seed."""
    return [corrupt(text, SHARE, ways, seed=seed) for seed, text in enumerate(documents)]


def restored(system: Restorer, spoilt: Sequence[Corrupted]) -> Count:
    """Return how many spoilt words, which are told, a system brings back."""
    words = right = among = 0
    for case in spoilt:
        _, found = system.restore(case.text, [change.start for change in case.changes])
        for change, one in zip(case.changes, found, strict=True):
            words += 1
            right += one.word == change.original
            among += change.original in [word for word, _ in one.alternatives[:5]]
    return Count(words, right, among)


def named(found: dict[str, Count], system: str, told: str) -> dict[str, Metric]:
    """Return the counts of runs as metrics, and those of all words together."""
    metrics = {}
    every = Count(
        sum(one.words for one in found.values()),
        sum(one.right for one in found.values()),
        sum(one.among_five for one in found.values()),
    )
    for run, count in {"": every, **{f"_{run}": one for run, one in found.items()}}.items():
        what = TOLD.get(run[1:], "hidden, blank and slipped words together")
        text = f"{told}, {SHARE:.0%} of words spoilt and told: {count.words} {what}"
        whole = max(1, count.words)
        metrics |= {
            f"restored_word_accuracy{run}{system}": Metric(
                100 * count.right / whole, "%", True, text
            ),
            f"restored_word_among_five{run}{system}": Metric(
                100 * count.among_five / whole, "%", True, text
            ),
        }
    return metrics


def untold(systems: dict[str, Restorer], documents: Sequence[str]) -> dict[str, Metric]:
    """Return what systems do to slips that are not told: how many they mend, and how many intact
    words they alter."""
    metrics = {}
    for name, system in systems.items():
        words = mended = intact = altered = 0
        for case in cases(documents, SLIPS):
            _, found = system.restore(case.text)
            became = {one.start: one.word for one in found}
            slipped = {change.start: change for change in case.changes}
            words += len(slipped)
            mended += sum(became.get(start) == change.original for start, change in slipped.items())
            sound = [
                token for token in tokens(case.text) if token.is_word and token.start not in slipped
            ]
            intact += len(sound)
            altered += sum(became.get(one.start, one.text) != one.text for one in sound)
        text = (
            f"{len(documents)} documents, {SHARE:.0%} of words of 4 to 32 letters slipped, not told"
        )
        metrics[f"mended_slips{name}"] = Metric(
            100 * mended / max(1, words), "%", True, f"{text}: of {words} slips"
        )
        metrics[f"altered_intact_words{name}"] = Metric(
            100 * altered / max(1, intact), "%", False, f"{text}: of {intact} intact words"
        )
    return metrics
