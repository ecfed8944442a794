import threading
import time

from prometheus_client import CollectorRegistry

from roost_cloud.db import DatabaseUnavailableError
from roost_cloud.director.worker import Director, Duty


def rounds(metrics: CollectorRegistry, outcome: str) -> float:
    return metrics.get_sample_value("roost_director_rounds_total", {"loop": "sweep", "outcome": outcome}) or 0.0


def told_within_s(director: Director, patience_s: float) -> str | None:
    end_s = time.monotonic() + patience_s
    while director.problem is None and time.monotonic() < end_s:
        time.sleep(0.001)
    return director.problem


def test_a_duty_is_done_again_and_again() -> None:
    metrics, thrice = CollectorRegistry(), threading.Event()
    done: list[None] = []

    def sweep() -> None:
        done.append(None)
        if len(done) == 3:
            thrice.set()

    director = Director((Duty("sweep", 0.001, sweep),), metrics, first_after_s=0)
    director.start()
    assert thrice.wait(10)
    director.stop()
    assert rounds(metrics, "done") == len(done)
    assert director.problem is None


def test_a_failed_round_is_told_until_one_succeeds() -> None:
    metrics, failed, mended = CollectorRegistry(), threading.Event(), threading.Event()
    succeeds = threading.Event()

    def sweep() -> None:
        if not succeeds.is_set():
            failed.set()
            raise DatabaseUnavailableError("it is away")
        mended.set()

    director = Director((Duty("sweep", 0.001, sweep),), metrics, first_after_s=0)
    director.start()
    assert failed.wait(10)
    assert told_within_s(director, 10) == "sweep: database.unavailable: it is away"
    succeeds.set()
    assert mended.wait(10)
    director.stop()
    assert told_within_s(director, 0) is None
    assert rounds(metrics, "database.unavailable") >= 1


def test_a_fault_of_our_own_ends_no_duty() -> None:
    metrics, mended, broken = CollectorRegistry(), threading.Event(), [True]

    def sweep() -> None:
        if broken:
            broken.pop()
            raise KeyError("nobody meant this")
        mended.set()

    director = Director((Duty("sweep", 0.001, sweep),), metrics, first_after_s=0, draw=lambda: 0.001)
    director.start()
    assert mended.wait(10)
    director.stop()
    assert told_within_s(director, 0) is None
    assert rounds(metrics, "role.fault") == 1


def test_one_that_never_had_a_round_stops_at_once() -> None:
    never = Director((Duty("sweep", 1, lambda: None),), CollectorRegistry())
    never.stop()
    waiting = Director((Duty("sweep", 1, lambda: None),), CollectorRegistry())
    waiting.start()
    waiting.stop()
