"""Patients to bring back, in one list: to make up, nothing ahead, boosters due, authorizations ending.

Read from the calendar and never stored; each entry leaves the list by its one action.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from scheduler.domain.formats import Formats
from scheduler.domain.localtime import local_on
from scheduler.domain.plans import Holds
from scheduler.domain.status import AHEAD, LIVE, OPEN_COURSE, TO_MAKE_UP, CarePlanStatus, CourseEffect
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.open_requirements import VisitCount, count_of
from scheduler.models.patient import Patient
from scheduler.models.requirement import Requirement
from scheduler.services.course import booster_tasks, make_ups

ENDED_WITHIN = timedelta(days=90)  # a course that was completed longer ago is not followed up
ENDS_WITHIN = timedelta(days=21)  # an authorization takes weeks to renew
FEW_VISITS = 2  # left of an authorization


class Why(StrEnum):
    MAKE_UP = "make-up"
    NOTHING_AHEAD = "nothing-ahead"
    BOOSTER = "booster"
    AUTHORIZATION = "authorization"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Why.MAKE_UP: "To reschedule",
    Why.NOTHING_AHEAD: "Nothing booked",
    Why.BOOSTER: "Due to book",
    Why.AUTHORIZATION: "Authorization ending",
}


@dataclass(frozen=True)
class BringBackEntry:
    """A patient to bring back. `on` is the day since when or by which; `visit` is the one to make up or to book."""

    why: Why
    patient: Patient
    course: CarePlan | None
    visit: Appointment | None
    on: date
    details: str

    @property
    def protocol(self) -> str:
        return self.course.plan_definition.key if self.course else ""


def listed(session: Session, clinic: Clinic, now: datetime) -> list[BringBackEntry]:
    """Return everyone to bring back, the earliest day first within each reason."""
    found = [
        *_make_ups(session, clinic),
        *_nothing_ahead(session, clinic, now),
        *_boosters(session, clinic, now),
        *_authorizations(session, clinic, now),
    ]
    return sorted(found, key=lambda one: (list(Why).index(one.why), one.on, one.patient.id))


def idle(session: Session, clinic: Clinic) -> Sequence[CarePlan]:
    """Return the active courses with steps left of which nothing is ahead and nothing is to be made up."""
    ahead = exists().where(Appointment.care_plan_id == CarePlan.id, Appointment.status.in_(AHEAD))
    to_make_up = exists().where(
        Appointment.care_plan_id == CarePlan.id,
        Appointment.status.in_(TO_MAKE_UP),
        Appointment.course_effect == CourseEffect.MAKE_UP,
    )
    query = (
        select(CarePlan)
        .where(CarePlan.clinic_id == clinic.id, CarePlan.status == CarePlanStatus.ACTIVE, ~ahead, ~to_make_up)
        .options(joinedload(CarePlan.patient), joinedload(CarePlan.plan_definition))
        .order_by(CarePlan.id)
    )
    return session.scalars(query).all()


def completed(session: Session, clinic: Clinic, now: datetime) -> Sequence[CarePlan]:
    """Return the courses completed of late whose patients have no other open course and no visit ahead."""
    other, later = aliased(CarePlan), aliased(CarePlan)
    open_course = exists().where(other.patient_id == CarePlan.patient_id, other.status.in_(OPEN_COURSE))
    completed_later = exists().where(
        later.patient_id == CarePlan.patient_id,
        later.status == CarePlanStatus.COMPLETED,
        later.status_at > CarePlan.status_at,
    )
    ahead = exists().where(
        Appointment.patient_id == CarePlan.patient_id,
        Appointment.status.in_(LIVE),
        Appointment.start_at > now,
    )
    query = (
        select(CarePlan)
        .join(Patient, Patient.id == CarePlan.patient_id)
        .where(
            CarePlan.clinic_id == clinic.id,
            CarePlan.status == CarePlanStatus.COMPLETED,
            CarePlan.status_at > now - ENDED_WITHIN,
            CarePlan.status_at <= now,
            Patient.active,
            Patient.deceased_on.is_(None),
            Patient.erased_at.is_(None),
            ~open_course,
            ~completed_later,
            ~ahead,
        )
        .options(joinedload(CarePlan.patient), joinedload(CarePlan.plan_definition))
        .order_by(CarePlan.status_at, CarePlan.id)
    )
    return session.scalars(query).all()


def _make_ups(session: Session, clinic: Clinic) -> Iterator[BringBackEntry]:
    for visit in make_ups.to_make_up(session, clinic):
        on = visit.local_start.date()
        yield BringBackEntry(Why.MAKE_UP, visit.patient, visit.care_plan, visit, on, visit.numbered_title)


def _boosters(session: Session, clinic: Clinic, now: datetime) -> Iterator[BringBackEntry]:
    for visit in booster_tasks.to_book(session, clinic, now):
        on = visit.book_by_on or visit.local_start.date()
        yield BringBackEntry(Why.BOOSTER, visit.patient, visit.care_plan, visit, on, visit.numbered_title)


def _nothing_ahead(session: Session, clinic: Clinic, now: datetime) -> Iterator[BringBackEntry]:
    going_on, over = idle(session, clinic), completed(session, clinic, now)
    last = _last_seen(session, [course.patient_id for course in (*going_on, *over)], now)
    for course in going_on:
        on = last.get(course.patient_id) or local_on(course.created_at, clinic.zone)
        yield BringBackEntry(Why.NOTHING_AHEAD, course.patient, course, None, on, "Active course")
    for course in over:
        on = last.get(course.patient_id) or local_on(course.status_at, clinic.zone)
        yield BringBackEntry(Why.NOTHING_AHEAD, course.patient, course, None, on, "Completed course")


def _last_seen(session: Session, patient_ids: Sequence[int], now: datetime) -> dict[int, date]:
    """Return the day of the last visit of each of these patients that has had one."""
    query = (
        select(Appointment.patient_id, func.max(Appointment.local_start))
        .where(
            Appointment.patient_id.in_(patient_ids), Appointment.status.in_(LIVE), Appointment.start_at <= now
        )
        .group_by(Appointment.patient_id)
    )
    return {patient_id: last.date() for patient_id, last in session.execute(query)}


def _authorizations(session: Session, clinic: Clinic, now: datetime) -> Iterator[BringBackEntry]:
    """Yield the active courses whose authorization will not cover what is planned, or ends soon."""
    today = local_on(now, clinic.zone)
    counting = exists().where(
        Requirement.care_plan_id == CarePlan.id,
        Requirement.completed_at.is_not(None),
        Requirement.approved_visits.is_not(None),
    )
    query = (
        select(CarePlan)
        .where(CarePlan.clinic_id == clinic.id, CarePlan.status == CarePlanStatus.ACTIVE, counting)
        .options(
            joinedload(CarePlan.patient),
            joinedload(CarePlan.plan_definition),
            selectinload(CarePlan.requirements),
            selectinload(CarePlan.appointments),
        )
        .order_by(CarePlan.id)
    )
    for course in session.scalars(query):
        plan = course.plan_definition.plan
        for row in course.requirements:
            rule = plan.requirement(row.key)
            count = count_of(course, rule, row) if rule.holds is Holds.VISITS else None
            if count is not None and _is_ending(count, today):
                on = count.until_on or today
                details = _authorization_words(count, clinic.formats)
                yield BringBackEntry(Why.AUTHORIZATION, course.patient, course, None, on, details)


def _is_ending(count: VisitCount, today: date) -> bool:
    if not count.planned:
        return False
    soon = count.until_on is not None and count.until_on <= today + ENDS_WITHIN
    return bool(count.beyond or count.expires_before) or soon or count.left <= FEW_VISITS


def _authorization_words(count: VisitCount, formats: Formats) -> str:
    visits = "visit" if count.left == 1 else "visits"
    until = f", until {formats.date(count.until_on)}" if count.until_on else ""
    beyond = f"; {count.planned} booked" if count.beyond or count.expires_before else ""
    return f"{count.left} {visits} left{until}{beyond}"
