"""Private links and calendar links end with a patient's link epoch; a new address by link waits for a confirmation.

Links and calendar links that exist are of epoch 0 and go on. On the way back, mails about a change of address become
mails with a fresh link.
"""

import sqlalchemy as sa
from alembic import op

revision = "0140"
down_revision = "0120"
branch_labels = None
depends_on = None

BEFORE = (
    "confirmation",
    "change",
    "cancellation",
    "reminder",
    "gate-missing",
    "driver",
    "booster",
    "check-in",
    "link",
    "digest",
    "notice",
    "account",
)


def upgrade() -> None:
    op.add_column("patient", sa.Column("link_epoch", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("calendar_feed", sa.Column("link_epoch", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE calendar_feed SET link_epoch = 0 WHERE resource_id IN (SELECT resource_id FROM patient)"
    )
    op.add_column("message", sa.Column("opened_on", sa.Date(), nullable=True))
    _allow((*BEFORE, "address"))
    op.create_table(
        "address_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("clinic_id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("former", sa.String(length=254), nullable=True),
        sa.Column("wanted", sa.String(length=254), nullable=False),
        sa.Column("link_epoch", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_address_change_clinic_id")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patient.clinic_id", "patient.id"],
            name=op.f("fk_address_change_clinic_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "message_id"],
            ["message.clinic_id", "message.id"],
            name=op.f("fk_address_change_clinic_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["settled_by_id"], ["user.id"], name=op.f("fk_address_change_settled_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_change")),
        sa.UniqueConstraint("clinic_id", "id", name=op.f("uq_address_change_clinic_id_id")),
        sa.UniqueConstraint("message_id", name=op.f("uq_address_change_message_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_address_change_public_id")),
    )
    op.create_index(op.f("ix_address_change_clinic_id"), "address_change", ["clinic_id"])
    op.create_index(op.f("ix_address_change_patient_id"), "address_change", ["patient_id"])


def downgrade() -> None:
    op.drop_table("address_change")
    message = sa.table("message", sa.column("kind", sa.String()))
    op.execute(sa.update(message).where(message.c.kind == "address").values(kind="link"))
    _allow(BEFORE)
    op.drop_column("message", "opened_on")
    op.drop_column("calendar_feed", "link_epoch")
    op.drop_column("patient", "link_epoch")


def _allow(kinds: tuple[str, ...]) -> None:
    """Let the database take these kinds of message and no other."""
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_message_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_message_kind"), sa.column("kind").in_(kinds))
