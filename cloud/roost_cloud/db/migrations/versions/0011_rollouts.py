"""Rollouts, their devices, and every transition of either."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "rollout",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("contestant", sa.String(length=63), nullable=False),
        sa.Column("bundle_name", sa.String(length=63), nullable=False),
        sa.Column("bundle_version", sa.String(length=128), nullable=False),
        sa.Column("bundle_digest", sa.String(length=71), nullable=False),
        sa.Column("predicted", sa.Float(precision=53), nullable=True),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("standing", sa.LargeBinary(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("waits_for", sa.JSON(), nullable=False),
        sa.Column("finding", sa.JSON(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("looked_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("followed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_rollout_tenant")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_rollout")),
    )
    op.create_index(
        "ix_rollout_followed",
        "rollout",
        ["followed"],
        unique=False,
        sqlite_where=sa.text("followed"),
        postgresql_where=sa.text("followed"),
    )
    op.create_index(op.f("ix_rollout_tenant_created_at_id"), "rollout", ["tenant", "created_at", "id"], unique=False)
    op.create_index(
        "uq_rollout_unfinished",
        "rollout",
        ["tenant", "task"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )

    op.create_table(
        "rollout_device",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("rollout", sa.String(length=16), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("before", sa.String(length=128), nullable=False),
        sa.Column("limit_ms", sa.Float(precision=53), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("is_due", sa.Boolean(), nullable=False),
        sa.Column("standing", sa.LargeBinary(), nullable=False),
        sa.Column("seen", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "rollout"],
            ["rollout.tenant", "rollout.id"],
            name=op.f("fk_rollout_device_tenant_rollout"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "rollout", "device", name=op.f("pk_rollout_device")),
    )
    op.create_index(op.f("ix_rollout_device_tenant_device"), "rollout_device", ["tenant", "device"], unique=False)
    op.create_index(
        "ix_rollout_device_unassigned",
        "rollout_device",
        ["tenant", "rollout"],
        unique=False,
        sqlite_where=sa.text("is_due"),
        postgresql_where=sa.text("is_due"),
    )

    op.create_table(
        "rollout_event",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("rollout", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=True),
        sa.Column("became", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "rollout"],
            ["rollout.tenant", "rollout.id"],
            name=op.f("fk_rollout_event_tenant_rollout"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "rollout", "number", name=op.f("pk_rollout_event")),
    )


def downgrade() -> None:
    """One step down."""
    op.drop_table("rollout_event")
    op.drop_table("rollout_device")
    op.drop_table("rollout")
