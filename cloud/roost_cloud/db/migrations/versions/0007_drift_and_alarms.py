"""Drift: decisions, baselines, alarms; events, and whom they are told to."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "decision_window",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("contestant", sa.String(length=63), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("bundle", sa.String(length=300), nullable=True),
        sa.Column("began_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("phi", sa.LargeBinary(), nullable=True),
        sa.Column("labels", sa.LargeBinary(), nullable=True),
        sa.Column("confidence", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "device", "task", "contestant", "number", name=op.f("pk_decision_window")),
    )
    op.create_index(
        op.f("ix_decision_window_tenant_ended_at"), "decision_window", ["tenant", "ended_at"], unique=False
    )

    op.create_table(
        "drift_verdict",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("contestant", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.Column("distance", sa.Float(precision=53), nullable=True),
        sa.Column("threshold", sa.Float(precision=53), nullable=True),
        sa.Column("exceeded", sa.Boolean(), nullable=False),
        sa.Column("commissioning", sa.Boolean(), nullable=False),
        sa.Column("decided_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "device", "task", "contestant", "kind", "number", name=op.f("pk_drift_verdict")
        ),
    )
    op.create_index(
        op.f("ix_drift_verdict_tenant_decided_at"), "drift_verdict", ["tenant", "decided_at"], unique=False
    )

    op.create_table(
        "alarm",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("contestant", sa.String(length=63), nullable=False),
        sa.Column("bundle", sa.String(length=300), nullable=True),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("since", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_exceeded_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("explanation", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("muted_until", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=100), nullable=True),
        sa.Column("resolved_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.String(length=100), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'resolved')", name=op.f("ck_alarm_state")),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_alarm_tenant")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_alarm")),
    )
    op.create_index(op.f("ix_alarm_tenant_opened_at_id"), "alarm", ["tenant", "opened_at", "id"], unique=False)
    op.create_index(
        "uq_alarm_unresolved",
        "alarm",
        ["tenant", "device", "task", "kind"],
        unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )

    op.create_table(
        "drift_settings",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("updated_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_drift_settings_tenant")),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_drift_settings")),
    )
    op.create_table(
        "event",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_event_tenant")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_at"), "event", ["at"], unique=False)

    op.create_table(
        "hook",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=True),
        sa.Column("nouns", sa.JSON(), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.CheckConstraint("way IN ('webhook', 'mqtt')", name=op.f("ck_hook_way")),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_hook_tenant")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_hook")),
    )
    op.create_table(
        "drift_baseline",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("contestant", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.Column("first_number", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("began_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("began_by", sa.String(length=100), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("commissioned_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "device"],
            ["device.tenant", "device.name"],
            name=op.f("fk_drift_baseline_tenant_device"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant", "device", "task", "contestant", "kind", "identity", name=op.f("pk_drift_baseline")
        ),
    )
    op.create_index(
        op.f("ix_drift_baseline_tenant_task_kind_identity"),
        "drift_baseline",
        ["tenant", "task", "kind", "identity"],
        unique=False,
    )

    op.create_table(
        "drift_stream",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "device"],
            ["device.tenant", "device.name"],
            name=op.f("fk_drift_stream_tenant_device"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "device", "task", name=op.f("pk_drift_stream")),
    )
    op.create_table(
        "hook_delivery",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("hook", sa.String(length=16), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.String(length=200), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'accepted', 'given_up')", name=op.f("ck_hook_delivery_state")),
        sa.ForeignKeyConstraint(
            ["tenant", "event"],
            ["event.tenant", "event.id"],
            name=op.f("fk_hook_delivery_tenant_event"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "hook"],
            ["hook.tenant", "hook.id"],
            name=op.f("fk_hook_delivery_tenant_hook"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "hook", "event", name=op.f("pk_hook_delivery")),
    )
    op.create_index(
        "ix_hook_delivery_due",
        "hook_delivery",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(op.f("ix_hook_delivery_tenant_event"), "hook_delivery", ["tenant", "event"], unique=False)

    op.add_column("window", sa.Column("decided", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "ix_window_undecided",
        "window",
        ["tenant", "device", "task"],
        unique=False,
        sqlite_where=sa.text("decided = 0"),
        postgresql_where=sa.text("NOT decided"),
    )


def downgrade() -> None:
    """One step down."""
    op.drop_index(
        "ix_window_undecided",
        table_name="window",
        sqlite_where=sa.text("decided = 0"),
        postgresql_where=sa.text("NOT decided"),
    )
    op.drop_column("window", "decided")

    op.drop_index(op.f("ix_hook_delivery_tenant_event"), table_name="hook_delivery")
    op.drop_index(
        "ix_hook_delivery_due",
        table_name="hook_delivery",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )

    op.drop_table("hook_delivery")
    op.drop_table("drift_stream")
    op.drop_index(op.f("ix_drift_baseline_tenant_task_kind_identity"), table_name="drift_baseline")

    op.drop_table("drift_baseline")
    op.drop_table("hook")
    op.drop_index(op.f("ix_event_at"), table_name="event")

    op.drop_table("event")
    op.drop_table("drift_settings")
    op.drop_index(
        "uq_alarm_unresolved",
        table_name="alarm",
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.drop_index(op.f("ix_alarm_tenant_opened_at_id"), table_name="alarm")

    op.drop_table("alarm")
    op.drop_index(op.f("ix_drift_verdict_tenant_decided_at"), table_name="drift_verdict")

    op.drop_table("drift_verdict")
    op.drop_index(op.f("ix_decision_window_tenant_ended_at"), table_name="decision_window")

    op.drop_table("decision_window")
