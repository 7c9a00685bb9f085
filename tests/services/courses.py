"""Booked courses for tests that start from one."""

from datetime import date

import pytest
from sqlalchemy import select

from scheduler.models.care_plan import CarePlan
from scheduler.models.plan_definition import current
from scheduler.services.course import booking
from scheduler.services.planning import proposals
from scheduler.services.planning.wishes import CourseRequest
from tests.cast import NOW, Cast, cast_of, stored
from tests.engines import scene

MONDAY = date(2026, 11, 30)


@scene("nora_course")
def build_course(session) -> None:
    book(session, cast_of(session, "harbor"))


@pytest.fixture
def nora_course(session, harbor: Cast) -> CarePlan:
    """Nora's course of six infusions, as the front desk books it at NOW, committed."""
    return stored(
        session, session.scalars(select(CarePlan).where(CarePlan.clinic_id == harbor.clinic.id)).one()
    )


def wishes(session, cast, key="iv-depression-6", patient="Nora", **more) -> CourseRequest:
    """Return wishes for a course from the Monday after NOW."""
    definition = current(session, cast.clinic.id, key)
    return CourseRequest(cast.patients[patient], definition, **{"not_before": MONDAY, **more})


def book(
    session,
    cast,
    key="iv-depression-6",
    patient="Nora",
    who="alice",
    now=NOW,
    not_before=MONDAY,
    site=None,
    **more,
) -> CarePlan:
    """Propose and book the best course, as the front desk does."""
    wanted = wishes(session, cast, key, patient, not_before=not_before, site=site)
    best = proposals.propose(session, cast.actor(who), wanted, now)[0]
    return booking.book_course(session, cast.actor(who), wanted, best.visits, best.projections, now, **more)


def visit(care_plan, action):
    """Return the visit of an action."""
    return next(one for one in care_plan.appointments if one.action == action)
