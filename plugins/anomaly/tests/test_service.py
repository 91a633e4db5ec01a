import io
import json

import numpy as np
import pandas
import pytest

from hub.endpoints import endpoints_of
from hub.errors import InputError
from hub_anomaly import service as module
from hub_anomaly.comparing import PARTS
from hub_anomaly.examples import EXAMPLES
from hub_anomaly.service import Anomaly
from hub_anomaly.tables import fitted as fitting
from hub_anomaly.tables.model import ModelConfig


@pytest.fixture(scope="module")
def service(bare):
    return Anomaly(bare, "cpu")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Train for a second: what is measured is measured by `evaluate`."""
    real = fitting.Detector.fit.__func__
    config = ModelConfig(width=64, layers=2, steps=150, batch=64)

    def fit(cls, rows, given=None, *others, **named):
        return real(cls, rows, config, *others, **named)

    monkeypatch.setattr(fitting.Detector, "fit", classmethod(fit))


def ask(service, name, **given):
    """Call an endpoint as the hub does, arguments checked."""
    known = {one.name: one for one in endpoints_of(Anomaly).values()}[name]
    return getattr(service, name)(**known.check(given))


def csv(frame):
    return [frame.to_csv(index=False).encode()]


def test_an_example_is_learned_and_its_anomalies_found(service):
    told = []
    made = ask(service, "fit", example="cancer")
    made = service.fit(example="cancer", progress=lambda share, text: told.append(share))
    assert made["auroc"] > 90 and made["label"] == "diagnosis" and made["rows"] == 178
    assert len(made["columns"]) == 30 and told and told == sorted(told)
    counts = made["histogram"]
    assert len(counts["edges"]) == 61 and sum(counts["learned"]) == 178
    assert sum(counts["anomalous"]) == 212 and json.dumps(made)
    summary, content = ask(service, "score", detector=made["detector"], example="cancer", k=5)
    assert summary["rows"] == 569 and summary["auroc"] > 90 and json.dumps(summary)
    assert [one["anomalous"] for one in summary["top"]] == [True] * 5
    odd = summary["top"][0]["odd"]
    assert len(odd) == 10 and odd[0]["share"] == max(one["share"] for one in odd)
    scored = pandas.read_csv(io.BytesIO(content))
    assert len(scored) == 569 and list(scored.columns[-3:]) == ["score", "rarity", "oddest_column"]
    assert scored["score"].idxmax() == summary["top"][0]["row"]


def test_rows_that_were_learned_are_set_beside_the_others_and_not_judged_by(service):
    made = ask(service, "fit", example="cancer")
    summary, content = ask(service, "score", detector=made["detector"], example="cancer", k=569)
    groups = summary["scores"]
    assert {name: one["count"] for name, one in groups.items()} == {"usual": 179, "anomalous": 212}
    assert sum(one["learned"] for one in summary["top"]) == made["learned"]["count"] == 178
    assert (summary["auroc"], summary["ap"]) == (made["auroc"], made["ap"])
    learned = sorted(one["score"] for one in summary["top"] if one["learned"])
    assert learned == pytest.approx(made["learned"]["scores"], abs=1e-4)
    table = EXAMPLES["cancer"].table().iloc[::-1]
    other, _ = ask(service, "score", detector=made["detector"], table=csv(table), k=10)
    assert not any(one["learned"] for one in other["top"])


def test_the_columns_that_are_odd_most_are_told_with_their_values(service):
    made = ask(service, "fit", table=csv(mixed()))
    new = mixed(40)
    new.loc[:4, "size"] = 40.0
    new.loc[7, "kind"] = None
    summary, _ = ask(service, "score", detector=made["detector"], table=csv(new), k=40)
    assert sorted(summary["columns"]) == ["day", "kind", "size"]
    assert summary["scores"]["new"]["count"] == 40 and summary["auroc"] is None
    for row in summary["top"]:
        assert sum(row["shares"]) == pytest.approx(1, abs=1e-3)
        kind = None if row["row"] == 7 else new["kind"].iloc[row["row"]]
        assert row["values"][summary["columns"].index("kind")] == kind
    size = summary["columns"].index("size")
    assert {one["values"][size] for one in summary["top"][:5]} == {"40.0"}
    assert summary["top"][0]["shares"][size] == max(summary["top"][0]["shares"])


def test_many_scores_are_told_by_some():
    found = module.curve(np.random.default_rng(0).permutation(5_001) / 5_000)
    assert found["count"] == 5_001 and len(found["scores"]) == module.CURVE
    assert found["scores"] == sorted(found["scores"])
    assert (found["scores"][0], found["scores"][-1]) == (0, 1)
    assert module.curve(np.zeros(0)) == {"count": 0, "scores": []}


def test_a_table_is_described_and_its_labels_are_found(service):
    table = mixed(60)
    table["Class"] = np.where(np.arange(60) < 5, 1, 0)
    found = ask(service, "describe", table=csv(table))
    assert (found["rows"], found["columns"], found["label"]) == (60, 4, "Class")
    labels = {one["name"]: one["values"] for one in found["labels"]}
    assert labels["Class"] == ["0", "1"] and set(labels["kind"]) == {"a", "b"}
    assert "size" not in labels
    found = ask(service, "describe", example="digits")
    assert found["label"] == "digit" and found["columns"] == 65
    with pytest.raises(InputError, match="got neither"):
        ask(service, "describe")


def mixed(rows=150):
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b"], rows)
    return pandas.DataFrame(
        {
            "kind": kind,
            "size": np.where(kind == "a", 1.0, 5.0) + 0.1 * rng.normal(size=rows),
            "day": pandas.Timestamp("2026-01-01")
            + pandas.to_timedelta(rng.integers(9, size=rows), "D"),
        }
    )


def test_a_visitors_table_is_learned_and_odd_columns_are_named(service):
    made = ask(service, "fit", table=csv(mixed()))
    assert made["auroc"] is None and [one["kind"] for one in made["columns"]] == [
        "category",
        "number",
        "date" if made["columns"][2]["kind"] == "date" else "category",
    ]
    new = mixed(3)
    new.loc[1, "size"] = 40.0
    new["comment"] = "not known to the detector"
    summary, content = ask(service, "score", detector=made["detector"], table=csv(new))
    top = summary["top"][0]
    assert (
        top["row"] == 1 and top["odd"][0]["column"] == "size" and top["odd"][0]["value"] == "40.0"
    )
    assert "comment" in content.decode().splitlines()[0]


def test_the_detector_survives_a_table_that_does_not_fit(service):
    made = ask(service, "fit", table=csv(mixed()))
    with pytest.raises(InputError, match="lacks the column 'size'.*it has the column 'length'"):
        ask(
            service,
            "score",
            detector=made["detector"],
            table=csv(mixed().rename(columns={"size": "length"})),
        )
    assert ask(service, "score", detector=made["detector"], table=csv(mixed()))[0]["rows"] == 150
    with pytest.raises(InputError, match="no such detector"):
        ask(service, "score", detector="0" * 20, table=csv(mixed()))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give either a table or the name of an example; got neither"),
        ({"table": [b"a\n1\n2\n"], "example": "cancer"}, "got both"),
        ({"table": [b"a,b\n1,2\n"]}, "1 row; what is usual is learned from at least two"),
        ({"table": [b"a,a\n1,2\n3,4\n"]}, "several columns called 'a'"),
        ({"table": [b"a,b\n,\n,\n,\n"]}, "no column of the table can be learned from"),
        ({"example": "cancer", "label": "age"}, "no column 'age' of labels"),
    ],
)
def test_what_cannot_be_learned_is_told(service, given, message):
    with pytest.raises(InputError, match=message):
        ask(service, "fit", **given)


def test_constant_columns_and_infinities_are_taken(service):
    rows = "a,b,c\n" + "".join(f"{one % 7},1,{'inf' if one == 3 else one}\n" for one in range(60))
    made = ask(service, "fit", table=[rows.encode()])
    summary, _ = ask(service, "score", detector=made["detector"], table=[b"a,b,c\n3,1,5\n3,9,5\n"])
    assert summary["top"][0]["row"] == 1


def test_ours_is_compared_with_others_on_the_same_rows(service):
    pytest.importorskip("pyod")
    found = ask(service, "compare", example="digits")
    names = [one["detector"] for one in found["results"]]
    assert sorted(names) == sorted(["ours", *PARTS, *module.COMPARED_WITH])
    took = {one["detector"]: one["seconds"] for one in found["results"]}
    assert took["ours"] > 0 and took["kNN"] is not None and took["reconstruction"] is None
    assert found["results"][names.index("ours")]["auroc"] > 95
    scores = [one["auroc"] for one in found["results"]]
    assert scores == sorted(scores, reverse=True)
    with pytest.raises(InputError, match="label is needed to compare"):
        ask(service, "compare", table=csv(mixed()))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_have_what_they_say(name):
    example = EXAMPLES[name]
    if not example.available:
        pytest.skip(f"no {example.needs}")
    table = example.table()
    truth = table[example.label].astype(str).isin(example.anomalous)
    assert 0.01 < truth.mean() < 0.4 and len(table) > 200


def test_a_score_does_not_replace_a_column_of_that_name(service):
    table = mixed().rename(columns={"size": "score"})
    made = ask(service, "fit", table=csv(table))
    _, content = ask(service, "score", detector=made["detector"], table=csv(table))
    names = content.decode().splitlines()[0].split(",")
    assert names == ["kind", "score", "day", "score_", "rarity", "oddest_column"]


def test_a_detector_that_was_here_already_is_told_of_and_scores(service, monkeypatch):
    made = ask(service, "fit", example="digits")
    told = ask(service, "about", detector=made["detector"])
    assert told == {**made, "seconds": None}
    monkeypatch.setattr(service.kept, "always", {"fraud": service.kept.get(made["detector"])})
    assert ask(service, "about", detector="fraud") == {**told, "detector": "fraud"}
    summary, _ = ask(service, "score", detector="fraud", example="digits", k=3)
    assert len(summary["top"]) == 3 and summary["auroc"] > 90
    with pytest.raises(InputError, match="no such detector is here"):
        ask(service, "about", detector="intrusion")
