"""What a patient asked for on their private page and the desk must decide: another time, or a call.

`schedule_version` is the visit's when it was asked, so that the desk sees when the visit has changed since. A request
is open until a person answers it.
`wanted_at` is the start that the patient chose; None asks the desk to find one with the patient. `suggested_at` is the
start that the desk proposes instead, until the patient accepts it or asks again. `answer` is what the desk wrote with a
suggestion or a refusal; the patient reads it on the private page.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Select, String, select, text
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.appointment import Appointment
from scheduler.models.columns import InClinic, Public, choice, own, refers


class RequestKind(StrEnum):
    MOVE = "move"
    CALL = "call"


class RequestState(StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class PatientRequest(InClinic, Public, Model):
    __tablename__ = "patient_request"
    __table_args__ = own(
        refers("appointment_id", "appointment"),
        Index(  # one open request a visit; the desk's list
            "ix_patient_request_open",
            "appointment_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    appointment_id: Mapped[int]
    schedule_version: Mapped[int]
    kind: Mapped[RequestKind] = mapped_column(choice(RequestKind, "kind"))
    state: Mapped[RequestState] = mapped_column(choice(RequestState, "state"), default=RequestState.OPEN)
    wanted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    note: Mapped[str] = mapped_column(String(500), default="")
    suggested_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answer: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    appointment: Mapped[Appointment] = relationship(
        Appointment, primaryjoin="foreign(PatientRequest.appointment_id) == Appointment.id"
    )


def open_for(session: Session, appointment: Appointment) -> PatientRequest | None:
    """Return what is asked about a visit and not decided yet."""
    query = select(PatientRequest).where(
        PatientRequest.appointment_id == appointment.id, PatientRequest.state == RequestState.OPEN
    )
    return session.scalar(query)


def last_declined(session: Session, appointment: Appointment) -> PatientRequest | None:
    """Return the latest request about a visit if the desk declined it."""
    query = select(PatientRequest).where(
        PatientRequest.appointment_id == appointment.id, PatientRequest.state != RequestState.WITHDRAWN
    )
    latest = session.scalar(query.order_by(PatientRequest.id.desc()).limit(1))
    return latest if latest is not None and latest.state is RequestState.DECLINED else None


def about(session: Session, appointment: Appointment) -> list[PatientRequest]:
    """Return everything that was ever asked about a visit, in order."""
    query = select(PatientRequest).where(PatientRequest.appointment_id == appointment.id)
    return list(session.scalars(query.order_by(PatientRequest.id)))


def open_in(session: Session, clinic_id: int) -> list[PatientRequest]:
    """Return what a clinic's patients ask for, the nearest visit first."""
    query = (
        select(PatientRequest)
        .join(Appointment, Appointment.id == PatientRequest.appointment_id)
        .where(PatientRequest.clinic_id == clinic_id, PatientRequest.state == RequestState.OPEN)
    )
    return list(session.scalars(query.order_by(Appointment.start_at, PatientRequest.id)))


def listed(clinic_id: int, state: RequestState) -> Select[PatientRequest]:
    """Select a clinic's requests in this state, with their visits."""
    return (
        select(PatientRequest)
        .where(PatientRequest.clinic_id == clinic_id, PatientRequest.state == state)
        .options(joinedload(PatientRequest.appointment))
    )


def by_public_id(session: Session, clinic_id: int, public_id: str) -> PatientRequest | None:
    query = select(PatientRequest).where(
        PatientRequest.clinic_id == clinic_id, PatientRequest.public_id == public_id
    )
    return session.scalar(query)
