"""Looking at places again: in parts of a long query, and by aligning it."""

import numpy as np
import pytest
import torch

from hub_search import dtw, places
from hub_search.places import Places, joined, looked_again, looked_at, parts, same_place, sounds


def found(*rows: tuple[int, int, int, float]) -> Places:
    """Return places of recording, start, end and score each."""
    table = np.array(rows, float).reshape(-1, 4)
    return Places(table[:, 0].astype(int), table[:, 1:3].astype(np.int64), table[:, 3])


@pytest.mark.parametrize("frames", [5, 60, 120, 121, 150, 333, 1000])
def test_parts_cover_a_query_and_overlap_by_half(frames):
    some = parts(frames)
    assert some[0][0] == 0 and some[-1][1] == frames
    if frames <= 120:
        assert len(some) == 1
        return
    starts = np.array(some)[:, 0]
    assert {end - start for start, end in some} == {60}
    assert (np.diff(starts) > 10).all() and (np.diff(starts) <= 31).all()


def test_windows_that_follow_each_other_as_the_parts_do_are_one_place():
    assert parts(150) == [(0, 60), (30, 90), (60, 120), (90, 150)]
    # In recording 7 the four parts come from frame 1000 on; in 8 only the first comes, most alike.
    ours = [found((7, 1000 + 30 * n, 1060 + 30 * n, 0.5)) for n in range(4)]
    ours[0] = found((8, 40, 100, 0.8), (7, 1000, 1060, 0.5))
    ours[3] = found((7, 1090, 1150, 0.5), (8, 900, 960, 0.1))
    whole = joined(ours, 150)
    assert whole.recording[0] == 7 and whole.spans[0].tolist() == [1000, 1150]
    assert whole.scores[0] == pytest.approx(0.5)
    other = whole[whole.recording == 8]
    assert other.spans[0].tolist() == [40, 190]
    assert other.scores[0] == pytest.approx((0.8 + 0.5 + 0.5 + 0.1) / 4)  # the worst that is found
    assert len(whole) == 3  # four windows tell of the first place, which comes once


def test_a_slower_saying_is_longer_and_none_begins_before_its_recording():
    slow = places.spread(found((0, 90, 180, 1.0), (0, 20, 80, 1.0)), (60, 120), 180)
    assert slow.spans.tolist() == [[0, 270], [0, 140]]
    wild = places.spread(found((0, 500, 620, 1.0)), (0, 60), 100)
    assert wild.spans.tolist() == [[500, 660]]  # at most 1.6 times as long


def test_a_short_query_is_looked_up_as_it_is():
    one = found((0, 3, 50, 0.4), (1, 3, 50, 0.3))
    assert joined([one], 47) is one
    empty = found()
    assert len(joined([empty, empty, empty, empty], 150)) == 0


def test_places_are_one_that_overlap_by_half_in_one_recording():
    some = found((0, 0, 100, 0), (0, 50, 150, 0), (0, 30, 110, 0), (1, 0, 100, 0))
    assert same_place(some, some)[0].tolist() == [True, False, True, False]


def test_long_queries_are_aligned_with_fewer_places():
    assert looked_at(50, 100) == 300 and looked_at(50, 100, 100) == 1000
    assert looked_at(50, 10_000) == 500 and looked_at(50, 10**6) == 1000
    assert looked_at(1000, 100) == 20
    assert looked_at(200, 100) * 200**2 * 1.6 <= 8e6


def test_sounds_of_places_are_those_of_their_recordings():
    whole = torch.randn(200, 40, generator=torch.Generator().manual_seed(0))
    cepstra = dtw.mfcc(whole, dtw.CEPSTRA).numpy()
    spans = np.array([[50, 90], [2, 30], [170, 230]])
    pieces, within = sounds([cepstra] * 3, spans, margin=10)
    assert within.tolist() == [[10, 50], [2, 30], [10, 40]]
    features = dtw.features(whole)
    assert pieces[0] == pytest.approx(features[40:100], abs=1e-5)
    assert [len(piece) for piece in pieces] == [60, 40, 40]
    assert pieces[1][8:] == pytest.approx(features[8:40], abs=1e-5)
    assert pieces[2][:-8] == pytest.approx(features[160:192], abs=1e-5)


def test_an_alignment_corrects_the_ends_and_tells_the_same_sound():
    generator = np.random.default_rng(0)
    sound = generator.normal(size=(200, 24)).astype(np.float32)
    query, other = sound[60:110], generator.normal(size=(90, 24)).astype(np.float32)
    within = np.array([[20, 60], [20, 70]])
    scores, spans = looked_again(query, [sound[50:130], other], within, np.array([0.7, 0.7]))
    # The window is off by 10 at both ends, [70, 110) for [60, 110): halfway to what is aligned.
    assert spans[0].tolist() == [15, 60]
    assert scores[0] == pytest.approx((0.7 + 0.8) / 1.8, abs=1e-4)
    assert scores[1] < scores[0] - 0.1
    long = np.concatenate([query, sound[110:190]])
    _, spans = looked_again(long, [sound[40:]], np.array([[5, 140]]), np.array([0.5]))
    assert spans[0].tolist() == [20, 150]
