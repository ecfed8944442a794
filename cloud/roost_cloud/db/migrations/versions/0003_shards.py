"""Shards."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "shard",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("committed_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_shard_tenant")),
        sa.PrimaryKeyConstraint("tenant", "device", "id", name=op.f("pk_shard")),
    )
    op.create_table(
        "shard_upload",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("shard", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("listing", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("store_upload", sa.String(length=1024), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("touched_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_shard_upload_tenant")),
        sa.PrimaryKeyConstraint("tenant", "device", "shard", name=op.f("pk_shard_upload")),
        sa.UniqueConstraint("id", name=op.f("uq_shard_upload_id")),
    )
    op.create_index(op.f("ix_shard_upload_touched_at"), "shard_upload", ["touched_at"], unique=False)
    op.create_table(
        "sample_input",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("sample", sa.String(length=85), nullable=False),
        sa.Column("shard", sa.String(length=64), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("probability", sa.Float(precision=53), nullable=False),
        sa.Column("committed_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "device", "shard"],
            ["shard.tenant", "shard.device", "shard.id"],
            name=op.f("fk_sample_input_tenant_device_shard"),
        ),
        sa.PrimaryKeyConstraint("tenant", "device", "sample", name=op.f("pk_sample_input")),
    )


def downgrade() -> None:
    """One step down."""
    op.drop_table("sample_input")
    op.drop_index(op.f("ix_shard_upload_touched_at"), table_name="shard_upload")
    op.drop_table("shard_upload")
    op.drop_table("shard")
