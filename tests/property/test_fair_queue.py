"""Whatever is put into the queue of questions comes out once or is refused once, within its bounds and in order."""

from hypothesis import given
from hypothesis import strategies as st

from roost_cloud.scorer.asked import Asked
from roost_cloud.scorer.fair_queue import FairQueue, Job, Lane
from roost_cloud.tasks.resolution import ContestantKey
from roost_shared.questions import Question

MAX_JOBS, MAX_BYTES = 8, 100

puts = st.tuples(st.sampled_from("abc"), st.sampled_from(["big", "odd"]), st.booleans(), st.integers(0, 120))
takes = st.integers(0, 5)


@given(st.lists(st.one_of(puts, takes)))
def test_nothing_is_lost_doubled_or_turned_around(steps: list[tuple[str, str, bool, int] | int]) -> None:
    queue = FairQueue(MAX_JOBS, MAX_BYTES)
    put: list[Job] = []
    gone: list[Job] = []
    taken: list[Job] = []
    for number, step in enumerate(steps):
        if isinstance(step, int):
            before = len(queue)
            batch = queue.take(lambda _, limit=step: limit)  # type: ignore[misc]  # bound now
            assert len(batch) <= step
            assert batch or not (step and before)
            assert len({job.lane for job in batch}) <= 1
            taken += batch
        else:
            put.append(job(number, *step))
            gone += queue.put(put[-1])
        held = len(put) - len(gone) - len(taken)
        assert held == len(queue) <= MAX_JOBS
        assert sum(one.size_bytes for one in put) - sum(one.size_bytes for one in gone + taken) <= MAX_BYTES
    rest = queue.clear()
    assert sorted(map(id, put)) == sorted(map(id, [*gone, *taken, *rest]))
    for lane in {one.lane for one in taken}:
        order = [one.asked.received_ns for one in taken if one.lane == lane]
        assert order == sorted(order)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_no_tenant_has_more_in_a_full_queue_than_another_that_is_refused(tenants: list[str]) -> None:
    queue = FairQueue(MAX_JOBS, MAX_BYTES)
    for number, tenant in enumerate(tenants):
        refused = {one.lane.key.tenant for one in queue.put(job(number, tenant, "big", False, 0))}
        if tenant in refused:
            held = [one.lane.key.tenant for one in _look(queue)]
            assert held.count(tenant) + 1 >= max(held.count(other) for other in "abc")


def _look(queue: FairQueue) -> list[Job]:
    jobs = queue.clear()
    for one in jobs:
        queue.put(one)
    return jobs


def job(number: int, tenant: str, contestant: str, bulky: bool, size_bytes: int) -> Job:  # noqa: FBT001 - drawn
    question = Question(id=f"q{number}", contestants=[contestant], remaining_ms=1, payload=bytes(size_bytes))
    asked = Asked(tenant, "cam", "light", question, number, number, "")
    return Job(asked, Lane(ContestantKey(tenant, "light", contestant), bulky))
