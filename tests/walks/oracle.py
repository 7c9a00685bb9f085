"""What must hold after every step of a walk. It reads rows and protocols, and shares no rule with the services."""

from dataclasses import dataclass
from datetime import date
from itertools import combinations

from sqlalchemy import func, select

from scheduler.domain.plan_files import from_document
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.care_plan import CarePlan
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.practitioner import Practitioner
from scheduler.models.requirement import Requirement
from scheduler.models.schedule import Closure
from scheduler.models.user import Membership

LIVE = ("pending", "booked", "arrived", "checked-in", "fulfilled")
TREATED = ("checked-in", "fulfilled")
OFF = ("cancelled", "noshow")
OPEN = ("draft", "active", "on-hold")
REASON = "the prescriber wants it this way"  # with which the walks override


@dataclass(frozen=True)
class Visit:
    """One row as the database has it."""

    id: int
    patient: int
    course: int | None
    action: str
    on: date
    start: object
    end: object
    status: str
    counts: bool  # live, or kept as a reservation
    gap: int | None
    hard: bool
    effect: str
    replaces: int | None
    recorded: bool  # it took place before the course, or in another system


@dataclass(frozen=True)
class State:
    """The clinic between two steps."""

    visits: dict
    courses: dict  # id -> (patient, status, plan)
    completed: dict  # (course, key, visit or None) -> the last day, or None
    completers: dict  # the same -> the role of who completed it
    gone: frozenset  # patients who died or left
    closures: tuple
    uses: dict  # visit -> resources
    retired: frozenset  # resources that no visit may be given
    reasons: int  # how many entries of the audit trail carry the reason that the walks override with


def _columns(model, *names):
    return select(*(getattr(model, name) for name in names))


VISITS = _columns(
    Appointment, "id", "patient_id", "care_plan_id", "action", "local_start", "start_at", "end_at", "status",
    "expires_at", "dosing_gap_days", "dosing_gap_hard", "course_effect", "replaces_id", "imported_at",
    "status_reason",
).order_by(Appointment.id)  # fmt: skip
COURSES = select(
    CarePlan.id, CarePlan.patient_id, CarePlan.status, CarePlan.wishes, PlanDefinition.digest
).join(PlanDefinition, PlanDefinition.id == CarePlan.plan_definition_id)
COMPLETED = (
    _columns(Requirement, "care_plan_id", "key", "appointment_id", "valid_until_on")
    .add_columns(Membership.role)
    .outerjoin(Membership, Membership.user_id == Requirement.completed_by_id)
    .where(Requirement.completed_at.is_not(None))
)
PATIENTS = _columns(Patient, "id", "deceased_on", "active")
CLOSURES = _columns(Closure, "resource_id", "start_at", "end_at")
USES = _columns(Allocation, "appointment_id", "resource_id").where(Allocation.released_at.is_(None))
RETIRED = [
    _columns(model, "resource_id").where(model.active.is_(False)) for model in (Location, Practitioner)
]
REASONS = select(func.count()).where(AuditEvent.reason == REASON)


def read(session):
    """Read the state of the clinic, by plain rows: nothing that the services hold in memory is believed."""
    session.flush()
    ask = session.connection().execute
    visits = {
        row.id: Visit(
            row.id, row.patient_id, row.care_plan_id, row.action, row.local_start.date(), row.start_at,
            row.end_at, row.status.value,
            row.status.value in LIVE or (row.status.value == "proposed" and row.expires_at is not None),
            row.dosing_gap_days, row.dosing_gap_hard, row.course_effect and row.course_effect.value,
            row.replaces_id, row.imported_at is not None or "before this course" in row.status_reason,
        )
        for row in ask(VISITS)
    }  # fmt: skip
    courses = {
        row.id: (
            row.patient_id,
            row.status.value,
            _plan(ask, row.digest),
            tuple(row.wishes.get("skipped", ())),
        )
        for row in ask(COURSES)
    }
    rows = {(row.care_plan_id, row.key, row.appointment_id): row for row in ask(COMPLETED)}
    completed = {key: row.valid_until_on for key, row in rows.items()}
    completers = {key: row.role and row.role.value for key, row in rows.items()}
    gone = frozenset(row.id for row in ask(PATIENTS) if row.deceased_on is not None or not row.active)
    closures = tuple(map(tuple, ask(CLOSURES)))
    uses = {}
    for visit, resource in ask(USES):
        uses.setdefault(visit, set()).add(resource)
    retired = frozenset(row.resource_id for query in RETIRED for row in ask(query))
    return State(
        visits, courses, completed, completers, gone, closures, uses, retired, ask(REASONS).scalar_one()
    )


def _plan(ask, digest):
    """Return the plan of a course; a version of a protocol never changes, so each is read once."""
    if digest not in _plans:
        _plans[digest] = from_document(
            ask(select(PlanDefinition.document).where(PlanDefinition.digest == digest)).scalars().first()
        )
    return _plans[digest]


_plans = {}


def broken(before, after, today, *, overridden):
    """Return in words what a step brought about that it may not.

    `overridden`: by a role that may, with a reason. What may be overridden is then right if the reason is recorded.
    """
    found = [*_closed(before, after), *_gone(before, after), *_ended(before, after)]
    found += _completed(before, after)
    found += [*_close(before, after, today, hard=True), *_lacking(before, after, hard=True)]
    soft = [
        *_close(before, after, today, hard=False), *_alone(before, after), *_twice(before, after, today),
        *_second(before, after), *_lacking(before, after, hard=False), *_treated(before, after),
    ]  # fmt: skip
    if not overridden:
        return found + soft
    if soft and after.reasons == before.reasons:
        found += [f"overridden without a record: {one}" for one in soft]
    return found


def _newly(before, after):
    """Yield the visits that a step made, moved or gave back."""
    for visit in after.visits.values():
        was = before.visits.get(visit.id)
        if visit.counts and (was is None or not was.counts or was.start != visit.start):
            yield visit


def _pairs(state, today):
    theirs = {}
    for one in state.visits.values():
        if one.counts and one.gap is not None:
            theirs.setdefault(one.patient, []).append(one)
    for dosing in theirs.values():
        for first, second in combinations(sorted(dosing, key=lambda one: (one.on, one.id)), 2):
            same = first.course is not None and first.course == second.course
            rules = [second] if same else [first, second]
            need, days = max(one.gap for one in rules), (second.on - first.on).days
            if second.on >= today and days < need:
                yield (first.id, second.id), days, any(one.hard for one in rules)


def _close(before, after, today, *, hard):
    known = {frozenset(key): days for key, days, _ in _pairs(before, date.min)}
    for key, days, is_hard in _pairs(after, today):
        if hard <= is_hard and days < known.get(frozenset(key), 10**6):
            yield f"too close: visits {key} are {days} days apart"


def _alone(before, after):
    for visit in _newly(before, after):
        if visit.course is None and visit.gap is not None and visit.id not in before.visits:
            yield f"no course: dosing visit {visit.id}"


def _doses(state, today):
    """Count the dosing visits ahead of each step of each course."""
    found = {}
    for one in state.visits.values():
        if (
            one.counts
            and one.status not in TREATED
            and one.gap is not None
            and one.course
            and one.on >= today
        ):
            found[one.course, one.action] = found.get((one.course, one.action), 0) + 1
    return found


def _twice(before, after, today):
    known = _doses(before, date.min)
    for key, count in _doses(after, today).items():
        if count > max(1, known.get(key, 0)):
            yield f"one step twice: {key}"


def _open_pairs(state):
    """Return each two open dosing courses of one patient."""
    theirs = {}
    for course, (patient, status, plan, _) in state.courses.items():
        if status in OPEN and any(action.dosing for action in plan.actions):
            theirs.setdefault(patient, []).append(course)
    return {pair for courses in theirs.values() for pair in combinations(sorted(courses), 2)}


def _second(before, after):
    for pair in _open_pairs(after) - _open_pairs(before):
        yield f"second course: {pair}"


def _lacking(before, after, *, hard):
    """Yield the new courses without one of their steps; `hard`: only where a hard gap is counted from it."""
    for course, (_, _, plan, skipped) in after.courses.items():
        there = {one.action for one in after.visits.values() if one.course == course} | set(skipped)
        missing = [action.key for action in plan.firm if action.key not in there]
        counted = any(
            one.offset is not None and one.offset.hard and one.offset.after in missing
            for one in plan.firm
            if one.key in there
        )
        if missing and course not in before.courses and hard <= counted:
            yield f"course {course} lacks {missing}"


def _treated(before, after):
    """Yield the visits that began although something was open or missing before the step."""
    for visit in after.visits.values():
        was = before.visits.get(visit.id)
        if visit.status not in TREATED or visit.recorded or (was and was.status in TREATED) or was is None:
            continue
        if visit.course is None:
            continue
        plan, skipped = after.courses[visit.course][2], after.courses[visit.course][3]
        action = next((one for one in plan.actions if one.key == visit.action), None)
        if action is None:
            continue
        for key in action.requirements:
            rule = plan.requirement(key)
            own = visit.id if rule.holds.value == "per_session" else None
            until = before.completed.get((visit.course, key, own), "open")
            if not rule.after_visit and (until == "open" or (until is not None and until < visit.on)):
                yield f"visit {visit.id} began with {key} open"
        yield from _steps_missing(before, visit, plan, skipped)


def _steps_missing(state, visit, plan, skipped):
    mine = [one for one in state.visits.values() if one.course == visit.course]
    replaced = {one.replaces for one in mine}
    offset = plan.action(visit.action).offset
    while offset is not None:
        step = plan.action(offset.after)
        last = [one for one in mine if one.action == step.key and one.id not in replaced]
        off = last and all(one.status in OFF and one.effect != "skip" for one in last)
        if step.series is None and step.key not in skipped and off and not last[0].recorded:
            yield f"visit {visit.id} began although {step.key} is missing"
        offset = step.offset


def _completed(before, after):
    """Yield the requirements that were completed by a role that the protocol does not name; no reason lifts that."""
    for key, role in after.completers.items():
        plan = after.courses[key[0]][2]
        rule = next((one for one in plan.requirements if one.key == key[1]), None)
        if key not in before.completers and rule and rule.completed_by and role not in rule.completed_by:
            yield f"requirement {key} completed by {role}"


def _gone(before, after):
    for visit in _newly(before, after):
        was = before.visits.get(visit.id)
        ahead = visit.status in ("pending", "booked", "proposed") and not visit.recorded
        if ahead and visit.patient in before.gone and not (was and was.counts):
            yield f"visit {visit.id} of a patient who died or left"


def _ended(before, after):
    for visit in _newly(before, after):
        if visit.course is not None and after.courses[visit.course][1] not in ("draft", "active"):
            yield f"visit {visit.id} of a course that is {after.courses[visit.course][1]}"


def _closed(before, after):
    for visit in _newly(before, after):
        if visit.status not in ("pending", "booked", "proposed"):
            continue
        used = after.uses.get(visit.id, set())
        if used & after.retired:
            yield f"visit {visit.id} uses what is no longer in use"
        for resource, start, end in after.closures:
            if (resource is None or resource in used) and start < visit.end and visit.start < end:
                yield f"visit {visit.id} is placed on a closure"
