import numpy as np
import pytest
import torch

from hub_anomaly.tables import adbench, evaluate
from hub_anomaly.tables.detector import Detector
from hub_anomaly.tables.evaluate import Result, summaries
from hub_anomaly.tables.model import Denoiser, ModelConfig, crowding, noise_of, trained
from hub_anomaly.tables.neighbours import Space, nearest

SMALL = ModelConfig(width=32, layers=2, steps=150, batch=64)
needs_data = pytest.mark.skipif(not adbench.available(), reason="no data sets")


def curve(rows, seed=0):
    """Points beside a curve in five dimensions."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, rows)
    points = np.stack([t, t**2, np.sin(3 * t), np.cos(3 * t), t**3], 1)
    return 10 * points + 100 + 0.1 * rng.normal(size=points.shape)


def test_the_more_values_crowd_the_stronger_the_noise():
    rng = np.random.default_rng(0)
    heavy = rng.standard_t(3, 5000)
    columns = [rng.random(5000) < 0.3, rng.uniform(size=5000), rng.normal(size=5000), heavy]
    binary, uniform, normal, peaked = map(crowding, np.array(columns, float))
    assert binary == 1.8 and uniform == pytest.approx(1.8, abs=0.1)
    assert normal == pytest.approx(2.6, abs=0.4) and normal < peaked
    noise = noise_of(np.stack(columns, 1).astype(float))
    assert noise.dtype == np.float32 and (np.diff(noise) > -0.05).all() and noise[0] < 0.31
    assert noise_of(np.ones((50, 1)))[0] == noise[0]  # one value: as two


def test_a_network_learns_where_rows_lie():
    rows = torch.from_numpy(curve(500)).float()
    rows = (rows - rows.mean(0)) / rows.std(0)
    network = trained(rows, torch.full((5,), 0.3), ModelConfig(width=64, steps=600))
    untrained = Denoiser(5, SMALL)
    generator = torch.Generator().manual_seed(1)
    unit = torch.randn(500, 5, generator=generator)
    strength = torch.ones(500, 1)

    def error(one):
        return (one(rows + 0.3 * unit, strength) - unit).square().mean().item()

    assert error(untrained) == pytest.approx(1, abs=0.1) and error(network) < 0.6


def test_training_can_be_followed_and_given_up():
    told = []
    trained(torch.randn(50, 3), torch.ones(3), SMALL, told=told.append)
    assert told[0] == 0 and told == sorted(told) and 0.8 < told[-1] < 1

    def stop(share):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        trained(torch.randn(50, 3), torch.ones(3), SMALL, told=stop)


def test_distances_are_those_of_brute_force_without_oneself():
    rng = np.random.default_rng(0)
    rows, new = rng.normal(size=(60, 4)), rng.normal(size=(9, 4))
    rows[7] = rows[8]  # twice the same
    space = Space.of(rows)
    apart = np.linalg.norm(rows[:, None] - rows, axis=2)
    np.fill_diagonal(apart, np.inf)
    own = np.sort(apart, 1)[:, :5].mean(1)
    np.testing.assert_allclose(space.apart, own, rtol=1e-4)
    far = np.linalg.norm(new[:, None] - rows, axis=2)
    nearest = np.argsort(far, 1)[:, :5]
    distance = np.take_along_axis(far, nearest, 1).mean(1)
    least = 0.1 * np.median(own)
    expected = np.log(distance + least) - 0.5 * np.log(own[nearest].mean(1) + least)
    np.testing.assert_allclose(space.strangeness(new), expected, rtol=1e-3, atol=1e-4)
    nearest = np.argsort(apart, 1)[:, :5]
    expected = np.log(own + least) - 0.5 * np.log(own[nearest].mean(1) + least)
    np.testing.assert_allclose(space.own, expected, rtol=1e-3, atol=1e-3)


def test_of_many_rows_those_in_the_nearest_cells_are_looked_at():
    rng = np.random.default_rng(0)
    rows, new = (rng.normal(size=(count, 8)).astype(np.float32) for count in (4000, 200))
    rows[1] = rows[0]
    space = Space.of(rows)
    far = np.sort(np.linalg.norm(new[:, None] - rows, axis=2), 1)[:, :5].mean(1)
    numbers, squares = nearest(space.index, new, 5)
    found = np.sqrt(squares).mean(1)
    assert (found > 0.999 * far).all() and (found / far).mean() < 1.02
    assert np.isfinite(space.own).all() and nearest(space.index, rows[:1], 2)[1].max() == 0
    same = Space.of(np.ones((3000, 2), np.float32))
    assert (same.apart == 0).all() and np.isfinite(same.own).all()


@pytest.mark.parametrize("rows", [2, 3, 7])
def test_few_rows_are_enough(rows):
    detector = Detector.fit(curve(rows), SMALL)
    assert np.isfinite(detector.scores(curve(20, 1)).score).all()


def test_rows_that_are_all_the_same_are_enough():
    detector = Detector.fit(np.ones((30, 3)), SMALL)
    near, far = detector.scores(np.array([[1.0, 1, 1], [1, 1, 9]])).score
    assert near < far


def test_what_lies_off_the_curve_is_unusual():
    usual, off = curve(200, 1), curve(200, 1)
    off[:, 2] = off[::-1, 2]  # each value is usual, not together
    detector = Detector.fit(curve(500), SMALL)
    for name in ("score", "code", "input", "reconstruction"):
        inside, outside = (
            detector.reconstruction(rows)
            if name == "reconstruction"
            else getattr(detector.scores(rows), name)
            for rows in (usual, off)
        )
        assert np.isfinite(inside).all() and np.isfinite(outside).all()
        above = (outside[:, None] > inside).mean()  # the area under the curve
        assert above > (0.6 if name == "reconstruction" else 0.9), name


def test_a_seed_gives_the_same_scores_and_one_row_is_scored_as_among_others():
    rows = curve(50, 1)
    one, other = (Detector.fit(curve(200), SMALL, seed=3).scores(rows).score for _ in range(2))
    assert np.array_equal(one, other)
    detector = Detector.fit(curve(200), SMALL, seed=3)
    assert detector.scores(rows[4:5]).score[0] == pytest.approx(one[4], abs=1e-3)


def test_the_odd_column_is_named_and_moved_back():
    usual = curve(300, 1)
    spoilt = usual.copy()
    which = np.random.default_rng(0).integers(5, size=300)
    spoilt[np.arange(300), which] += 20 * np.sign(100 - spoilt[np.arange(300), which])
    detector = Detector.fit(curve(1000), ModelConfig(width=64, steps=600))
    found = detector.scores(spoilt)
    assert (found.oddness.argmax(1) == which).mean() > 0.7
    odd = np.arange(300), which
    before, after = (np.abs(one - usual)[odd] for one in (spoilt, found.restored))
    assert (after < before).mean() > 0.9


def test_rarity_is_a_rank_among_usual_rows():
    detector = Detector.fit(curve(400), SMALL)
    assert (np.diff(detector.usual) >= 0).all() and len(detector.usual) == 400
    usual = detector.rarity(detector.scores(curve(400, 1)).score)
    assert usual.min() >= 1 / 401 and usual.max() <= 1
    assert detector.rarity(detector.scores(np.full((1, 5), 1e3)).score)[0] == 1 / 401


def crowd(rows, seed):
    """Rows that a network can only learn by heart."""
    return np.random.default_rng(seed).normal(size=(rows, 12))


@pytest.mark.parametrize("rows", [60, 300])
def test_ranks_of_unseen_usual_rows_are_as_good_as_uniform(rows):
    known, new = crowd(rows, 0), crowd(2000, 1)
    detector = Detector.fit(known)
    ranks = detector.rarity(detector.scores(new).score)
    for level in (0.5, 0.2, 0.1):  # a table of 60 rows is itself a draw: 4 % of deviation at .1
        assert (ranks <= level).mean() == pytest.approx(level, abs=0.12)
    trusting = Detector.fit(known, calibrate=False)
    high = (trusting.rarity(trusting.scores(new).score) <= 0.1).mean()
    assert high > 1.5 * (ranks <= 0.1).mean()


def test_far_values_stay_finite():
    detector = Detector.fit(curve(100), SMALL)
    far = np.full((1, 5), 1e140)
    assert np.isfinite([detector.scores(far).score[0], detector.reconstruction(far)[0]]).all()


def result(name, detector, auroc, seed=0):
    return Result(name, "random", seed, detector, auroc, auroc / 2, 1.0)


def test_a_summary_is_the_mean_over_sets_of_means_over_seeds():
    results = [
        result("a", "ours", 90.0),
        result("a", "ours", 80.0, seed=1),
        result("a", "kNN", 85.0),
        result("b", "ours", 70.0),
        result("b", "kNN", 60.0),
        result("c", "ours", 10.0),  # nobody else was measured on it
    ]
    found = summaries(results, "random", ["ours", "kNN"])
    assert (found["ours"].auroc, found["ours"].ap, found["ours"].sets) == (77.5, 38.75, 2)
    assert found["ours"].rank == 1.25 and found["kNN"].rank == 1.75
    assert summaries(results, "published", ["ours"]) == {}


@needs_data
def test_sets_are_parted_as_their_protocols_say():
    names = adbench.names()
    assert len(names) == 29 and len(set(names)) == 29
    chosen, others = adbench.halves()
    assert len(chosen) == 15 and not set(chosen) & set(others)
    for split in ("random", "published"):
        part = adbench.parted("38_thyroid", split, 0)
        assert part.train.shape == (1839, 6) and len(part.test) == 1840 + 93
        assert part.anomalous.sum() == 93 and (part.weights == 1).all()
    rows, anomalous = adbench.rows_of("38_thyroid")
    assert np.array_equal(part.train, rows[~anomalous][:1839])
    large = adbench.parted("10_cover", "random", 1)
    assert len(large.train) == len(large.test) == 10_000
    share = large.weights[large.anomalous].sum() / large.weights.sum()
    _, every = adbench.rows_of("10_cover")
    assert share == pytest.approx(every.sum() / ((~every).sum() / 2 + every.sum()), rel=0.01)


@needs_data
@pytest.mark.parametrize("name, ordered", [("32_shuttle", True), ("33_skin", False)])
def test_sets_whose_source_is_long_have_no_order_in_the_published_split(monkeypatch, name, ordered):
    rows, anomalous = np.arange(20_000)[:, None], np.arange(20_000) % 10 == 0
    monkeypatch.setattr(adbench, "rows_of", lambda name: (rows, anomalous))
    assert (adbench.parted(name, "published", 0).train < 10_000).all() == ordered


@needs_data
def test_results_are_kept_and_not_measured_again(tmp_path):
    wanted = list(evaluate.jobs(["45_wine"], ["random"], 2, ["ours", "kNN"]))
    assert len(wanted) == 2
    file = tmp_path / "results.csv"
    pytest.importorskip("pyod")
    evaluate.append(file, evaluate.measured(wanted[0]))
    left = list(evaluate.jobs(["45_wine"], ["random"], 2, ["ours", "kNN"], evaluate.read(file)))
    assert left == wanted[1:]
    found = {one.detector: one for one in evaluate.read(file)}
    assert set(found) == {*evaluate.OURS, "kNN"} and found["ours"].auroc > 90


def test_a_card_tells_means_the_best_peer_and_the_half_that_nothing_was_chosen_on(monkeypatch):
    monkeypatch.setattr(adbench, "halves", lambda: (["a"], ["b"]))
    results = [
        result("a", "ours", 90.0),
        result("b", "ours", 70.0),
        result("a", "input", 88.0),
        result("b", "input", 70.0),
        result("a", "kNN", 85.0),
        result("b", "kNN", 71.0),
        result("a", "DTE-NP", 60.0),
        result("b", "DTE-NP", 60.0),
    ]
    found = evaluate.metrics(results)
    values = {name: one.value for name, one in found.items()}
    assert values == {
        "auroc_mean": 80,
        "ap_mean": 40,
        "auroc_mean_input": 79,
        "ap_mean_input": 39.5,
        "auroc_mean_knn": 78,
        "ap_mean_knn": 39,
        "auroc_mean_dte_np": 60,
        "ap_mean_dte_np": 30,
        "auroc_mean_best_peer": 78,
        "ap_mean_best_peer": 39,
        "mean_rank": 1.5,
        "mean_rank_best_peer": 1.5,
        "auroc_mean_other_half": 70,
        "ap_mean_other_half": 35,
    }
    assert found["auroc_mean_best_peer"].protocol.startswith("kNN; 2 tables of ADBench")
    assert not found["mean_rank"].higher_is_better
    quick = evaluate.metrics(results[:2], quick=True)
    assert set(quick) == {"auroc_mean_quick", "ap_mean_quick"}


@needs_data
def test_a_quick_measure_looks_at_ours_alone(monkeypatch, bare):
    from hub_anomaly.evaluate import evaluate as measure

    monkeypatch.setattr(evaluate, "QUICK_SETS", ("45_wine",))
    found = measure(bare, quick=True)
    assert found.data.startswith("tabular/adbench")
    assert set(found.metrics) == {"auroc_mean_quick", "ap_mean_quick"}
    assert found.metrics["auroc_mean_quick"].value > 90


def test_a_benchmark_tells_when_ours_is_as_good(monkeypatch):
    pytest.importorskip("pyod")
    from hub_anomaly.tables import benchmark

    rng = np.random.default_rng(0)
    usual, off = curve(300, 1), curve(100, 2)
    off[:, 2] = rng.permutation(off[:, 2])
    test = np.concatenate([usual, off])
    table = benchmark.Table("curve", curve(300), test, np.arange(400) >= 300)
    found = benchmark.as_good_as_an_auto_encoder([table], "cpu")
    assert found.ratio == found.peer / found.ours and "curve" in found.peer_is
    monkeypatch.setattr(benchmark, "ROWS", 300)
    monkeypatch.setattr(benchmark, "BATCH", 200)
    speed, memory = benchmark.streamed(500, "cpu")
    assert (
        speed.bench == "score a stream of 500 x 30" and speed.ours > 0 and memory.unit == "MB more"
    )
    (table,) = benchmark.tables()[:1]
    assert table.train.shape[1] == table.test.shape[1] and 0 < table.anomalous.mean() < 1
