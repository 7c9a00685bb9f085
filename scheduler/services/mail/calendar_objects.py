"""What a mail about visits carries for calendars: invitations, withdrawals, or a file; and the words that go with it.

What a reader's calendar holds by invitation gets its update or CANCEL, always. A first invitation goes with a mail
about one visit, unless the patient's feed was read lately: both would show the visit twice. A mail about several visits
offers the feed first, and carries beside it what the clinic chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from scheduler.domain.settings import SeveralVisits
from scheduler.ical import Method, course_calendar, invitation
from scheduler.models import calendar_feed as feeds
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind
from scheduler.models.patient import Patient
from scheduler.notify.mail import CalendarPart
from scheduler.services.mail.sent_invitations import held_by

WITH_CALENDAR = (MessageKind.CONFIRMATION, MessageKind.CHANGE, MessageKind.CANCELLATION)
SUBSCRIBED = timedelta(days=14)  # who has read the feed lately would see invited visits twice
ADD_TO_CALENDAR = {"en": "Add to calendar", "es": "Añadir a mi calendario"}
SentObject = tuple[int, str, int]  # the visit, METHOD and SEQUENCE


class CalendarNote(StrEnum):
    """What the words about the calendar are for."""

    INVITATION = "invitation"
    INVITATIONS = "invitations"
    FILE = "file"
    WITHDRAWAL = "withdrawal"
    WITHDRAWALS = "withdrawals"


NOTES = {
    "en": {
        CalendarNote.INVITATION: (
            "This email includes a calendar invitation. Declining it in your calendar does not cancel the "
            "appointment: to cancel, use the private page or call us."
        ),
        CalendarNote.INVITATIONS: (
            "A calendar invitation for each appointment is attached. Declining one in your calendar does not cancel "
            "the appointment: to cancel, use the private page or call us."
        ),
        CalendarNote.FILE: "You can also add these appointments to your calendar by opening the attached file.",
        CalendarNote.WITHDRAWAL: "This email also removes the appointment from your calendar, if you added it.",
        CalendarNote.WITHDRAWALS: "To remove these appointments from your calendar, open the attached files.",
    },
    "es": {
        CalendarNote.INVITATION: (
            "Este correo incluye una invitación de calendario. Rechazarla en su calendario no cancela la cita: para "
            "cancelar, use la página privada o llámenos."
        ),
        CalendarNote.INVITATIONS: (
            "Va adjunta una invitación de calendario por cada cita. Rechazarla en su calendario no cancela la cita: "
            "para cancelar, use la página privada o llámenos."
        ),
        CalendarNote.FILE: "También puede añadir estas citas a su calendario con el archivo adjunto.",
        CalendarNote.WITHDRAWAL: "Este correo también quita la cita de su calendario, si añadió nuestra invitación.",
        CalendarNote.WITHDRAWALS: "Para quitar estas citas de su calendario, abra los archivos adjuntos.",
    },
}


@dataclass(frozen=True, slots=True)
class CalendarObjects:
    """The parts of a mail, what of them must be kept, the words about them, and whether it offers the feed."""

    parts: tuple[CalendarPart, ...] = ()
    sent: tuple[SentObject, ...] = ()
    note: str = ""
    offers_feed: bool = False


@dataclass(frozen=True, slots=True)
class Addressed:
    """From whom an invitation comes, to whom and in which language, and whether answers are read."""

    organizer: str
    attendee: str
    language: str
    answers_read: bool


def calendar_objects(
    session: Session,
    clinic: Clinic,
    patient: Patient,
    message: Message,
    about: Sequence[Appointment],
    to: Addressed,
    now: datetime,
) -> CalendarObjects:
    """Return what a mail about these visits carries for the calendar of its reader."""
    if message.kind not in WITH_CALENDAR or not about:
        return CalendarObjects()
    held = held_by(session, [one.id for one in about], to.attendee)
    subscribed = feeds.fetched_since(session, patient.resource_id, now - SUBSCRIBED)
    several, choice = len(about) > 1, clinic.settings.several_visits
    invites = not subscribed and (not several or choice == SeveralVisits.INVITATIONS)
    due = [
        (one, _method(message, one)) for one in about if one.id in held or (invites and _stands(message, one))
    ]
    others = [one for one in about if _stands(message, one) and one not in [visit for visit, _ in due]]
    parts = [
        CalendarPart(
            _invitation(clinic, visit, method, to), method.value, f"appointment-{number}.ics" * (len(due) > 1)
        )
        for number, (visit, method) in enumerate(due, 1)
    ]
    offers = several and not subscribed and any(_stands(message, one) for one in about)
    if offers and others and choice == SeveralVisits.FILE:
        parts.append(
            CalendarPart(course_calendar(clinic, others, language=to.language), None, "calendar.ics")
        )
    return CalendarObjects(
        tuple(parts),
        tuple((visit.id, method.value, visit.sequence) for visit, method in due),
        " ".join(NOTES[to.language][note] for note in _notes(parts)),
        offers,
    )


def _stands(message: Message, visit: Appointment) -> bool:
    off = message.kind is MessageKind.CANCELLATION or visit.id in message.values.get("off", ())
    return visit.status.is_live and not off


def _method(message: Message, visit: Appointment) -> Method:
    return Method.REQUEST if _stands(message, visit) else Method.CANCEL


def _invitation(clinic: Clinic, visit: Appointment, method: Method, to: Addressed) -> bytes:
    return invitation(
        clinic,
        visit,
        to.attendee,
        to.organizer,
        method,
        language=to.language,
        answers_read=to.answers_read,
    )


def _notes(parts: Sequence[CalendarPart]) -> list[CalendarNote]:
    """Return the words that these parts need; only what is attached is called so."""
    requests = [part for part in parts if part.method == Method.REQUEST]
    cancels = [part for part in parts if part.method == Method.CANCEL]
    attached = len(requests) + len(cancels) > 1
    found = []
    if requests:
        found.append(CalendarNote.INVITATIONS if attached else CalendarNote.INVITATION)
    if cancels:
        found.append(CalendarNote.WITHDRAWALS if attached else CalendarNote.WITHDRAWAL)
    if any(part.method is None for part in parts):
        found.append(CalendarNote.FILE)
    return found
