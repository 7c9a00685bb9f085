"""The desk settles what did not arrive; the channel shows its state; the nearest visit is sent first."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.create_table(
        "channel",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_reason", sa.String(length=300), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channel")),
    )
    for table in ("message", "reminder"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))
            batch_op.add_column(sa.Column("settled_by_id", sa.Integer(), nullable=True))
            batch_op.create_foreign_key(
                batch_op.f(f"fk_{table}_settled_by_id"), "user", ["settled_by_id"], ["id"]
            )
    _message_due(["urgent_at", "due_at"])


def downgrade() -> None:
    _message_due(["due_at", "urgent_at"])
    for table in ("reminder", "message"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(batch_op.f(f"fk_{table}_settled_by_id"), type_="foreignkey")
            batch_op.drop_column("settled_by_id")
            batch_op.drop_column("settled_at")
    op.drop_table("channel")


def _message_due(columns: list[str]) -> None:
    op.drop_index("ix_message_due", table_name="message")
    op.create_index(
        "ix_message_due", "message", columns, unique=False, sqlite_where=PENDING, postgresql_where=PENDING
    )
