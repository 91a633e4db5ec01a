import itertools

import pytest

from hub import benchmark


@pytest.fixture
def clock(monkeypatch):
    """Let seconds pass only when a call says so."""
    now = [0.0]
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: now[0])

    def taking(*durations):
        left = itertools.cycle(durations)

        def call():
            now[0] += next(left)

        return call

    return taking


def test_a_rate_is_compared_by_the_medians_of_calls_in_turns(clock):
    bench = benchmark.compare("x", clock(1, 1, 9), clock(2), peer_is="p", items=10, runs=3)
    assert (bench.ours, bench.peer, bench.ratio) == (10, 5, 2)
    assert bench.unit == "images/s" and bench.runs == 3


def test_settled_calls_are_timed_after_one_that_is_not(clock):
    slow_at_first = clock(1, 8, 1, 8, 1)  # the first warms up; then each after another's
    bench = benchmark.compare(
        "x", slow_at_first, clock(2), peer_is="p", items=1, runs=2, settled=True
    )
    assert (bench.ours, bench.peer) == (1, 0.5)


def test_a_latency_is_ours_over_the_peers(clock):
    bench = benchmark.compare("x", clock(0.003), clock(0.002), peer_is="p")
    assert bench.ours == pytest.approx(3) and bench.ratio == pytest.approx(1.5)
    assert bench.unit == "ms"
