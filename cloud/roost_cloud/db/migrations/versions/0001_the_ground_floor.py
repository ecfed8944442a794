"""The ground floor."""

import sqlalchemy as sa
from alembic import op

from roost_cloud.db import base

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One step up."""
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=True),
        sa.Column("at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_tenant_id"), "audit_entry", ["tenant", "id"], unique=False)
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("root_fingerprint", sa.String(length=71), nullable=False),
        sa.Column("begun_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_deployment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
    )
    op.create_table(
        "spent_nonce",
        sa.Column("nonce_sha256", sa.String(length=64), nullable=False),
        sa.Column("expires_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("nonce_sha256", name=op.f("pk_spent_nonce")),
    )
    op.create_index(op.f("ix_spent_nonce_expires_at"), "spent_nonce", ["expires_at"], unique=False)
    op.create_table(
        "tenant",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tenant")),
    )
    op.create_table(
        "alias_move",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("alias", sa.String(length=63), nullable=False),
        sa.Column("from_version", sa.String(length=128), nullable=True),
        sa.Column("to_version", sa.String(length=128), nullable=True),
        sa.Column("moved_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_alias_move_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alias_move")),
    )
    op.create_index(
        op.f("ix_alias_move_tenant_name_alias_id"), "alias_move", ["tenant", "name", "alias", "id"], unique=False
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("expires_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('viewer', 'operator', 'admin')", name=op.f("ck_api_token_role")),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_api_token_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
    )
    op.create_index(op.f("ix_api_token_tenant"), "api_token", ["tenant"], unique=False)
    op.create_table(
        "blob",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("touched_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("condemned_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_blob_tenant")),
        sa.PrimaryKeyConstraint("tenant", "digest", name=op.f("pk_blob")),
    )
    op.create_table(
        "bundle_version",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.String(length=63), nullable=True),
        sa.Column("parent_digest", sa.String(length=71), nullable=True),
        sa.Column("training_run", sa.String(length=200), nullable=True),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("deleted_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_bundle_version_tenant")),
        sa.PrimaryKeyConstraint("tenant", "name", "version", name=op.f("pk_bundle_version")),
    )
    op.create_index(op.f("ix_bundle_version_tenant_digest"), "bundle_version", ["tenant", "digest"], unique=False)
    op.create_index(
        op.f("ix_bundle_version_tenant_parent_digest"), "bundle_version", ["tenant", "parent_digest"], unique=False
    )
    op.create_index(
        op.f("ix_bundle_version_tenant_name_created_at_version"),
        "bundle_version",
        ["tenant", "name", "created_at", "version"],
        unique=False,
    )
    op.create_table(
        "certificate",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("public_key_sha256", sa.String(length=71), nullable=False),
        sa.Column("issued_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("not_after", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_certificate_tenant")),
        sa.PrimaryKeyConstraint("tenant", "serial", name=op.f("pk_certificate")),
    )
    op.create_index(
        op.f("ix_certificate_revoked_at_not_after"), "certificate", ["revoked_at", "not_after"], unique=False
    )
    op.create_index(op.f("ix_certificate_tenant_device"), "certificate", ["tenant", "device"], unique=False)
    op.create_table(
        "device",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("enrolled_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("broker_secret_sha256", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=True),
        sa.Column("session", sa.Integer(), nullable=True),
        sa.Column("last_seen", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("agent_version", sa.String(length=64), nullable=True),
        sa.Column("problem", sa.String(length=100), nullable=True),
        sa.CheckConstraint("state IN ('never', 'online', 'offline')", name=op.f("ck_device_state")),
        sa.CheckConstraint("status IN ('enrolled', 'revoked')", name=op.f("ck_device_status")),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_device_tenant")),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("pk_device")),
    )
    op.create_index(op.f("ix_device_tenant_state_name"), "device", ["tenant", "state", "name"], unique=False)
    op.create_table(
        "enrolment_token",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("replace", sa.Boolean(), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("expires_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("used_public_key_sha256", sa.String(length=71), nullable=True),
        sa.Column("revoked_at", base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_enrolment_token_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_token")),
    )
    op.create_index(
        op.f("ix_enrolment_token_tenant_created_at"), "enrolment_token", ["tenant", "created_at"], unique=False
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("store_upload", sa.String(length=1024), nullable=False),
        sa.Column("created_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("touched_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.name"], name=op.f("fk_upload_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.UniqueConstraint("tenant", "digest", "size_bytes", name=op.f("uq_upload_tenant_digest_size_bytes")),
    )
    op.create_index(op.f("ix_upload_touched_at"), "upload", ["touched_at"], unique=False)
    op.create_table(
        "alias",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("alias", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("moved_at", base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "name", "version"],
            ["bundle_version.tenant", "bundle_version.name", "bundle_version.version"],
            name=op.f("fk_alias_tenant_name_version"),
        ),
        sa.PrimaryKeyConstraint("tenant", "name", "alias", name=op.f("pk_alias")),
    )
    op.create_table(
        "bundle_blob",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "digest"], ["blob.tenant", "blob.digest"], name=op.f("fk_bundle_blob_tenant_digest")
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "name", "version"],
            ["bundle_version.tenant", "bundle_version.name", "bundle_version.version"],
            name=op.f("fk_bundle_blob_tenant_name_version"),
        ),
        sa.PrimaryKeyConstraint("tenant", "name", "version", "digest", name=op.f("pk_bundle_blob")),
    )
    op.create_index(op.f("ix_bundle_blob_tenant_digest"), "bundle_blob", ["tenant", "digest"], unique=False)
    op.create_table(
        "device_label",
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=63), nullable=False),
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "device"],
            ["device.tenant", "device.name"],
            name=op.f("fk_device_label_tenant_device"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "device", "key", name=op.f("pk_device_label")),
    )
    op.create_index(
        op.f("ix_device_label_tenant_key_value_device"),
        "device_label",
        ["tenant", "key", "value", "device"],
        unique=False,
    )


def downgrade() -> None:
    """One step down."""
    op.drop_index(op.f("ix_device_label_tenant_key_value_device"), table_name="device_label")
    op.drop_table("device_label")
    op.drop_index(op.f("ix_bundle_blob_tenant_digest"), table_name="bundle_blob")
    op.drop_table("bundle_blob")
    op.drop_table("alias")
    op.drop_index(op.f("ix_upload_touched_at"), table_name="upload")
    op.drop_table("upload")
    op.drop_index(op.f("ix_enrolment_token_tenant_created_at"), table_name="enrolment_token")
    op.drop_table("enrolment_token")
    op.drop_index(op.f("ix_device_tenant_state_name"), table_name="device")
    op.drop_table("device")
    op.drop_index(op.f("ix_certificate_tenant_device"), table_name="certificate")
    op.drop_index(op.f("ix_certificate_revoked_at_not_after"), table_name="certificate")
    op.drop_table("certificate")
    op.drop_index(op.f("ix_bundle_version_tenant_name_created_at_version"), table_name="bundle_version")
    op.drop_index(op.f("ix_bundle_version_tenant_parent_digest"), table_name="bundle_version")
    op.drop_index(op.f("ix_bundle_version_tenant_digest"), table_name="bundle_version")
    op.drop_table("bundle_version")
    op.drop_table("blob")
    op.drop_index(op.f("ix_api_token_tenant"), table_name="api_token")
    op.drop_table("api_token")
    op.drop_index(op.f("ix_alias_move_tenant_name_alias_id"), table_name="alias_move")
    op.drop_table("alias_move")
    op.drop_table("tenant")
    op.drop_index(op.f("ix_spent_nonce_expires_at"), table_name="spent_nonce")
    op.drop_table("spent_nonce")
    op.drop_table("deployment")
    op.drop_index(op.f("ix_audit_entry_tenant_id"), table_name="audit_entry")
    op.drop_table("audit_entry")
