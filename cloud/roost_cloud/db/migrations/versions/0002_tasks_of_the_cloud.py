"""Tasks of the cloud."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "cloud_task",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_cloud_task_tenant")),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("pk_cloud_task")),
    )


def downgrade() -> None:
    """One step down."""
    op.drop_table("cloud_task")
