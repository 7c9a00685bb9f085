"""Two more kinds of mail: who takes the patient home, and that a proposed visit wants to be booked.

On the way back they become the nearest kind that was there before; what has not left is then refused at its gate.
"""

import sqlalchemy as sa
from alembic import op

revision = "0097"
down_revision = "0098"
branch_labels = None
depends_on = None

BEFORE = (
    "confirmation",
    "change",
    "cancellation",
    "reminder",
    "gate-missing",
    "check-in",
    "link",
    "digest",
    "notice",
    "account",
)
NEW = {"driver": "gate-missing", "booster": "reminder"}


def upgrade() -> None:
    _allow((*BEFORE, *NEW))


def downgrade() -> None:
    message = sa.table("message", sa.column("kind", sa.String()))
    for kind, instead in NEW.items():
        op.execute(sa.update(message).where(message.c.kind == kind).values(kind=instead))
    _allow(BEFORE)


def _allow(kinds: tuple[str, ...]) -> None:
    """Let the database take these kinds and no other."""
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_message_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_message_kind"), sa.column("kind").in_(kinds))
