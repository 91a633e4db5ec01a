"""The index: exact while small, near to exact when large."""

import faiss
import numpy as np
import pytest

from hub_search.index import Index, cosines

faiss.omp_set_num_threads(1)  # threads that wait for each other take long on a busy machine


def vectors(count, dimensions=32, seed=0):
    """Return unit vectors in clusters, (count, dimensions) float16."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(50, dimensions))
    found = centres[rng.integers(0, 50, count)] + 0.5 * rng.normal(size=(count, dimensions))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def unit(vector):
    return vector.astype(np.float32) / np.linalg.norm(vector.astype(np.float32))


def exact(query, kept, rows, count):
    order = np.argsort(-cosines(kept[rows], query), kind="stable")[:count]
    return rows[order]


@pytest.fixture(scope="module")
def large():
    """Return vectors, and an inverted file of the first 6000 of them."""
    kept = vectors(8000)
    index = Index(32, large=2000)
    index.add(np.arange(1500), kept)
    assert index.inverted is None
    index.add(np.arange(1500, 6000), kept)
    assert index.inverted is not None and len(index) == 6000
    return kept, index


def test_a_small_index_finds_what_looking_at_all_finds():
    kept = vectors(500)
    index = Index(32)
    index.add(np.arange(100, 500), kept)
    query = unit(vectors(1, seed=7)[0])
    rows, scores = index.nearest(query, 10, kept)
    assert rows.tolist() == exact(query, kept, np.arange(100, 500), 10).tolist()
    assert scores == pytest.approx(kept[rows].astype(np.float32) @ query, abs=1e-3)
    assert (np.diff(scores) <= 0).all()


def test_a_large_index_finds_almost_all_that_looking_at_all_finds(large):
    kept, index = large
    queries = [unit(one) for one in vectors(50, seed=3)]
    found = [
        len(set(index.nearest(one, 10, kept)[0]) & set(exact(one, kept, np.arange(6000), 10)))
        for one in queries
    ]
    assert np.mean(found) / 10 > 0.9


def test_a_vector_finds_itself_with_cosine_one(large):
    kept, index = large
    rows, scores = index.nearest(unit(kept[1234]), 1, kept)
    assert rows[0] == 1234 and scores[0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("threshold", [100, 10_000])
def test_what_was_removed_is_not_found_and_the_rest_is(threshold):
    kept = vectors(1000)
    index = Index(32, large=threshold)
    index.add(np.arange(1000), kept)
    index.remove(np.arange(200, 400))
    index.remove(np.array([200, 5000]))  # gone already, never there
    assert len(index) == 800
    assert index.indexed().tolist() == [*range(200), *range(400, 1000)]
    assert index.nearest(unit(kept[300]), 5, kept)[0].min() >= 0
    assert 300 not in index.nearest(unit(kept[300]), 800, kept)[0]
    assert index.nearest(unit(kept[777]), 1, kept)[0][0] == 777


def test_a_saved_index_finds_the_same_when_it_is_opened(large, tmp_path):
    kept, index = large
    index.save(tmp_path / "index")
    other = Index(32)
    other.open(tmp_path / "index", index.trained)
    query = unit(vectors(1, seed=9)[0])
    for one, same in zip(index.nearest(query, 10, kept), other.nearest(query, 10, kept)):  # noqa: B905
        assert one.tolist() == same.tolist()


def test_an_index_that_outgrew_its_training_is_trained_again():
    kept = vectors(3000)
    index = Index(32, large=400)
    index.add(np.arange(500), kept)
    assert index.trained == 500
    index.add(np.arange(500, 3000), kept)
    assert index.trained == 3000 and len(index) == 3000


def test_training_is_always_the_same():
    kept = vectors(1000)
    query = unit(vectors(1, seed=5)[0])
    found = []
    for _ in range(2):
        index = Index(32, large=400)
        index.add(np.arange(1000), kept)
        found.append(index.nearest(query, 20, kept)[0].tolist())
    assert found[0] == found[1]


def test_an_empty_index_finds_nothing():
    rows, scores = Index(32).nearest(unit(vectors(1)[0]), 5, vectors(1))
    assert len(rows) == len(scores) == 0
