"""A run in a worker's hands: its row, changed step by step, each write fenced, and patient with the database."""

from collections.abc import Callable
from typing import cast

from sqlalchemy.orm import Session

from roost_cloud.datasets.errors import TooFewLabelsError
from roost_cloud.db import Database
from roost_cloud.db.tables import TrainingRun
from roost_cloud.runs import claiming
from roost_cloud.runs.claiming import Claim
from roost_cloud.runs.faults import AttemptError
from roost_cloud.runs.reporting import Reporter
from roost_cloud.runs.state import Move, State, move
from roost_shared.chance import CHANCE
from roost_shared.clock import Clock

__all__ = ["Hand"]


class Hand:
    """A run. Every method but the first two raises RunLostError once it is not ours any more.

    Args:
        database: where it is.
        row: as it was claimed.
        mine: the claim.
        reporter: that tells of it meanwhile.
        clock: tells the time.

    Attributes:
        row: as we wrote it last.
        mine: the claim.
    """

    def __init__(self, database: Database, row: TrainingRun, mine: Claim, reporter: Reporter, clock: Clock) -> None:
        self.row = row
        self.mine = mine
        self._database = database
        self._reporter = reporter
        self._clock = clock

    @property
    def state(self) -> str:
        """As we wrote it last."""
        return self.row.state

    def write(self, change: Callable[[Session, TrainingRun], None]) -> None:
        """Change the row in a transaction of its own, in which more may be written."""

        def write() -> None:
            with self._database.begin() as session:
                row = claiming.held(session, self.mine)
                change(session, row)
                self.row = row

        self._reporter.patiently(write)

    def advance(
        self, by: Move, why: str, change: Callable[[Session, TrainingRun], None] = lambda _session, _row: None
    ) -> None:
        """Make a step, and what belongs to it in the same transaction, once all that was heard is told."""
        self._reporter.patiently(self._reporter.flush)
        after = move(cast("State", self.row.state), by)

        def write(session: Session, row: TrainingRun) -> None:
            if row.state == after != self.row.state:
                return  # the database broke after it had written, and before it could say so
            change(session, row)
            claiming.advance(session, self.mine, by, why, self._clock.wall())

        self.write(write)

    def hand_back(self) -> None:
        """Give it back: the worker is being stopped."""
        self._reporter.patiently(self._reporter.flush)
        self.write(lambda session, _: claiming.hand_back(session, self.mine, self._clock.wall()))

    def wait_for_labels(self, error: TooFewLabelsError) -> None:
        """Put it off until there are enough."""
        text = f"needs {error.needed} labels, has {error.have}"

        def note(_: Session, row: TrainingRun) -> None:
            row.labels_had, row.what = error.have, text
            row.due_at = self._clock.wall()  # labels count that are given from now on

        self.advance("lack", text, note)

    def fail(self, fault: AttemptError) -> None:
        """End the attempt: the run is tried again, or given up."""
        self._reporter.say(f"{fault.code}: {fault}")
        self._reporter.patiently(self._reporter.flush)
        draw = CHANCE.random()

        def write(session: Session, _: TrainingRun) -> None:
            now = self._clock.wall()
            claiming.fault(session, self.mine, fault.cause, fault.code, str(fault), now, draw=draw)

        self.write(write)
