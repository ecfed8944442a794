"""Inputs that people want first; commissioning during which something changed; old windows, found by their age."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "wanted_stretch",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("since", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("asked_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=100), nullable=False),
        sa.Column("served", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "device"],
            ["device.tenant", "device.name"],
            name=op.f("fk_wanted_stretch_tenant_device"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "device", "task", "since", "until", name=op.f("pk_wanted_stretch")),
    )
    op.create_index(op.f("ix_window_tenant_received_at"), "window", ["tenant", "received_at"], unique=False)
    op.add_column("drift_baseline", sa.Column("problem", sa.String(length=200), nullable=True))
    op.add_column("drift_baseline", sa.Column("unsteady", sa.String(length=200), nullable=True))


def downgrade() -> None:
    """One step down."""
    op.drop_column("drift_baseline", "unsteady")
    op.drop_column("drift_baseline", "problem")
    op.drop_index(op.f("ix_window_tenant_received_at"), table_name="window")
    op.drop_table("wanted_stretch")
