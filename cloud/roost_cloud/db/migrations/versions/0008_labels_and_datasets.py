"""Labels of samples, and snapshots of them."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "label",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("sample", sa.String(length=85), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("label", sa.String(length=256), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("confidence", sa.Float(precision=53), nullable=True),
        sa.Column("drawn", sa.String(length=16), nullable=True),
        sa.Column("labelled_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.CheckConstraint("kind IN ('person', 'teacher')", name=op.f("ck_label_kind")),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_label_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label")),
    )
    op.create_index(op.f("ix_label_tenant_device_sample"), "label", ["tenant", "device", "sample"], unique=False)
    op.create_index(op.f("ix_label_tenant_task_id"), "label", ["tenant", "task", "id"], unique=False)
    op.create_table(
        "label_claim",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("sample", sa.String(length=85), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("drawn", sa.String(length=16), nullable=False),
        sa.Column("until", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_label_claim_tenant")),
        sa.PrimaryKeyConstraint("tenant", "device", "sample", name=op.f("pk_label_claim")),
    )
    op.create_table(
        "task_label",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("label", sa.String(length=256), nullable=False),
        sa.Column("added_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_task_label_tenant")),
        sa.PrimaryKeyConstraint("tenant", "task", "label", name=op.f("pk_task_label")),
    )
    op.create_table(
        "label_settings",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("updated_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_label_settings_tenant")),
        sa.PrimaryKeyConstraint("tenant", "task", name=op.f("pk_label_settings")),
    )
    op.create_table(
        "dataset",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=False),
        sa.Column("incumbent", sa.String(length=71), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("document_bytes", sa.BigInteger(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("held_until", base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_dataset_tenant")),
        sa.PrimaryKeyConstraint("tenant", "digest", name=op.f("pk_dataset")),
    )
    op.create_index(
        op.f("ix_dataset_tenant_created_at_digest"), "dataset", ["tenant", "created_at", "digest"], unique=False
    )
    op.create_table(
        "dataset_sample",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("dataset", sa.String(length=71), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("sample", sa.String(length=85), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "dataset"], ["dataset.tenant", "dataset.digest"], name=op.f("fk_dataset_sample_tenant_dataset")
        ),
        sa.PrimaryKeyConstraint("tenant", "dataset", "device", "sample", name=op.f("pk_dataset_sample")),
    )
    op.create_index(
        op.f("ix_dataset_sample_tenant_device_sample"),
        "dataset_sample",
        ["tenant", "device", "sample"],
        unique=False,
    )


def downgrade() -> None:
    """One step down."""
    op.drop_table("dataset_sample")
    op.drop_table("dataset")
    op.drop_table("label_settings")
    op.drop_table("task_label")
    op.drop_table("label_claim")
    op.drop_table("label")
