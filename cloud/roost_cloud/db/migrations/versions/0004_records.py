"""What devices tell of their work."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "dropped_input",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("sample", sa.String(length=85), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "device", "sample", name=op.f("pk_dropped_input")),
    )
    op.create_table(
        "late_score",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("sample", sa.String(length=85), nullable=False),
        sa.Column("contestant", sa.String(length=63), nullable=False),
        sa.Column("bundle", sa.String(length=300), nullable=True),
        sa.Column("label", sa.String(length=256), nullable=True),
        sa.Column("confidence", sa.Float(precision=53), nullable=True),
        sa.Column("elapsed_ms", sa.Float(precision=53), nullable=False),
        sa.Column("differs", sa.Boolean(), nullable=False),
        sa.Column("received_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "device", "sample", "contestant", name=op.f("pk_late_score")),
    )
    op.create_table(
        "record_log",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.Column("watermark", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("ahead", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "device", "boot", name=op.f("pk_record_log")),
    )
    op.create_table(
        "sample",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("sample", sa.String(length=85), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("label", sa.String(length=256), nullable=True),
        sa.Column("confidence", sa.Float(precision=53), nullable=True),
        sa.Column("contestant", sa.String(length=63), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("deadline_met", sa.Boolean(), nullable=False),
        sa.Column("elapsed_ms", sa.Float(precision=53), nullable=False),
        sa.Column("disagreement", sa.Boolean(), nullable=False),
        sa.Column("captured_at", sa.String(length=100), nullable=False),
        sa.Column("received_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("kept_for", sa.String(length=100), nullable=False),
        sa.Column("probability", sa.Float(precision=53), nullable=False),
        sa.Column("recorded", sa.String(length=8), nullable=False),
        sa.Column("content_type", sa.String(length=256), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("policy", sa.String(length=64), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "device", "sample", name=op.f("pk_sample")),
    )
    op.create_index(
        "ix_sample_disagreement",
        "sample",
        ["tenant", "disagreement", "received_at"],
        unique=False,
        sqlite_where=sa.text("disagreement = 1"),
        postgresql_where=sa.text("disagreement"),
    )
    op.create_index(
        op.f("ix_sample_tenant_device_received_at"), "sample", ["tenant", "device", "received_at"], unique=False
    )
    op.create_index(
        op.f("ix_sample_tenant_label_received_at"), "sample", ["tenant", "label", "received_at"], unique=False
    )
    op.create_index(op.f("ix_sample_tenant_received_at"), "sample", ["tenant", "received_at"], unique=False)
    op.create_index(
        op.f("ix_sample_tenant_task_received_at"), "sample", ["tenant", "task", "received_at"], unique=False
    )

    op.create_table(
        "sample_score",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("sample", sa.String(length=85), nullable=False),
        sa.Column("contestant", sa.String(length=63), nullable=False),
        sa.Column("bundle", sa.String(length=300), nullable=True),
        sa.Column("label", sa.String(length=256), nullable=True),
        sa.Column("confidence", sa.Float(precision=53), nullable=True),
        sa.Column("elapsed_ms", sa.Float(precision=53), nullable=False),
        sa.Column("error", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "device", "sample", "contestant", name=op.f("pk_sample_score")),
    )
    op.create_table(
        "task_policy",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "task", "digest", name=op.f("pk_task_policy")),
    )
    op.create_table(
        "window",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("contestant", sa.String(length=63), nullable=True),
        sa.Column("started_at", sa.String(length=100), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("received_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "device", "boot", "sequence", name=op.f("pk_window")),
    )


def downgrade() -> None:
    """One step down."""
    op.drop_table("window")
    op.drop_table("task_policy")
    op.drop_table("sample_score")
    op.drop_index(op.f("ix_sample_tenant_task_received_at"), table_name="sample")
    op.drop_index(op.f("ix_sample_tenant_received_at"), table_name="sample")
    op.drop_index(op.f("ix_sample_tenant_label_received_at"), table_name="sample")
    op.drop_index(op.f("ix_sample_tenant_device_received_at"), table_name="sample")
    op.drop_index(
        "ix_sample_disagreement",
        table_name="sample",
        sqlite_where=sa.text("disagreement = 1"),
        postgresql_where=sa.text("disagreement"),
    )

    op.drop_table("sample")
    op.drop_table("record_log")
    op.drop_table("late_score")
    op.drop_table("dropped_input")
