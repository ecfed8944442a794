"""A director's round over rollouts: look at each, write down what changed, then write the assignments that are due.

Any number of directors may run. A look and its transitions are one transaction, under the rollout's row lock, which of
two directors one passes over; an assignment is one transaction with the device's new standing. Killed anywhere, what
is written is whole, and the next round goes on from there.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from sqlalchemy.orm import Session

from roost_cloud.assignments.document import read_document
from roost_cloud.assignments.versions import Assigner
from roost_cloud.db import Database, DatabaseUnavailableError
from roost_cloud.db.tables import RolloutDevice
from roost_cloud.guard import Pieces, typed
from roost_cloud.objects import ObjectStore
from roost_cloud.rollouts import members, store
from roost_cloud.rollouts.facts import facts_of
from roost_cloud.rollouts.finding import find, gather_windows
from roost_cloud.rollouts.knowing import Entry, Subject, know, newest_document
from roost_cloud.rollouts.plan import Plan
from roost_cloud.rollouts.policy import look
from roost_cloud.rollouts.states import Member
from roost_cloud.rollouts.targets import carries, with_target
from roost_cloud.trust.online_keys import OnlineKeys

__all__ = ["ACTOR", "Directed", "Directing"]

ACTOR: Final = "director"
_ASSIGNED_AT_ONCE: Final = 200  # of a rollout in a round: others want their turn
_STRANGERS: Final = 200_000


class Directed(NamedTuple):
    """What came of a rollout in a round.

    Attributes:
        tenant: whose.
        rollout: its id.
        state: that it is in.
        changed: devices of which something changed.
        assigned: assignments that were written.
        problem: why one could not be; None.
    """

    tenant: str
    rollout: str
    state: str
    changed: int
    assigned: int
    problem: str | None


class Directing:
    """Rounds.

    Args:
        database: where rollouts are.
        objects: has tenants' TUF repositories.
        keys: of a tenant.
        now: tells the time.
    """

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        keys: Callable[[str], OnlineKeys],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._objects = objects
        self._keys = keys
        self._now = now
        self._pieces = Pieces()
        self._strangers: dict[tuple[str, str], dict[tuple[str, int], Entry]] = {}

    def round(self) -> Iterator[Directed]:
        """Look at every rollout that is followed.

        Raises:
            DatabaseUnavailableError: the database is away; what was written is whole.
            RoostError: a rollout could not be looked at; the others were.
        """
        with self._database.read() as session:
            followed = store.followed(session)
        for gone in self._strangers.keys() - set(followed):
            del self._strangers[gone]
        self._pieces.begin()
        for tenant, rollout in followed:
            with self._pieces.piece(tenant=tenant, rollout=rollout):
                directed = self._direct(tenant, rollout)
                if directed is not None:
                    yield directed
        self._pieces.end()

    def _direct(self, tenant: str, rollout: str) -> Directed | None:
        now = self._now()
        with self._database.begin() as session:
            loaded = store.load(session, tenant, rollout)
            if loaded is None or not loaded.row.followed:
                return None
            changed = self._look(session, loaded, now)
            state = loaded.row.state
        assigned, problem = self._assign_due(tenant, rollout)
        return Directed(tenant, rollout, state, changed, assigned, problem)

    def _look(self, session: Session, loaded: store.Loaded, now: datetime) -> int:
        row, tenant = loaded.row, loaded.row.tenant
        subject = store.subject_of(row)
        strangers = self._strangers.setdefault((tenant, row.id), {})
        if len(strangers) > _STRANGERS:
            strangers.clear()
        known, joining = know(
            session, tenant, subject, loaded.members, loaded.befores, strangers, with_labels=_needs_labels(loaded.plan)
        )
        live = gather_windows(session, loaded, subject, now)
        facts = facts_of(known, loaded.members, live)
        found = find(session, loaded, subject, {one.device: one for one in known}, live)
        finding = None if found is None else found.finding
        looked = look(row.id, loaded.plan, loaded.rollout, loaded.members, facts, finding, now)
        members.put(session, row, looked.changed, loaded.members, joining, actor=ACTOR, now=now)
        problem = row.waits_for.get("problem")
        store.put_standing(session, loaded, looked, found, problem=problem, actor=ACTOR, now=now)
        store.follow_on(row, {**loaded.members, **{one.device: one for one in looked.changed}}.values())
        return len(looked.changed)

    def _assign_due(self, tenant: str, rollout: str) -> tuple[int, str | None]:
        """Write assignments that are due.

        Returns:
            How many were, and why one could not be.
        """
        with self._database.read() as session:
            due = members.due(session, tenant, rollout, _ASSIGNED_AT_ONCE)
        assigned, problem = 0, None
        for device in due:
            try:
                assigned += self._assign(tenant, rollout, device)
            except DatabaseUnavailableError:  # no device's problem, and none would fare better
                raise
            except Exception as raised:  # noqa: BLE001 - the boundary of a device: typed, and told of the rollout
                error = typed(raised, tenant=tenant, rollout=rollout, device=device)
                problem = f"{device} cannot be assigned: {error.code}: {error}"
        if due:
            self._note_problem(tenant, rollout, problem)
        return assigned, problem

    def _assign(self, tenant: str, rollout: str, device: str) -> bool:
        """Write one device's assignment; False if somebody else has, or it is no more wanted."""
        now = self._now()
        with self._database.begin() as session:
            row = session.get(RolloutDevice, (tenant, rollout, device), with_for_update=True)
            if row is None or not row.is_due:
                return False
            subject = store.subject_of(store.get(session, tenant, rollout))
            member = members.decode(row)
            version = self._written(session, subject, row, member, now)
            standing = msgspec.structs.replace(member, version=version)
            members.put_assigned(row, standing)
        return True

    def _written(self, session: Session, subject: Subject, row: RolloutDevice, member: Member, now: datetime) -> int:
        """The version that has the target; 0 if somebody has assigned it something else, or nothing any more."""
        entry = newest_document(session, row.tenant, row.device, subject)
        if entry is None or entry.bundle is None or member.target is None:
            return 0
        there = carries(entry.document, subject.task, subject.contestant, candidate=subject.bundle, before=row.before)
        if there == "other":
            return entry.version
        raw = with_target(
            entry.document,
            subject.task,
            subject.contestant,
            target=member.target,
            candidate=subject.bundle,
            before=row.before,
        )
        assigner = Assigner(self._objects, self._keys(row.tenant), f"rollout:{row.rollout}", now)
        again = there == member.target and member.attempts > 1
        made, _ = assigner.assign(session, row.device, read_document(raw), raw, again=again)
        return made.version

    def _note_problem(self, tenant: str, rollout: str, problem: str | None) -> None:
        with self._database.begin() as session:
            row = store.get(session, tenant, rollout)
            if row.waits_for.get("problem") != problem:
                row.waits_for = {**row.waits_for, "problem": problem}


def _needs_labels(plan: Plan) -> bool:
    return plan.gate.cohort is not None or any(stage.selector is not None for stage in plan.stages)
