"""Recorded requests by other rules: the newest of a stretch of time, through the policy itself, from the database.

It is what `roost replay` does, within bounds that an answer to a request has.
"""

from typing import Final

from sqlalchemy.orm import Session

from roost_cloud.client import Page
from roost_cloud.errors import NotFoundError
from roost_cloud.replay.other_rules import OtherRules
from roost_cloud.replay.replayer import LeftOutError, Replayer
from roost_cloud.replay.report import Question, Report, report_of
from roost_cloud.replay.source import Recorded
from roost_cloud.replay.span import Span
from roost_cloud.replay.tally import Tally
from roost_cloud.samples import recorded
from roost_cloud.samples.place import parse_place

__all__ = ["what_if"]

_EACH: Final = 200  # read at a time


class _Database:
    """A `replay.source.Source` of a tenant's samples."""

    def __init__(self, session: Session, tenant: str, task: str, span: Span) -> None:
        self._session = session
        self._tenant = tenant
        self._task = task
        self._span = span

    def page(self, after: str | None) -> Page[Recorded]:
        rows = recorded.page(
            self._session,
            self._tenant,
            self._task,
            self._span.since,
            self._span.until,
            limit=_EACH + 1,
            after=None if after is None else parse_place(after),
        )
        items = [
            Recorded(
                device=one.row.device,
                sample=one.row.sample,
                received_at=one.row.received_at,
                record=one.row.record,
                late=list(one.late),
                probability=one.probability,
            )
            for one in rows[:_EACH]
        ]
        return Page(items, str(rows[_EACH - 1].place) if len(rows) > _EACH else None)

    def policy(self, digest: str) -> bytes | None:
        try:
            return recorded.get_policy(self._session, self._tenant, self._task, digest)
        except NotFoundError:
            return None

    def payload(self, _device: str, _sample: str) -> bytes | None:
        return None  # nobody asks: no bundle is another


def what_if(session: Session, tenant: str, task: str, span: Span, rules: OtherRules, *, most: int) -> Report:
    """What the newest requests would have been answered by other rules.

    Args:
        session: to read with.
        tenant: whose.
        task: of which.
        span: received within it.
        rules: what is different.
        most: requests that are looked at.
    """
    source = _Database(session, tenant, task, span)
    replayer, tally = Replayer(source, rules), Tally()
    after: str | None = None
    while tally.read < most:
        page = source.page(after)
        for one in page.items[: most - tally.read]:
            try:
                tally.add(replayer.replay(one), None)
            except LeftOutError as error:
                tally.leave_out(error)
        after = page.next
        if after is None:
            break
    question = Question(task=task, since=span.since.isoformat(), until=span.until.isoformat())
    return report_of(tally, question, None)
