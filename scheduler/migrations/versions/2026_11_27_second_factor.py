"""A code of an authenticator app is taken once: the counter of the last one is kept with the account."""

import sqlalchemy as sa
from alembic import op

revision = "0099"
down_revision = "0090"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user", sa.Column("tf_last_counter", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("user", "tf_last_counter")
