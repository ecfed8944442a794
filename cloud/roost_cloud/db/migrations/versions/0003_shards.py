"""Inputs in shards."""

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
        sa.PrimaryKeyConstraint("tenant", "device", "sample", name=op.f("pk_sample_input")),
    )


def downgrade() -> None:
    """One step down."""
    op.drop_table("sample_input")
