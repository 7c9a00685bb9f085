"""Booked courses for tests that start from one."""

from datetime import date

from scheduler.models.care_plan import CarePlan
from scheduler.models.plan_definition import current
from scheduler.services.course import booking
from scheduler.services.planning import proposals
from scheduler.services.planning.wishes import Wishes
from tests.cast import NOW

MONDAY = date(2026, 11, 30)


def wishes(session, cast, key="iv-depression-6", patient="Nora", **more) -> Wishes:
    """Return wishes for a course from the Monday after NOW."""
    definition = current(session, cast.clinic.id, key)
    return Wishes(cast.patients[patient], definition, **{"not_before": MONDAY, **more})


def book(session, cast, key="iv-depression-6", patient="Nora", who="alice", now=NOW, **more) -> CarePlan:
    """Propose and book the best course, as the front desk does."""
    wanted = wishes(session, cast, key, patient)
    best = proposals.propose(session, cast.actor(who), wanted, now)[0]
    return booking.book_course(session, cast.actor(who), wanted, best.visits, best.projections, now, **more)


def visit(care_plan, action):
    """Return the visit of an action."""
    return next(one for one in care_plan.appointments if one.action == action)
