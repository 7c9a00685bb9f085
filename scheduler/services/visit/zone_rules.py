"""When the rules of a zone have changed: visits ahead keep their time on the wall, and their instants are found anew.

Governments change the clocks at short notice, and visits are booked months ahead. What people agreed on is the time on
the wall, so that is kept beside every visit (and closure); once a newer zone database says that it is another instant,
the visit goes there with all that it takes up. It is a change like any other: SEQUENCE goes up, reminders are planned
anew, patients are told. What would run into something that does not move, or whose time on the wall is skipped or
comes twice by the new rules, stays at its instant and is shown to the desk (zone_strays.py).

Thousands of visits are too many for one writing transaction, during which no desk could book. They go in parts of whole
days, because the visits of a day find room only together; those that go to an earlier instant from the first day on,
the others from the last, so that each part finds the room that the one before has left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, local_on, to_local, to_utc
from scheduler.domain.status import AHEAD, AppointmentStatus
from scheduler.errors import SlotTaken
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.occupation import Occupation, of_appointments
from scheduler.models.resource import Resource, ResourceKind
from scheduler.models.schedule import Closure
from scheduler.models.versions import raise_versions
from scheduler.services.actors import Actor
from scheduler.services.clinic.staff import desk
from scheduler.services.course.reservations import release_expired
from scheduler.services.locks import lock_resources
from scheduler.services.mail import outbox, reminders
from scheduler.services.planning.visit_rows import visit_of
from scheduler.services.trail import audit
from scheduler.services.visit import occupation
from scheduler.services.visit.events import feed_resources, record_event, schedule_changed
from scheduler.services.visit.occupation import Taking

EVENT = "zone-rules"
PAGE = "/zone-rules"
USEFUL = timedelta(days=14)
BEGUN = "by the new rules it would have begun already"
TOGETHER = 40  # visits of several days in one part


@dataclass(frozen=True)
class Stray:
    """A visit whose instant shows another time on the wall than was agreed on: where it belongs, or why it stays."""

    appointment: Appointment
    start: datetime | None
    why: str = ""


@dataclass(frozen=True)
class Going:
    """A visit on its way to another instant."""

    appointment: Appointment
    start: datetime


@dataclass(frozen=True)
class Moved:
    """A visit that went along: its public id, its time on the wall, and the instant that this is now."""

    public_id: str
    local_start: datetime
    start: datetime


@dataclass(frozen=True)
class Derived:
    """What was done: the visits that went along, those that stay where they are, and how many closures went along."""

    moved: Sequence[Moved]
    stays: Sequence[Stray]
    closures: int


@dataclass(frozen=True)
class Wanderer:
    """A visit ahead whose instant is not its time on the wall, as its columns tell it."""

    id: int
    start_at: datetime
    local_start: datetime
    zone: ZoneInfo

    @property
    def goes_earlier(self) -> bool:
        return self.local_start.replace(tzinfo=self.zone) < self.start_at


def go_on() -> None:
    """Do it all in the transaction that is open: there are few visits, or nobody waits."""


def strays(session: Session, clinic: Clinic, now: datetime) -> list[Stray]:
    """Return the visits ahead that no longer stand at their time on the wall, in order; nothing is written."""
    return _strays(session, [one.id for one in _wandered(session, clinic, now)], now)


def nearest(session: Session, clinic: Clinic, now: datetime, most: int) -> tuple[list[Stray], int]:
    """Return the nearest of these visits, and how many there are."""
    found = sorted(_wandered(session, clinic, now), key=lambda one: (one.start_at, one.id))
    return _strays(session, [one.id for one in found[:most]], now), len(found)


def count(session: Session, clinic: Clinic, now: datetime) -> int:
    """Return how many visits ahead stand at another time on the wall. Looks only where some were left before."""
    return len(_wandered(session, clinic, now)) if clinic.zone_strays else 0


def recount(session: Session, clinic: Clinic, now: datetime) -> None:
    """Note how many visits ahead stand at another time on the wall, once one of them was settled by hand."""
    session.flush()
    clinic.zone_strays = len(_wandered(session, clinic, now))


def is_due(session: Session, clinic: Clinic, now: datetime) -> bool:
    """Tell whether there is anything to bring to its time on the wall, or to take back from the banner; only reads."""
    return bool(
        clinic.zone_strays or _wandered(session, clinic, now) or _wandered_closures(session, clinic, now)
    )


def derive(session: Session, actor: Actor, now: datetime, take_turns: Callable[[], None] = go_on) -> Derived:
    """Bring visits and closures ahead to the instants of their times on the wall, as many as can be.

    `take_turns` is called after each part, when what is written is whole: it may commit, let others write, and begin
    anew. Raises SlotTaken, and leaves the part undone, when somebody wrote past the locks.
    """
    clinic = actor.clinic
    release_expired(session, clinic, now)
    lock_resources(session, _things(session, clinic))
    closures, left = _closures(session, actor, now), clinic.zone_strays
    moved: list[Moved] = []
    stays: list[Stray] = []
    again = True
    while again:  # what was refused for the sake of a visit that has gone on since then is tried again
        to_go, stays, again = parts(session, clinic, now), [], False
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


def parts(session: Session, clinic: Clinic, now: datetime) -> list[list[int]]:
    """Return the ids of the visits that stand elsewhere, in parts that find their room one after the other."""
    days: dict[tuple[bool, date], list[int]] = defaultdict(list)
    for one in _wandered(session, clinic, now):
        days[one.goes_earlier, local_on(one.start_at, clinic.zone)].append(one.id)
    found: list[list[int]] = []
    for earlier in (True, False):
        found.append([])
        for key in sorted((key for key in days if key[0] is earlier), reverse=not earlier):
            if found[-1] and len(found[-1]) + len(days[key]) > TOGETHER:
                found.append([])
            found[-1] += days[key]
    return [part for part in found if part]


def _derive(
    session: Session, actor: Actor, part: Sequence[int], now: datetime
) -> tuple[list[Moved], list[Stray]]:
    """Move what can be moved of one part; return that, and what stays."""
    clinic = actor.clinic
    lock_resources(session, _things(session, clinic))
    found = _strays(session, part, now)
    stays = [one for one in found if one.start is None]
    going = [Going(one.appointment, one.start) for one in found if one.start is not None]
    while going and (refused := _go(session, actor, going, now)):
        stays += refused
        staying = {one.appointment.id for one in refused}
        going = [one for one in going if one.appointment.id not in staying]
    if going:
        _tell(session, actor, [one.appointment for one in going], now)
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


def _wandered(session: Session, clinic: Clinic, now: datetime) -> list[Wanderer]:
    """Return the visits ahead whose instant is not their time on the wall; columns only, for there are many."""
    query = select(
        Appointment.id, Appointment.start_at, Appointment.local_start, Appointment.zone_name
    ).where(
        Appointment.clinic_id == clinic.id,
        Appointment.start_at > now,
        Appointment.status.in_(AHEAD),
    )
    return [
        Wanderer(appointment_id, start_at, local_start, ZoneInfo(zone_name))
        for appointment_id, start_at, local_start, zone_name in session.execute(query)
        if to_local(start_at, ZoneInfo(zone_name)) != local_start
    ]


def _strays(session: Session, ids: Sequence[int], now: datetime) -> list[Stray]:
    """Return those of these visits that are still ahead and elsewhere, as they are now."""
    query = select(Appointment).where(
        Appointment.id.in_(ids), Appointment.start_at > now, Appointment.status.in_(AHEAD)
    )
    query = query.options(
        joinedload(Appointment.patient),
        joinedload(Appointment.location),
        selectinload(Appointment.participants).joinedload(Participant.practitioner),
    )
    rows = session.scalars(query.order_by(Appointment.start_at, Appointment.id)) if ids else ()
    return [_stray(one, now) for one in rows if to_local(one.start_at, one.zone) != one.local_start]


def _stray(appointment: Appointment, now: datetime) -> Stray:
    try:
        start = to_utc(appointment.local_start, appointment.zone)
    except (NonexistentTime, AmbiguousTime) as refused:
        return Stray(appointment, None, str(refused))
    return Stray(appointment, start) if start > now else Stray(appointment, None, BEGUN)


def _things(session: Session, clinic: Clinic) -> list[int]:
    """Return the places and people of a clinic. Patients need no lock: the database keeps them from two places."""
    query = select(Resource.id).where(Resource.clinic_id == clinic.id, Resource.kind != ResourceKind.PATIENT)
    return list(session.scalars(query))


def _go(session: Session, actor: Actor, going: Sequence[Going], now: datetime) -> list[Stray]:
    """Give the visits their new instants and take up what they need there; return those for which there is no room.

    While there are such, nothing is written: they must stay where they are, and the others find room around them.
    """
    attempt = session.begin_nested()
    held = of_appointments(session, [one.appointment.id for one in going])
    rows = [held.get(one.appointment.id, []) for one in going]
    befores = [(one.appointment.start_at, one.appointment.end_at) for one in going]
    occupation.release(session, [one.appointment for one in going], now)
    for one in going:
        one.appointment.end_at += one.start - one.appointment.start_at
        one.appointment.start_at = one.start
    session.flush()
    refused = []
    for one, theirs, (was, _) in zip(going, rows, befores, strict=True):
        if why := _occupy(session, actor.clinic, one, theirs, one.start - was, now):
            refused.append(Stray(one.appointment, None, why))
    if refused:
        attempt.rollback()
        return refused
    for one, before in zip(going, befores, strict=True):
        _write(session, actor, one.appointment, before, now)
    attempt.commit()
    return []


def _occupy(
    session: Session,
    clinic: Clinic,
    one: Going,
    rows: Sequence[Occupation],
    later: timedelta,
    now: datetime,
) -> str:
    """Take up the same as before, that much later (or earlier); return why not, if it is not free."""
    if not rows:
        return ""  # a visit that is only proposed
    taking = Taking(one.appointment, visit_of(one.appointment, [_moved(row, later) for row in rows]))
    try:
        occupation.occupy(session, clinic, [taking], one.appointment.patient.resource_id, now)
    except SlotTaken as taken:
        return taken.words
    return ""


def _moved(row: Occupation, later: timedelta) -> Occupation:
    moved = occupation.copied(row, row.lane)
    moved.start_at += later
    moved.end_at += later
    return moved


def _write(
    session: Session, actor: Actor, row: Appointment, before: tuple[datetime, datetime], now: datetime
) -> None:
    """Count the change and write it down. The patient's answer stands: they agreed to the time on the wall."""
    if row.status is AppointmentStatus.PROPOSED:
        row.schedule_version += 1  # it is in no calendar yet
    else:
        schedule_changed(row, now)
    changes = {"start": (before[0], row.start_at), "end": (before[1], row.end_at)}
    record_event(session, actor, row, EVENT, now, f"tzdata {version('tzdata')}", changes)
    audit.record(session, actor, "appointment.zone-rules", row, now, ["start", "end"])


def _tell(session: Session, actor: Actor, rows: Sequence[Appointment], now: datetime) -> None:
    """Plan reminders anew, tell the patients, and let every calendar know."""
    reminders.void_for(session, rows, "moved", now)
    reminders.plan_for(session, actor.clinic, rows, now)
    outbox.tell(session, actor.clinic, rows, now)
    raise_versions(session, actor.clinic.id, feed_resources(rows), now)


def _tell_desk(session: Session, clinic: Clinic, moved: int, left: int, now: datetime) -> None:
    kept = f"{moved} {'visit keeps its' if moved == 1 else 'visits keep their'} time on the wall."
    lines = [f"The clocks of {clinic.zone_name} follow new rules. {kept}"]
    if left:
        lines.append(f"{left} cannot, and are at another time than was agreed on: please look.")
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
    """Bring closures ahead to their times on the wall; return how many went."""
    found = _wandered_closures(session, actor.clinic, now)
    for closure, start, end in found:
        closure.start_at, closure.end_at = start, end
        audit.record(session, actor, "closure.zone-rules", closure, now, ["start", "end"])
    session.flush()
    return len(found)


def _wandered_closures(
    session: Session, clinic: Clinic, now: datetime
) -> list[tuple[Closure, datetime, datetime]]:
    """Return the closures ahead that stand elsewhere, each with where it begins and ends by the rules."""
    query = select(Closure).where(Closure.clinic_id == clinic.id, Closure.end_at > now)
    found = []
    for closure in session.scalars(query):
        start = _instant(closure.local_start, clinic.zone, closure.start_at)
        end = _instant(closure.local_end, clinic.zone, closure.end_at)
        if (start, end) != (closure.start_at, closure.end_at) and start < end:
            found.append((closure, start, end))
    return found


def _instant(local: datetime, zone: ZoneInfo, present: datetime) -> datetime:
    """Return the instant of a closure's end: what it is now, if the wall still shows that time then."""
    if to_local(present, zone) == local:
        return present
    return local.replace(tzinfo=zone).astimezone(UTC)
