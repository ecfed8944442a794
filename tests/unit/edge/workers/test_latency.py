import random

import pytest

from roost_edge.workers.latency import LatencyHistogram

ONE_BIN = 2 ** (1 / 8)


def test_nothing_counted_has_no_quantile() -> None:
    assert LatencyHistogram().quantile_ns(0.99) is None


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
def test_a_quantile_is_at_most_one_bin_too_high(share: float) -> None:
    draw = random.Random(1)
    durations = sorted(round(draw.lognormvariate(15, 1)) for _ in range(1000))
    histogram = LatencyHistogram()
    for duration in durations:
        histogram.add(duration)
    exact = durations[round(share * 1000) - 1]
    found = histogram.quantile_ns(share)
    assert found is not None
    assert exact <= found <= exact * ONE_BIN + 1


@pytest.mark.parametrize("took_ns", [0, -5, 1, 10_000])
def test_what_is_too_short_to_matter_shares_the_lowest_bin(took_ns: int) -> None:
    histogram = LatencyHistogram()
    histogram.add(took_ns)
    assert histogram.quantile_ns(0.5) == 10_000


def test_what_exceeds_the_range_counts_at_its_end() -> None:
    histogram = LatencyHistogram()
    histogram.add(10**15)
    found = histogram.quantile_ns(0.5)
    assert found is not None
    assert found > 160e9


def test_a_slow_past_is_forgotten() -> None:
    histogram = LatencyHistogram()
    for _ in range(4000):
        histogram.add(800_000_000)
    for _ in range(40_000):
        histogram.add(4_000_000)
    found = histogram.quantile_ns(0.99)
    assert found is not None
    assert found < 5_000_000
