"""Labels of samples: what people and programs said, which labels a task has, who is looking at which sample."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Float, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name
from roost_cloud.db.tables.records import LABEL_CHARS
from roost_cloud.db.tables.shards import SAMPLE_CHARS

__all__ = ["SOURCE_CHARS", "Label", "LabelClaim", "LabelSettings", "TaskLabel"]

SOURCE_CHARS: Final = 100
_WHO = String(100)


class Label(Base):
    """What somebody said that a sample shows. Rows are only added, and go with their sample.

    What cloud contestants and late answers say is not copied here: their scores say it.
    """

    __tablename__ = "label"
    __table_args__ = (
        CheckConstraint("kind IN ('person', 'teacher')", name="kind"),
        Index(None, "tenant", "device", "sample"),
        Index(None, "tenant", "task", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"))
    device: Mapped[str] = mapped_column(Name)
    sample: Mapped[str] = mapped_column(String(SAMPLE_CHARS))
    task: Mapped[str] = mapped_column(Name)
    label: Mapped[str | None] = mapped_column(String(LABEL_CHARS))  # None: whoever looked cannot tell
    kind: Mapped[str] = mapped_column(String(8))
    source: Mapped[str] = mapped_column(String(SOURCE_CHARS))  # who says so
    confidence: Mapped[float | None] = mapped_column(Float(53))  # a teacher's
    drawn: Mapped[str | None] = mapped_column(String(16))  # why the queue had handed it out; None: it had not
    informed: Mapped[bool] = mapped_column(Boolean)  # whoever labelled it had been shown what models say
    labelled_at: Mapped[datetime]  # as whoever says so told, or by our clock
    recorded_at: Mapped[datetime]  # by our clock
    recorded_by: Mapped[str] = mapped_column(_WHO)  # whose token brought it


class LabelClaim(Base):
    """A sample that somebody is looking at for a while."""

    __tablename__ = "label_claim"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    sample: Mapped[str] = mapped_column(String(SAMPLE_CHARS), primary_key=True)
    source: Mapped[str] = mapped_column(String(SOURCE_CHARS))
    drawn: Mapped[str] = mapped_column(String(16))
    informed: Mapped[bool] = mapped_column(Boolean)  # they have been shown what models say of it
    until: Mapped[datetime]


class TaskLabel(Base):
    """A label that a person let join a task's label space."""

    __tablename__ = "task_label"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    label: Mapped[str] = mapped_column(String(LABEL_CHARS), primary_key=True)
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(_WHO)


class LabelSettings(Base):
    """What counts as a label of a task's."""

    __tablename__ = "label_settings"

    tenant: Mapped[str] = mapped_column(ForeignKey("tenant.name"), primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    document: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(_WHO)
