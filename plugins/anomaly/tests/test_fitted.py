import numpy as np
import pandas
import pytest

from hub.errors import InputError
from hub_anomaly.kept import Kept
from hub_anomaly.tables import fitted as module
from hub_anomaly.tables.fitted import Fitted
from hub_anomaly.tables.model import ModelConfig

SMALL = ModelConfig(width=32, layers=2, steps=100, batch=64)


def table(rows=200, odd=20, seed=0):
    """Rows whose width is twice their height, and some whose is not."""
    rng = np.random.default_rng(seed)
    height = rng.uniform(1, 9, rows)
    width = 2 * height + 0.1 * rng.normal(size=rows)
    width[-odd:] = rng.permutation(width[-odd:]) + 3 if odd else width[-odd:]
    kind = np.array(["good"] * (rows - odd) + ["cracked", "bent"] * (odd // 2))
    names = [f"part {one}" for one in range(rows)]
    return pandas.DataFrame({"height": height, "width": width, "name": names, "state": kind})


def test_a_table_without_labels_is_learned_as_a_whole():
    fitted = Fitted.of(table().drop(columns="state"), config=SMALL)
    assert (
        fitted.rows == 200
        and fitted.judged is None
        and fitted.columns.names
        == [
            "height",
            "width",
        ]
    )
    assert fitted.notes == ("name is left away: 200 different texts in 200 rows",)
    (found,) = fitted.scores(pandas.DataFrame({"height": [3.0, 3.0], "width": [6.0, 15.0]}))
    assert found.score[0] < found.score[1]


def test_with_labels_half_of_the_usual_rows_is_kept_apart_to_judge():
    fitted = Fitted.of(table(), "state", config=SMALL)
    assert fitted.anomalous == ("cracked", "bent") and fitted.rows == 90
    assert (fitted.judged.usual, fitted.judged.anomalous) == (90, 20)
    assert fitted.judged.auroc > 95 and fitted.judged.ap > 80
    assert len(fitted.held_out[0]) == 110 and fitted.held_out[1].sum() == 20
    assert fitted.truth(table())[-20:].all() and fitted.truth(table().drop(columns="state")) is None
    one = Fitted.of(table(), "state", ("bent",), config=SMALL)
    assert one.anomalous == ("bent",) and one.judged.anomalous == 10


def test_rows_of_its_own_table_are_known_again_and_set_beside_the_others():
    fitted = Fitted.of(table(), "state", config=SMALL)
    known = fitted.knows(table())
    assert known.sum() == fitted.rows == 90 and not known[-20:].any()
    (found,) = fitted.scores(table())
    assert np.array_equal(found.score[known], fitted.detector.own)
    (alone,) = fitted.scores(table().iloc[known])
    assert (alone.score < found.score[known]).mean() > 0.9  # each is its own neighbour
    for other in (table(seed=1), table().iloc[:-1]):
        assert not fitted.knows(other).any()


def test_many_rows_are_thinned_and_scored_in_parts(monkeypatch):
    monkeypatch.setattr(module, "MOST", 50)
    monkeypatch.setattr(module, "PART", 70)
    fitted = Fitted.of(table(odd=0), "", config=SMALL)
    assert fitted.rows == 50 and "50 of 200 usual rows" in fitted.notes[0]
    parts = list(fitted.scores(table(odd=0)))
    assert [len(one.score) for one in parts] == [70, 70, 60]


@pytest.mark.parametrize(
    ("label", "anomalous", "message", "argument"),
    [
        ("stat", (), "no column 'stat' of labels; it has the columns 'height'", "label"),
        ("state", ("broken",), "no value 'broken'; it has 'good', 'cracked', 'bent'", "anomalous"),
        ("name", (), "200 different values: that is no column of labels", "label"),
        ("state", ("good", "bent", "cracked"), "all 200 rows are anomalous", "label"),
    ],
)
def test_labels_that_cannot_be_used_are_told(label, anomalous, message, argument):
    with pytest.raises(InputError, match=message) as told:
        Fitted.of(table(), label, anomalous, config=SMALL)
    assert told.value.argument == argument


def test_labels_of_one_kind_are_told():
    with pytest.raises(InputError, match="by column 'state' all 180 rows are usual"):
        Fitted.of(table().iloc[:180], "state", config=SMALL)


def test_few_labelled_rows_are_learned_from_without_being_judged():
    fitted = Fitted.of(table(22, 4), "state", config=SMALL)
    assert fitted.rows == 18 and fitted.judged is None and "too few" in fitted.notes[0]


def test_a_table_that_does_not_fit_leaves_the_detector_as_it_was():
    fitted = Fitted.of(table(odd=0), config=SMALL)
    with pytest.raises(InputError, match="lacks the column 'width'"):
        fitted.scores(table().drop(columns="width"))
    assert len(next(fitted.scores(table())).score) == 200


def test_kept_detectors_make_room_for_newer_ones():
    kept = Kept(most=2)
    fitted = Fitted.of(table(odd=0), config=SMALL)
    ids = [kept.put(fitted) for _ in range(2)]
    kept.get(ids[0])  # used: the other one goes first
    ids.append(kept.put(fitted))
    assert kept.get(ids[0]) is kept.get(ids[2]) is fitted
    with pytest.raises(InputError, match="no such detector is here") as told:
        kept.get(ids[1])
    assert told.value.argument == "detector"
    small = Kept(most_bytes=1)
    small.put(fitted)
    last = small.put(fitted)
    assert small.get(last) is fitted and len(small.lively) == 1


def test_a_detector_is_found_by_a_process_that_did_not_make_it():
    kept, fitted = Kept(), Fitted.of(table(), "state", config=SMALL)
    id = kept.put(fitted)
    kept.lively.clear()
    again = kept.get(id)
    assert again is not fitted and again.judged == fitted.judged
    assert (
        np.array_equal(again.knows(table()), fitted.knows(table())) and again.knows(table()).any()
    )
    for one, other in zip(again.scores(table()), fitted.scores(table()), strict=True):
        assert np.allclose(one.score, other.score, atol=1e-5)
    folder = kept.folder
    del kept
    assert not folder.exists()
