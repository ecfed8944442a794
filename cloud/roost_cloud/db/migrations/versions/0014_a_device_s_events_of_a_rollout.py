"""What became of a device in a rollout is found by an index, however many devices there are."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COLUMNS = ["tenant", "rollout", "device", "number"]


def upgrade() -> None:
    """One step up."""
    op.create_index(op.f("ix_rollout_event_tenant_rollout_device_number"), "rollout_event", _COLUMNS, unique=False)


def downgrade() -> None:
    """One step down."""
    op.drop_index(op.f("ix_rollout_event_tenant_rollout_device_number"), table_name="rollout_event")
