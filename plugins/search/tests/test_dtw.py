"""Alignments, against brute force and against librosa's."""

import itertools
import time

import librosa
import numpy as np
import pytest
import torch
from scipy.fft import dct

from hub_search import dtw

FRAMES = ("cosine", "euclidean")


def sequence(frames: int, seed: int, features: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, features)).astype(np.float32)


def costs(first: np.ndarray, second: np.ndarray, frame: str) -> np.ndarray:
    """Return frame costs by their definition, in float64."""
    table = np.empty((len(first), len(second)))
    for i, j in itertools.product(range(len(first)), range(len(second))):
        a, b = first[i].astype(float), second[j].astype(float)
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        table[i, j] = 1 - cosine if frame == "cosine" else np.linalg.norm(a - b)
    return table


def all_paths(rows: int, columns: int):
    """Yield each way from the first cell to the last, by steps of one."""
    if rows == columns == 1:
        yield [(0, 0)]
        return
    for i, j in ((rows - 1, columns), (rows, columns - 1), (rows - 1, columns - 1)):
        if i and j:
            for path in all_paths(i, j):
                yield [*path, (rows - 1, columns - 1)]


def weighed(path: list[tuple[int, int]], table: np.ndarray, diagonal: float) -> float:
    total = table[path[0]]
    for before, after in itertools.pairwise(path):
        both = after[0] > before[0] and after[1] > before[1]
        total += table[after] * (diagonal if both else 1)
    return total


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("diagonal", [1.0, 1.4, 2.0])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (4, 1), (3, 3), (5, 4)])
def test_least_cost_of_all_ways(frame, diagonal, rows, columns):
    first, second = sequence(rows, 0), sequence(columns, 1)
    table = costs(first, second, frame)
    least = min(weighed(path, table, diagonal) for path in all_paths(rows, columns))
    found = dtw.distance(first, second, frame, diagonal)
    assert found == pytest.approx(least / (rows + columns), rel=1e-4)
    steps, cost = dtw.path(first, second, frame, diagonal)
    assert weighed([tuple(step) for step in steps], table, diagonal) == pytest.approx(
        least, rel=1e-4
    )
    assert cost == pytest.approx([table[tuple(step)] for step in steps], rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("diagonal", [1.0, 2.0])
def test_as_librosa_has_it(frame, diagonal):
    first, second = sequence(40, 2, 39), sequence(65, 3, 39)
    weights = np.array([diagonal, 1, 1])
    total, steps = librosa.sequence.dtw(
        C=costs(first, second, frame), weights_mul=weights, backtrack=True
    )
    found = dtw.distance(first, second, frame, diagonal)
    assert found == pytest.approx(total[-1, -1] / 105, rel=1e-5)
    assert dtw.path(first, second, frame, diagonal)[0].tolist() == steps[::-1].tolist()


def test_tables_hold_the_distance_of_each_two():
    some = [sequence(length, seed) for seed, length in enumerate([3, 9, 1, 6])]
    table = dtw.among(some)
    assert table == pytest.approx(table.T)
    assert np.diag(table) == pytest.approx(0, abs=1e-6)
    for i, j in itertools.product(range(4), range(4)):
        assert table[i, j] == pytest.approx(dtw.distance(some[i], some[j]), abs=1e-6)
    assert dtw.among(some, workers=2) == pytest.approx(table)
    assert dtw.pairs(some[:2], some, workers=2) == pytest.approx(table[:2], abs=1e-6)


@pytest.mark.parametrize("frame", FRAMES)
def test_a_query_is_found_in_a_recording_as_librosa_finds_it(frame):
    query, recording = sequence(12, 4), sequence(90, 5)
    recording[30:42] = query
    cost, starts = dtw.subsequence(query, recording, frame)
    total = librosa.sequence.dtw(C=costs(query, recording, frame), subseq=True, backtrack=False)
    lengths = 12 + np.arange(90) - starts + 1
    assert cost * lengths == pytest.approx(total[-1], rel=1e-4, abs=2e-3)
    assert (int(cost.argmin()), int(starts[cost.argmin()])) == (41, 30)


@pytest.mark.parametrize("diagonal", [1.0, 2.0])
def test_a_part_of_a_recording_is_the_best_of_all_parts(diagonal):
    query, recording = sequence(4, 6), sequence(7, 7)
    table = costs(query, recording, "cosine")
    cost, starts = dtw.subsequence(query, recording, "cosine", diagonal)
    for end in range(7):
        least = {
            start: min(
                weighed(path, table[:, start : end + 1], diagonal)
                for path in all_paths(4, end - start + 1)
            )
            for start in range(end + 1)
        }
        start = int(starts[end])
        assert least[start] == pytest.approx(min(least.values()), rel=1e-4)
        assert cost[end] == pytest.approx(least[start] / (4 + end - start + 1), rel=1e-4)


@pytest.mark.parametrize("diagonal", [1.0, 1.2])
def test_near_a_place_it_is_the_best_part_that_ends_there(diagonal):
    query = sequence(12, 8)
    pieces = [sequence(length, 9 + length) for length in (40, 25, 31)]
    pieces[0][20:32] = query
    places = np.array([[18, 30], [0, 10], [20, 31]])
    least, spans = dtw.around(query, pieces, places, 5, diagonal=diagonal)
    assert spans[0].tolist() == [20, 32] and least[0] == pytest.approx(0, abs=1e-5)
    for index, (start, end) in enumerate(places):
        cost, starts = dtw.subsequence(query, pieces[index], diagonal=diagonal)
        lengths = np.arange(len(cost)) - starts + 1
        cost = cost * (12 + lengths) / np.sqrt(12 * lengths)
        ends = range((start + end) // 2, min(len(cost), end + 5))
        best = min(ends, key=lambda one: cost[one])
        assert least[index] == pytest.approx(cost[best], rel=1e-4, abs=1e-5)
        assert spans[index].tolist() == [starts[best], best + 1]


def test_frames_of_silence_cost_no_error():
    silent = np.zeros((5, 5), np.float32)
    assert dtw.distance(silent, sequence(4, 0)) == pytest.approx(5 / 9)
    assert np.isfinite(dtw.subsequence(silent, sequence(9, 0))[0]).all()


def test_features_are_cepstra_and_their_slopes():
    frames = torch.randn(30, 40, generator=torch.Generator().manual_seed(0))
    found = dtw.features(frames, cepstra=6, slope=2.0)
    cepstra = dct(frames.numpy(), axis=1, norm="ortho")[:, :6]
    weights = np.array([2, 1, 0, -1, -2]) / 10  # of five frames, the last first
    slopes = np.stack([np.convolve(column, weights, "valid") for column in cepstra.T], 1)
    assert found.shape == (30, 18) and found.dtype == np.float32
    assert found[:, :6] == pytest.approx(cepstra, abs=1e-5)
    assert found[2:-2, 6:12] == pytest.approx(2 * slopes, abs=1e-5)


def test_sequences_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="as many features each"):
        dtw.distance(sequence(4, 0), sequence(4, 0, features=6))
    with pytest.raises(ValueError, match="as many features each"):
        dtw.path(np.zeros(4), np.zeros(4))
    with pytest.raises(ValueError, match="has no frame"):
        dtw.among([sequence(4, 0), sequence(0, 0)])
    with pytest.raises(ValueError, match="'cosine' or 'euclidean', got 'manhattan'"):
        dtw.distance(sequence(4, 0), sequence(4, 0), "manhattan")


def test_ten_thousand_pairs_take_less_than_a_second():
    some = [sequence(45, seed, 39) for seed in range(142)]
    dtw.among(some[:3])  # compile
    start = time.thread_time()
    dtw.among(some)
    assert time.thread_time() - start < 2  # about 0.1 s of this thread


def test_kernels_compile_where_nothing_can_be_kept(monkeypatch):
    import numba

    real = numba.njit

    def njit(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(dtw.numba, "njit", njit)
    assert dtw.compiled(lambda x: x + 1)(1) == 2
