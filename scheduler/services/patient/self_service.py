"""What patients may do themselves on their private page, within the clinic's policy.

Every answer is bound to the visit as the page showed it: a form carries a mark over the page's token, the visit, what
is answered and the visit's schedule version, so an old page cannot confirm a new time. Answering twice is answering
once.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.domain.status import AppointmentStatus, Response
from scheduler.errors import Refusal
from scheduler.ical.texts import line
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.open_requirements import DRIVER
from scheduler.models.patient_request import PatientRequest, RequestKind, RequestState, open_for
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.services.visit import requirements, visits
from scheduler.services.visit.changes import changing


class TooLate(Refusal):
    """The clinic wants to hear this by phone: its notice period is over, or it was asked too often."""

    code, title = "too-late", "Please call the clinic"


class OldForm(Refusal):
    """The visit has changed since the page was shown."""

    code, title = "old-form", "This visit has changed"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the page offers for a visit. `by_phone` says that it is too late for the rest."""

    confirm: bool
    move: bool
    earlier: bool
    cancel: bool
    driver: bool

    @property
    def by_phone(self) -> bool:
        return not (self.move and self.cancel)


def choices(session: Session, clinic: Clinic, appointment: Appointment, now: datetime) -> Choices:
    """Return what the patient may do with a visit now."""
    settings = clinic.settings
    ahead = appointment.status.is_expected and appointment.start_at > now
    left = appointment.start_at - now
    movable = (
        left >= timedelta(hours=settings.patient_move_hours)
        and appointment.kind not in settings.patient_fixed_kinds
    )
    may_move = movable and _asked(session, appointment) < settings.patient_moves_most
    return Choices(
        confirm=ahead and appointment.response is not Response.ACCEPTED,
        move=ahead and (may_move or open_for(session, appointment) is not None),
        earlier=ahead and movable,
        cancel=ahead and left >= timedelta(hours=settings.patient_cancel_hours),
        driver=ahead and any(rule.key == DRIVER for rule in requirements.rules_for(appointment)),
    )


def confirm(session: Session, actor: Actor, appointment: Appointment, now: datetime) -> None:
    """Note that the patient will come; nothing happens if they have said so."""
    if appointment.response is not Response.ACCEPTED:
        visits.confirm(session, actor, appointment, now)


def cancel(session: Session, actor: Actor, appointment: Appointment, now: datetime, reason: str = "") -> None:
    """Cancel a visit for its patient; nothing happens if it is. Raises TooLate within the notice period."""
    if appointment.status is AppointmentStatus.CANCELLED:
        return
    if not choices(session, actor.clinic, appointment, now).cancel:
        raise TooLate
    visits.cancel(session, actor, [appointment], now, _note(reason), side="patient")


def ask(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    now: datetime,
    wanted_at: datetime | None = None,
    note: str = "",
) -> PatientRequest:
    """Ask the desk for another time, or (without one) for a call; asking again changes what was asked.

    Raises TooLate within the notice period, for a visit that stays where it is, and after too many requests.
    """
    if not choices(session, actor.clinic, appointment, now).move:
        raise TooLate
    request = open_for(session, appointment)
    if request is None:
        request = PatientRequest(
            clinic_id=appointment.clinic_id, appointment_id=appointment.id, state=RequestState.OPEN
        )
        session.add(request)
    request.kind = RequestKind.MOVE if wanted_at else RequestKind.CALL
    request.wanted_at, request.note = wanted_at, _note(note)
    request.suggested_at, request.answer = None, ""
    request.schedule_version, request.created_at = appointment.schedule_version, now
    session.flush()
    with changing(session, actor, now, [appointment]) as change:
        change.note(appointment, "ask-to-move", audit=None)
    audit.record(session, actor, "request.made", request, now)
    return request


class Marked(Protocol):
    """What a form may be about: a visit in its schedule version, or a patient in their row version."""

    @property
    def public_id(self) -> str: ...


def mark(keys: Sequence[str], token: str, about: Marked, answer: str) -> str:
    """Return what a form of this page carries for this answer, about a visit or the patient as they are now."""
    return _mark(keys[0], token, about, answer)


def check_mark(keys: Sequence[str], token: str, about: Marked, answer: str, given: str) -> None:
    """Raise OldForm unless the form was made for the visit or the patient as they are now."""
    if not given.isascii():
        raise OldForm
    good = [hmac.compare_digest(_mark(key, token, about, answer), given) for key in keys]
    if not any(good):
        raise OldForm


def _mark(key: str, token: str, about: Marked, answer: str) -> str:
    version = about.schedule_version if isinstance(about, Appointment) else getattr(about, "row_version", 0)
    told = "|".join((token, about.public_id, answer, str(version)))
    return hmac.new(key.encode(), b"form|" + told.encode(), sha256).hexdigest()


def _asked(session: Session, appointment: Appointment) -> int:
    query = select(func.count()).where(PatientRequest.appointment_id == appointment.id)
    return session.scalar(query.where(PatientRequest.state != RequestState.WITHDRAWN)) or 0


def _note(text: str) -> str:
    """Return what can be kept of a patient's words: no form is refused for an odd character."""
    return line(text)[:500]
