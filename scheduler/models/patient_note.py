"""What staff write down about a patient or one of their visits, and how calls ended. Not a clinical record.

A note is never changed. One that was a mistake gets `struck_at`: pages leave it out, the patient's export has it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, select
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.domain.identity import CallOutcome
from scheduler.models.appointment import Appointment
from scheduler.models.columns import InClinic, Public, choice, own, refers
from scheduler.models.patient import Patient
from scheduler.models.user import User


class PatientNote(InClinic, Public, Model):
    """`call_outcome` is set on the note of a call, whose text may be empty."""

    __tablename__ = "patient_note"
    __table_args__ = own(
        refers("patient_id", "patient"),
        refers("appointment_id", "appointment"),
        Index("ix_patient_note_patient", "patient_id", "created_at"),
        Index("ix_patient_note_appointment", "appointment_id"),
    )

    patient_id: Mapped[int]
    appointment_id: Mapped[int | None]
    call_outcome: Mapped[CallOutcome | None] = mapped_column(choice(CallOutcome, "call_outcome"))
    text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    struck_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    patient: Mapped[Patient] = relationship(
        Patient, primaryjoin="foreign(PatientNote.patient_id) == Patient.id"
    )
    appointment: Mapped[Appointment | None] = relationship(
        Appointment, primaryjoin="foreign(PatientNote.appointment_id) == Appointment.id"
    )
    created_by: Mapped[User | None] = relationship(User)


def by_public_id(session: Session, clinic_id: int, public_id: str) -> PatientNote | None:
    query = select(PatientNote).where(PatientNote.clinic_id == clinic_id, PatientNote.public_id == public_id)
    return session.scalar(query)


def of_patient(session: Session, patient: Patient, *, struck: bool = False) -> list[PatientNote]:
    """Return a patient's notes with their visits, the latest first; with `struck` also those that were mistakes."""
    query = select(PatientNote).where(PatientNote.patient_id == patient.id)
    if not struck:
        query = query.where(PatientNote.struck_at.is_(None))
    query = query.options(joinedload(PatientNote.appointment))
    return list(session.scalars(query.order_by(PatientNote.created_at.desc(), PatientNote.id.desc())))


def of_appointment(session: Session, appointment: Appointment) -> list[PatientNote]:
    """Return the notes about a visit, the latest first, without those that were mistakes."""
    query = select(PatientNote).where(
        PatientNote.appointment_id == appointment.id, PatientNote.struck_at.is_(None)
    )
    return list(session.scalars(query.order_by(PatientNote.created_at.desc(), PatientNote.id.desc())))
