"""Labels say whether whoever gave them had been shown what models say."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = ("label", "label_claim")


def upgrade() -> None:
    """One step up; until now nobody was shown it."""
    for table in _TABLES:
        op.add_column(table, sa.Column("informed", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """One step down."""
    for table in reversed(_TABLES):
        op.drop_column(table, "informed")
