"""What windows come to by the hour, and how devices are."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "device_health",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("received_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("temperature_c", sa.Float(precision=53), nullable=True),
        sa.Column("spool_bytes", sa.BigInteger(), nullable=True),
        sa.Column("spool_limit_bytes", sa.BigInteger(), nullable=True),
        sa.Column("waiting", sa.BigInteger(), nullable=True),
        sa.Column("link", sa.String(length=16), nullable=True),
        sa.Column("round_trip_ms", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "device", name=op.f("pk_device_health")),
    )
    op.create_table(
        "device_hour",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("hour", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.Column("reasoned", sa.BigInteger(), nullable=False),
        sa.Column("others", sa.BigInteger(), nullable=False),
        sa.Column("timed", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hour", "device", "task", name=op.f("pk_device_hour")),
    )
    op.create_table(
        "task_hour",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("hour", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("contestant", sa.String(length=63), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("timed", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=True),
        sa.Column("latency", sa.LargeBinary(), nullable=True),
        sa.Column("confidence", sa.LargeBinary(), nullable=True),
        sa.Column("disagreements", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "task", "hour", "contestant", "lane", name=op.f("pk_task_hour")),
    )


def downgrade() -> None:
    """One step down."""
    op.drop_table("task_hour")
    op.drop_table("device_hour")
    op.drop_table("device_health")
