"""TEMPORARY: columns for reason codes and channels, until all migrations are squashed."""

import sqlalchemy as sa
from alembic import op

revision = "0002_temporary_reason_codes"
down_revision = "0001_initial"
branch_labels = None
depends_on = None

UNSETTLED = {
    "message": "settled_at IS NULL AND state IN ('failed', 'uncertain', 'skipped')",
    "reminder": "settled_at IS NULL AND state IN ('failed', 'skipped')",
}


def upgrade() -> None:
    _add("message", "reason_code", 40, "")
    _add("message", "channel", 20, "email")
    _add("reminder", "reason_code", 40, "")
    _add("channel", "held_code", 40, "")
    _index("reason_code")


def downgrade() -> None:
    _index("reason")
    for table, column in (
        ("channel", "held_code"),
        ("reminder", "reason_code"),
        ("message", "channel"),
        ("message", "reason_code"),
    ):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)


def _add(table: str, column: str, length: int, default: str) -> None:
    with op.batch_alter_table(table) as batch:
        batch.add_column(sa.Column(column, sa.String(length=length), nullable=False, server_default=default))


def _index(column: str) -> None:
    for table, where in UNSETTLED.items():
        name = f"ix_{table}_unsettled"
        op.drop_index(name, table)
        op.create_index(
            name,
            table,
            ["clinic_id", "state", column],
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
