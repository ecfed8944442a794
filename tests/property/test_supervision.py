"""Whatever befalls a worker, it is neither given up nor restarted in a frenzy."""

from hypothesis import given
from hypothesis import strategies as st

from roost_edge.workers.latency import LatencyHistogram
from roost_edge.workers.supervision import Loss, Supervision
from roost_shared.clock import MS, SECOND

durations = st.integers(0, 100 * SECOND)
lives = st.lists(
    st.tuples(
        st.none() | durations,  # ready after that long, or lost before
        st.lists(st.integers(0, 2 * SECOND), max_size=20),  # what its jobs took
        durations,  # and how long it lived then
        st.sampled_from(["crashed", "hung", "refused"]),
        st.floats(0, 1),
    ),
    max_size=30,
)


@given(lives)
def test_every_wait_is_bounded_and_every_limit_sane(
    story: list[tuple[int | None, list[int], int, Loss, float]],
) -> None:
    now_ns = 0
    jitter = 0.0
    worker = Supervision(lambda: jitter)
    for number, (ready_after_ns, jobs, lived_ns, loss, jitter) in enumerate(story):  # noqa: B007 - read by the worker
        if ready_after_ns is not None:
            now_ns += ready_after_ns
            worker.ready(now_ns, 4 * MS)
            assert worker.state == "ready"
        for took_ns in jobs:
            worker.scored(took_ns)
        assert 500 * MS <= worker.hang_limit_ns <= 30 * SECOND
        now_ns += lived_ns
        wait_ns = worker.lost(now_ns, loss)
        assert worker.restarts == number + 1
        if loss == "refused":
            assert 60 * SECOND <= wait_ns <= 3600 * SECOND
        else:
            assert 0 <= wait_ns <= 30 * SECOND
        if loss != "refused" and ready_after_ns is not None and lived_ns >= 10 * SECOND:
            assert wait_ns == 0


@given(st.lists(st.integers(1, 10**11), min_size=1, max_size=300), st.floats(0, 1))
def test_a_quantile_never_understates_what_was_counted(durations_ns: list[int], share: float) -> None:
    histogram = LatencyHistogram()
    for duration_ns in durations_ns:
        histogram.add(duration_ns)
    found_ns = histogram.quantile_ns(share)
    assert found_ns is not None
    below = sum(duration_ns <= found_ns for duration_ns in durations_ns)
    assert below >= share * len(durations_ns)
