"""Appointments and half-done courses from a CSV file, so that a clinic goes live in mid-course.

The lines of one patient, protocol and `course` label are one course. `done` lines are earlier visits, recorded with
their dates and marked as imported; `booked` lines are visits to come, at the times and places the patient already
knows. Each course is booked like any other, under the same rules and guards. Patients get no confirmation for what they
know already; reminders are planned as usual, and the protocol's visits months ahead are proposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.folding import folded
from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, local_on, to_utc
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.planner.answers.projections import project
from scheduler.domain.planner.values import Done, Placement
from scheduler.domain.plans import Action
from scheduler.errors import Invalid, NoFitFound, Refusal, RuleBroken
from scheduler.models import location as locations
from scheduler.models import practitioner as practitioners
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition, all_current
from scheduler.services.actors import Actor
from scheduler.services.course import booking
from scheduler.services.planning import assignments, proposals
from scheduler.services.planning.placing import place
from scheduler.services.planning.wishes import CourseRequest
from scheduler.services.progress import Progress
from scheduler.services.trail import audit
from scheduler.services.transfer import imports_csv
from scheduler.services.transfer.imports import ImportFault, ImportRefused, Row, stepping

WHO = ("patient_id", "given_name", "family_name", "birth_date")
REQUIRED = ("plan_definition", "action", "status", "start")
COLUMNS = frozenset({*WHO, *REQUIRED, "course", "end", "location", "practitioners"})
STATUSES = ("done", "booked")


@dataclass(frozen=True)
class Known:
    """What the lines may name, by the folded words that name it."""

    patients: Mapping[tuple[object, ...], Sequence[Patient]]
    plans: Mapping[str, PlanDefinition]
    resources: Mapping[str, int]


@dataclass(frozen=True)
class ImportLine:
    """One line, read: whose visit of which course, when, and with which chair and people."""

    place: int
    patient: Patient
    definition: PlanDefinition
    course: str
    action: Action
    done: bool
    start: datetime
    end: datetime
    chosen: tuple[int, ...]


@dataclass(frozen=True)
class ImportedAppointments:
    courses: int
    done: int
    booked: int


def write(
    session: Session,
    actor: Actor,
    content: bytes,
    now: datetime,
    progress: Progress,
    override_reason: str = "",
) -> ImportedAppointments:
    """Book every course of the file, or none. Soft rules need a reason. Raises ImportRefused with every fault."""
    known = _known(session, actor.clinic)
    lines: list[ImportLine] = []
    faults: list[ImportFault] = []
    rows = imports_csv.read(imports_csv.decoded(content), COLUMNS, REQUIRED)
    for row in stepping("read", rows, progress):
        try:
            lines.append(_line(actor.clinic, known, row, now))
        except Invalid as refused:
            faults += _faults(row.place, refused)
    if faults:
        raise ImportRefused(imports_csv.UNIT, faults)
    courses = list(_courses(lines).values())
    for number, course in enumerate(courses, 1):
        faults += _booked(session, actor, course, now, override_reason)
        progress("booked", number, len(courses))
    if faults:
        raise ImportRefused(imports_csv.UNIT, faults)
    done = sum(line.done for line in lines)
    audit.record(session, actor, "appointments.imported", None, now, reason=f"{len(lines)} lines")
    session.flush()
    return ImportedAppointments(len(courses), done, len(lines) - done)


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
    visits: list[Placement] = []
    faults: list[ImportFault] = []
    for line in ahead:
        try:
            names = ("location", "practitioners")
            assignments.require_ids(session, actor.clinic.id, line.action, line.chosen, names)
            visits.append(place(session, actor, line.patient, line.action, line.start, now, line.chosen))
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
    )
    later = project(wishes.request(), proposals.load(session, actor, wishes, now).workdays, visits)
    try:
        with session.begin_nested():
            care_plan = booking.book_course(
                session, actor, wishes, visits, later, now, override_reason, imported=True
            )
            _silence(session, [one.id for one in care_plan.appointments], now)
    except Refusal as refused:
        lines = {line.action.key: line.place for line in course}
        return [
            ImportFault(lines.get(one.field, one.place), one.field, one.reason)
            for one in _faults(first.place, refused)
        ]
    return []


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
    return Known(found, definitions, resources)


def _line(clinic: Clinic, known: Known, row: Row, now: datetime) -> ImportLine:
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
    done, start = cells["status"].lower() == "done", _instant(clinic, "start", cells["start"])
    end = _instant(clinic, "end", cells["end"]) if "end" in cells else start + action.attended_length
    if done and not start < end <= now:
        raise Invalid([("end", "must be after the start and not in the future, for a visit that is done")])
    return ImportLine(
        place=row.place,
        patient=_patient(known, cells),
        definition=definition,
        course=cells.get("course", ""),
        action=action,
        done=done,
        start=start,
        end=end,
        chosen=_resources(known, cells),
    )


def _patient(known: Known, cells: Mapping[str, Any]) -> Patient:
    if "patient_id" in cells:
        key: tuple[object, ...] = (cells["patient_id"],)
    else:
        key = (folded(cells.get("given_name", "")), folded(cells.get("family_name", "")))
        key += (_day(cells["birth_date"]),) if "birth_date" in cells else ()
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


def _instant(clinic: Clinic, field: str, text: str) -> datetime:
    """Return the instant of a wall-clock time of the clinic, or of a time with an offset."""
    try:
        told = datetime.fromisoformat(text)
        return told.astimezone(UTC) if told.tzinfo else to_utc(told, clinic.zone)
    except (NonexistentTime, AmbiguousTime) as error:
        raise Invalid([(field, str(error))]) from None
    except (ValueError, OverflowError):
        raise Invalid([(field, "is not a time such as 2026-12-01 09:30")]) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid([("birth_date", "is not a date such as 1984-03-09")]) from None
