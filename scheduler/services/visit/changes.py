"""The one writer of appointments: a use case changes rows, and everything that follows from it happens here.

`changing` locks what the new placements use, releases expired holds and remembers each appointment as it was. The use
case then changes rows, gives them placements and notes what it did. When the block ends without an error, each
appointment is compared with what it was, and these steps follow in this order:

1. the rules of the patient: still with the clinic, in a course that goes on, dosing visits far enough apart
   (services/visit/judge.py);
2. counters: `sequence` and `changed_at` when a calendar shows something else, `schedule_version` when the time or the
   site changed or the appointment became live or not live, `row_version` for any change;
3. allocations: release, flush, then insert, because the database refuses an overlap at once; what is free afterwards is
   noted for the waitlist;
4. history and audit, one entry each for every appointment that changed;
5. reminders and the outbox;
6. the versions of the calendar and of every feed that shows the appointment now or showed it before.

The rules inside a course are checked by the use case in the block, when the locks are held. No other module may
call the functions of these steps; tests/test_one_writer.py enforces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, TextClause, select, text
from sqlalchemy.orm import Session

from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.planner.values import Placement
from scheduler.domain.status import AppointmentStatus, CarePlanStatus, Response
from scheduler.models.allocation import Allocation, of_appointments
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.open_requirements import counts_visits, status_by_requirements
from scheduler.models.opening import Opening, OpeningCause
from scheduler.models.patient import Patient
from scheduler.models.versions import raise_versions
from scheduler.services import freed_time
from scheduler.services.actors import Actor
from scheduler.services.history import record_event
from scheduler.services.locks import hold_hours, lock_resources
from scheduler.services.mail import outbox, reminders
from scheduler.services.planning.visit_rows import People, put
from scheduler.services.trail import audit
from scheduler.services.visit import allocation
from scheduler.services.visit.allocation import Taking
from scheduler.services.visit.judge import require_dosing_gaps, require_open_course, require_patient
from scheduler.services.visit.snapshots import Snapshot, differences

NOTHING: Mapping[str, tuple[Any, Any]] = MappingProxyType({})
MARKS = ("event", "late", "notify")  # what an event's changes hold beside what the audit trail names
EXPIRED = "the hold expired"
Wanted = tuple[Patient, Iterable[Placement]]


@dataclass(frozen=True)
class Note:
    """What a use case says about its change of one appointment. `audit` is None where a course's entry covers it."""

    kind: str
    reason: str
    audit: str | None
    always: bool
    also: Mapping[str, tuple[Any, Any]]


class Changes:
    """The appointments that one use case changes. Use `changing`."""

    def __init__(self, session: Session, actor: Actor, now: datetime, override_reason: str = "") -> None:
        self.session, self.actor, self.now, self.override_reason = session, actor, now, override_reason
        self._before: dict[Appointment, Snapshot | None] = {}
        self._placed: dict[Appointment, Placement] = {}
        self._moved: set[Appointment] = set()
        self._notes: dict[Appointment, Note] = {}
        self._waiting: list[Appointment] = []

    def take(self, rows: Iterable[Appointment]) -> None:
        """Remember appointments as they are before they are changed."""
        for row in rows:
            if row not in self._before:
                self._before[row] = Snapshot.of(row)

    def add(self, row: Appointment, visit: Placement | None = None) -> None:
        """Add a new appointment; `visit` says what it uses (None: nothing)."""
        self.session.add(row)
        self._before[row] = None
        if visit is not None:
            self._placed[row] = visit

    def put(self, row: Appointment, visit: Placement, people: People) -> None:
        """Give an appointment a time, a place and people. Another time or site resets the patient's answer."""
        self.take([row])
        before = Snapshot.of(row)
        put(row, visit, people)
        after = Snapshot.of(row)
        if before.times != after.times or _is_readdressed(before, after):
            row.response = Response.NEEDS_ACTION
        self._moved.add(row)
        self.allocate(row, visit)

    def allocate(self, row: Appointment, visit: Placement) -> None:
        """Let an appointment use what the visit says, instead of what it used."""
        self.take([row])
        self._placed[row] = visit

    def note(
        self,
        row: Appointment,
        kind: str,
        reason: str = "",
        audit: str | None = "appointment.changed",
        *,
        also: Mapping[str, tuple[Any, Any]] = NOTHING,
        always: bool = True,
    ) -> None:
        """Say what was done: the kind of the history event and why; `also` is (old, new) of what is not compared here.

        Without `always` nothing is recorded of an appointment that turns out to be as it was.
        """
        self.take([row])
        self._notes[row] = Note(kind, reason, audit, always, also)

    def remind(self, rows: Iterable[Appointment]) -> None:
        """Plan the reminders of appointments that did not change themselves but whose course did."""
        self._waiting += rows

    def finish(self, *, together: bool) -> None:
        """Do what follows; `together` sends one mail about all changes instead of one for each kind."""
        if not self._before:
            return
        self.session.flush()
        self._count_visits()
        require_patient(self._before, self.now)
        require_open_course(self._before, self.now)
        require_dosing_gaps(self.session, self.actor, self._before, self.now, self.override_reason)
        rescheduled = [row for row, before in self._before.items() if self._count(row, before)]
        self._allocate()
        recorded = [row for row, before in self._before.items() if self._record(row, before)]
        clinic, now = self.actor.clinic, self.now
        if rescheduled:
            reminders.void_for(self.session, rescheduled, self._void_reason(rescheduled))
        if waiting := list(dict.fromkeys([*rescheduled, *self._waiting])):
            reminders.plan_for(self.session, clinic, waiting, now)
        concerned = [row for row in rescheduled if self._concerns_patient(row)]
        outbox.tell(self.session, clinic, concerned, now, together=together)
        if recorded or self._waiting:
            feeds = {feed for row in recorded for feed in self._feeds(row)}
            feeds |= allocation.ever_used(
                self.session, recorded
            )  # an entry that is withdrawn there changes too
            raise_versions(self.session, clinic.id, feeds, now)

    def _count_visits(self) -> None:
        """Let an authorization that counts visits cover those that come first now."""
        courses = {row.care_plan for row in self._before if row.care_plan and counts_visits(row.care_plan)}
        for row in [one for course in courses for one in appointments_of(course) if one.status.is_expected]:
            status = status_by_requirements(row)
            if status is not row.status:
                self.take([row])
                row.status = status
                if row not in self._notes:
                    self.note(row, "requirements-counted", audit=None)

    def _count(self, row: Appointment, before: Snapshot | None) -> bool:
        """Raise the counters that calendars, mails and reminders go by; tell whether reminders must be planned."""
        if before is None:
            return True
        after = Snapshot.of(row)
        if before.in_calendars != after.in_calendars and before.shown_as is not None:
            row.sequence += 1
            row.changed_at = self.now
        elif after.status.is_live and before.shown_as is None:
            row.changed_at = self.now  # calendars show it for the first time
        elif before.patient is not after.patient:
            row.changed_at = self.now  # calendars show other initials; no invitation is void
        began_or_ended = before.status.is_live != after.status.is_live
        retimed = before.times != after.times or before.local_start != after.local_start
        elsewhere = _is_readdressed(before, after)
        if began_or_ended or retimed or elsewhere:
            row.schedule_version += 1
        return began_or_ended or retimed or elsewhere or before.status.is_off != after.status.is_off

    def _allocate(self) -> None:
        """Release what is no longer used, then write what is used now."""
        ended = [row for row, before in self._before.items() if before and self._stops_using(row, before)]
        replaced = [row for row in self._placed if self._before[row] is not None]
        released = (
            allocation.release(self.session, [*ended, *replaced], self.now) if ended or replaced else []
        )
        takings: dict[Patient, list[Taking]] = {}
        for row, visit in self._placed.items():
            takings.setdefault(row.patient, []).append(Taking(row, visit))
        for patient, theirs in takings.items():
            allocation.allocate(self.session, self.actor.clinic, theirs, patient.resource_id, self.now)
        if released:
            self._note_freed([*ended, *replaced], released)

    def _note_freed(self, rows: Iterable[Appointment], released: Sequence[Allocation]) -> None:
        """Let the waitlist know of the time that these appointments used and do not use now."""
        taken = of_appointments(self.session, [row.id for row in rows])
        for row in rows:
            theirs = [one for one in released if one.appointment_id == row.id]
            note = self._notes.get(row)
            cause = FREED_BY.get(note.kind if note else "", OpeningCause.MOVED)
            freed_time.visit_left(self.session, row, theirs, taken.get(row.id, ()), cause, self.now)

    def _stops_using(self, row: Appointment, before: Snapshot) -> bool:
        """Tell whether a canceled or missed appointment must release its time. A fulfilled one keeps it."""
        return row not in self._placed and row.status.is_off and not before.status.is_off

    def _record(self, row: Appointment, before: Snapshot | None) -> bool:
        """Write history and audit of one appointment; tell whether there was anything to write."""
        changes = dict(differences(before, Snapshot.of(row))) if before else {}
        note = self._notes.get(row)
        if note is None and (changes or before is None):
            raise AssertionError(f"the change of {row.action} was not noted: {', '.join(changes) or 'new'}")
        if note is None or not (note.always or changes or row in self._moved):
            return False
        if before and row in self._moved:
            changes.setdefault("start", (before.start, row.start_at))  # what undoing a move goes back to
        shown = {**changes, **note.also}
        record_event(self.session, self.actor, row, note.kind, self.now, note.reason, shown)
        if note.audit:
            fields = [name for name in shown if name not in MARKS]
            audit.record(self.session, self.actor, note.audit, row, self.now, fields, note.reason)
        return True

    def _void_reason(self, rows: Sequence[Appointment]) -> MessageReason:
        """Return why the reminders of these appointments are void: what was done to the first of them."""
        return VOID_REASONS.get(self._notes[rows[0]].kind, MessageReason.VISIT_CHANGED)

    def _concerns_patient(self, row: Appointment) -> bool:
        """Tell whether the patient may have to be notified: not of a no-show, nor of what had begun."""
        before = self._before[row]
        if row.status is AppointmentStatus.NOSHOW:
            return False
        return row.status.is_live or (before is not None and before.start > self.now)

    def _feeds(self, row: Appointment) -> frozenset[int]:
        before = self._before[row]
        return Snapshot.of(row).feeds | (before.feeds if before else frozenset())


def _is_readdressed(before: Snapshot, after: Snapshot) -> bool:
    """Tell whether the patient is to come to another site."""
    return before.site is not None and after.site is not None and before.site is not after.site


FREED_BY = {
    "cancel": OpeningCause.CANCELED,
    "hold": OpeningCause.CANCELED,
    "no-show": OpeningCause.MISSED,
    "expire": OpeningCause.EXPIRED,
}
VOID_REASONS = {
    "reschedule": MessageReason.MOVED,
    "zone-rules": MessageReason.MOVED,
    "zone-hour": MessageReason.MOVED,
    "cancel": MessageReason.CANCELED,
    "hold": MessageReason.CANCELED,
    "book": MessageReason.BOOKED,
    "no-show": MessageReason.MISSED,
}


@contextmanager
def changing(
    session: Session,
    actor: Actor,
    now: datetime,
    rows: Iterable[Appointment] = (),
    wanted: Sequence[Wanted] = (),
    *,
    together: bool = False,
    override_reason: str = "",
) -> Iterator[Changes]:
    """Change these appointments. `wanted` are the placements that will be used, by patient: they are locked.

    Raises at the end of the block SlotTaken, with every conflict, when another appointment uses what is wanted, and
    RuleBroken when dosing visits come too close, unless that is overridden.
    """
    if wanted:
        lock(session, actor.clinic, wanted)
        release_expired(session, actor.clinic, now)
    changes = Changes(session, actor, now, override_reason)
    changes.take(rows)
    yield changes
    changes.finish(together=together)


def lock(session: Session, clinic: Clinic, wanted: Sequence[Wanted]) -> None:
    """Hold the patients, and every other resource on each day on which a placement uses it."""
    hold_hours(session, clinic.id)  # before any other lock, as everywhere
    placements = [(patient, list(visits)) for patient, visits in wanted]
    used = [
        (segment.resource_id, day)
        for _, visits in placements
        for visit in visits
        for segment in visit.segments
        for day in {segment.start.astimezone(clinic.zone).date(), segment.end.astimezone(clinic.zone).date()}
    ]
    lock_resources(session, [patient.resource_id for patient, _ in placements], used)


def release_expired(session: Session, clinic: Clinic, now: datetime) -> int:
    """End the clinic's reservations whose time is over; return how many there were. What was held for offers is freed.

    Each course is locked first: a second clock, or a desk that books, waits for the first and then finds it done.
    """
    hold_hours(session, clinic.id)
    query = (
        select(CarePlan)
        .where(CarePlan.clinic_id == clinic.id, *_over(now))
        .order_by(CarePlan.id)
        .with_for_update()
    )
    expired = list(session.scalars(query))
    actor = Actor(clinic=clinic, user=None, role=None, name="clock")
    for care_plan in expired:
        held = [one for one in appointments_of(care_plan) if one.status is AppointmentStatus.PROPOSED]
        with changing(session, actor, now, held) as change:
            for row in held:
                row.status, row.cancelled_at, row.status_reason = AppointmentStatus.CANCELLED, now, EXPIRED
                change.note(row, "expire", audit=None)
        care_plan.status, care_plan.status_at = CarePlanStatus.REVOKED, now
        care_plan.status_reason = EXPIRED
        audit.record(session, actor, "care-plan.expired", care_plan, now)
    _let_go_of_ended_waves(session, clinic, now)
    return len(expired)


def _let_go_of_ended_waves(session: Session, clinic: Clinic, now: datetime) -> None:
    """Release what is held for offers whose hour is over; the offers themselves are ended by the clock."""
    over = select(Opening).where(
        Opening.clinic_id == clinic.id, Opening.closed_at.is_(None), Opening.held_until <= now
    )
    for opening in session.scalars(over.order_by(Opening.id)):
        allocation.let_go(session, opening, now)


def clinics_with_expired(session: Session, now: datetime) -> Sequence[int]:
    """Return the ids of the clinics with a reservation whose time is over, in order."""
    return sorted(set(session.scalars(select(CarePlan.clinic_id).where(*_over(now)))))


def _over(now: datetime) -> tuple[TextClause, ColumnElement[bool]]:
    return text("care_plan.status = 'draft'"), CarePlan.expires_at <= now  # the index's own words
