"""How often a sender stopped while it held a message: one that may be the cause is claimed alone."""

import sqlalchemy as sa
from alembic import op

revision = "0096"
down_revision = "0097"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("stops", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("message", "stops")
