"""A session that was signed out of is over for every browser that has its cookie."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "ended_session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_session")),
    )
    op.create_index(op.f("ix_ended_session_expires_at"), "ended_session", ["expires_at"], unique=False)


def downgrade() -> None:
    """One step down."""
    op.drop_index(op.f("ix_ended_session_expires_at"), table_name="ended_session")
    op.drop_table("ended_session")
