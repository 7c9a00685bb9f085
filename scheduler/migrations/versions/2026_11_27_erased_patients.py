"""A record can be made anonymous: the patient keeps a row, and reasons in the audit trail can be blanked, not changed.

From here on a seal covers the salted SHA-256 of an event's reason instead of the reason itself. So the one change that the
trail allows beside its sealing is that reason and salt become empty, and the chain still holds. Events that were sealed
before have no digest and can never be blanked.
"""

import sqlalchemy as sa
from alembic import op

revision = "0090"
down_revision = "0006"
branch_labels = None
depends_on = None

FIXED = ("id", "clinic_id", "at", "user_id", "actor", "event", "object_type", "object_id", "operation", "address", "fields")
REFUSAL = "the audit trail is append-only"
SEALING = "OLD.serial IS NULL AND OLD.seal IS NULL AND NEW.serial IS NOT NULL AND NEW.seal IS NOT NULL"
BLANKING = "OLD.reason_digest IS NOT NULL AND NEW.reason = '' AND NEW.reason_salt = ''"


def allow(*ways: tuple[str, tuple[str, ...]]) -> None:
    """Let a row change in these ways only: each a condition, and the columns that stay as they are."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    differs = "IS DISTINCT FROM" if postgresql else "IS NOT"
    allowed = " OR ".join(
        f"({condition} AND NOT ({' OR '.join(f'NEW.{name} {differs} OLD.{name}' for name in same)}))"
        for condition, same in ways
    )
    if postgresql:
        op.execute(f"""
            CREATE OR REPLACE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'UPDATE' THEN
                    IF {allowed} THEN
                        RETURN NEW;
                    END IF;
                END IF;
                RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
            END $$
        """)
        return
    op.execute("DROP TRIGGER audit_event_update")
    op.get_bind().exec_driver_sql(f"""
        CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event WHEN NOT ({allowed})
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """)


def upgrade() -> None:
    op.add_column("patient", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("audit_event", sa.Column("reason_salt", sa.String(length=32), nullable=True))
    op.add_column("audit_event", sa.Column("reason_digest", sa.String(length=64), nullable=True))
    proof = ("reason_digest",)
    allow(
        (SEALING, (*FIXED, "reason", "reason_salt", *proof)),
        (BLANKING, (*FIXED, *proof, "serial", "seal")),
    )


def downgrade() -> None:
    allow((SEALING, (*FIXED, "reason")))
    op.drop_column("audit_event", "reason_digest")
    op.drop_column("audit_event", "reason_salt")
    op.drop_column("patient", "erased_at")
