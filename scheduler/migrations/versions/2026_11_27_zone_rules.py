"""How many visits ahead could not keep their time on the wall when the rules of the clinic's zone changed."""

import sqlalchemy as sa
from alembic import op

revision = "0120"
down_revision = "0091"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clinic", sa.Column("zone_strays", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("clinic", "zone_strays")
