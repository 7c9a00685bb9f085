"""Invitations, known browsers, slowed sign-ins; who made a token; service accounts.

Tokens without an end stay as they are: an integration that stops on a date nobody chose would harm a clinic more than
one that is listed as "no end" until it is replaced. Calendar links of people who are no longer members end here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0150"
down_revision = "0140"
branch_labels = None
depends_on = None

OPEN = sa.text("answered_at IS NULL")
ROLES = ("admin", "manager", "front-desk", "nurse", "prescriber", "therapist", "read-only")
LEFT_BEHIND = """
UPDATE calendar_feed SET revoked_at = CURRENT_TIMESTAMP
WHERE revoked_at IS NULL
    AND (resource_id IS NULL OR resource_id NOT IN (SELECT id FROM resource WHERE kind = 'patient'))
    AND (
        (
            created_by_id IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM membership
                WHERE membership.clinic_id = calendar_feed.clinic_id
                    AND membership.user_id = calendar_feed.created_by_id
            )
        )
        OR EXISTS (
            SELECT 1 FROM practitioner
            WHERE practitioner.clinic_id = calendar_feed.clinic_id
                AND practitioner.resource_id = calendar_feed.resource_id
                AND (
                    NOT practitioner.active
                    OR (
                        practitioner.user_id IS NOT NULL AND NOT EXISTS (
                            SELECT 1 FROM membership
                            WHERE membership.clinic_id = practitioner.clinic_id
                                AND membership.user_id = practitioner.user_id
                        )
                    )
                )
        )
    )
"""


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("clinic_id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "role",
            sa.Enum(*ROLES, name="role", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("invited_by_id", sa.Integer(), nullable=True),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name=op.f("fk_invitation_clinic_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_invitation_user_id")),
        sa.ForeignKeyConstraint(["invited_by_id"], ["user.id"], name=op.f("fk_invitation_invited_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("clinic_id", "id", name=op.f("uq_invitation_clinic_id_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_invitation_public_id")),
    )
    op.create_index(op.f("ix_invitation_clinic_id"), "invitation", ["clinic_id"])
    op.create_index(op.f("ix_invitation_user_id"), "invitation", ["user_id"])
    op.create_index(
        "ix_invitation_open",
        "invitation",
        ["clinic_id", "user_id"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "known_browser",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_known_browser_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_browser")),
        sa.UniqueConstraint("user_id", "digest", name=op.f("uq_known_browser_user_id_digest")),
    )
    op.create_table(
        "sign_in_try",
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("rule", "digest", name=op.f("pk_sign_in_try")),
    )
    op.add_column("user", sa.Column("is_service", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.add_column(sa.Column("made_by_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("made_via", sa.String(length=20), nullable=False, server_default=""))
        batch_op.create_foreign_key(batch_op.f("fk_api_token_made_by_id"), "user", ["made_by_id"], ["id"])
    op.execute(LEFT_BEHIND)


def downgrade() -> None:
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_api_token_made_by_id"), type_="foreignkey")
        batch_op.drop_column("made_via")
        batch_op.drop_column("made_by_id")
    op.drop_column("user", "is_service")
    op.drop_table("sign_in_try")
    op.drop_table("known_browser")
    op.drop_table("invitation")
