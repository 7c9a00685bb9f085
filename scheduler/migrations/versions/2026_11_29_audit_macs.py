"""Each audit event carries a MAC of its own, the token and the session; a reason is blanked only by an erasure.

Events that are not linked yet get their MAC here: they were written by the former release, whose rows had none. Rows of
the chain stay as they are. The trigger lets reason and salt become empty only when a "patient.erased" event of the clinic
names the reason by its digest. For API tokens that exist, the trail says who made them.
"""

import hmac
import json
import secrets
from hashlib import sha256

import sqlalchemy as sa
from alembic import op
from flask import current_app

from scheduler.database import UTCDateTime

revision = "0160"
down_revision = "0150"
branch_labels = None
depends_on = None

OLD_FIXED = (
    "id", "clinic_id", "at", "user_id", "actor", "event", "object_type", "object_id", "operation", "address", "fields",
    "reason_digest",
)
NEW_FIXED = (*OLD_FIXED, "token_id", "session_id", "nonce", "mac")
REFUSAL = "the audit trail is append-only"
SEALING = "OLD.serial IS NULL AND OLD.seal IS NULL AND NEW.serial IS NOT NULL AND NEW.seal IS NOT NULL"
BLANKING = "OLD.reason_digest IS NOT NULL AND NEW.reason = '' AND NEW.reason_salt = ''"
NAMED = """EXISTS (
    SELECT 1 FROM audit_event AS erasure
    WHERE erasure.clinic_id = OLD.clinic_id AND erasure.event = 'patient.erased' AND {holds}
)"""
HOLDS = {
    "postgresql": "jsonb_exists(erasure.fields, 'reason:' || OLD.reason_digest)",
    "sqlite": "instr(erasure.fields, '\"reason:' || OLD.reason_digest || '\"') > 0",
}
ERASED = sa.text("event = 'patient.erased'")


def guard(fixed: tuple[str, ...], blanking: str) -> None:
    """Let a row be linked into the chain, and its reason be blanked; nothing else."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    differs = "IS DISTINCT FROM" if postgresql else "IS NOT"
    ways = ((SEALING, (*fixed, "reason", "reason_salt")), (blanking, (*fixed, "serial", "seal")))
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
    op.get_bind().exec_driver_sql(f"""
        CREATE TRIGGER audit_event_update BEFORE UPDATE ON audit_event WHEN NOT ({allowed})
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """)


def unguard() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_rows")
    else:
        op.execute("DROP TRIGGER audit_event_update")


def guard_again() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE audit_event ENABLE TRIGGER audit_event_rows")


def upgrade() -> None:
    unguard()
    for name in ("token_id", "session_id"):
        op.add_column("audit_event", sa.Column(name, sa.String(length=16), server_default="", nullable=False))
    op.add_column("audit_event", sa.Column("nonce", sa.String(length=24), nullable=True))
    op.add_column("audit_event", sa.Column("mac", sa.String(length=64), nullable=True))
    sign_what_waits()
    op.create_index("ix_audit_event_nonce", "audit_event", ["nonce"], unique=True)
    op.create_index(
        "ix_audit_event_erased", "audit_event", ["clinic_id"], sqlite_where=ERASED, postgresql_where=ERASED
    )
    guard(NEW_FIXED, f"{BLANKING} AND {NAMED.format(holds=HOLDS[op.get_bind().dialect.name])}")
    guard_again()
    op.execute("""
        UPDATE api_token SET made_by_id = (
            SELECT min(audit_event.user_id) FROM audit_event
            WHERE audit_event.clinic_id = api_token.clinic_id AND audit_event.object_type = 'ApiToken'
            AND audit_event.object_id = api_token.public_id AND audit_event.event = 'token.created'
        )
    """)


def downgrade() -> None:
    unguard()
    op.drop_index("ix_audit_event_erased", "audit_event")
    op.drop_index("ix_audit_event_nonce", "audit_event")
    for name in ("mac", "nonce", "session_id", "token_id"):
        op.drop_column("audit_event", name)
    guard(OLD_FIXED, BLANKING)
    guard_again()


def sign_what_waits() -> None:
    """Give the events that wait to be linked the MAC that new ones have."""
    secret = current_app.config["SETTINGS"].secret_key
    key = hmac.new(secret.encode(), b"seriate audit event", sha256).digest()
    events = sa.table(
        "audit_event",
        *(sa.column(name) for name in (*NEW_FIXED, "reason", "serial") if name not in ("at", "fields")),
        sa.column("at", UTCDateTime()),
        sa.column("fields", sa.JSON()),
    )
    bind = op.get_bind()
    for row in bind.execute(sa.select(events).where(events.c.serial.is_(None))).mappings().all():
        nonce = secrets.token_hex(12)
        content = [
            nonce, row["clinic_id"], row["at"].isoformat(), row["user_id"], row["actor"], row["event"],
            row["object_type"], row["object_id"], row["fields"], row["operation"], row["address"],
            row["reason"] if row["reason_digest"] is None else row["reason_digest"], "", "",
        ]  # fmt: skip
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
        mac = hmac.new(key, text.encode(), sha256).hexdigest()
        bind.execute(sa.update(events).where(events.c.id == row["id"]).values(nonce=nonce, mac=mac))
