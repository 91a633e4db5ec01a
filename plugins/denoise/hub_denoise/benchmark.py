"""How fast photographs are denoised beside BM3D at no lower quality, speech beside the clock, and
text."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hub import data
from hub.benchmark import compare
from hub.errors import HubError
from hub.evaluation import Bench
from hub_denoise import example
from hub_denoise.model import Networks, load
from hub_denoise.pictures.data import DENOISING, photographs
from hub_denoise.pictures.evaluate import bm3d, spoilt_by
from hub_denoise.pictures.measures import as_stored, psnr
from hub_denoise.speech.benchmark import speeds
from hub_denoise.text.corrupt import corrupt
from hub_denoise.text.restore import Restorer

SIGMA = 25.0  # grey levels of 255
PICTURES = 3
RUNS = 3  # of BM3D, which takes seconds for each picture
BLOCKS = (0.016, 0.1)  # seconds
SPOILT = 0.15  # of words
REPEATED = 20  # times that the texts are said


def benchmark(checkpoint: Path, device: str = "cpu") -> list[Bench]:
    """Return megapixels per second, ours and BM3D's, where a ratio above 1 means that ours is
    faster, and by how much its PSNR is higher; the share of one core that speech takes as it comes,
    and how late it comes out; spoilt words restored per second.

    Raises:
        HubError: bm3d is not installed.
    """
    networks = load(checkpoint, device)
    return [*pictures(networks), *speech(networks), text(networks.text)]


def pictures(networks: Networks) -> Iterator[Bench]:
    """Yield the speed of noise taken out of photographs, and what it is worth beside BM3D's."""
    try:
        import bm3d as peer  # noqa: F401
    except ImportError as error:
        raise HubError(
            "bm3d is not installed, and the benchmark compares with it; `make bench` installs it"
        ) from error
    clean, of = some_pictures()
    spoilt = [spoilt_by(one, SIGMA, index) for index, one in enumerate(clean)]
    made: dict[str, list[Tensor]] = {}

    def restoring(name: str, restore: Callable[[Tensor], Tensor]) -> Callable[[], object]:
        def call() -> None:
            made[name] = [restore(one) for one in spoilt]

        return call

    told = f"BM3D, package bm3d {version('bm3d')}, on {of}, sigma {SIGMA:g} told to both"
    yield compare(
        "denoise photographs",
        restoring("ours", lambda one: networks.pictures.denoise(one, SIGMA)),
        restoring("bm3d", lambda one: bm3d(one, SIGMA)),
        peer_is=told,
        items=sum(one.numel() for one in clean) / 1e6,
        unit="megapixels",
        runs=RUNS,
    )
    ours, theirs = (
        statistics.mean(psnr(as_stored(a), b) for a, b in zip(made[name], clean, strict=True))
        for name in ("ours", "bm3d")
    )
    yield Bench("PSNR of these", ours, theirs, ours / theirs, "dB", 1, told)


def some_pictures() -> tuple[list[Tensor], str]:
    """Return photographs, (1, height, width) in [0, 1], of BSD68 where it is there, else the page's
    own; and what they are."""
    if data.available(DENOISING):
        every = photographs(DENOISING, "bsd68")
        return [one / 255 for one in every[:: len(every) // PICTURES][:PICTURES]], (
            f"{PICTURES} pictures of BSD68"
        )
    found = [torch.from_numpy(example.photograph(name).copy())[None] for name in example.GREY]
    return [one / 255 for one in found], "the page's grey photographs"


def speech(networks: Networks) -> Iterator[Bench]:
    """Yield what speech takes of one core as it comes, and how late it comes out."""
    for one in speeds(networks.speech, BLOCKS):
        block = f"blocks of {1000 * one.block:g} ms, 16 kHz, one core"
        yield Bench(f"speech, {block}", one.factor, None, None, "of real time", 1, "")
        latency = 1000 * one.latency
        yield Bench(f"speech comes out after, {block}", latency, None, None, "ms", 1, "")


def text(restorer: Restorer, runs: int = 3) -> Bench:
    """Return how many hidden and misspelt words are restored a second."""
    spoilt = corrupt(" ".join([*example.TEXTS.values()] * REPEATED), SPOILT)
    starts = [change.start for change in spoilt.changes]
    restorer.restore(spoilt.text[:200])  # warms up
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        restorer.restore(spoilt.text, starts)
        times.append(time.perf_counter() - began)
    speed = len(starts) / float(np.median(times))
    return Bench("spoilt words restored", speed, None, None, "words/s", runs, "")
