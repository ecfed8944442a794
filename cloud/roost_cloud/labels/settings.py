"""What counts as a label of a task's: which teachers are believed, and how many samples two people shall see.

>>> settings = read_settings({"teachers": ["cloud"]})
>>> settings.believed.names, settings.believed.min_confidence, LabelSettings().believed.names
(frozenset({'cloud'}), 0.95, frozenset())
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy.orm import Session

from roost_cloud.db.documents import put_document
from roost_cloud.db.tables import LabelSettings as Row
from roost_cloud.labels.effective import Teachers
from roost_cloud.labels.errors import BadSettingsError
from roost_cloud.people import audit
from roost_shared.topics import NAME

__all__ = ["LabelSettings", "get", "put", "read_settings"]

_Share = Annotated[float, Meta(ge=0, le=1)]
_Teacher = Annotated[str, Meta(pattern=f"^{NAME.pattern}$")]


class LabelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task's.

    Attributes:
        teachers: contestants, and those whose labels were imported, that may label what no person did; none by
            default, for a teacher that is surely wrong would teach just that.
        min_confidence: that they need.
        second_opinions: share of labelled samples that the queue hands to a second person, to measure agreement.
    """

    teachers: Annotated[list[_Teacher], Meta(max_length=16)] = []
    min_confidence: _Share = Teachers().min_confidence
    second_opinions: _Share = 0.1

    @property
    def believed(self) -> Teachers:
        """The teachers."""
        return Teachers(frozenset(self.teachers), self.min_confidence)


def read_settings(raw: Any) -> LabelSettings:
    """Settings, checked whole.

    Raises:
        BadSettingsError: something is wrong with them.
    """
    try:
        return msgspec.convert(raw, LabelSettings)
    except msgspec.ValidationError as error:
        raise BadSettingsError(f"settings of labels: {error}") from error


def get(session: Session, tenant: str, task: str) -> LabelSettings:
    """A task's."""
    row = session.get(Row, (tenant, task))
    return LabelSettings() if row is None else read_settings(row.document)


def put(session: Session, tenant: str, task: str, settings: LabelSettings, *, actor: str, now: datetime) -> None:
    """Change a task's; snapshots that are made already stay as they are. To what they are is no change."""
    document: dict[str, Any] = msgspec.to_builtins(settings)
    if not put_document(session, Row, document, actor=actor, now=now, tenant=tenant, task=task):
        return
    audit.record(
        session,
        tenant=tenant,
        actor=actor,
        action="label.settings",
        subject=task,
        now=now,
        teachers=settings.teachers,
        min_confidence=settings.min_confidence,
        second_opinions=settings.second_opinions,
    )
