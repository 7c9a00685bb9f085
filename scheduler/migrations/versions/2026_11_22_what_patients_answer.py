"""What patients ask for and tell on their private pages."""

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('check_in',
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('little_interest', sa.Integer(), nullable=True),
    sa.Column('feeling_down', sa.Integer(), nullable=True),
    sa.Column('mood', sa.Integer(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
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
    with op.batch_alter_table('check_in', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_check_in_clinic_id'), ['clinic_id'], unique=False)

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
    with op.batch_alter_table('driver_answer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_driver_answer_clinic_id'), ['clinic_id'], unique=False)

    op.create_table('patient_request',
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('schedule_version', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('move', 'call', name='kind', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('state', sa.Enum('open', 'approved', 'declined', 'withdrawn', name='state', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('wanted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('note', sa.String(length=500), nullable=False),
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
    with op.batch_alter_table('patient_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_patient_request_clinic_id'), ['clinic_id'], unique=False)
        batch_op.create_index('ix_patient_request_open', ['appointment_id'], unique=True, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))



def downgrade() -> None:
    with op.batch_alter_table('patient_request', schema=None) as batch_op:
        batch_op.drop_index('ix_patient_request_open', sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
        batch_op.drop_index(batch_op.f('ix_patient_request_clinic_id'))

    op.drop_table('patient_request')
    with op.batch_alter_table('driver_answer', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_driver_answer_clinic_id'))

    op.drop_table('driver_answer')
    with op.batch_alter_table('check_in', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_check_in_clinic_id'))

    op.drop_table('check_in')
