"""What is seen of a contestant on trial: its scores, its faults, and what it says beside another."""

from roost_edge.changeover.evidence import ANSWER, Evidence, Subject, Watch
from roost_shared.clock import MS
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Score


def watch(beside: str | None = "old", **more: float | None) -> Watch:
    fields = {"predicted": None, **more}
    subject = Subject(
        name="new",
        contestant="a",
        bundle="b:2@sha256:00",
        beside=beside,
        answers=True,
        limit_ns=100 * MS,
        predicted=fields["predicted"],
    )
    return Watch([subject], tolerance=None)


def of(seen: Watch) -> Evidence:
    return seen.evidence["new"]


def test_scores_of_one_request_are_compared_whoever_spoke_first() -> None:
    seen = watch()
    seen.scored("r1", Score("old", "7", 0.9), 5 * MS)
    seen.scored("r1", Score("new", "7", 0.8), 6 * MS)
    seen.scored("r2", Score("new", "1", 0.8), 6 * MS)
    seen.scored("r2", Score("old", "7", 0.9), 9 * MS)
    seen.scored("r3", Score("new", "1", 0.8), 6 * MS)  # the other never says anything
    assert (of(seen).scored, of(seen).compared, of(seen).differing) == (3, 2, 1)


def test_without_a_counterpart_of_its_name_it_is_compared_with_the_answer() -> None:
    seen = watch(beside=ANSWER)
    seen.scored("r1", Score("new", "1", 0.8), 6 * MS)
    seen.answered("r1", Score("whoever", "7", 0.9))
    seen.answered("r2", None)  # a default is nobody's word
    seen.scored("r2", Score("new", "1", 0.8), 6 * MS)
    assert (of(seen).compared, of(seen).differing, seen.requests) == (1, 1, 2)


def test_with_nobody_to_compare_it_with_it_is_only_counted() -> None:
    seen = watch(beside=None)
    seen.scored("r1", Score("new", "1", 0.8), 6 * MS)
    seen.answered("r1", Score("new", "1", 0.8))
    assert (of(seen).scored, of(seen).compared) == (1, 0)


def test_what_takes_too_long_or_is_given_up_for_that_is_slow() -> None:
    seen = watch()
    seen.scored("r1", Score("new", "1", 0.8), 99 * MS)
    seen.scored("r2", Score("new", "1", 0.8), 101 * MS)
    seen.scored("r3", Score("new", "1", 0.8), None)  # had waited at the broker: says nothing of its speed
    seen.failed("new", ErrorInfo("worker.overloaded", "too many wait"))
    assert (of(seen).timed, of(seen).slow, of(seen).scored) == (3, 2, 3)


def test_of_its_counterpart_the_same_is_counted() -> None:
    seen = watch()
    seen.scored("r1", Score("old", "1", 0.8), 99 * MS)
    seen.scored("r2", Score("old", "1", 0.8), 101 * MS)
    seen.failed("old", ErrorInfo("worker.too_late", "too many wait"))
    seen.failed("old", ErrorInfo("worker.crashed", "it died"))
    assert (of(seen).counterpart_timed, of(seen).counterpart_slow) == (3, 2)


def test_faults_of_the_input_or_of_nobody_are_not_its_own() -> None:
    seen = watch()
    for code in ("input.truncated", "worker.crashed", "worker.restarting", "shed", "device.no_memory"):
        seen.failed("new", ErrorInfo(code, ""))
    seen.failed("old", ErrorInfo("model.bad_output", ""))
    assert of(seen).spoken == 0
    seen.failed("new", ErrorInfo("model.bad_output", ""))
    seen.failed("new", ErrorInfo("worker.fault", ""))
    seen.scored("r1", Score("new", "1", 1.5), 5 * MS)
    assert dict(of(seen).faults) == {"model.bad_output": 1, "worker.fault": 1, "score.bad_confidence": 1}


def test_what_waits_for_its_counterpart_is_bounded() -> None:
    seen = watch()
    for number in range(2000):
        seen.scored(f"r{number}", Score("new", "1", 0.8), 5 * MS)
    assert len(seen._waiting) < 300
    assert of(seen).scored == 2000


def test_the_figures_say_what_was_seen() -> None:
    seen = watch(predicted=0.1)
    for key in ("r1", "r2"):
        seen.scored(key, Score("old", "7", 0.9), 5 * MS)
        seen.scored(key, Score("new", "7" if key == "r1" else "1", 0.9), 5 * MS)
        seen.answered(key, Score("old", "7", 0.9))
    seen.answered("r3", Score("old", "7", 0.9))
    figures = of(seen).figures(seen.requests)
    assert figures | {"p95_ms": 0} == {
        "golden": True,
        "scored": 2,
        "coverage": 0.6667,
        "slow": 0,
        "p95_ms": 0,
        "crashes": 0,
        "compared": 2,
        "disagreement": 0.5,
        "predicted": 0.1,
    }
    assert 5 <= figures["p95_ms"] <= 5.5
