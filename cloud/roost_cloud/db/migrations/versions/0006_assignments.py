"""Assignments: what devices shall run, and what they report."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "assignment",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_assignment_tenant")),
        sa.PrimaryKeyConstraint("tenant", "device", "version", name=op.f("pk_assignment")),
    )
    op.create_table(
        "device_assignment",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.Column("told_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_device_assignment_tenant")),
        sa.PrimaryKeyConstraint("tenant", "device", name=op.f("pk_device_assignment")),
    )
    op.create_index(
        "ix_device_assignment_untold",
        "device_assignment",
        ["tenant", "device"],
        unique=False,
        sqlite_where=sa.text("told <> change"),
        postgresql_where=sa.text("told <> change"),
    )
    op.create_table(
        "assigned_bundle",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_assigned_bundle_tenant")),
        sa.PrimaryKeyConstraint("tenant", "device", "name", "version", name=op.f("pk_assigned_bundle")),
    )
    op.create_index(
        op.f("ix_assigned_bundle_tenant_name_version"), "assigned_bundle", ["tenant", "name", "version"], unique=False
    )
    op.create_table(
        "device_report",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("desired", sa.BigInteger(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("trust", sa.String(length=32), nullable=False),
        sa.Column("problem_code", sa.String(length=100), nullable=True),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("received_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "device"],
            ["device.tenant", "device.name"],
            name=op.f("fk_device_report_tenant_device"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "device", name=op.f("pk_device_report")),
    )


def downgrade() -> None:
    """One step down."""
    op.drop_table("device_report")
    op.drop_index(op.f("ix_assigned_bundle_tenant_name_version"), table_name="assigned_bundle")
    op.drop_table("assigned_bundle")
    op.drop_index(
        "ix_device_assignment_untold",
        table_name="device_assignment",
        sqlite_where=sa.text("told <> change"),
        postgresql_where=sa.text("told <> change"),
    )
    op.drop_table("device_assignment")
    op.drop_table("assignment")
