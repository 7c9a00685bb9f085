"""Appointments and half-done courses from a CSV file, so that a clinic goes live in mid-course.

The lines of one patient, protocol and `course` label are one course. `done` lines are earlier visits, recorded with
their dates and marked as imported; `booked` lines are visits to come, at the times and places the patient already
knows. Each course is booked like any other, under the same rules and guards. Patients get no confirmation for what they
know already; reminders are planned as usual, and the protocol's visits months ahead are proposed. Requirements that
were completed elsewhere are recorded with their dates, so that no one is asked for them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.file_dates import DateOrder, read_date, read_local
from scheduler.domain.folding import folded
from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, local_on, to_utc
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.planner.answers.projections import project
from scheduler.domain.planner.values import Done, Placement
from scheduler.domain.plans import Action, Holds
from scheduler.errors import Invalid, NoFitFound, Refusal, RuleBroken
from scheduler.models import care_plan as care_plans
from scheduler.models import location as locations
from scheduler.models import practitioner as practitioners
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition, all_current
from scheduler.models.site import Site
from scheduler.services.actors import Actor
from scheduler.services.clinic import sites
from scheduler.services.course import booking
from scheduler.services.planning import assignments, proposals
from scheduler.services.planning.placing import place
from scheduler.services.planning.wishes import CourseRequest
from scheduler.services.progress import Progress
from scheduler.services.trail import audit
from scheduler.services.transfer import imports_csv
from scheduler.services.transfer.imports import ImportFault, ImportRefused, Row, stepping
from scheduler.services.visit import requirements

WHO = ("patient_id", "given_name", "family_name", "birth_date")
REQUIRED = ("plan_definition", "action", "status", "start")
COLUMNS = frozenset({*WHO, *REQUIRED, "course", "end", "location", "practitioners", "requirements"})
STATUSES = ("done", "booked")
NOON = time(12)  # of a day on which something was completed
COMPLETED_BEFORE = "Completed before the import"


@dataclass(frozen=True)
class Known:
    """What the lines may name, by the folded words that name it."""

    patients: Mapping[tuple[object, ...], Sequence[Patient]]
    plans: Mapping[str, PlanDefinition]
    resources: Mapping[str, int]
    sites: Mapping[int, Site]  # of chairs and rooms, by resource


@dataclass(frozen=True)
class ImportLine:
    """One line, read: whose visit of which course, when, and with which chair (at which site) and people."""

    place: int
    patient: Patient
    definition: PlanDefinition
    course: str
    action: Action
    done: bool
    start: datetime
    end: datetime
    chosen: tuple[int, ...]
    site: Site | None
    completed: Mapping[str, datetime]


@dataclass(frozen=True)
class ImportedAppointments:
    """How many courses were booked, with how many visits done and ahead; `left_out` courses were here already."""

    courses: int
    done: int
    booked: int
    left_out: int


def write(
    session: Session,
    actor: Actor,
    content: bytes,
    now: datetime,
    progress: Progress,
    override_reason: str = "",
    dates: DateOrder = DateOrder.YMD,
    skip_existing: bool = False,
) -> ImportedAppointments:
    """Book every course of the file, or none. Soft rules need a reason. Raises ImportRefused with every fault.

    A course that has a visit in common with an open one of the same patient and protocol is here already: a fault, or
    left out with `skip_existing`.
    """
    known = _known(session, actor.clinic)
    lines: list[ImportLine] = []
    faults: list[ImportFault] = []
    rows = imports_csv.read(imports_csv.decoded(content), COLUMNS, REQUIRED)
    for row in stepping("read", rows, progress):
        try:
            lines.append(_line(actor.clinic, known, row, now, dates))
        except Invalid as refused:
            faults += _faults(row.place, refused)
    if faults:
        raise ImportRefused(imports_csv.UNIT, faults)
    everything = list(_courses(lines).values())
    here = [(course, found) for course in everything if (found := _here(session, course))]
    if here and not skip_existing:
        raise ImportRefused(
            imports_csv.UNIT,
            [ImportFault(one[0].place, "course", f"is here already (course {found})") for one, found in here],
        )
    courses = [course for course in everything if not any(course is one for one, _ in here)]
    lines = [line for course in courses for line in course]
    for number, course in enumerate(courses, 1):
        faults += _booked(session, actor, course, now, override_reason)
        progress("booked", number, len(courses))
    if faults:
        raise ImportRefused(imports_csv.UNIT, faults)
    done = sum(line.done for line in lines)
    audit.record(session, actor, "appointments.imported", None, now, reason=f"{len(lines)} lines")
    session.flush()
    return ImportedAppointments(len(courses), done, len(lines) - done, len(here))


def _here(session: Session, course: Sequence[ImportLine]) -> str:
    """Return the public id of the open course with visits of these lines; "" when there is none."""
    visits = {(line.action.key, line.start) for line in course}
    for known in care_plans.of_patient(session, course[0].patient):
        its_own = {(one.action, one.start_at) for one in known.appointments if not one.status.is_off}
        if (
            known.plan_definition.key == course[0].definition.key
            and known.status.is_open
            and visits & its_own
        ):
            return known.public_id
    return ""


def _booked(
    session: Session, actor: Actor, course: Sequence[ImportLine], now: datetime, override_reason: str
) -> list[ImportFault]:
    """Book one course; what stands against it is returned, and leaves nothing of it."""
    keys = [line.action.key for line in course]
    twice = [line for place, line in enumerate(course) if line.action.key in keys[:place]]
    if twice:
        return [ImportFault(line.place, "action", f"{line.action.key} is given twice") for line in twice]
    ahead = [line for line in course if not line.done]
    if not ahead:
        return [ImportFault(course[0].place, "status", "the course has nothing ahead")]
    missing = [action.key for action in course[0].definition.plan.firm if action.key not in keys]
    if missing:
        return [ImportFault(course[0].place, "course", f"lacks a line for {', '.join(missing)}")]
    site = next((line.site for line in ahead if line.site), None)
    site = site or sites.usual(session, actor.clinic, course[0].patient)
    visits: list[Placement] = []
    faults: list[ImportFault] = []
    for line in ahead:
        try:
            names = ("location", "practitioners")
            assignments.require_ids(session, actor.clinic.id, line.action, line.chosen, names)
            action = assignments.placed_at(line.action, site)
            visits.append(place(session, actor, line.patient, action, line.start, now, line.chosen))
        except (Invalid, NoFitFound) as refused:
            faults += _faults(line.place, refused)
    if faults:
        return faults
    first = course[0]
    wishes = CourseRequest(
        patient=first.patient,
        plan_definition=first.definition,
        not_before=min(local_on(line.start, actor.clinic.zone) for line in ahead),
        done={line.action.key: Done(line.action.key, line.start, line.end) for line in course if line.done},
        site=site,
    )
    later = project(wishes.request(), proposals.load(session, actor, wishes, now).workdays, visits)
    try:
        with session.begin_nested():
            care_plan = booking.book_course(
                session, actor, wishes, visits, later, now, override_reason, imported=True
            )
            _complete(session, actor, care_plan, course, now)
            _silence(session, [one.id for one in care_plan.appointments], now)
    except Refusal as refused:
        lines = {line.action.key: line.place for line in course}
        return [
            ImportFault(lines.get(one.field, one.place), one.field, one.reason)
            for one in _faults(first.place, refused)
        ]
    return []


def _complete(
    session: Session, actor: Actor, care_plan: CarePlan, course: Sequence[ImportLine], now: datetime
) -> None:
    """Complete what the lines name: a requirement of each visit for the line's visit, any other for the course."""
    visits = {one.action: one for one in care_plan.appointments}
    plan = care_plan.plan_definition.plan
    for line in course:
        for key, at in line.completed.items():
            own = visits[line.action.key] if plan.requirement(key).holds is Holds.PER_SESSION else None
            requirements.complete(
                session, actor, care_plan, key, now, own, note=COMPLETED_BEFORE, completed_at=at
            )


def _silence(session: Session, appointment_ids: Sequence[int], now: datetime) -> None:
    """Undo the confirmation of what the patient knows."""
    about = select(MessageSubject.message_id).where(MessageSubject.appointment_id.in_(appointment_ids))
    query = select(Message).where(
        Message.id.in_(about),
        Message.kind == MessageKind.CONFIRMATION,
        Message.state == MessageState.PENDING,
    )
    for message in session.scalars(query):
        message.state, message.ended_at = MessageState.VOID, now
        message.explain(MessageReason.IMPORTED)
    session.flush()


def _faults(line: int, refused: Refusal) -> list[ImportFault]:
    if isinstance(refused, Invalid):
        return [ImportFault(line, one["field"], one["reason"]) for one in refused.details["errors"]]
    if isinstance(refused, RuleBroken):
        broken = refused.details["violations"]
        return [ImportFault(line, str(one["action"] or "course"), str(one["words"])) for one in broken]
    listed = refused.details.get("reasons") or refused.details.get("conflicts") or []
    found = [
        ImportFault(
            line, str(one["action"]), f"{one['resource'] or 'the plan'}: {one.get('why', 'is taken then')}"
        )
        for one in listed
    ]
    return found or [ImportFault(line, "course", refused.words)]


def _courses(lines: Sequence[ImportLine]) -> dict[tuple[object, ...], list[ImportLine]]:
    courses: dict[tuple[object, ...], list[ImportLine]] = {}
    for line in sorted(lines, key=lambda one: (one.start, one.place)):
        key = (line.patient.id, line.definition.id, line.course)
        courses.setdefault(key, []).append(line)
    return courses


def _known(session: Session, clinic: Clinic) -> Known:
    query = select(Patient).where(
        Patient.clinic_id == clinic.id, Patient.merged_into_id.is_(None), Patient.erased_at.is_(None)
    )
    found: dict[tuple[object, ...], list[Patient]] = {}
    for patient in session.scalars(query):
        names = (folded(patient.given_name), folded(patient.family_name))
        for key in ((patient.public_id,), names, (*names, patient.birth_date)):
            found.setdefault(key, []).append(patient)
    places, people = locations.active(session, clinic.id), practitioners.active(session, clinic.id)
    definitions = {definition.key: definition for definition in all_current(session, clinic.id)}
    resources = {folded(one.name): one.resource_id for one in places}
    resources |= {folded(one.name): one.resource_id for one in people}
    return Known(found, definitions, resources, {one.resource_id: one.site for one in places})


def _line(clinic: Clinic, known: Known, row: Row, now: datetime, dates: DateOrder) -> ImportLine:
    """Return the line as what it names. Raises Invalid with every fault."""
    cells = row.fields
    errors = [(name, "is missing") for name in REQUIRED if name not in cells]
    if errors:
        raise Invalid(errors)
    definition = known.plans.get(cells["plan_definition"])
    if definition is None:
        raise Invalid([("plan_definition", f"there is no protocol {cells['plan_definition']}")])
    action = next((one for one in definition.plan.firm if one.key == cells["action"]), None)
    if action is None:
        raise Invalid([("action", f"the protocol has no visit {cells['action']} to book")])
    if cells["status"].lower() not in STATUSES:
        raise Invalid([("status", "must be done or booked")])
    done, start = cells["status"].lower() == "done", _instant(clinic, "start", cells["start"], dates)
    end = _instant(clinic, "end", cells["end"], dates) if "end" in cells else start + action.attended_length
    if done and not start < end <= now:
        raise Invalid([("end", "must be after the start and not in the future, for a visit that is done")])
    chosen = _resources(known, cells)
    return ImportLine(
        place=row.place,
        patient=_patient(known, cells, dates),
        definition=definition,
        course=cells.get("course", ""),
        action=action,
        done=done,
        start=start,
        end=end,
        chosen=chosen,
        site=next((known.sites[one] for one in chosen if one in known.sites), None),
        completed=_completed(clinic, definition, cells.get("requirements", ""), now, dates),
    )


def _completed(
    clinic: Clinic, definition: PlanDefinition, text: str, now: datetime, dates: DateOrder
) -> dict[str, datetime]:
    """Return when the requirements of a cell such as "consent 2026-10-01; medical-clearance 2026-09-30" were completed.

    Raises Invalid.
    """
    asked = {rule.key for rule in definition.plan.requirements}
    completed: dict[str, datetime] = {}
    errors = []
    for part in (part.strip() for part in text.split(";") if part.strip()):
        key, _, day = part.partition(" ")
        try:
            at = to_utc(datetime.combine(read_date(day, dates), NOON), clinic.zone)
        except ValueError as error:
            errors.append(("requirements", f"{part}: its date {error}"))
            continue
        if key not in asked:
            errors.append(("requirements", f"the protocol has no requirement {key}"))
        elif local_on(at, clinic.zone) > local_on(now, clinic.zone):
            errors.append(("requirements", f"{key} was completed in the future"))
        completed[key] = min(at, now)
    if errors:
        raise Invalid(errors)
    return completed


def _patient(known: Known, cells: Mapping[str, Any], dates: DateOrder) -> Patient:
    if "patient_id" in cells:
        key: tuple[object, ...] = (cells["patient_id"],)
    else:
        key = (folded(cells.get("given_name", "")), folded(cells.get("family_name", "")))
        key += (_day(cells["birth_date"], dates),) if "birth_date" in cells else ()
    found = known.patients.get(key, ())
    if not found:
        raise Invalid([("patient", "does not exist; import the patients first")])
    if len(found) > 1:
        raise Invalid([("patient", f"could be {len(found)} people; give birth_date or patient_id")])
    return found[0]


def _resources(known: Known, cells: Mapping[str, Any]) -> tuple[int, ...]:
    people = [name.strip() for name in cells.get("practitioners", "").split(";") if name.strip()]
    named = [("location", cells["location"])] if "location" in cells else []
    named += [("practitioners", name) for name in people]
    errors = [
        (field, f"there is no active {name}") for field, name in named if folded(name) not in known.resources
    ]
    if errors:
        raise Invalid(errors)
    return tuple(known.resources[folded(name)] for _, name in named)


def _instant(clinic: Clinic, field: str, text: str, dates: DateOrder) -> datetime:
    """Return the instant of a wall-clock time of the clinic, or of a time with an offset."""
    try:
        told = read_local(text, dates)
        return told.astimezone(UTC) if told.tzinfo else to_utc(told, clinic.zone)
    except (NonexistentTime, AmbiguousTime) as error:
        raise Invalid([(field, str(error))]) from None
    except (ValueError, OverflowError) as error:
        raise Invalid([(field, str(error))]) from None


def _day(text: str, dates: DateOrder) -> date:
    try:
        return read_date(text, dates)
    except ValueError as error:
        raise Invalid([("birth_date", str(error))]) from None
