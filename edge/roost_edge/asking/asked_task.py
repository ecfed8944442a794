"""What is known of one task's cloud contestants: who they are, how far away, what became of questions to them. Pure.

It outlives a change of who takes part: questions to those that do no more are under way still, and a request keeps
whom it was opened with.
"""

from collections.abc import Iterable

from roost_edge.asking.record import Record
from roost_edge.asking.sizes import Sizes
from roost_shared.asking.reach import Reach

__all__ = ["AskedTask"]


class AskedTask:
    """One task.

    Attributes:
        records: what became of questions, by contestant; of some that take part no more, too.
        labels: what they can say; None where this device does not know.
        reach: how far away they are.
        sizes: what size of picture they take.
    """

    __slots__ = ("labels", "reach", "records", "sizes")

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.labels: frozenset[str] | None = None
        self.reach = Reach()
        self.sizes = Sizes()

    def serve(self, contestants: Iterable[str], labels: frozenset[str] | None, sizes: Sizes) -> None:
        """These take part from now on; what is known of those that stay, and of the way, is known on.

        Args:
            contestants: who.
            labels: what they can say, where this device knows.
            sizes: learns what size of picture they take.
        """
        self.labels = labels
        self.records = {contestant: self.record(contestant) for contestant in contestants}
        before, self.sizes = self.sizes, sizes
        self.sizes.recall(before.known)

    def withdraw(self) -> None:
        """Nobody takes part for now: should they again, the way there is told anew."""
        self.reach = Reach()

    def record(self, contestant: str) -> Record:
        """A contestant's; of one that takes part no more, too."""
        return self.records.setdefault(contestant, Record())

    def learn(self, contestant: str, took_ns: int, now_ns: int, *, late: bool) -> None:
        """A contestant has answered.

        Args:
            contestant: who.
            took_ns: from the question, the first of the two if it was asked twice. TCP carries both, so delay is
                common and loss rare: taken for the second's, a link that got slow would look ever faster.
            now_ns: monotonic time.
            late: nobody waited for it any more.
        """
        record = self.record(contestant)
        self.reach.trips.note(took_ns, now_ns)
        record.trips.note(took_ns, now_ns)
        record.late += late
        record.answered += not late
