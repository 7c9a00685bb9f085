"""When the rules of a zone have changed: visits ahead keep their local time, and their UTC times are computed again.

Governments change the clocks at short notice, and visits are booked months ahead. What people agreed on is the time on
the wall, so that is kept beside every visit (and closure); once a newer zone database says that it is another instant,
the visit goes there with all that it uses (zone_drift.py finds it). It is a change like any other: SEQUENCE goes
up, reminders are planned again, patients are notified. What would meet something that does not move, or whose time on
the wall is skipped or comes twice by the new rules, stays at its instant and is shown to the desk (zone_strays.py).

Thousands of visits are too many for one writing transaction, during which no desk could book. They go in parts of whole
days, because the visits of a day find room only together; those that go to an earlier instant from the first day on,
the others from the last, so that each part finds the room that the one before has left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.errors import SlotTaken
from scheduler.models.allocation import Allocation, of_appointments
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.versions import raise_versions
from scheduler.services.actors import Actor
from scheduler.services.clinic.staff import desk
from scheduler.services.locks import change_hours
from scheduler.services.mail import outbox
from scheduler.services.planning.visit_rows import visit_of
from scheduler.services.trail import audit
from scheduler.services.visit import allocation, zone_drift
from scheduler.services.visit.allocation import Taking
from scheduler.services.visit.changes import changing, release_expired
from scheduler.services.visit.zone_drift import Stray

EVENT = "zone-rules"
PAGE = "/zone-rules"
USEFUL = timedelta(days=14)


@dataclass(frozen=True)
class Going:
    """A visit on its way to another instant."""

    appointment: Appointment
    start: datetime


@dataclass(frozen=True)
class Moved:
    """A visit that moved too: its public id, its local time, and its new UTC time."""

    public_id: str
    local_start: datetime
    start: datetime


@dataclass(frozen=True)
class Derived:
    """What was done: the visits that went along, those that stay where they are, and how many closures went along."""

    moved: Sequence[Moved]
    stays: Sequence[Stray]
    closures: int


def go_on() -> None:
    """Do it all in the transaction that is open: there are few visits, or no one waits."""


def derive(session: Session, actor: Actor, now: datetime, take_turns: Callable[[], None] = go_on) -> Derived:
    """Move visits and closures ahead to the UTC times of their local times, as many as possible.

    `take_turns` is called after each part, when what is written is whole: it may commit, let others write, and begin
    again. Raises SlotTaken, and leaves the part undone, when another process wrote without the locks.
    """
    clinic = actor.clinic
    change_hours(session, clinic.id)  # no one books meanwhile
    release_expired(session, clinic, now)
    closures, left = _closures(session, actor, now), clinic.zone_strays
    moved: list[Moved] = []
    stays: list[Stray] = []
    again = True
    while again:  # what was refused for the sake of a visit that has gone on since then is tried again
        to_go, stays, again = zone_drift.parts(session, clinic, now), [], False
        ahead = sum(len(part) for part in to_go)
        for part in to_go:
            gone, refused = _derive(session, actor, part, now)
            moved, stays, again = moved + gone, stays + refused, again or bool(gone)
            ahead -= len(gone)
            clinic.zone_strays = ahead  # so the banner tells of the rest, also when this is broken off
            take_turns()
        again = again and bool(stays)
    stays.sort(key=lambda one: (one.appointment.start_at, one.appointment.id))
    clinic.zone_strays = len(stays)
    if closures and not moved:
        raise_versions(session, clinic.id, (), now)
    if moved or closures or left != len(stays):
        _tell_desk(session, clinic, len(moved), len(stays), now)
    session.flush()
    return Derived(moved, stays, closures)


def _derive(
    session: Session, actor: Actor, part: Sequence[int], now: datetime
) -> tuple[list[Moved], list[Stray]]:
    """Move what can be moved of one part; return that, and what stays."""
    clinic = actor.clinic
    change_hours(session, clinic.id)
    found = zone_drift.as_they_are(session, part, now)
    stays = [one for one in found if one.start is None]
    going = [Going(one.appointment, one.start) for one in found if one.start is not None]
    with changing(session, actor, now, [one.appointment for one in going]) as change:
        while going and (refused := _go(session, actor, going, now)):
            stays += refused
            staying = {one.appointment.id for one in refused}
            going = [one for one in going if one.appointment.id not in staying]
        for one in going:  # the patient's answer stands: they agreed to this local time
            change.note(one.appointment, EVENT, f"tzdata {version('tzdata')}", "appointment.zone-rules")
    rows = [one.appointment for one in going]
    return [Moved(row.public_id, row.local_start, row.start_at) for row in rows], stays


def lately(session: Session, clinic: Clinic, limit: int = 200) -> list[tuple[AppointmentEvent, Appointment]]:
    """Return the visits that went along with new rules, the latest first."""
    query = (
        select(AppointmentEvent, Appointment)
        .join(Appointment, Appointment.id == AppointmentEvent.appointment_id)
        .where(AppointmentEvent.clinic_id == clinic.id, AppointmentEvent.kind == EVENT)
        .options(joinedload(Appointment.patient))
        .order_by(AppointmentEvent.id.desc())
        .limit(limit)
    )
    return [(event, appointment) for event, appointment in session.execute(query)]


def _go(session: Session, actor: Actor, going: Sequence[Going], now: datetime) -> list[Stray]:
    """Give the visits their new instants and take up what they need there; return those for which there is no room.

    While there are such, nothing is written: they must stay where they are, and the others find room around them.
    """
    attempt = session.begin_nested()
    held = of_appointments(session, [one.appointment.id for one in going])
    rows = [held.get(one.appointment.id, []) for one in going]
    befores = [one.appointment.start_at for one in going]
    allocation.release(session, [one.appointment for one in going], now)
    for one in going:
        one.appointment.end_at += one.start - one.appointment.start_at
        one.appointment.start_at = one.start
    session.flush()
    refused = []
    for one, theirs, was in zip(going, rows, befores, strict=True):
        if why := _occupy(session, actor.clinic, one, theirs, one.start - was, now):
            refused.append(Stray(one.appointment, None, why))
    if refused:
        attempt.rollback()
        return refused
    attempt.commit()
    return []


def _occupy(
    session: Session,
    clinic: Clinic,
    one: Going,
    rows: Sequence[Allocation],
    later: timedelta,
    now: datetime,
) -> str:
    """Take up the same as before, that much later (or earlier); return why not, if it is not free."""
    if not rows:
        return ""  # a visit that is only proposed
    taking = Taking(one.appointment, visit_of(one.appointment, [_moved(row, later) for row in rows]))
    try:
        allocation.allocate(session, clinic, [taking], one.appointment.patient.resource_id, now)
    except SlotTaken as taken:
        return taken.words
    return ""


def _moved(row: Allocation, later: timedelta) -> Allocation:
    moved = allocation.copied(row, row.unit)
    moved.start_at += later
    moved.end_at += later
    return moved


def _tell_desk(session: Session, clinic: Clinic, moved: int, left: int, now: datetime) -> None:
    kept = f"{moved} {'visit keeps its' if moved == 1 else 'visits keep their'} local time."
    lines = [f"The clocks of {clinic.zone_name} follow new daylight-saving rules. {kept}"]
    if left:
        lines.append(
            f"{left} could not be updated and are at a different local time than agreed. Please review them."
        )
    for user in desk(session, clinic):
        outbox.enqueue(
            session,
            clinic,
            MessageKind.NOTICE,
            now,
            user=user,
            values={"lines": "\n".join(lines), "path": PAGE, "words": "zone-notice"},
            expires_at=now + USEFUL,
        )


def _closures(session: Session, actor: Actor, now: datetime) -> int:
    """Move closures ahead to their local times; return how many moved."""
    found = zone_drift.wandered_closures(session, actor.clinic, now)
    for closure, start, end in found:
        closure.start_at, closure.end_at = start, end
        audit.record(session, actor, "closure.zone-rules", closure, now, ["start", "end"])
    session.flush()
    return len(found)
