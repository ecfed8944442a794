"""What a tenant wants of drift: false alarms a week, the size of decisions, how long is commissioned and kept.

>>> settings = read_settings({"tasks": {"meter": {"decision_inputs": 50}}})
>>> settings.of("meter").decision_inputs, settings.of("light").decision_inputs, settings.alarms_a_week
(50, 100, 1.0)
"""

from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.documents import put_document
from roost_cloud.db.tables import DriftSettings as Row
from roost_cloud.drift.test import MIN_WINDOWS
from roost_cloud.people import audit
from roost_shared.errors import ContentError
from roost_shared.topics import NAME

__all__ = ["BadSettingsError", "DriftSettings", "TaskRules", "TaskSettings", "get", "put", "read_settings"]

_TASKS: Final = 256
_Budget = Annotated[float, Meta(gt=0, le=1000)]
_Inputs = Annotated[int, Meta(ge=1, le=1_000_000)]
_Seconds = Annotated[float, Meta(ge=1, le=7 * 86_400)]
_Windows = Annotated[int, Meta(ge=MIN_WINDOWS, le=10_000)]
_Kept = Annotated[float, Meta(ge=1, le=10_000)]
_Days = Annotated[float, Meta(ge=0, le=365)]
_Task = Annotated[str, Meta(pattern=f"^{NAME.pattern}$")]


class BadSettingsError(ContentError):
    """Settings of drift are wrong; says where."""

    code = "drift.settings"


class TaskRules(NamedTuple):
    """What holds for one task.

    Attributes:
        decision_inputs: that a decision takes.
        decision_seconds: that it takes.
        commissioning_windows: decisions that a baseline takes.
        commissioning_days: that they span at least.
    """

    decision_inputs: int
    decision_seconds: float
    commissioning_windows: int
    commissioning_days: float


class TaskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is otherwise for one task; None: as for all."""

    decision_inputs: _Inputs | None = None
    decision_seconds: _Seconds | None = None
    commissioning_windows: _Windows | None = None
    commissioning_days: _Days | None = None


class DriftSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tenant's.

    Attributes:
        alarms_a_week: false ones, over all devices, tasks and kinds: the budget.
        decision_inputs: that a decision takes.
        decision_seconds: that it takes.
        commissioning_windows: decisions that a baseline takes.
        commissioning_days: that they span at least: a night is unlike a day, and a Sunday unlike a Monday. After a day
            of hours alarms overran the budget twice to 18 times, after a week 0.5 to 3 times.
        keep_windows_days: that windows are kept; those that made an alarm stay.
        keep_decisions_days: that decisions are, on which other budgets are tried; those of baselines and alarms stay.
        tasks: what is otherwise, by task.
    """

    alarms_a_week: _Budget = 1.0
    decision_inputs: _Inputs = 100
    decision_seconds: _Seconds = 3600.0
    commissioning_windows: _Windows = MIN_WINDOWS
    commissioning_days: _Days = 7.0
    keep_windows_days: _Kept = 30.0
    keep_decisions_days: _Kept = 400.0
    tasks: Annotated[dict[_Task, TaskSettings], Meta(max_length=_TASKS)] = {}

    def of(self, task: str) -> TaskRules:
        """What holds for a task."""
        own = self.tasks.get(task, TaskSettings())
        said = {name: getattr(own, name) for name in TaskRules._fields}
        return TaskRules(**{name: getattr(self, name) if value is None else value for name, value in said.items()})


def read_settings(raw: Any) -> DriftSettings:
    """Settings, checked whole.

    Raises:
        BadSettingsError: something is wrong with them.
    """
    try:
        return msgspec.convert(raw, DriftSettings)
    except msgspec.ValidationError as error:
        raise BadSettingsError(f"settings of drift: {error}") from error


def get(session: Session, tenant: str) -> DriftSettings:
    """A tenant's."""
    document = session.scalar(select(Row.document).where(Row.tenant == tenant))
    return DriftSettings() if document is None else read_settings(document)


def put(session: Session, tenant: str, settings: DriftSettings, *, actor: str, now: datetime) -> None:
    """Change a tenant's; decisions from now on follow. To what they are is no change."""
    document: dict[str, Any] = msgspec.to_builtins(settings)
    if not put_document(session, Row, document, actor=actor, now=now, tenant=tenant):
        return
    audit.record(
        session,
        tenant=tenant,
        actor=actor,
        action="drift.settings",
        subject="drift",
        now=now,
        alarms_a_week=settings.alarms_a_week,
    )
