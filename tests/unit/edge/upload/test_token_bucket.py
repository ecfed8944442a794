import pytest

from roost_edge.upload.token_bucket import TokenBucket
from roost_shared.clock import MS, SECOND


def test_without_a_rate_nobody_waits() -> None:
    bucket = TokenBucket(None)
    assert [bucket.take(bucket.chunk_bytes, 0) for _ in range(100)] == [0] * 100


def test_unused_time_is_not_saved_up() -> None:
    bucket = TokenBucket(1000)
    bucket.take(100, 0)
    waits = [bucket.take(100, 3600 * SECOND) for _ in range(4)]
    assert waits == [0, 0, 0, 50_000_000]


def test_what_is_sent_without_waiting_is_waited_for_by_what_follows() -> None:
    bucket = TokenBucket(1000)
    bucket.spend(850, 0)
    assert [bucket.take(100, 0) // MS for _ in range(2)] == [600, 700]


@pytest.mark.parametrize(("rate", "chunk_bytes"), [(1, 1), (5, 1), (1000, 100), (1e9, 256 << 10)])
def test_chunks_are_small_against_the_rate_and_never_nothing(rate: float, chunk_bytes: int) -> None:
    assert TokenBucket(rate).chunk_bytes == chunk_bytes


@pytest.mark.parametrize("rate", [0, -1])
def test_rate_that_sends_nothing_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="sends nothing"):
        TokenBucket(rate)
