"""How much better speech is without its noise: PESQ, STOI and SI-SDR of speakers and noises that
no training saw, beside the noisy input and what others make of it."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hub.errors import HubError
from hub.evaluation import QUICK, Metric
from hub_denoise.speech.data import (
    BOOKS,
    HELD_OUT,
    LEARNERS,
    NEAR,
    RATE,
    TIMIT,
    TRAINED,
    Mixer,
    mixed,
    recordings,
    said,
    voices,
)
from hub_denoise.speech.measures import pesq, si_sdr, stoi, wiener
from hub_denoise.speech.model import Masker
from hub_denoise.speech.stream import denoise

SNRS = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0)  # dB
SECONDS = 5.0
LEVEL = 10 ** (-26 / 20)  # of full scale, where speech is active: ITU-T P.56's usual one
Judge = Callable[[np.ndarray, np.ndarray], float]  # of the clean samples and of the found ones
MEASURES: dict[str, Judge] = {
    "pesq": pesq,
    "stoi": stoi,
    "si_sdr": si_sdr,
}

System = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Case:
    """Noisy speech with its original."""

    snr: float  # dB
    noise: str  # its kind
    clean: np.ndarray  # (samples,) float32 at 16 kHz
    noisy: np.ndarray


@dataclass(frozen=True)
class Score:
    """How a system did in one case."""

    system: str
    snr: float
    noise: str
    values: dict[str, float]  # by the names of MEASURES


def evaluate_speech(model: Masker, quick: bool = False) -> dict[str, Metric]:
    """Measure a network on the test speakers, and the peers beside it.

    Args:
        quick: a quarter of the cases, without the peers; all names then end in "_quick".

    Raises:
        DataError: the sets are not there.
    """
    each = 1 if quick else 4
    compared = systems(model)
    if quick:
        compared = {name: compared[name] for name in ("noisy", "ours")}
    found = scores(cases("test", each), compared, judges(quick))
    told = (
        f"{each * len(SNRS) * 4} mixtures of {SECONDS:g} s of unseen speakers (LibriSpeech, "
        "speechocean762, TIMIT) in noises of kinds and recordings that no training had, "
    )
    metrics = named(table(found)["all"], f"{told}-5 to 20 dB")
    if not quick:
        for snr, judged in table(found, "snr").items():
            gains = named({name: judged[name] for name in ("noisy", "ours")}, f"{told}{snr} dB")
            metrics |= {f"{name}_snr{snr}": gains[name] for name in gains if name.endswith("_gain")}
    return {name + QUICK: one for name, one in metrics.items()} if quick else metrics


UNITS = {"pesq": "", "stoi": "", "si_sdr": "dB"}
ABOUT = {"pesq": "PESQ, wide band", "stoi": "STOI", "si_sdr": "SI-SDR"}


def judges(quick: bool) -> dict[str, Judge]:
    """Return the measures; without PESQ where it is not installed, if that will do.

    Raises:
        HubError: it is not installed, and all is to be measured.
    """
    if importlib.util.find_spec("pesq"):
        return MEASURES
    if quick:
        return {name: judge for name, judge in MEASURES.items() if name != "pesq"}
    raise HubError("pesq is not installed, and speech is judged by it; pip install pesq")


def named(judged: dict[str, dict[str, float]], told: str) -> dict[str, Metric]:
    """Return the measures of each system as metrics, and what ours and the peers gain over the
    noisy input."""
    metrics = {}
    for system, values in judged.items():
        name = "" if system == "ours" else f"_{system}"
        for measure, value in values.items():
            text = f"{told}; {ABOUT[measure]}"
            metrics[f"{measure}{name}"] = Metric(value, UNITS[measure], True, text)
            if system != "noisy":
                metrics[f"{measure}_gain{name}"] = Metric(
                    value - judged["noisy"][measure], UNITS[measure], True, f"{text} over the input"
                )
    return metrics


def cases(split: Literal["validation", "test"], each: int = 4, seed: int = 0) -> list[Case]:
    """Return `each` cases of every kind of noise at every one of SNRS.

    The test has real noises of recordings that no training saw, babble of its own speakers,
    and synthetic kinds that the training does not make. The validation has its own speakers, in
    the training's noises.

    Raises:
        DataError: the sets are not there.
    """
    names = (BOOKS, LEARNERS, TIMIT) if split == "test" else (BOOKS, LEARNERS)
    sets = tuple((tuple(voices(name, split)), 1 / len(names)) for name in names)
    real = recordings()
    test = split == "test"
    noises = {name: clips for name, clips in real.items() if (name in NEAR) != test}
    kinds = ("recorded", "babble", *HELD_OUT) if test else TRAINED
    mixer = Mixer(sets, noises, kinds)
    found = []
    for number, (snr, kind, _) in enumerate(itertools.product(SNRS, kinds, range(each))):
        generator = np.random.default_rng((seed, number))
        count = int(SECONDS * RATE)
        clean, noise = mixed(
            said(mixer.voice(generator), count, generator),
            mixer.noise(kind, count, generator),
            snr,
        )
        level = min(LEVEL, 0.99 / float(np.abs(clean + noise).max()))
        found.append(Case(snr, kind, level * clean, level * (clean + noise)))
    return found


def systems(model: Masker) -> dict[str, System]:
    """Return what is compared: each from noisy samples at 16 kHz to cleaned ones."""
    from noisereduce import reduce_noise

    def reduced(stationary: bool) -> System:
        return lambda noisy: reduce_noise(noisy, RATE, stationary=stationary).astype(np.float32)

    return {
        "noisy": lambda noisy: noisy,
        "wiener": wiener,
        "noisereduce": reduced(False),
        "noisereduce_stationary": reduced(True),
        "ours": lambda noisy: denoise(model, noisy),
    }


def scores(
    found: list[Case], compared: dict[str, System], measures: dict[str, Judge] = MEASURES
) -> list[Score]:
    """Return the score of each system in each case."""
    return [
        Score(
            name,
            case.snr,
            case.noise,
            {measure: judge(case.clean, cleaned) for measure, judge in measures.items()},
        )
        for case in found
        for name, system in compared.items()
        for cleaned in [system(case.noisy)]
    ]


def table(
    found: list[Score], by: Literal["all", "snr", "noise"] = "all"
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the mean of each measure: by group ("all", the SNR in dB or the kind of noise), then
    by system, then by measure."""
    groups: dict[str, dict[str, list[Score]]] = {}
    for score in found:
        group = {"all": "all", "snr": f"{score.snr:g}", "noise": score.noise}[by]
        groups.setdefault(group, {}).setdefault(score.system, []).append(score)
    return {
        group: {
            system: {
                measure: float(np.mean([one.values[measure] for one in some]))
                for measure in some[0].values
            }
            for system, some in judged.items()
        }
        for group, judged in groups.items()
    }
