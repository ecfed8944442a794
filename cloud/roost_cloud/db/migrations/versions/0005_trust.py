"""Trust: each tenant's root, and which one a device is to pin."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "trust_repository",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("root_version", sa.Integer(), nullable=False),
        sa.Column("root_digest", sa.String(length=71), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_trust_repository_tenant")),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_trust_repository")),
    )
    op.add_column("enrolment_token", sa.Column("root_version", sa.Integer(), nullable=True))


def downgrade() -> None:
    """One step down."""
    op.drop_column("enrolment_token", "root_version")
    op.drop_table("trust_repository")
