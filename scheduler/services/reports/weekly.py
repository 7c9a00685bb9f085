"""The weekly mail to managers: the figures of the last whole week beside the week before. No patient is in it.

A clinic chooses it in its settings. It leaves on Monday at the hour of the daily email, once for each manager and
admin; after downtime it still comes that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from scheduler.domain.localtime import local_on
from scheduler.domain.periods import whole_weeks
from scheduler.domain.reminders import at_local
from scheduler.models import clinic as clinics
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind
from scheduler.models.user import Membership, User
from scheduler.services import locks
from scheduler.services.account.permissions import PERMISSIONS
from scheduler.services.mail.outbox import enqueue
from scheduler.services.reports import catalog
from scheduler.services.reports.scope import ReportScope, scope_of
from scheduler.services.reports.tables import said

MONDAY, USUAL_AT = 1, "07:00"
USEFUL = timedelta(hours=14)
READERS = (
    Membership.user_id == User.id,
    Membership.role.in_(PERMISSIONS[catalog.MAY]),
    User.active,
    ~User.is_service,
)


def due_clinics(session: Session, now: datetime) -> Sequence[int]:
    """Return the ids of the clinics where a manager has no mail yet although it is due."""
    due = clinics.where(session, lambda clinic: _due_at(clinic, now))
    query = select(Membership.clinic_id).where(
        *READERS, Membership.clinic_id.in_(due), ~_written(Membership.clinic_id, now - USEFUL)
    )
    return session.scalars(query.distinct().order_by(Membership.clinic_id)).all() if due else ()


def enqueue_due(session: Session, clinic: Clinic, now: datetime) -> int:
    """Write the mails that are due at this clinic and not written yet. Returns how many."""
    due_at = _due_at(clinic, now)
    if due_at is None or not locks.take_job(session, "figures", clinic.id):
        return 0
    query = select(User).where(
        Membership.clinic_id == clinic.id, *READERS, ~_written(Membership.clinic_id, due_at)
    )
    readers = session.scalars(query.order_by(User.id)).all()
    if not readers:
        return 0
    period = whole_weeks(local_on(now, clinic.zone), clinic.formats, 1)
    lines = "\n".join(lines_of(session, scope_of(session, clinic, period, now)))
    values = {"lines": lines, "path": f"/reports?from={period.first_on}&to={period.last_on}"}
    for user in readers:
        expires_at = due_at + USEFUL
        enqueue(session, clinic, MessageKind.FIGURES, now, user=user, values=values, expires_at=expires_at)
    return len(readers)


def lines_of(session: Session, scope: ReportScope) -> list[str]:
    """Return the week and each of its figures, one line each."""
    formats, period = scope.clinic.formats, scope.period
    days = f"{formats.date(period.first_on)} to {formats.date(period.last_on)}, beside the week before"
    lines = []
    for one in catalog.figures(session, scope):
        value, before = (said(each, one.unit, formats) for each in (one.value, one.before))
        lines.append(f"{one.words}: {value} (before {before}); {one.details}")
    return [days, *lines]


def _due_at(clinic: Clinic, now: datetime) -> datetime | None:
    """Return when this week's mails were due; None on other days, before, and where none are wanted."""
    today = local_on(now, clinic.zone)
    if not clinic.settings.weekly_figures or today.isoweekday() != MONDAY:
        return None
    due_at = at_local(today, time.fromisoformat(clinic.settings.digest_at or USUAL_AT), clinic.zone)
    return due_at if due_at <= now < due_at + USEFUL else None


def _written(clinic_id: InstrumentedAttribute[int], since: datetime) -> ColumnElement[bool]:
    return exists().where(
        Message.user_id == User.id,
        Message.clinic_id == clinic_id,
        Message.kind == MessageKind.FIGURES,
        Message.created_at >= since,
    )
