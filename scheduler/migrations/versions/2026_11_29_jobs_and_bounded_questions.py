"""The interval and the failures of each job of the clock; indexes for what is asked all the time."""

import sqlalchemy as sa
from alembic import op

revision = "0190"
down_revision = "0180"
branch_labels = None
depends_on = None

UNSETTLED = "settled_at IS NULL AND state IN ('failed', 'uncertain', 'skipped')"
REMINDERS = "settled_at IS NULL AND state IN ('failed', 'skipped')"


def partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.add_column("tick", sa.Column("seconds", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tick", sa.Column("failed", sa.Integer(), server_default="0", nullable=False))
    partial("ix_message_unsettled", "message", ["clinic_id", "state", "reason"], UNSETTLED)
    partial("ix_message_user", "message", ["user_id", "created_at"], "user_id IS NOT NULL")
    partial("ix_reminder_unsettled", "reminder", ["clinic_id", "state", "reason"], REMINDERS)
    partial("ix_care_plan_held", "care_plan", ["expires_at"], "status = 'draft'")


def downgrade() -> None:
    op.drop_index("ix_care_plan_held", "care_plan")
    op.drop_index("ix_reminder_unsettled", "reminder")
    op.drop_index("ix_message_user", "message")
    op.drop_index("ix_message_unsettled", "message")
    op.drop_column("tick", "failed")
    op.drop_column("tick", "seconds")
