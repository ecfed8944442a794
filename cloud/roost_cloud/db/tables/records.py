"""What devices tell of their work: how far each has told it, samples with their scores, policies, windows.

No foreign keys here: whoever stores has looked the device up in the same transaction, a check at each row would take
longer than the row, and samples outlive a device that is deleted.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Boolean, Float, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from roost_cloud.db.base import Base, Name
from roost_cloud.db.tables.shards import SAMPLE_CHARS

__all__ = [
    "BOOT_CHARS",
    "BUNDLE_CHARS",
    "LABEL_CHARS",
    "TEXT_CHARS",
    "DroppedInput",
    "LateScore",
    "RecordLog",
    "Sample",
    "SampleScore",
    "TaskPolicy",
    "Window",
]

BOOT_CHARS: Final = 64
LABEL_CHARS: Final = 256
BUNDLE_CHARS: Final = 300  # "name:version@sha256:…"
TEXT_CHARS: Final = 100
_SHA256 = String(64)  # hex


class RecordLog(Base):
    """How far a boot's records are stored. Locked by whoever stores more of them."""

    __tablename__ = "record_log"

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    boot: Mapped[str] = mapped_column(String(BOOT_CHARS), primary_key=True)
    watermark: Mapped[int] = mapped_column(
        BigInteger
    )  # that sequence and all before it are stored, unreadable or lost
    lost: Mapped[int] = mapped_column(BigInteger)  # records that the device had to drop before we had them
    ahead: Mapped[bytes]  # ranges of sequences that are stored beyond a gap; MessagePack
    updated_at: Mapped[datetime]


class Sample(Base):
    """An answered request that its device thought worth remembering."""

    __tablename__ = "sample"
    # All in the order of receipt: a list begins at the newest, and what is added goes to an index's end.
    __table_args__ = (
        Index(None, "tenant", "received_at"),
        Index(None, "tenant", "task", "received_at"),
        Index(None, "tenant", "device", "received_at"),
        Index(None, "tenant", "label", "received_at"),
        # Small, since few disagree; its second column is for SQLite, which else takes the first index of these.
        Index(
            "ix_sample_disagreement",
            "tenant",
            "disagreement",
            "received_at",
            sqlite_where=text("disagreement = 1"),
            postgresql_where=text("disagreement"),
        ),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    sample: Mapped[str] = mapped_column(String(SAMPLE_CHARS), primary_key=True)
    task: Mapped[str] = mapped_column(Name)
    label: Mapped[str | None] = mapped_column(String(LABEL_CHARS))
    confidence: Mapped[float | None] = mapped_column(Float(53))
    contestant: Mapped[str | None] = mapped_column(Name)
    reason: Mapped[str] = mapped_column(String(16))
    deadline_met: Mapped[bool] = mapped_column(Boolean)
    elapsed_ms: Mapped[float] = mapped_column(Float(53))
    disagreement: Mapped[bool] = mapped_column(Boolean)  # between contestants, late ones included
    captured_at: Mapped[str] = mapped_column(String(TEXT_CHARS))  # as the device said it, by its wall clock
    received_at: Mapped[datetime]  # by our clock; samples of a batch are a microsecond apart, in their order
    kept_for: Mapped[str] = mapped_column(String(TEXT_CHARS))  # words with a space between; empty: nothing is kept
    probability: Mapped[float] = mapped_column(Float(53))  # when that was decided; the shard says the final one
    recorded: Mapped[str] = mapped_column(String(8))
    content_type: Mapped[str | None] = mapped_column(String(LABEL_CHARS))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)  # of the input; None: none is kept
    sha256: Mapped[str | None] = mapped_column(_SHA256)
    policy: Mapped[str | None] = mapped_column(_SHA256)
    record: Mapped[bytes]  # the whole, as it came


class SampleScore(Base):
    """What one contestant had said of a sample when the answer left."""

    __tablename__ = "sample_score"

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    sample: Mapped[str] = mapped_column(String(SAMPLE_CHARS), primary_key=True)
    contestant: Mapped[str] = mapped_column(Name, primary_key=True)
    bundle: Mapped[str | None] = mapped_column(String(BUNDLE_CHARS))
    label: Mapped[str | None] = mapped_column(String(LABEL_CHARS))
    confidence: Mapped[float | None] = mapped_column(Float(53))
    elapsed_ms: Mapped[float] = mapped_column(Float(53))
    error: Mapped[str | None] = mapped_column(String(TEXT_CHARS))  # its code


class LateScore(Base):
    """A score that came after the answer."""

    __tablename__ = "late_score"

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    sample: Mapped[str] = mapped_column(String(SAMPLE_CHARS), primary_key=True)
    contestant: Mapped[str] = mapped_column(Name, primary_key=True)
    bundle: Mapped[str | None] = mapped_column(String(BUNDLE_CHARS))
    label: Mapped[str | None] = mapped_column(String(LABEL_CHARS))
    confidence: Mapped[float | None] = mapped_column(Float(53))
    elapsed_ms: Mapped[float] = mapped_column(Float(53))
    differs: Mapped[bool] = mapped_column(Boolean)
    received_at: Mapped[datetime]
    record: Mapped[bytes]  # the whole, with its output


class DroppedInput(Base):
    """An input that was kept and is no more, before the cloud had it."""

    __tablename__ = "dropped_input"

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    sample: Mapped[str] = mapped_column(String(SAMPLE_CHARS), primary_key=True)
    reason: Mapped[str] = mapped_column(String(16))


class TaskPolicy(Base):
    """A rendezvous policy that a tenant's devices have answered by."""

    __tablename__ = "task_policy"

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    task: Mapped[str] = mapped_column(Name, primary_key=True)
    digest: Mapped[str] = mapped_column(_SHA256, primary_key=True)
    document: Mapped[bytes]
    received_at: Mapped[datetime]  # for the first time


class Window(Base):
    """A device's report over a stretch of requests."""

    __tablename__ = "window"
    __table_args__ = (
        Index(None, "tenant", "received_at"),
        Index(
            "ix_window_undecided",
            "tenant",
            "device",
            "task",
            sqlite_where=text("decided = 0"),
            postgresql_where=text("NOT decided"),
        ),
    )

    tenant: Mapped[str] = mapped_column(Name, primary_key=True)
    device: Mapped[str] = mapped_column(Name, primary_key=True)
    boot: Mapped[str] = mapped_column(String(BOOT_CHARS), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)  # of its record
    task: Mapped[str] = mapped_column(Name)
    contestant: Mapped[str | None] = mapped_column(Name)  # None: the task's answers
    started_at: Mapped[str] = mapped_column(String(TEXT_CHARS))  # as the device said it, by its wall clock
    seconds: Mapped[float] = mapped_column(Float(53))
    count: Mapped[int] = mapped_column(BigInteger)  # requests in it
    received_at: Mapped[datetime]
    record: Mapped[bytes]  # the whole, with its sketches
    decided: Mapped[bool]  # nothing waits for it: it is in a decision, or was passed over
