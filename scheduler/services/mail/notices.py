"""Telling the desk by mail what came up about a patient: an address that does not work or changes, no more reminders.

Initials only; who it is stands on the page that the mail links to. What comes up before a notice has left joins it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.models.user import User
from scheduler.services.clinic.staff import desk, initials
from scheduler.services.mail import outbox

PAGE = "/reminders?view=calls"
REQUESTS = "/requests"
TO_DO_PAGE = "/today"
USEFUL = timedelta(days=2)
MOST_LINES = 30
AND_MORE = "... and more on the page."


def bounced(session: Session, patient: Patient, now: datetime, *, bad: bool = True) -> None:
    """Tell the desk that mail to this patient, or who looks after them, does not arrive."""
    why = "the email address does not work" if bad else "an email was not delivered"
    _tell(session, patient, f"{initials(patient)}: {why}. Please call.", now)


def refused(session: Session, patient: Patient, now: datetime) -> None:
    """Notify the desk and its administrators that a server refuses the clinic's mail, for any address."""
    line = (
        f"{initials(patient)}: an email was refused because of the clinic's mail server or domain, not because of the "
        "address. Please call the patient, and have the sending domain checked (SPF, DKIM, DMARC, block lists)."
    )
    _tell(session, patient, line, now)


def wrote(session: Session, patient: Patient, now: datetime) -> None:
    """Notify the desk that mail about this patient waits to be read."""
    _tell(session, patient, f"{initials(patient)}: an email waits to be read under Requests.", now, REQUESTS)


def unsubscribed(session: Session, patient: Patient, now: datetime) -> None:
    """Tell the desk that this patient wants no more reminders."""
    _tell(session, patient, f"{initials(patient)}: opted out of email reminders.", now)


def address_asked(session: Session, patient: Patient, now: datetime) -> None:
    """Tell the desk that a new email address was given on this patient's private page."""
    line = (
        f"{initials(patient)}: a new email address was entered on the private page. It is not confirmed yet."
    )
    _tell(session, patient, line, now, REQUESTS)


def address_confirmed(session: Session, patient: Patient, now: datetime) -> None:
    """Tell the desk that this patient's mail goes to the new address from now on."""
    line = f"{initials(patient)}: emails now go to the new address, which was confirmed by a link."
    _tell(session, patient, line, now, REQUESTS)


def proposal_answered(session: Session, patient: Patient, now: datetime) -> None:
    """Notify the desk that the patient has answered the appointments that were proposed by email."""
    _tell(session, patient, f"{initials(patient)}: answered the proposed appointments.", now, TO_DO_PAGE)


def _tell(session: Session, patient: Patient, line: str, now: datetime, page: str = PAGE) -> None:
    clinic = session.get_one(Clinic, patient.clinic_id)
    for user in desk(session, clinic):
        notice = _waiting(session, clinic, user, page)
        if notice is not None:
            lines = str(notice.values["lines"]).splitlines()
            more = [line] if len(lines) < MOST_LINES else [AND_MORE] if lines[-1] != AND_MORE else []
            notice.values = {**notice.values, "lines": "\n".join([*lines, *more])}
            continue
        outbox.enqueue(
            session,
            clinic,
            MessageKind.NOTICE,
            now,
            user=user,
            values={"lines": line, "path": page},
            due_at=now + timedelta(seconds=clinic.settings.change_delay_seconds),
            expires_at=now + USEFUL,
        )
    session.flush()


def _waiting(session: Session, clinic: Clinic, user: User, page: str) -> Message | None:
    """Return this user's notice with this page that no sender has claimed yet."""
    query = (
        select(Message)
        .where(
            Message.clinic_id == clinic.id,
            Message.user_id == user.id,
            Message.kind == MessageKind.NOTICE,
            Message.state == MessageState.PENDING,
            Message.resends == 0,
        )
        .order_by(Message.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return next((one for one in session.scalars(query) if one.values.get("path") == page), None)
