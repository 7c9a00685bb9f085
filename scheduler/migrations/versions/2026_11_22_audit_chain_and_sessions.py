"""The audit trail is append-only and sealed; browsers that are signed in are known; tokens have scopes.

An audit row is never deleted. The one change it may see is its sealing: `serial` and `seal`, once, with all else as it
was. PostgreSQL refuses TRUNCATE as well.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FIXED = (
    "id", "clinic_id", "at", "user_id", "actor", "event", "object_type", "object_id", "operation", "address", "reason"
)
REFUSAL = "the audit trail is append-only"


def guard_the_trail() -> None:
    if op.get_bind().dialect.name == "postgresql":
        changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in (*FIXED, "fields"))
        op.execute(f"""
            CREATE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'UPDATE' THEN
                    IF NOT (OLD.serial IS NOT NULL OR OLD.seal IS NOT NULL
                            OR NEW.serial IS NULL OR NEW.seal IS NULL OR {changed}) THEN
                        RETURN NEW;
                    END IF;
                END IF;
                RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
            END $$
        """)
        op.execute(
            "CREATE TRIGGER audit_event_rows BEFORE UPDATE OR DELETE ON audit_event "
            "FOR EACH ROW EXECUTE FUNCTION audit_event_append_only()"
        )
        op.execute(
            "CREATE TRIGGER audit_event_truncate BEFORE TRUNCATE ON audit_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_append_only()"
        )
        return
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in (*FIXED, "fields"))
    execute = op.get_bind().exec_driver_sql
    execute(f"""
        CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event
        WHEN OLD.serial IS NOT NULL OR OLD.seal IS NOT NULL OR NEW.serial IS NULL OR NEW.seal IS NULL OR {changed}
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """)
    execute(f"""
        CREATE TRIGGER audit_event_delete BEFORE DELETE ON audit_event
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """)


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("clinic_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_audit_head_clinic_id")),
        sa.PrimaryKeyConstraint("clinic_id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "user_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_user_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_user_session_digest")),
        sa.UniqueConstraint("public_id", name=op.f("uq_user_session_public_id")),
    )
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"], unique=False)
    document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column("api_token", sa.Column("scopes", document, nullable=True))
    guard_the_trail()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_event_truncate ON audit_event")
        op.execute("DROP TRIGGER audit_event_rows ON audit_event")
        op.execute("DROP FUNCTION audit_event_append_only()")
    else:
        op.execute("DROP TRIGGER audit_event_update")
        op.execute("DROP TRIGGER audit_event_delete")
    op.drop_column("api_token", "scopes")
    op.drop_index(op.f("ix_user_session_user_id"), table_name="user_session")
    op.drop_table("user_session")
    op.drop_table("audit_head")
