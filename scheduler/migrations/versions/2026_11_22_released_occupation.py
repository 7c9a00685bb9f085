"""What a planner's calendar has lost since it was last read, by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    op.create_index(
        "ix_occupation_released",
        "occupation",
        ["clinic_id", "released_at"],
        sqlite_where=sa.text("released_at IS NOT NULL"),
        postgresql_where=sa.text("released_at IS NOT NULL"),
    )


def downgrade():
    op.drop_index("ix_occupation_released", table_name="occupation")
