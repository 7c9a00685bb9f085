"""A clinic open every day, and a plan of parallel series for it: crowded into few hours it is beyond the search."""

from dataclasses import replace
from datetime import date, time

from scheduler.models.plan_definition import current
from scheduler.services import signs_of_life
from scheduler.services.clinic import plans, schedules
from scheduler.services.clinic.schedules import Hours
from scheduler.services.planning.wishes import CourseRequest
from tests.cast import NOW
from tests.domain.planner.search.test_solver_fallback import parallel

MONDAY = date(2026, 11, 30)
KEY = "parallel"


def tangle(session, cast, number=3, kinds=3, latest=time(10, 25)) -> CourseRequest:
    """Load the plan and return what Nora wishes: that every visit is over early. The clinic plans three weeks ahead."""
    cast.clinic.settings_document = {"planning_horizon_days": 21}
    schedules.set_hours(session, cast.command, None, [Hours(n, time(8), time(18)) for n in range(1, 8)], NOW)
    plans.load(session, cast.command, replace(parallel(number, kinds), key=KEY), NOW)
    definition = current(session, cast.clinic.id, KEY)
    session.commit()
    return CourseRequest(cast.patients["Nora"], definition, MONDAY, earliest=time(9), latest=latest)


def show_worker(session, now=NOW) -> None:
    """Let a worker have been seen."""
    signs_of_life.beat(session, "worker", "here", now, now, "nothing to do")
    session.commit()
