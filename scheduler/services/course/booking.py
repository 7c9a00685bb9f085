"""Booking: a whole course or a single visit, in the caller's one transaction, or nothing.

The rules are checked against the calendar once its resources are locked; what follows from the new rows is for
services/visit/changes.py. A refusal at any point leaves the transaction to be rolled back by the interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain.planner.values import Placement, Projection
from scheduler.domain.plans import Action
from scheduler.domain.status import TO_MAKE_UP, AppointmentStatus, CarePlanStatus
from scheduler.errors import Invalid, WrongStatus
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.location import Where
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site
from scheduler.services.actors import Actor
from scheduler.services.clinic import sites
from scheduler.services.mail import reminders
from scheduler.services.planning import assignments, course_rules, proposals, rules
from scheduler.services.planning.courses import latest
from scheduler.services.planning.placing import place
from scheduler.services.planning.visit_rows import People, planned, site_of_course
from scheduler.services.planning.wishes import CourseRequest
from scheduler.services.task import emailed_proposals
from scheduler.services.trail import audit
from scheduler.services.visit import requirements
from scheduler.services.visit.changes import Changes, changing, release_expired


def book_course(
    session: Session,
    actor: Actor,
    wishes: CourseRequest,
    visits: Sequence[Placement],
    projections: Sequence[Projection],
    now: datetime,
    override_reason: str = "",
    reserve_minutes: int | None = None,
    imported: bool = False,
) -> CarePlan:
    """Book every visit of a course, or none; with `reserve_minutes` only keep the time for so long.

    Earlier visits are recorded with their own dates, and marked as `imported` when they come from a file.

    Raises SlotTaken with every conflict when the calendar has changed since the visits were planned, RuleBroken when
    they do not keep the plan's rules.
    """
    _require_over(wishes, now)
    wanted = [(wishes.patient, visits)]
    with changing(session, actor, now, wanted=wanted, override_reason=override_reason) as change:
        calendar = proposals.load(session, actor, wishes, now)
        asked = replace(wishes.request(), slack={})  # a bent gap is judged as what it is
        plan = wishes.plan_definition.plan
        present = {*(visit.action for visit in visits), *wishes.done, *wishes.skipped}
        course = [
            *course_rules.missing_steps(plan, present),
            *course_rules.second_courses(session, wishes.patient, plan),
        ]
        broken = rules.check(actor, asked, calendar, visits, now, override_reason, others=course)
        bent = {
            violation.action for violation in broken
        }  # what was not overridden is judged by the protocol later
        wishes = replace(wishes, slack={key: gap for key, gap in wishes.slack.items() if key in bent})
        care_plan = _care_plan(session, actor, wishes, now, override_reason, reserve_minutes)
        appointments = _write(change, care_plan, visits)
        _write_done(change, care_plan, wishes, imported)
        write_projections(change, care_plan, projections)
        if care_plan.status is CarePlanStatus.ACTIVE:
            announce(change, care_plan, appointments)
            emailed_proposals.finish(session, actor, wishes.patient, now)
        fields = [f"override:{violation.rule}" for violation in broken]
        audit.record(session, actor, "care-plan.booked", care_plan, now, fields, override_reason)
    return care_plan


def book_visit(
    session: Session,
    actor: Actor,
    patient: Patient,
    action: Action,
    start: datetime,
    now: datetime,
    location: Where | None = None,
    practitioners: Sequence[Practitioner] = (),
    care_plan: CarePlan | None = None,
    replaces: Appointment | None = None,
    reason: str = "",
    override_reason: str = "",
) -> Appointment:
    """Book one visit at a given start, alone or as part of a course.

    A free place and free people are found unless they are given, at the site of the course, or where the patient is
    treated as a rule. Raises Invalid or NoFitFound when it cannot be there,
    SlotTaken when another user was faster, RuleBroken when it takes its place in the course and breaks the gaps there,
    and WrongStatus when it cannot be rescheduled for.
    """
    if replaces is not None:
        _require_gone(replaces, action, care_plan)
    assignments.require(action, location, practitioners)
    place_given = assignments.one_place(location)
    chosen = [one.resource_id for one in (place_given, *practitioners) if one is not None]
    action = assignments.placed_at(action, location or _site(session, actor, patient, care_plan))
    release_expired(session, actor.clinic, now)
    visit = place(session, actor, patient, action, start, now, chosen)
    with changing(
        session, actor, now, wanted=[(patient, [visit])], override_reason=override_reason
    ) as change:
        if care_plan is None:
            broken = course_rules.without_course(action)
            rules.require(actor, broken, override_reason)
        else:
            broken = course_rules.check_joining(session, actor, care_plan, visit, now, override_reason)
            if course_rules.standing_for(care_plan, action.key) is not None:
                action = replace(action, series=None, position=None)  # an additional one has no number
        people = People(session, actor.clinic, [visit])
        appointment = planned(actor.clinic, patient, action, visit, people, now)
        appointment.care_plan, appointment.replaces_id = care_plan, replaces.id if replaces else None
        change.add(appointment, visit)
        session.flush()
        announce(change, care_plan, [appointment])
        overridden = [f"override:{violation.rule}" for violation in broken]
        audit.record(
            session, actor, "appointment.booked", appointment, now, overridden, override_reason or reason
        )
    return appointment


def _site(session: Session, actor: Actor, patient: Patient, care_plan: CarePlan | None) -> Site:
    """Return where a visit is when nobody says."""
    known = site_of_course(care_plan) if care_plan is not None else None
    return known or sites.usual(session, actor.clinic, patient)


def announce(
    change: Changes, care_plan: CarePlan | None, appointments: Sequence[Appointment], reason: str = ""
) -> None:
    """Book flushed appointments for good: pending or booked by their requirements, told to the patient in one mail."""
    if care_plan is not None:
        requirements.write_rows(change.session, care_plan, appointments)
        change.remind(one for one in appointments_of(care_plan) if reminders.waits(one))
    for appointment in appointments:
        change.note(appointment, "book", reason, audit=None)
        appointment.status = requirements.status_by_requirements(appointment)


def _require_gone(replaces: Appointment, action: Action, care_plan: CarePlan | None) -> None:
    """Raise unless a visit may stand in for this one: the same step of the same course, gone, not made up for yet."""
    if care_plan is None or replaces.care_plan is not care_plan or replaces.action != action.key:
        raise Invalid([("replaces_id", "is not this step of this course")])
    if replaces.status not in TO_MAKE_UP:
        raise WrongStatus(f"{replaces.title} is {replaces.status.words}: it cannot be rescheduled")
    if latest(care_plan).get(action.key) is not replaces:
        raise WrongStatus(f"{replaces.title} is already rescheduled")


def _care_plan(
    session: Session,
    actor: Actor,
    wishes: CourseRequest,
    now: datetime,
    override_reason: str,
    reserve_minutes: int | None,
) -> CarePlan:
    care_plan = CarePlan(
        clinic_id=actor.clinic.id,
        patient=wishes.patient,
        plan_definition=wishes.plan_definition,
        status=CarePlanStatus.ACTIVE if reserve_minutes is None else CarePlanStatus.DRAFT,
        wishes=wishes.to_document(),
        override_reason=override_reason,
        created_at=now,
        created_by_id=actor.user_id,
        status_at=now,
        expires_at=None if reserve_minutes is None else now + timedelta(minutes=reserve_minutes),
    )
    session.add(care_plan)
    return care_plan


def _write(change: Changes, care_plan: CarePlan, visits: Sequence[Placement]) -> list[Appointment]:
    """Write the rows of a course's visits. A reservation's are proposed, and run out with it."""
    plan = care_plan.plan_definition.plan
    people = People(change.session, change.actor.clinic, visits)
    appointments = []
    for visit in visits:
        row = planned(
            change.actor.clinic, care_plan.patient, plan.action(visit.action), visit, people, change.now
        )
        care_plan.appointments.append(row)
        change.add(row, visit)
        if care_plan.status is CarePlanStatus.DRAFT:
            row.status, row.expires_at = AppointmentStatus.PROPOSED, care_plan.expires_at
            change.note(row, "reserve", audit=None)
        appointments.append(row)
    change.session.flush()
    requirements.write_rows(change.session, care_plan, appointments)
    return appointments


def _require_over(wishes: CourseRequest, now: datetime) -> None:
    """Raise Invalid unless every step that is recorded as done is over."""
    ahead = [done.action for done in wishes.done.values() if done.end > now]
    if ahead:
        raise Invalid([("done", f"{action} is not over yet") for action in ahead])


def _write_done(change: Changes, care_plan: CarePlan, wishes: CourseRequest, imported: bool) -> None:
    """Record the earlier steps of a course that starts in its middle: done elsewhere, using nothing.

    One that was never held is recorded as canceled, so that the course counts on from it and it is not planned again.
    """
    plan = care_plan.plan_definition.plan
    no_one = People(change.session, change.actor.clinic, [])
    for done in wishes.done.values():
        action = plan.action(done.action)
        visit = Placement(action.key, done.start, done.end, done.end, ())
        row = planned(change.actor.clinic, care_plan.patient, action, visit, no_one, change.now)
        row.status, row.status_reason = AppointmentStatus.FULFILLED, "recorded from before this course"
        if action.key in wishes.skipped:
            row.status, row.status_reason = AppointmentStatus.CANCELLED, "not done before this course"
            row.cancelled_at, row.visible = done.end, False
        if imported:
            row.imported_at = change.now
        care_plan.appointments.append(row)
        change.add(row)
        change.note(row, "import" if imported else "record", audit=None)


def write_projections(change: Changes, care_plan: CarePlan, projections: Sequence[Projection]) -> None:
    """Write the visits months ahead: proposed, without time of their own, with a day to book them by."""
    no_one = People(change.session, change.actor.clinic, [])
    for projection in projections:
        action = care_plan.plan_definition.plan.action(projection.action)
        visit = _projected(action, projection)
        row = planned(change.actor.clinic, care_plan.patient, action, visit, no_one, change.now)
        row.status = AppointmentStatus.PROPOSED
        row.book_by_on = projection.latest_on
        care_plan.appointments.append(row)
        change.add(row)
        change.note(row, "propose", audit=None)
    change.session.flush()


def _projected(action: Action, projection: Projection) -> Placement:
    start = projection.start
    end, leaves = start + action.length_from_start, start + action.attended_length
    return Placement(action.key, start, end, leaves, ())
