"""The desk's search goes through an index that holds the searched text, in the order of the list."""

import sqlalchemy as sa
from alembic import op

revision = "0093"
down_revision = "0099"
branch_labels = None
depends_on = None

IN_LIST_ORDER = ["clinic_id", "family_name", "given_name", "id"]
FOUND_BY_SEARCH = sa.text("merged_into_id IS NULL AND erased_at IS NULL")


def upgrade():
    if op.get_bind().dialect.name == "sqlite":
        columns = [*IN_LIST_ORDER, "search_key"]
        op.create_index("ix_patient_search", "patient", columns, sqlite_where=FOUND_BY_SEARCH)
    else:
        op.create_index("ix_patient_list", "patient", IN_LIST_ORDER, postgresql_where=FOUND_BY_SEARCH)


def downgrade():
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.drop_index("ix_patient_search" if sqlite else "ix_patient_list", table_name="patient")
