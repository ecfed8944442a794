"""However batches come, in any order, twice, or not at all, a boot's records end up with us exactly once."""

from dataclasses import dataclass, field

from hypothesis import event, given
from hypothesis import strategies as st

from roost_cloud.ingest.progress import MAX_AHEAD, Progress, Step, next_step


@dataclass
class Told:
    """A batch under way."""

    first: int
    oldest: int
    count: int


@dataclass
class Cloud:
    progress: Progress = field(default_factory=Progress)
    taken: list[int] = field(default_factory=list)

    def take(self, told: Told) -> None:
        before = self.progress
        step = next_step(before, first=told.first, oldest=told.oldest, count=told.count)
        for start, stop in step.new:
            self.taken += range(told.first + start, told.first + stop)
        self.progress = step.progress
        assert step.progress.watermark >= before.watermark, "it never goes back"
        assert step.progress.lost >= before.lost


@dataclass
class Device:
    """An outbox of `total` records, of which it may have to drop the oldest."""

    total: int
    each: int
    watermark: int = 0
    oldest: int = 1
    dropped: set[int] = field(default_factory=set)

    def tell(self) -> list[Told]:
        firsts = range(max(self.watermark + 1, self.oldest), self.total + 1, self.each)
        return [Told(first, self.oldest, min(self.each, self.total + 1 - first)) for first in firsts]

    def hear(self, watermark: int) -> None:
        self.watermark = max(self.watermark, watermark)
        self.oldest = max(self.oldest, self.watermark + 1)

    def drop(self, count: int) -> None:
        gone = range(self.oldest, min(self.oldest + count, self.total + 1))
        self.dropped |= set(gone)
        self.oldest += len(gone)


@given(data=st.data(), total=st.integers(1, 30), each=st.integers(1, 7), drops=st.booleans())
def test_every_record_is_taken_exactly_once(data: st.DataObject, total: int, each: int, *, drops: bool) -> None:
    device, cloud = Device(total, each), Cloud()
    under_way: list[Told] = []
    for _ in range(data.draw(st.integers(0, 12), "rounds")):
        under_way += device.tell()
        if drops and data.draw(st.booleans(), "drops"):
            device.drop(data.draw(st.integers(1, 5), "how many"))
        arriving = data.draw(st.lists(st.sampled_from(under_way), max_size=12) if under_way else st.just([]))
        for told in arriving:  # in any order, some twice, some never
            cloud.take(told)
        if data.draw(st.booleans(), "heard"):
            device.hear(cloud.progress.watermark)
    for told in [*under_way, *device.tell(), *under_way]:  # late ones, the rest in order, and all once more
        cloud.take(told)
    assert sorted(cloud.taken) == sorted(set(cloud.taken)), "each once"
    missing = set(range(1, total + 1)) - set(cloud.taken)
    assert missing <= device.dropped, "nothing is missing but what the device dropped itself"
    event(f"lost: {bool(missing)}")
    if device.oldest <= total:
        assert cloud.progress == Progress(total, len(missing))
    covered = set(range(1, cloud.progress.watermark + 1))
    assert cloud.progress.lost == len(covered - set(cloud.taken)), "lost is what is covered and never came"


def held(progress: Progress) -> set[int]:
    """What is with us, or given up."""
    ahead = [set(range(first, last + 1)) for first, last in progress.ahead]
    return set(range(1, progress.watermark + 1)).union(*ahead)


@st.composite
def progresses(draw: st.DrawFn) -> Progress:
    progress = Progress(draw(st.integers(0, 20)), draw(st.integers(0, 9)))
    for _ in range(draw(st.integers(0, 4))):
        told = {"first": draw(st.integers(1, 60)), "count": draw(st.integers(0, 9))}
        progress = next_step(progress, oldest=1, **told).progress
    return progress


@given(progress=progresses(), first=st.integers(1, 60), oldest=st.integers(1, 60), count=st.integers(0, 20))
def test_whatever_a_batch_says_no_more_is_taken_than_it_holds(
    progress: Progress, first: int, oldest: int, count: int
) -> None:
    step = next_step(progress, first=first, oldest=oldest, count=count)
    assert all(0 <= start < stop <= count for start, stop in step.new)
    taken = {sequence for start, stop in step.new for sequence in range(first + start, first + stop)}
    assert not taken & held(progress)
    given_up = held(step.progress) - held(progress) - taken
    assert step.progress.lost - progress.lost == len(given_up)
    assert given_up <= set(range(1, min(oldest, first)))
    assert held(step.progress) == held(progress) | taken | given_up
    edges = [step.progress.watermark, *(edge for one in step.progress.ahead for edge in one)]
    assert all(later - earlier > 1 for earlier, later in zip(edges[::2], edges[1::2], strict=False)), "apart"
    again = next_step(step.progress, first=first, oldest=oldest, count=count)
    assert (again.new, again.progress) == ([], step.progress)


def test_what_is_scattered_too_far_is_not_taken_until_the_gaps_are_filled() -> None:
    progress = Progress()
    for first in range(3, 3 + 2 * MAX_AHEAD, 2):
        progress = next_step(progress, first=first, oldest=1, count=1).progress
    beyond = {"first": 3 + 2 * MAX_AHEAD, "oldest": 1, "count": 1}
    assert next_step(progress, **beyond) == Step(progress, [], "scattered")
    filled = next_step(progress, first=1, oldest=1, count=2).progress
    assert filled.watermark == 3
    assert next_step(filled, **beyond).outcome == "stored"
