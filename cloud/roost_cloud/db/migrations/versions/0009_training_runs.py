"""Training: a task's policy, its runs, and what each of them went through."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATES = (
    "state IN ('proposed', 'waiting', 'queued', 'preparing', 'training', 'judging', 'passed', 'approved', "
    "'registered', 'refused', 'failed', 'cancelled')"
)


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "training_policy",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("updated_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_training_policy_tenant")),
        sa.PrimaryKeyConstraint("tenant", "task", name=op.f("pk_training_policy")),
    )
    op.create_table(
        "training_run",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("incumbent_version", sa.String(length=128), nullable=False),
        sa.Column("incumbent", sa.String(length=71), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("since", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("devices", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("opened_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(length=100), nullable=False),
        sa.Column("ready_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=100), nullable=True),
        sa.Column("lease_until", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("labels_had", sa.Integer(), nullable=True),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=500), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("trainer_version", sa.String(length=60), nullable=True),
        sa.Column("snapshot", sa.String(length=71), nullable=True),
        sa.Column("candidate", sa.String(length=71), nullable=True),
        sa.Column("is_kept", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("problem_code", sa.String(length=60), nullable=True),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("started_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(_STATES, name=op.f("ck_training_run_state")),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_training_run_tenant")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_training_run")),
    )
    op.create_index(
        "ix_training_run_due",
        "training_run",
        ["state", "due_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        op.f("ix_training_run_tenant_opened_at_id"), "training_run", ["tenant", "opened_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_training_run_tenant_task_opened_at"), "training_run", ["tenant", "task", "opened_at"], unique=False
    )
    op.create_index(
        "uq_training_run_open",
        "training_run",
        ["tenant", "task"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "training_alarm",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("alarm", sa.String(length=16), nullable=False),
        sa.Column("run", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "run"],
            ["training_run.tenant", "training_run.id"],
            name=op.f("fk_training_alarm_tenant_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "alarm", name=op.f("pk_training_alarm")),
    )
    op.create_index(op.f("ix_training_alarm_tenant_run"), "training_alarm", ["tenant", "run"], unique=False)
    op.create_table(
        "training_line",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("run", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "run"],
            ["training_run.tenant", "training_run.id"],
            name=op.f("fk_training_line_tenant_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "run", "number", name=op.f("pk_training_line")),
    )
    op.create_table(
        "training_metric",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("run", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "run"],
            ["training_run.tenant", "training_run.id"],
            name=op.f("fk_training_metric_tenant_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "run", "name", name=op.f("pk_training_metric")),
    )
    op.create_table(
        "training_step",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("run", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("before", sa.String(length=16), nullable=True),
        sa.Column("after", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "run"],
            ["training_run.tenant", "training_run.id"],
            name=op.f("fk_training_step_tenant_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "run", "number", name=op.f("pk_training_step")),
    )


def downgrade() -> None:
    """One step down."""
    op.drop_table("training_step")
    op.drop_table("training_metric")
    op.drop_table("training_line")
    op.drop_index(op.f("ix_training_alarm_tenant_run"), table_name="training_alarm")
    op.drop_table("training_alarm")
    op.drop_index(
        "uq_training_run_open",
        table_name="training_run",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_training_run_tenant_task_opened_at"), table_name="training_run")
    op.drop_index(op.f("ix_training_run_tenant_opened_at_id"), table_name="training_run")
    op.drop_index(
        "ix_training_run_due",
        table_name="training_run",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_table("training_run")
    op.drop_table("training_policy")
