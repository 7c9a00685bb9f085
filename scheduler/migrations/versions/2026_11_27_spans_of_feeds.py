"""How far a feed goes back and ahead may be chosen for each; empty is the usual for whom it belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0098"
down_revision = "0093"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calendar_feed", sa.Column("days_back", sa.Integer(), nullable=True))
    op.add_column("calendar_feed", sa.Column("days_ahead", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("calendar_feed", "days_ahead")
    op.drop_column("calendar_feed", "days_back")
