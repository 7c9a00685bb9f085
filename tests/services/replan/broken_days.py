"""Closing a day, and the worker that re-plans it."""

from sqlalchemy import select

from scheduler.domain.localtime import day_bounds
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message
from scheduler.processes import worker
from scheduler.services.clinic import displaced, schedules
from scheduler.services.replan import replans
from tests.cast import NOW

NAMES = ("Olga", "Omar", "Otis")


def close_day(do, session, harbor, on):
    start, end = day_bounds(on, harbor.clinic.zone)
    mona = harbor.actor("mona")
    closure, _ = do(schedules.close, mona, start, end, NOW, reason="storm")
    return do(replans.ask, mona, NOW, replans.of_closure(closure), closure, closes=True)


def work(app, session):
    """Let the worker do what waits; return how it ended."""
    session.rollback()
    outcomes = []
    while outcome := worker.work_once(app, "one"):
        outcomes.append(outcome)
    session.rollback()
    return outcomes


def lost(session, harbor):
    return displaced.ahead(session, harbor.clinic, NOW)


def starts(session):
    return {row.id: row.start_at for row in session.scalars(select(Appointment))}


def mails(session, kind):
    return session.scalars(select(Message).where(Message.kind == kind)).all()
