"""However somebody sends, ten seconds carry at most 5 % above the rate, and no less than 5 % below if they hurry."""

from bisect import bisect_left
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from roost_edge.upload.token_bucket import TokenBucket
from roost_shared.clock import MS, SECOND

RATES = st.one_of(st.integers(20, 3000), st.floats(2_000, 50_000))
WINDOW_NS = 10 * SECOND


def most_in_a_window(sent: list[tuple[int, int]]) -> int:
    """The most bytes sent within ten seconds, of any that begin with a send."""
    times = [at_ns for at_ns, _ in sent]
    sums = [0, *accumulate(size_bytes for _, size_bytes in sent)]
    return max(sums[bisect_left(times, at_ns + WINDOW_NS)] - sums[number] for number, at_ns in enumerate(times))


@settings(deadline=None)
@given(RATES, st.lists(st.tuples(st.integers(0, 2000), st.floats(0.01, 1), st.integers(0, 300)), min_size=1))
def test_never_more_than_the_rate(rate: float, turns: list[tuple[int, float, int]]) -> None:
    """Each turn: idle for so many milliseconds, take a share of a chunk some times, wake so late from every wait."""
    bucket, now_ns, sent = TokenBucket(rate), 0, []
    for idle_ms, share, late_ms in turns:
        now_ns += idle_ms * MS
        for _ in range(12):
            size_bytes = max(1, int(bucket.chunk_bytes * share))
            wait_ns = bucket.take(size_bytes, now_ns)
            now_ns += wait_ns + (late_ms * MS if wait_ns else 0)
            sent.append((now_ns, size_bytes))
    assert most_in_a_window(sent) <= rate * 10 * 1.05


@settings(deadline=None)
@given(RATES, st.lists(st.integers(0, 100), min_size=1, max_size=50))
def test_no_less_if_somebody_always_waits(rate: float, late_ms: list[int]) -> None:
    bucket, now_ns, sent_bytes, turn = TokenBucket(rate), 0, 0, 0
    while now_ns < WINDOW_NS:
        wait_ns = bucket.take(bucket.chunk_bytes, now_ns)
        now_ns += wait_ns + (late_ms[turn % len(late_ms)] * MS if wait_ns else 0)
        sent_bytes += bucket.chunk_bytes
        turn += 1
    assert sent_bytes >= rate * 10 * 0.95
