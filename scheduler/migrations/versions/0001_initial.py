"""The first tables, and the guards of the database.

Two unreleased allocations never overlap on one unit of one resource: PostgreSQL has an exclusion constraint that needs
no extension (a one-element int4range stands for equality), SQLite has triggers. Rows of one unit never overlap, so the
triggers look only at the last row that starts before the new one ends. They also refuse times in another notation than
SQLAlchemy's, because comparing them would go wrong silently.

The audit trail is append-only. A row may change in two ways: it is linked into the chain of its clinic, or its reason
becomes empty when an event "patient.erased" of the clinic names that reason by its digest.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
POSTGRESQL_GUARD = """
ALTER TABLE allocation ADD CONSTRAINT ex_allocation_overlap EXCLUDE USING gist (
    int4range(resource_id, resource_id, '[]') WITH =,
    int4range(unit, unit, '[]') WITH =,
    tstzrange(start_at, end_at) WITH &&
) WHERE (released_at IS NULL)
"""
SQLITE_TIME = "____-__-__ __:__:__.______"
SQLITE_GUARD = """
CREATE TRIGGER allocation_overlap_{event} BEFORE {event_of} ON allocation WHEN NEW.released_at IS NULL
BEGIN
    SELECT RAISE(ABORT, 'allocation time is not in the database''s notation')
    WHERE NEW.start_at NOT LIKE '{time}' OR NEW.end_at NOT LIKE '{time}';
    SELECT RAISE(ABORT, 'allocation overlaps another of its unit')
    WHERE EXISTS (
        SELECT 1 FROM (
            SELECT end_at FROM allocation
            WHERE resource_id = NEW.resource_id AND unit = NEW.unit AND released_at IS NULL
                AND start_at < NEW.end_at AND id IS NOT {own_id}
            ORDER BY start_at DESC LIMIT 1
        ) WHERE end_at > NEW.start_at
    );
END
"""
TABLES = ('offer', 'replan_course', 'replan', 'task', 'requirement', 'reminder', 'patient_request', 'patient_note', 'participant', 'message_subject', 'incoming_mail', 'driver_answer', 'check_in', 'appointment_event', 'allocation', 'opening', 'waitlist_entry', 'appointment', 'address_change', 'practitioner_role', 'message', 'care_plan', 'schedule_override', 'schedule_hours', 'invitation', 'practitioner', 'patient', 'location', 'site', 'closure', 'calendar_feed', 'user_session', 'resource', 'plan_definition', 'membership', 'known_browser', 'report_file_part', 'job', 'idempotency_key', 'feed_version', 'calendar_version', 'audit_head', 'audit_event', 'api_token', 'user', 'sign_in_try', 'request_count', 'mail_check', 'job_run', 'inbox_position', 'clinic', 'channel')  # those that refer to others first
FIXED = (
    "id", "clinic_id", "at", "user_id", "actor", "event", "object_type", "object_id", "operation", "address", "fields",
    "reason_digest", "token_id", "session_id", "nonce", "mac",
)  # fmt: skip
REFUSAL = "the audit trail is append-only"
LINKED = "OLD.serial IS NULL AND OLD.seal IS NULL AND NEW.serial IS NOT NULL AND NEW.seal IS NOT NULL"
BLANKED = """OLD.reason_digest IS NOT NULL AND NEW.reason = '' AND NEW.reason_salt = '' AND EXISTS (
    SELECT 1 FROM audit_event AS erasure
    WHERE erasure.clinic_id = OLD.clinic_id AND erasure.event = 'patient.erased' AND {names_it}
)"""
NAMES_IT = {
    "postgresql": "jsonb_exists(erasure.fields, 'reason:' || OLD.reason_digest)",
    "sqlite": "instr(erasure.fields, '\"reason:' || OLD.reason_digest || '\"') > 0",
}


def guard_allocations() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRESQL_GUARD)
        return
    columns = "UPDATE OF id, resource_id, unit, start_at, end_at, released_at"
    for event, event_of, own_id in (("insert", "INSERT", "NULL"), ("update", columns, "OLD.id")):
        guard = SQLITE_GUARD.format(event=event, event_of=event_of, own_id=own_id, time=SQLITE_TIME)
        op.get_bind().exec_driver_sql(guard)


def guard_trail() -> None:
    dialect = op.get_bind().dialect.name
    differs = "IS DISTINCT FROM" if dialect == "postgresql" else "IS NOT"
    ways = (
        (LINKED, (*FIXED, "reason", "reason_salt")),
        (BLANKED.format(names_it=NAMES_IT[dialect]), (*FIXED, "serial", "seal")),
    )
    allowed = " OR ".join(
        f"({condition} AND NOT ({' OR '.join(f'NEW.{name} {differs} OLD.{name}' for name in same)}))"
        for condition, same in ways
    )
    if dialect == "postgresql":
        op.execute(f"""
            CREATE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'UPDATE' THEN
                    IF {allowed} THEN
                        RETURN NEW;
                    END IF;
                END IF;
                RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
            END $$
        """)
        op.execute(
            "CREATE TRIGGER audit_event_rows BEFORE UPDATE OR DELETE ON audit_event "
            "FOR EACH ROW EXECUTE FUNCTION audit_event_append_only()"
        )
        op.execute(
            "CREATE TRIGGER audit_event_truncate BEFORE TRUNCATE ON audit_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_append_only()"
        )
        return
    for name, event in (("update", f"UPDATE ON audit_event WHEN NOT ({allowed})"), ("delete", "DELETE ON audit_event")):
        op.get_bind().exec_driver_sql(
            f"CREATE TRIGGER audit_event_{name} BEFORE {event} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )


def upgrade() -> None:
    op.create_table('channel',
    sa.Column('name', sa.String(length=20), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('open_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(length=300), nullable=False),
    sa.Column('held_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('held_reason', sa.String(length=300), nullable=False),
    sa.Column('held_code', sa.String(length=40), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_channel'))
    )
    op.create_table('clinic',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('zone_name', sa.String(length=60), nullable=False),
    sa.Column('country', sa.String(length=2), nullable=False),
    sa.Column('subdivision', sa.String(length=6), nullable=True),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('address', sa.String(length=300), nullable=False),
    sa.Column('zone_strays', sa.Integer(), server_default='0', nullable=False),
    sa.Column('settings_document', DOCUMENT, nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clinic')),
    sa.UniqueConstraint('key', name=op.f('uq_clinic_key')),
    sa.UniqueConstraint('public_id', name=op.f('uq_clinic_public_id'))
    )
    op.create_table('inbox_position',
    sa.Column('mailbox', sa.String(length=300), nullable=False),
    sa.Column('uid_validity', sa.BigInteger(), nullable=False),
    sa.Column('uid', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('mailbox', name=op.f('pk_inbox_position'))
    )
    op.create_table('job_run',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('host', sa.String(length=200), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('wall_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seconds', sa.Integer(), server_default='0', nullable=False),
    sa.Column('failed', sa.Integer(), server_default='0', nullable=False),
    sa.Column('outcome', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('name', 'host', name=op.f('pk_job_run'))
    )
    op.create_table('mail_check',
    sa.Column('settings', sa.String(length=64), nullable=False),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('faults', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('settings', name=op.f('pk_mail_check'))
    )
    op.create_table('request_count',
    sa.Column('limit_name', sa.String(length=40), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('begins_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('limit_name', 'digest', 'begins_at', name=op.f('pk_request_count'))
    )
    op.create_table('sign_in_try',
    sa.Column('rule', sa.String(length=40), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('rule', 'digest', name=op.f('pk_sign_in_try'))
    )
    op.create_table('user',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('password', sa.String(length=255), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('fs_uniquifier', sa.String(length=64), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_login_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('current_login_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_login_ip', sa.String(length=64), nullable=True),
    sa.Column('current_login_ip', sa.String(length=64), nullable=True),
    sa.Column('login_count', sa.Integer(), nullable=True),
    sa.Column('tf_primary_method', sa.String(length=64), nullable=True),
    sa.Column('tf_totp_secret', sa.String(length=255), nullable=True),
    sa.Column('tf_last_counter', sa.Integer(), nullable=True),
    sa.Column('mf_recovery_codes', sa.UnicodeText(), nullable=True),
    sa.Column('create_datetime', sa.DateTime(timezone=True), nullable=True),
    sa.Column('update_datetime', sa.DateTime(timezone=True), nullable=True),
    sa.Column('is_service', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user')),
    sa.UniqueConstraint('email', name=op.f('uq_user_email')),
    sa.UniqueConstraint('fs_uniquifier', name=op.f('uq_user_fs_uniquifier'))
    )
    op.create_table('api_token',
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('prefix', sa.String(length=16), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('scopes', DOCUMENT, nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('made_by_id', sa.Integer(), nullable=True),
    sa.Column('made_via', sa.String(length=20), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_api_token_clinic_id')),
    sa.ForeignKeyConstraint(['made_by_id'], ['user.id'], name=op.f('fk_api_token_made_by_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_api_token_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_api_token_clinic_id_id')),
    sa.UniqueConstraint('digest', name=op.f('uq_api_token_digest')),
    sa.UniqueConstraint('public_id', name=op.f('uq_api_token_public_id'))
    )
    op.create_index(op.f('ix_api_token_clinic_id'), 'api_token', ['clinic_id'])
    op.create_index(op.f('ix_api_token_user_id'), 'api_token', ['user_id'])
    op.create_table('audit_event',
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('actor', sa.String(length=60), nullable=False),
    sa.Column('event', sa.String(length=60), nullable=False),
    sa.Column('object_type', sa.String(length=40), nullable=False),
    sa.Column('object_id', sa.String(length=40), nullable=False),
    sa.Column('fields', DOCUMENT, nullable=False),
    sa.Column('operation', sa.String(length=36), nullable=False),
    sa.Column('address', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=300), nullable=False),
    sa.Column('reason_salt', sa.String(length=32), nullable=True),
    sa.Column('reason_digest', sa.String(length=64), nullable=True),
    sa.Column('token_id', sa.String(length=16), server_default='', nullable=False),
    sa.Column('session_id', sa.String(length=16), server_default='', nullable=False),
    sa.Column('nonce', sa.String(length=24), nullable=True),
    sa.Column('mac', sa.String(length=64), nullable=True),
    sa.Column('serial', sa.Integer(), nullable=True),
    sa.Column('seal', sa.String(length=64), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_audit_event_clinic_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_audit_event_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_event')),
    sa.UniqueConstraint('clinic_id', 'serial', name=op.f('uq_audit_event_clinic_id_serial'))
    )
    op.create_index('ix_audit_event_at', 'audit_event', ['clinic_id', 'at'])
    op.create_index(op.f('ix_audit_event_clinic_id'), 'audit_event', ['clinic_id'])
    op.create_index('ix_audit_event_erased', 'audit_event', ['clinic_id'], sqlite_where=sa.text("event = 'patient.erased'"), postgresql_where=sa.text("event = 'patient.erased'"))
    op.create_index('ix_audit_event_nonce', 'audit_event', ['nonce'], unique=True)
    op.create_index('ix_audit_event_object', 'audit_event', ['clinic_id', 'object_type', 'object_id'])
    op.create_table('audit_head',
    sa.Column('clinic_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('serial', sa.Integer(), nullable=False),
    sa.Column('seal', sa.String(length=64), nullable=False),
    sa.Column('sealed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_audit_head_clinic_id')),
    sa.PrimaryKeyConstraint('clinic_id', name=op.f('pk_audit_head'))
    )
    op.create_table('calendar_version',
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_calendar_version_clinic_id')),
    sa.PrimaryKeyConstraint('clinic_id', name=op.f('pk_calendar_version'))
    )
    op.create_table('feed_version',
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('resource_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_feed_version_clinic_id')),
    sa.PrimaryKeyConstraint('clinic_id', 'resource_id', name=op.f('pk_feed_version'))
    )
    op.create_table('idempotency_key',
    sa.Column('caller', sa.String(length=60), nullable=False),
    sa.Column('route', sa.String(length=120), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=False),
    sa.Column('body_digest', sa.String(length=64), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('answer', DOCUMENT, nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_idempotency_key_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_idempotency_key')),
    sa.UniqueConstraint('clinic_id', 'caller', 'route', 'key', name=op.f('uq_idempotency_key_clinic_id_caller_route_key'))
    )
    op.create_index(op.f('ix_idempotency_key_clinic_id'), 'idempotency_key', ['clinic_id'])
    op.create_index(op.f('ix_idempotency_key_created_at'), 'idempotency_key', ['created_at'])
    op.create_table('job',
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('state', sa.String(length=24), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('address', sa.String(length=45), nullable=False),
    sa.Column('request', DOCUMENT, nullable=False),
    sa.Column('stage', sa.String(length=40), nullable=False),
    sa.Column('progress', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('result', DOCUMENT, nullable=True),
    sa.Column('problem', DOCUMENT, nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('stopping', sa.Boolean(), nullable=False),
    sa.Column('lease_token', sa.String(length=36), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_job_clinic_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_job_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_job_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_job_public_id'))
    )
    op.create_index(op.f('ix_job_clinic_id'), 'job', ['clinic_id'])
    op.create_index('ix_job_open', 'job', ['created_at'], sqlite_where=sa.text("state IN ('waiting', 'running')"), postgresql_where=sa.text("state IN ('waiting', 'running')"))
    op.create_table('report_file_part',
    sa.Column('job_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'job_id'], ['job.clinic_id', 'job.id'], name=op.f('fk_report_file_part_clinic_id_job_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_report_file_part_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_file_part')),
    sa.UniqueConstraint('job_id', 'number', name=op.f('uq_report_file_part_job_id_number'))
    )
    op.create_index(op.f('ix_report_file_part_clinic_id'), 'report_file_part', ['clinic_id'])
    op.create_table('known_browser',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_known_browser_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_known_browser')),
    sa.UniqueConstraint('user_id', 'digest', name=op.f('uq_known_browser_user_id_digest'))
    )
    op.create_table('membership',
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(length=24), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_membership_clinic_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_membership_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_membership')),
    sa.UniqueConstraint('clinic_id', 'user_id', name=op.f('uq_membership_clinic_id_user_id'))
    )
    op.create_index(op.f('ix_membership_clinic_id'), 'membership', ['clinic_id'])
    op.create_index(op.f('ix_membership_user_id'), 'membership', ['user_id'])
    op.create_table('plan_definition',
    sa.Column('key', sa.String(length=60), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('document', DOCUMENT, nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_plan_definition_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan_definition')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_plan_definition_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', 'key', 'version', name=op.f('uq_plan_definition_clinic_id_key_version')),
    sa.UniqueConstraint('public_id', name=op.f('uq_plan_definition_public_id'))
    )
    op.create_index(op.f('ix_plan_definition_clinic_id'), 'plan_definition', ['clinic_id'])
    op.create_table('resource',
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('units', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.CheckConstraint('units >= 1', name=op.f('ck_resource_units')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_resource_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_resource')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_resource_clinic_id_id'))
    )
    op.create_index(op.f('ix_resource_clinic_id'), 'resource', ['clinic_id'])
    op.create_table('user_session',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('locked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('address', sa.String(length=64), nullable=False),
    sa.Column('agent', sa.String(length=200), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_user_session_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_session')),
    sa.UniqueConstraint('digest', name=op.f('uq_user_session_digest')),
    sa.UniqueConstraint('public_id', name=op.f('uq_user_session_public_id'))
    )
    op.create_index(op.f('ix_user_session_user_id'), 'user_session', ['user_id'])
    op.create_table('calendar_feed',
    sa.Column('resource_id', sa.Integer(), nullable=True),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('title_style', sa.String(length=24), nullable=False),
    sa.Column('alarm_minutes', sa.Integer(), nullable=True),
    sa.Column('days_back', sa.Integer(), nullable=True),
    sa.Column('days_ahead', sa.Integer(), nullable=True),
    sa.Column('link_epoch', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by_id', sa.Integer(), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_fetched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_client', sa.String(length=120), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_calendar_feed_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_calendar_feed_clinic_id')),
    sa.ForeignKeyConstraint(['created_by_id'], ['user.id'], name=op.f('fk_calendar_feed_created_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calendar_feed')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_calendar_feed_clinic_id_id')),
    sa.UniqueConstraint('digest', name=op.f('uq_calendar_feed_digest')),
    sa.UniqueConstraint('public_id', name=op.f('uq_calendar_feed_public_id'))
    )
    op.create_index(op.f('ix_calendar_feed_clinic_id'), 'calendar_feed', ['clinic_id'])
    op.create_index(op.f('ix_calendar_feed_resource_id'), 'calendar_feed', ['resource_id'])
    op.create_table('closure',
    sa.Column('resource_id', sa.Integer(), nullable=True),
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('start_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('end_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('local_start', sa.DateTime(), nullable=False),
    sa.Column('local_end', sa.DateTime(), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.CheckConstraint('start_at < end_at', name=op.f('ck_closure_order')),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_closure_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_closure_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_closure')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_closure_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_closure_public_id'))
    )
    op.create_index(op.f('ix_closure_clinic_id'), 'closure', ['clinic_id'])
    op.create_index(op.f('ix_closure_resource_id'), 'closure', ['resource_id'])
    op.create_index('ix_closure_window', 'closure', ['clinic_id', 'start_at', 'end_at'])
    op.create_table('site',
    sa.Column('resource_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('address', sa.String(length=300), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_site_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_site_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_site')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_site_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', 'name', name=op.f('uq_site_clinic_id_name')),
    sa.UniqueConstraint('public_id', name=op.f('uq_site_public_id')),
    sa.UniqueConstraint('resource_id', name=op.f('uq_site_resource_id'))
    )
    op.create_index(op.f('ix_site_clinic_id'), 'site', ['clinic_id'])
    op.create_table('location',
    sa.Column('resource_id', sa.Integer(), nullable=False),
    sa.Column('site_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('capabilities', DOCUMENT, nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_location_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'site_id'], ['site.clinic_id', 'site.id'], name=op.f('fk_location_clinic_id_site_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_location_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_location')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_location_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', 'name', name=op.f('uq_location_clinic_id_name')),
    sa.UniqueConstraint('public_id', name=op.f('uq_location_public_id')),
    sa.UniqueConstraint('resource_id', name=op.f('uq_location_resource_id'))
    )
    op.create_index(op.f('ix_location_clinic_id'), 'location', ['clinic_id'])
    op.create_index(op.f('ix_location_site_id'), 'location', ['site_id'])
    op.create_table('patient',
    sa.Column('resource_id', sa.Integer(), nullable=False),
    sa.Column('given_name', sa.String(length=100), nullable=False),
    sa.Column('family_name', sa.String(length=100), nullable=False),
    sa.Column('preferred_name', sa.String(length=100), nullable=False),
    sa.Column('pronunciation', sa.String(length=100), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=True),
    sa.Column('email', sa.String(length=254), nullable=True),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('email_ok', sa.Boolean(), nullable=False),
    sa.Column('email_ok_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('email_ok_wording', sa.String(length=60), nullable=False),
    sa.Column('email_bad_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('unsubscribed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('proxy_name', sa.String(length=200), nullable=False),
    sa.Column('proxy_email', sa.String(length=254), nullable=True),
    sa.Column('alert_note', sa.String(length=300), nullable=False),
    sa.Column('pronouns', sa.String(length=40), nullable=False),
    sa.Column('sex', sa.String(length=24), nullable=True),
    sa.Column('address_line', sa.String(length=200), nullable=False),
    sa.Column('city', sa.String(length=100), nullable=False),
    sa.Column('state', sa.String(length=60), nullable=False),
    sa.Column('postal_code', sa.String(length=20), nullable=False),
    sa.Column('emergency_name', sa.String(length=200), nullable=False),
    sa.Column('emergency_relation', sa.String(length=60), nullable=False),
    sa.Column('emergency_phone', sa.String(length=40), nullable=False),
    sa.Column('mrn', sa.String(length=40), nullable=False),
    sa.Column('insurance_payer', sa.String(length=100), nullable=False),
    sa.Column('insurance_member_id', sa.String(length=60), nullable=False),
    sa.Column('interpreter', sa.String(length=60), nullable=False),
    sa.Column('deceased_on', sa.Date(), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('wheelchair', sa.Boolean(), nullable=False),
    sa.Column('preferences', DOCUMENT, nullable=False),
    sa.Column('search_key', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('row_version', sa.Integer(), nullable=False),
    sa.Column('link_epoch', sa.Integer(), nullable=False),
    sa.Column('merged_into_id', sa.Integer(), nullable=True),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('import_key', sa.String(length=36), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'merged_into_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_patient_clinic_id_merged_into_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_patient_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_patient_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_patient_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_patient_public_id')),
    sa.UniqueConstraint('resource_id', name=op.f('uq_patient_resource_id'))
    )
    op.create_index(op.f('ix_patient_clinic_id'), 'patient', ['clinic_id'])
    op.create_index('ix_patient_import_key', 'patient', ['import_key'], sqlite_where=sa.text('import_key IS NOT NULL'), postgresql_where=sa.text('import_key IS NOT NULL'))
    if op.get_bind().dialect.name == "postgresql":
        op.create_index('ix_patient_list', 'patient', ['clinic_id', 'family_name', 'given_name', 'id'], postgresql_where=sa.text('merged_into_id IS NULL AND erased_at IS NULL'))
    if op.get_bind().dialect.name == "sqlite":
        op.create_index('ix_patient_search', 'patient', ['clinic_id', 'family_name', 'given_name', 'id', 'search_key'], sqlite_where=sa.text('merged_into_id IS NULL AND erased_at IS NULL'))
    op.create_table('practitioner',
    sa.Column('resource_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_practitioner_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_practitioner_clinic_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_practitioner_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_practitioner')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_practitioner_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', 'user_id', name=op.f('uq_practitioner_clinic_id_user_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_practitioner_public_id')),
    sa.UniqueConstraint('resource_id', name=op.f('uq_practitioner_resource_id'))
    )
    op.create_index(op.f('ix_practitioner_clinic_id'), 'practitioner', ['clinic_id'])
    op.create_table('invitation',
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('role', sa.String(length=24), nullable=False),
    sa.Column('practitioner_id', sa.Integer(), nullable=True),
    sa.Column('invited_by_id', sa.Integer(), nullable=True),
    sa.Column('invited_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answer', sa.String(length=20), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'practitioner_id'], ['practitioner.clinic_id', 'practitioner.id'], name=op.f('fk_invitation_clinic_id_practitioner_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_invitation_clinic_id')),
    sa.ForeignKeyConstraint(['invited_by_id'], ['user.id'], name=op.f('fk_invitation_invited_by_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_invitation_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitation')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_invitation_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_invitation_public_id'))
    )
    op.create_index(op.f('ix_invitation_clinic_id'), 'invitation', ['clinic_id'])
    op.create_index('ix_invitation_open', 'invitation', ['clinic_id', 'user_id'], unique=True, sqlite_where=sa.text('answered_at IS NULL'), postgresql_where=sa.text('answered_at IS NULL'))
    op.create_index(op.f('ix_invitation_user_id'), 'invitation', ['user_id'])
    op.create_table('schedule_hours',
    sa.Column('resource_id', sa.Integer(), nullable=True),
    sa.Column('weekday', sa.Integer(), nullable=False),
    sa.Column('starts', sa.Time(), nullable=False),
    sa.Column('ends', sa.Time(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=True),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('week', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.CheckConstraint('starts < ends', name=op.f('ck_schedule_hours_order')),
    sa.CheckConstraint('week IN (0, 1)', name=op.f('ck_schedule_hours_week')),
    sa.CheckConstraint('weekday BETWEEN 1 AND 7', name=op.f('ck_schedule_hours_weekday')),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_schedule_hours_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_schedule_hours_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_schedule_hours')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_schedule_hours_clinic_id_id'))
    )
    op.create_index(op.f('ix_schedule_hours_clinic_id'), 'schedule_hours', ['clinic_id'])
    op.create_index(op.f('ix_schedule_hours_resource_id'), 'schedule_hours', ['resource_id'])
    op.create_table('schedule_override',
    sa.Column('resource_id', sa.Integer(), nullable=True),
    sa.Column('on_date', sa.Date(), nullable=False),
    sa.Column('starts', sa.Time(), nullable=False),
    sa.Column('ends', sa.Time(), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.CheckConstraint('starts < ends', name=op.f('ck_schedule_override_order')),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_schedule_override_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_schedule_override_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_schedule_override')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_schedule_override_clinic_id_id'))
    )
    op.create_index(op.f('ix_schedule_override_clinic_id'), 'schedule_override', ['clinic_id'])
    op.create_index(op.f('ix_schedule_override_on_date'), 'schedule_override', ['on_date'])
    op.create_index(op.f('ix_schedule_override_resource_id'), 'schedule_override', ['resource_id'])
    op.create_table('care_plan',
    sa.Column('patient_id', sa.Integer(), nullable=False),
    sa.Column('plan_definition_id', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(length=24), nullable=False),
    sa.Column('wishes', DOCUMENT, nullable=False),
    sa.Column('override_reason', sa.Text(), nullable=False),
    sa.Column('status_reason', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by_id', sa.Integer(), nullable=True),
    sa.Column('status_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('row_version', sa.Integer(), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_care_plan_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'plan_definition_id'], ['plan_definition.clinic_id', 'plan_definition.id'], name=op.f('fk_care_plan_clinic_id_plan_definition_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_care_plan_clinic_id')),
    sa.ForeignKeyConstraint(['created_by_id'], ['user.id'], name=op.f('fk_care_plan_created_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_care_plan')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_care_plan_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_care_plan_public_id'))
    )
    op.create_index(op.f('ix_care_plan_clinic_id'), 'care_plan', ['clinic_id'])
    op.create_index('ix_care_plan_ended', 'care_plan', ['clinic_id', 'status_at'])
    op.create_index('ix_care_plan_held', 'care_plan', ['expires_at'], sqlite_where=sa.text("status = 'draft'"), postgresql_where=sa.text("status = 'draft'"))
    op.create_index(op.f('ix_care_plan_patient_id'), 'care_plan', ['patient_id'])
    op.create_table('message',
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('patient_id', sa.Integer(), nullable=True),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('recipient', sa.String(length=20), nullable=False),
    sa.Column('channel', sa.String(length=20), nullable=False),
    sa.Column('address', sa.String(length=254), nullable=True),
    sa.Column('subject_line', sa.String(length=200), nullable=False),
    sa.Column('values', DOCUMENT, nullable=False),
    sa.Column('state', sa.String(length=24), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('urgent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lease_token', sa.String(length=36), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('stops', sa.Integer(), nullable=False),
    sa.Column('data_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('dated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('rfc_message_id', sa.String(length=200), nullable=True),
    sa.Column('content', sa.LargeBinary(), nullable=True),
    sa.Column('resends', sa.Integer(), nullable=False),
    sa.Column('smtp_reply', sa.Text(), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('opened_on', sa.Date(), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_by_id', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('reason_code', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_message_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_message_clinic_id')),
    sa.ForeignKeyConstraint(['settled_by_id'], ['user.id'], name=op.f('fk_message_settled_by_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_message_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_message_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_message_public_id')),
    sa.UniqueConstraint('rfc_message_id', name=op.f('uq_message_rfc_message_id'))
    )
    op.create_index(op.f('ix_message_clinic_id'), 'message', ['clinic_id'])
    op.create_index('ix_message_due', 'message', ['urgent_at', 'due_at'], sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
    op.create_index('ix_message_leased', 'message', ['leased_until'], sqlite_where=sa.text("state = 'leased'"), postgresql_where=sa.text("state = 'leased'"))
    op.create_index('ix_message_log', 'message', ['clinic_id', 'due_at'])
    op.create_index(op.f('ix_message_patient_id'), 'message', ['patient_id'])
    op.create_index('ix_message_unsettled', 'message', ['clinic_id', 'state', 'reason_code'], sqlite_where=sa.text("settled_at IS NULL AND state IN ('failed', 'uncertain', 'skipped')"), postgresql_where=sa.text("settled_at IS NULL AND state IN ('failed', 'uncertain', 'skipped')"))
    op.create_index('ix_message_user', 'message', ['user_id', 'created_at'], sqlite_where=sa.text('user_id IS NOT NULL'), postgresql_where=sa.text('user_id IS NOT NULL'))
    op.create_table('practitioner_role',
    sa.Column('practitioner_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(length=24), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.CheckConstraint("role IN ('nurse', 'prescriber', 'therapist')", name=op.f('ck_practitioner_role_person')),
    sa.ForeignKeyConstraint(['clinic_id', 'practitioner_id'], ['practitioner.clinic_id', 'practitioner.id'], name=op.f('fk_practitioner_role_clinic_id_practitioner_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_practitioner_role_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_practitioner_role')),
    sa.UniqueConstraint('practitioner_id', 'role', name=op.f('uq_practitioner_role_practitioner_id_role'))
    )
    op.create_index(op.f('ix_practitioner_role_clinic_id'), 'practitioner_role', ['clinic_id'])
    op.create_table('address_change',
    sa.Column('patient_id', sa.Integer(), nullable=False),
    sa.Column('message_id', sa.Integer(), nullable=False),
    sa.Column('former', sa.String(length=254), nullable=True),
    sa.Column('wanted', sa.String(length=254), nullable=False),
    sa.Column('link_epoch', sa.Integer(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_by_id', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'message_id'], ['message.clinic_id', 'message.id'], name=op.f('fk_address_change_clinic_id_message_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_address_change_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_address_change_clinic_id')),
    sa.ForeignKeyConstraint(['settled_by_id'], ['user.id'], name=op.f('fk_address_change_settled_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_address_change')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_address_change_clinic_id_id')),
    sa.UniqueConstraint('message_id', name=op.f('uq_address_change_message_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_address_change_public_id'))
    )
    op.create_index(op.f('ix_address_change_clinic_id'), 'address_change', ['clinic_id'])
    op.create_index(op.f('ix_address_change_patient_id'), 'address_change', ['patient_id'])
    op.create_table('appointment',
    sa.Column('patient_id', sa.Integer(), nullable=False),
    sa.Column('care_plan_id', sa.Integer(), nullable=True),
    sa.Column('location_id', sa.Integer(), nullable=True),
    sa.Column('action', sa.String(length=60), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('title', sa.String(length=120), nullable=False),
    sa.Column('series', sa.String(length=60), nullable=True),
    sa.Column('position', sa.Integer(), nullable=True),
    sa.Column('series_length', sa.Integer(), nullable=True),
    sa.Column('visible', sa.Boolean(), nullable=False),
    sa.Column('status', sa.String(length=24), nullable=False),
    sa.Column('stage', sa.String(length=24), nullable=True),
    sa.Column('response', sa.String(length=24), nullable=False),
    sa.Column('start_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('end_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('local_start', sa.DateTime(), nullable=False),
    sa.Column('zone_name', sa.String(length=60), nullable=False),
    sa.Column('phases', DOCUMENT, nullable=False),
    sa.Column('uid', sa.String(length=64), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('schedule_version', sa.Integer(), nullable=False),
    sa.Column('row_version', sa.Integer(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('pinned', sa.Boolean(), nullable=False),
    sa.Column('dosing_gap_days', sa.Integer(), nullable=True),
    sa.Column('dosing_gap_hard', sa.Boolean(), nullable=False),
    sa.Column('cancelled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cancelled_quietly', sa.Boolean(), nullable=False),
    sa.Column('cancel_side', sa.String(length=12), nullable=True),
    sa.Column('status_reason', sa.Text(), nullable=False),
    sa.Column('course_effect', sa.String(length=24), nullable=True),
    sa.Column('book_by_on', sa.Date(), nullable=True),
    sa.Column('imported_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('replaces_id', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.CheckConstraint('start_at < end_at', name=op.f('ck_appointment_order')),
    sa.ForeignKeyConstraint(['clinic_id', 'care_plan_id'], ['care_plan.clinic_id', 'care_plan.id'], name=op.f('fk_appointment_clinic_id_care_plan_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'location_id'], ['location.clinic_id', 'location.id'], name=op.f('fk_appointment_clinic_id_location_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_appointment_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'replaces_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_appointment_clinic_id_replaces_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_appointment_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_appointment')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_appointment_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_appointment_public_id')),
    sa.UniqueConstraint('uid', name=op.f('uq_appointment_uid'))
    )
    op.create_index(op.f('ix_appointment_care_plan_id'), 'appointment', ['care_plan_id'])
    op.create_index(op.f('ix_appointment_clinic_id'), 'appointment', ['clinic_id'])
    op.create_index('ix_appointment_day', 'appointment', ['clinic_id', 'start_at'])
    op.create_index('ix_appointment_local', 'appointment', ['clinic_id', 'local_start'])
    op.create_index('ix_appointment_location', 'appointment', ['location_id', 'start_at'])
    op.create_index('ix_appointment_patient', 'appointment', ['patient_id', 'start_at'])
    op.create_table('waitlist_entry',
    sa.Column('patient_id', sa.Integer(), nullable=False),
    sa.Column('appointment_id', sa.Integer(), nullable=True),
    sa.Column('plan_definition_id', sa.Integer(), nullable=True),
    sa.Column('action', sa.String(length=60), nullable=False),
    sa.Column('until_on', sa.Date(), nullable=True),
    sa.Column('weekdays', DOCUMENT, nullable=False),
    sa.Column('earliest', sa.Time(), nullable=True),
    sa.Column('latest', sa.Time(), nullable=True),
    sa.Column('notice_hours', sa.Integer(), nullable=False),
    sa.Column('priority', sa.String(length=24), nullable=False),
    sa.Column('reason', sa.String(length=300), nullable=False),
    sa.Column('side', sa.String(length=12), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by_id', sa.Integer(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.String(length=24), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_waitlist_entry_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_waitlist_entry_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'plan_definition_id'], ['plan_definition.clinic_id', 'plan_definition.id'], name=op.f('fk_waitlist_entry_clinic_id_plan_definition_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_waitlist_entry_clinic_id')),
    sa.ForeignKeyConstraint(['created_by_id'], ['user.id'], name=op.f('fk_waitlist_entry_created_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_waitlist_entry')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_waitlist_entry_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_waitlist_entry_public_id'))
    )
    op.create_index(op.f('ix_waitlist_entry_clinic_id'), 'waitlist_entry', ['clinic_id'])
    op.create_index('ix_waitlist_entry_patient', 'waitlist_entry', ['patient_id'])
    op.create_index('ix_waitlist_entry_visit', 'waitlist_entry', ['appointment_id'], unique=True, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index('ix_waitlist_entry_waits', 'waitlist_entry', ['clinic_id'], sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
    op.create_table('opening',
    sa.Column('cause', sa.String(length=24), nullable=False),
    sa.Column('appointment_id', sa.Integer(), nullable=True),
    sa.Column('resource_ids', DOCUMENT, nullable=False),
    sa.Column('start_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('end_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('depth', sa.Integer(), nullable=False),
    sa.Column('waves', sa.Integer(), nullable=False),
    sa.Column('looked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('held_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.String(length=24), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.CheckConstraint('start_at < end_at', name=op.f('ck_opening_order')),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_opening_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_opening_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_opening')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_opening_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_opening_public_id'))
    )
    op.create_index('ix_opening_appointment', 'opening', ['appointment_id'])
    op.create_index('ix_opening_closed', 'opening', ['clinic_id', 'closed_at'], sqlite_where=sa.text('closed_at IS NOT NULL'), postgresql_where=sa.text('closed_at IS NOT NULL'))
    op.create_index(op.f('ix_opening_clinic_id'), 'opening', ['clinic_id'])
    op.create_index('ix_opening_open', 'opening', ['clinic_id', 'start_at'], sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_table('offer',
    sa.Column('opening_id', sa.Integer(), nullable=False),
    sa.Column('entry_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=24), nullable=False),
    sa.Column('start_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('schedule_version', sa.Integer(), nullable=False),
    sa.Column('by_phone', sa.Boolean(), nullable=False),
    sa.Column('wave', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_by_id', sa.Integer(), nullable=True),
    sa.Column('why', sa.String(length=300), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['answered_by_id'], ['user.id'], name=op.f('fk_offer_answered_by_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'entry_id'], ['waitlist_entry.clinic_id', 'waitlist_entry.id'], name=op.f('fk_offer_clinic_id_entry_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'opening_id'], ['opening.clinic_id', 'opening.id'], name=op.f('fk_offer_clinic_id_opening_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_offer_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_offer')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_offer_clinic_id_id')),
    sa.UniqueConstraint('opening_id', 'entry_id', name=op.f('uq_offer_opening_id_entry_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_offer_public_id'))
    )
    op.create_index(op.f('ix_offer_clinic_id'), 'offer', ['clinic_id'])
    op.create_index('ix_offer_entry', 'offer', ['entry_id'])
    op.create_table('allocation',
    sa.Column('resource_id', sa.Integer(), nullable=False),
    sa.Column('unit', sa.Integer(), nullable=False),
    sa.Column('appointment_id', sa.Integer(), nullable=True),
    sa.Column('opening_id', sa.Integer(), nullable=True),
    sa.Column('phase', sa.String(length=40), nullable=False),
    sa.Column('role', sa.String(length=20), nullable=False),
    sa.Column('exclusive', sa.Boolean(), nullable=False),
    sa.Column('start_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('end_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('released_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.CheckConstraint('(appointment_id IS NULL) <> (opening_id IS NULL)', name=op.f('ck_allocation_owner')),
    sa.CheckConstraint('start_at < end_at', name=op.f('ck_allocation_order')),
    sa.CheckConstraint('unit >= 0', name=op.f('ck_allocation_unit')),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_allocation_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'opening_id'], ['opening.clinic_id', 'opening.id'], name=op.f('fk_allocation_clinic_id_opening_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_allocation_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_allocation_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_allocation')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_allocation_clinic_id_id'))
    )
    op.create_index(op.f('ix_allocation_appointment_id'), 'allocation', ['appointment_id'])
    op.create_index(op.f('ix_allocation_clinic_id'), 'allocation', ['clinic_id'])
    op.create_index('ix_allocation_live', 'allocation', ['resource_id', 'unit', 'start_at'], sqlite_where=sa.text('released_at IS NULL'), postgresql_where=sa.text('released_at IS NULL'))
    op.create_index('ix_allocation_opening', 'allocation', ['opening_id'], sqlite_where=sa.text('opening_id IS NOT NULL'), postgresql_where=sa.text('opening_id IS NOT NULL'))
    op.create_index('ix_allocation_released', 'allocation', ['clinic_id', 'released_at'], sqlite_where=sa.text('released_at IS NOT NULL'), postgresql_where=sa.text('released_at IS NOT NULL'))
    op.create_index('ix_allocation_window', 'allocation', ['clinic_id', 'start_at'], sqlite_where=sa.text('released_at IS NULL'), postgresql_where=sa.text('released_at IS NULL'))
    op.create_table('appointment_event',
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('by', sa.String(length=40), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('operation', sa.String(length=36), nullable=False),
    sa.Column('changes', DOCUMENT, nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_appointment_event_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_appointment_event_clinic_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_appointment_event_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_appointment_event')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_appointment_event_clinic_id_id'))
    )
    op.create_index(op.f('ix_appointment_event_appointment_id'), 'appointment_event', ['appointment_id'])
    op.create_index(op.f('ix_appointment_event_clinic_id'), 'appointment_event', ['clinic_id'])
    op.create_index(op.f('ix_appointment_event_operation'), 'appointment_event', ['operation'])
    op.create_table('check_in',
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('little_interest', sa.Integer(), nullable=True),
    sa.Column('feeling_down', sa.Integer(), nullable=True),
    sa.Column('mood', sa.Integer(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('urgent', sa.Boolean(), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.CheckConstraint('feeling_down BETWEEN 0 AND 3', name=op.f('ck_check_in_feeling_down')),
    sa.CheckConstraint('little_interest BETWEEN 0 AND 3', name=op.f('ck_check_in_little_interest')),
    sa.CheckConstraint('mood BETWEEN 0 AND 10', name=op.f('ck_check_in_mood')),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_check_in_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_check_in_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_check_in')),
    sa.UniqueConstraint('appointment_id', name=op.f('uq_check_in_appointment_id')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_check_in_clinic_id_id'))
    )
    op.create_index(op.f('ix_check_in_clinic_id'), 'check_in', ['clinic_id'])
    op.create_table('driver_answer',
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('schedule_version', sa.Integer(), nullable=False),
    sa.Column('has_driver', sa.Boolean(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_driver_answer_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_driver_answer_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_driver_answer')),
    sa.UniqueConstraint('appointment_id', name=op.f('uq_driver_answer_appointment_id')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_driver_answer_clinic_id_id'))
    )
    op.create_index(op.f('ix_driver_answer_clinic_id'), 'driver_answer', ['clinic_id'])
    op.create_table('incoming_mail',
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('message_key', sa.String(length=64), nullable=False),
    sa.Column('patient_id', sa.Integer(), nullable=True),
    sa.Column('appointment_id', sa.Integer(), nullable=True),
    sa.Column('sender', sa.String(length=254), nullable=False),
    sa.Column('subject', sa.String(length=200), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('doubtful', sa.Boolean(), nullable=False),
    sa.Column('wanted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_by_id', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_incoming_mail_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_incoming_mail_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_incoming_mail_clinic_id')),
    sa.ForeignKeyConstraint(['done_by_id'], ['user.id'], name=op.f('fk_incoming_mail_done_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incoming_mail')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_incoming_mail_clinic_id_id')),
    sa.UniqueConstraint('clinic_id', 'message_key', name=op.f('uq_incoming_mail_clinic_id_message_key')),
    sa.UniqueConstraint('public_id', name=op.f('uq_incoming_mail_public_id'))
    )
    op.create_index(op.f('ix_incoming_mail_clinic_id'), 'incoming_mail', ['clinic_id'])
    op.create_index('ix_incoming_mail_key', 'incoming_mail', ['message_key'])
    op.create_index('ix_incoming_mail_open', 'incoming_mail', ['clinic_id', 'received_at'], sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))
    op.create_index('ix_incoming_mail_patient', 'incoming_mail', ['patient_id'])
    op.create_table('message_subject',
    sa.Column('message_id', sa.Integer(), nullable=False),
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('schedule_version', sa.Integer(), nullable=False),
    sa.Column('method', sa.String(length=10), nullable=True),
    sa.Column('sequence', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_message_subject_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'message_id'], ['message.clinic_id', 'message.id'], name=op.f('fk_message_subject_clinic_id_message_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_message_subject_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message_subject')),
    sa.UniqueConstraint('message_id', 'appointment_id', name=op.f('uq_message_subject_message_id_appointment_id'))
    )
    op.create_index('ix_message_subject_appointment', 'message_subject', ['appointment_id'])
    op.create_index(op.f('ix_message_subject_clinic_id'), 'message_subject', ['clinic_id'])
    op.create_table('participant',
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('practitioner_id', sa.Integer(), nullable=False),
    sa.Column('rank', sa.Integer(), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_participant_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'practitioner_id'], ['practitioner.clinic_id', 'practitioner.id'], name=op.f('fk_participant_clinic_id_practitioner_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_participant_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_participant')),
    sa.UniqueConstraint('appointment_id', 'practitioner_id', name=op.f('uq_participant_appointment_id_practitioner_id'))
    )
    op.create_index(op.f('ix_participant_clinic_id'), 'participant', ['clinic_id'])
    op.create_index('ix_participant_practitioner', 'participant', ['practitioner_id', 'appointment_id'])
    op.create_table('patient_note',
    sa.Column('patient_id', sa.Integer(), nullable=False),
    sa.Column('appointment_id', sa.Integer(), nullable=True),
    sa.Column('call_outcome', sa.String(length=24), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by_id', sa.Integer(), nullable=True),
    sa.Column('struck_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_patient_note_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_patient_note_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_patient_note_clinic_id')),
    sa.ForeignKeyConstraint(['created_by_id'], ['user.id'], name=op.f('fk_patient_note_created_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient_note')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_patient_note_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_patient_note_public_id'))
    )
    op.create_index('ix_patient_note_appointment', 'patient_note', ['appointment_id'])
    op.create_index(op.f('ix_patient_note_clinic_id'), 'patient_note', ['clinic_id'])
    op.create_index('ix_patient_note_patient', 'patient_note', ['patient_id', 'created_at'])
    op.create_table('patient_request',
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('schedule_version', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('state', sa.String(length=24), nullable=False),
    sa.Column('wanted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('note', sa.String(length=500), nullable=False),
    sa.Column('suggested_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answer', sa.String(length=300), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by_id', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_patient_request_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_patient_request_clinic_id')),
    sa.ForeignKeyConstraint(['decided_by_id'], ['user.id'], name=op.f('fk_patient_request_decided_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient_request')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_patient_request_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_patient_request_public_id'))
    )
    op.create_index(op.f('ix_patient_request_clinic_id'), 'patient_request', ['clinic_id'])
    op.create_index('ix_patient_request_open', 'patient_request', ['appointment_id'], unique=True, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_table('reminder',
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('schedule_version', sa.Integer(), nullable=False),
    sa.Column('rule', sa.String(length=40), nullable=False),
    sa.Column('recipient', sa.String(length=20), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(length=24), nullable=False),
    sa.Column('message_id', sa.Integer(), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_by_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('reason_code', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_reminder_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'message_id'], ['message.clinic_id', 'message.id'], name=op.f('fk_reminder_clinic_id_message_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_reminder_clinic_id')),
    sa.ForeignKeyConstraint(['settled_by_id'], ['user.id'], name=op.f('fk_reminder_settled_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reminder')),
    sa.UniqueConstraint('appointment_id', 'schedule_version', 'rule', 'recipient', name=op.f('uq_reminder_appointment_id_schedule_version_rule_recipient')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_reminder_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_reminder_public_id'))
    )
    op.create_index(op.f('ix_reminder_appointment_id'), 'reminder', ['appointment_id'])
    op.create_index(op.f('ix_reminder_clinic_id'), 'reminder', ['clinic_id'])
    op.create_index('ix_reminder_due', 'reminder', ['due_at'], sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
    op.create_index('ix_reminder_log', 'reminder', ['clinic_id', 'due_at'])
    op.create_index(op.f('ix_reminder_message_id'), 'reminder', ['message_id'])
    op.create_index('ix_reminder_unsettled', 'reminder', ['clinic_id', 'state', 'reason_code'], sqlite_where=sa.text("settled_at IS NULL AND state IN ('failed', 'skipped')"), postgresql_where=sa.text("settled_at IS NULL AND state IN ('failed', 'skipped')"))
    op.create_table('requirement',
    sa.Column('care_plan_id', sa.Integer(), nullable=False),
    sa.Column('appointment_id', sa.Integer(), nullable=True),
    sa.Column('key', sa.String(length=60), nullable=False),
    sa.Column('completed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('completed_by_id', sa.Integer(), nullable=True),
    sa.Column('applies', sa.Boolean(), nullable=True),
    sa.Column('approved_visits', sa.Integer(), nullable=True),
    sa.Column('valid_from_on', sa.Date(), nullable=True),
    sa.Column('valid_until_on', sa.Date(), nullable=True),
    sa.Column('document', sa.String(length=300), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('waived', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_requirement_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'care_plan_id'], ['care_plan.clinic_id', 'care_plan.id'], name=op.f('fk_requirement_clinic_id_care_plan_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_requirement_clinic_id')),
    sa.ForeignKeyConstraint(['completed_by_id'], ['user.id'], name=op.f('fk_requirement_completed_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_requirement')),
    sa.UniqueConstraint('care_plan_id', 'key', 'appointment_id', name=op.f('uq_requirement_care_plan_id_key_appointment_id')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_requirement_clinic_id_id'))
    )
    op.create_index(op.f('ix_requirement_appointment_id'), 'requirement', ['appointment_id'])
    op.create_index(op.f('ix_requirement_care_plan_id'), 'requirement', ['care_plan_id'])
    op.create_index(op.f('ix_requirement_clinic_id'), 'requirement', ['clinic_id'])
    op.create_table('task',
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('patient_id', sa.Integer(), nullable=True),
    sa.Column('appointment_id', sa.Integer(), nullable=True),
    sa.Column('details', DOCUMENT, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('taken_by_id', sa.Integer(), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_by_id', sa.Integer(), nullable=True),
    sa.Column('snoozed_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('escalates_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('escalations', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.String(length=500), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_task_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'patient_id'], ['patient.clinic_id', 'patient.id'], name=op.f('fk_task_clinic_id_patient_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_task_clinic_id')),
    sa.ForeignKeyConstraint(['done_by_id'], ['user.id'], name=op.f('fk_task_done_by_id')),
    sa.ForeignKeyConstraint(['taken_by_id'], ['user.id'], name=op.f('fk_task_taken_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_task_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_task_public_id'))
    )
    op.create_index(op.f('ix_task_clinic_id'), 'task', ['clinic_id'])
    op.create_index('ix_task_open', 'task', ['clinic_id', 'due_at'], sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))
    op.create_index('ix_task_open_subject', 'task', ['appointment_id', 'kind'], unique=True, sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))
    op.create_index('ix_task_patient', 'task', ['patient_id'])
    op.create_table('replan',
    sa.Column('closure', sa.String(length=16), nullable=False),
    sa.Column('closes', sa.Boolean(), nullable=False),
    sa.Column('resource_id', sa.Integer(), nullable=True),
    sa.Column('start_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('end_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('options', DOCUMENT, nullable=False),
    sa.Column('result', DOCUMENT, nullable=True),
    sa.Column('job', sa.String(length=16), nullable=False),
    sa.Column('step_job', sa.String(length=16), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'resource_id'], ['resource.clinic_id', 'resource.id'], name=op.f('fk_replan_clinic_id_resource_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_replan_clinic_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_replan_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_replan')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_replan_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_replan_public_id'))
    )
    op.create_index(op.f('ix_replan_clinic_id'), 'replan', ['clinic_id'])
    op.create_table('replan_course',
    sa.Column('replan_id', sa.Integer(), nullable=False),
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=24), nullable=False),
    sa.Column('displaced', DOCUMENT, nullable=False),
    sa.Column('moves', DOCUMENT, nullable=False),
    sa.Column('bent', DOCUMENT, nullable=False),
    sa.Column('gaps', DOCUMENT, nullable=False),
    sa.Column('reasons', DOCUMENT, nullable=False),
    sa.Column('suggestions', DOCUMENT, nullable=False),
    sa.Column('operation', sa.String(length=36), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('clinic_id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['clinic_id', 'appointment_id'], ['appointment.clinic_id', 'appointment.id'], name=op.f('fk_replan_course_clinic_id_appointment_id')),
    sa.ForeignKeyConstraint(['clinic_id', 'replan_id'], ['replan.clinic_id', 'replan.id'], name=op.f('fk_replan_course_clinic_id_replan_id')),
    sa.ForeignKeyConstraint(['clinic_id'], ['clinic.id'], name=op.f('fk_replan_course_clinic_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_replan_course')),
    sa.UniqueConstraint('clinic_id', 'id', name=op.f('uq_replan_course_clinic_id_id')),
    sa.UniqueConstraint('public_id', name=op.f('uq_replan_course_public_id'))
    )
    op.create_index(op.f('ix_replan_course_appointment_id'), 'replan_course', ['appointment_id'])
    op.create_index(op.f('ix_replan_course_clinic_id'), 'replan_course', ['clinic_id'])
    op.create_index(op.f('ix_replan_course_replan_id'), 'replan_course', ['replan_id'])
    guard_allocations()
    guard_trail()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_event_append_only()")
