from itertools import pairwise

import pytest

from roost_edge.workers.supervision import Loss, Supervision, WorkerState
from roost_shared.clock import MS, SECOND

GOLDEN_NS = 4 * MS


def supervision(random: float = 1.0) -> Supervision:
    return Supervision(lambda: random)


def test_it_begins_starting_and_becomes_ready() -> None:
    worker = supervision()
    states: list[WorkerState] = [worker.state]
    worker.ready(0, GOLDEN_NS)
    states.append(worker.state)
    assert states == ["starting", "ready"]


def test_a_fast_model_hangs_after_500_ms() -> None:
    worker = supervision()
    worker.ready(0, GOLDEN_NS)
    for _ in range(100):
        worker.scored(4 * MS)
    assert worker.hang_limit_ns == 500 * MS


def test_a_slow_model_hangs_after_three_times_its_p99() -> None:
    worker = supervision()
    worker.ready(0, 400 * MS)
    for _ in range(100):
        worker.scored(400 * MS)
    assert 1200 * MS <= worker.hang_limit_ns <= 1400 * MS


def test_golden_vectors_teach_the_limit_before_the_first_job() -> None:
    worker = supervision()
    worker.ready(0, 2 * SECOND)
    assert worker.hang_limit_ns >= 6 * SECOND


def test_the_limit_has_a_ceiling() -> None:
    worker = supervision()
    worker.ready(0, 100 * SECOND)
    assert worker.hang_limit_ns == 30 * SECOND


def test_a_worker_killed_before_its_first_score_gets_twice_the_time_until_it_scores() -> None:
    worker = supervision()
    for expected_ms in (500, 1000, 2000):
        worker.ready(0, GOLDEN_NS)
        assert worker.hang_limit_ns == expected_ms * MS
        worker.lost(SECOND, "hung")
    worker.ready(0, GOLDEN_NS)
    worker.scored(10 * MS)
    assert worker.hang_limit_ns == 500 * MS


def test_a_worker_that_served_and_then_hung_gets_no_more_time() -> None:
    worker = supervision()
    worker.ready(0, GOLDEN_NS)
    worker.scored(GOLDEN_NS)
    worker.lost(SECOND, "hung")
    worker.ready(2 * SECOND, GOLDEN_NS)
    assert worker.hang_limit_ns == 500 * MS


def test_a_start_that_hangs_says_nothing_of_jobs() -> None:
    worker = supervision()
    worker.lost(60 * SECOND, "hung")
    worker.ready(61 * SECOND, GOLDEN_NS)
    assert worker.hang_limit_ns == 500 * MS


@pytest.mark.parametrize("loss", ["crashed", "hung"])
def test_the_first_loss_restarts_at_once(loss: Loss) -> None:
    worker = supervision()
    worker.ready(0, GOLDEN_NS)
    assert worker.lost(SECOND, loss) == 0
    assert worker.state == "restarting"
    assert worker.restarts == 1


def test_losses_in_a_row_wait_longer_up_to_30_s() -> None:
    worker = supervision()
    waits = [worker.lost(0, "crashed") for _ in range(15)]
    assert waits[:4] == [0, 100 * MS, 200 * MS, 400 * MS]
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert waits[-1] == 30 * SECOND


def test_waits_are_jittered() -> None:
    worker = supervision(random=0.25)
    worker.lost(0, "crashed")
    assert worker.lost(0, "crashed") == 25 * MS


def test_five_quick_losses_still_start_within_a_second() -> None:
    worker = supervision()
    assert max(worker.lost(0, "crashed") for _ in range(5)) <= 800 * MS


def test_ten_good_seconds_forgive_everything() -> None:
    worker = supervision()
    for _ in range(8):
        worker.lost(0, "crashed")
    worker.ready(0, GOLDEN_NS)
    assert worker.lost(10 * SECOND, "crashed") == 0
    assert worker.lost(10 * SECOND, "crashed") == 100 * MS


def test_a_second_of_work_forgives_everything() -> None:
    worker = supervision()
    for _ in range(8):
        worker.lost(0, "crashed")
    worker.ready(0, GOLDEN_NS)
    worker.scored(4 * MS)
    assert worker.lost(1 * SECOND, "crashed") == 0


def test_work_of_less_than_a_second_forgives_nothing() -> None:
    worker = supervision()
    for _ in range(3):
        worker.lost(0, "crashed")
    worker.ready(0, GOLDEN_NS)
    worker.scored(4 * MS)
    assert worker.lost(999 * MS, "crashed") == 400 * MS


def test_being_ready_only_briefly_forgives_nothing() -> None:
    worker = supervision()
    for _ in range(3):
        worker.lost(0, "crashed")
    worker.ready(0, GOLDEN_NS)
    assert worker.lost(9 * SECOND, "crashed") == 400 * MS


def test_refused_content_fails_and_is_tried_again_after_minutes() -> None:
    worker = supervision()
    waits = [worker.lost(0, "refused") for _ in range(10)]
    assert worker.state == "failed"
    assert waits[0] == 120 * SECOND
    assert waits[-1] == 3600 * SECOND


def test_refusals_never_come_back_within_a_minute_whatever_the_jitter() -> None:
    assert supervision(random=0.0).lost(0, "refused") == 60 * SECOND


def test_a_mended_worker_starts_over() -> None:
    worker = supervision()
    for _ in range(5):
        worker.lost(0, "refused")
    worker.ready(0, GOLDEN_NS)
    assert worker.state == "ready"
    assert worker.lost(0, "refused") == 120 * SECOND


def test_stopped_is_final_in_name() -> None:
    worker = supervision()
    worker.stopped()
    assert worker.state == "stopped"
