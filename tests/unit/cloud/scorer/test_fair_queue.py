"""The queue of questions: bounded, in order, fair between tenants."""

from collections import Counter

from roost_cloud.scorer.asked import Asked
from roost_cloud.scorer.fair_queue import FairQueue, Job, Lane
from roost_cloud.tasks.resolution import ContestantKey
from roost_shared.questions import Question


def job(number: int, tenant: str = "acme", contestant: str = "big", payload: bytes = b"") -> Job:
    question = Question(id=f"q{number}", contestants=[contestant], remaining_ms=100, payload=payload)
    asked = Asked(tenant, "cam-01", "light", question, number, number + 100, "…/score")
    return Job(asked, Lane(ContestantKey(tenant, "light", contestant), bulky=False))


def ids(jobs: list[Job]) -> list[str]:
    return [one.asked.question.id for one in jobs]


def test_a_batch_is_of_one_lane_in_order() -> None:
    queue = FairQueue(10, 1000)
    for number, contestant in enumerate(["big", "odd", "big", "big"]):
        assert not queue.put(job(number, contestant=contestant))
    assert ids(queue.take(lambda _: 2)) == ["q0", "q2"]
    assert ids(queue.take(lambda _: 2)) == ["q1"]
    assert ids(queue.take(lambda _: 2)) == ["q3"]
    assert not queue.take(lambda _: 2)
    assert len(queue) == 0


def test_a_lane_that_may_give_nothing_is_passed_over() -> None:
    queue = FairQueue(10, 1000)
    queue.put(job(0, contestant="busy"))
    queue.put(job(1, contestant="free"))
    assert ids(queue.take(lambda lane: 0 if lane.key.contestant == "busy" else 9)) == ["q1"]
    assert not queue.take(lambda _: 0)
    assert len(queue) == 1


def test_tenants_take_turns_however_much_one_asks() -> None:
    queue = FairQueue(100, 1000)
    for number in range(50):
        queue.put(job(number, "loud"))
    for number in range(5):
        queue.put(job(number, "quiet"))
    taken = [queue.take(lambda _: 1)[0].lane.key.tenant for _ in range(10)]
    assert Counter(taken) == {"loud": 5, "quiet": 5}


def test_in_a_full_queue_the_one_with_the_most_loses_its_newest() -> None:
    queue = FairQueue(4, 1000)
    for number in range(4):
        queue.put(job(number, "loud"))
    assert ids(queue.put(job(9, "loud"))) == ["q9"]
    (refused,) = queue.put(job(5, "quiet"))
    assert (refused.lane.key.tenant, refused.asked.question.id) == ("loud", "q3")
    assert ids(queue.put(job(6, "quiet"))) == ["q2"]
    assert ids(queue.put(job(7, "quiet"))) == ["q7"], "they have as much as each other"
    assert len(queue) == 4


def test_bytes_are_bounded_too() -> None:
    queue = FairQueue(10, 100)
    queue.put(job(0, "loud", payload=bytes(60)))
    assert ids(queue.put(job(1, "loud", payload=bytes(60)))) == ["q1"]
    assert ids(queue.put(job(2, "quiet", payload=bytes(50)))) == ["q0"]
    assert ids(queue.put(job(3, "huge", payload=bytes(101)))) == ["q3"]
    assert ids(queue.clear()) == ["q2"]
    assert len(queue) == 0
