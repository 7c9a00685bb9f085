"""The clinic of the walks: Harbor with a member of staff of each role, short protocols, and courses that are under way.

The short protocols have what the shipped ones have (preparatory visits, series with soft and hard gaps, calls that
follow, proposed boosters, each kind of requirement) with fewer visits, so that a walk meets more of it in less time.
Every fifth walk uses the shipped ones.
"""

from datetime import date, datetime, time, timedelta

import pytest

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.answers.projections import project
from scheduler.models.plan_definition import current
from scheduler.models.user import StaffRole
from scheduler.services.clinic import plans
from scheduler.services.course import booking
from scheduler.services.planning import availability, proposals
from scheduler.services.planning.placing import DayCalendars, place
from scheduler.services.planning.wishes import CourseRequest
from tests.cast import NOW, SETTINGS, Cast, add_patient, build_harbor, cast_of, hire, stored
from tests.engines import scene

DAY = timedelta(days=1)
FEW = {
    "planning_horizon_days": 60,
    "reminder_lead_hours": [24],
    "reminder_rules": [],
}  # what rules do not look at
FIRST = NOW + 98 * DAY  # the first of March 2027: the clocks change within the second week of a course
SHIPPED = ("iv-depression-6", "iv-depression-6-fast", "esketamine-nasal", "therapy-6", "crps-10-day")

_INFUSIONS = """
key: {key}
title: {title}
source: A protocol of these tests.
requirements:
  - {{key: consent-form, title: Signed consent, holds: once, completed_by: [nurse, prescriber]}}
  - {{key: test, title: Test, if_applies: true, holds: days, valid_days: 3, completed_by: [nurse, prescriber]}}
  - {{key: driver, title: Driver, holds: per_session}}
visits:
  - {{key: consult, title: Consultation, phases: [{{name: talk, minutes: 30, needs: [prescriber]}}]}}
  - {{key: call, title: Call, visible: false, phases: [{{name: call, minutes: 10, needs: [nurse]}}]}}
  - key: infusion
    title: Infusion
    dosing: true
    requirements: [consent-form, test, driver]
    phases:
      - {{name: set-up, minutes: 15, needs: [chair, {{role: nurse, exclusive: true}}]}}
      - {{name: infusion, minutes: 45, needs: [chair, nurse, {{role: prescriber, presence: true}}]}}
actions:
  - {{key: consult, visit: consult}}
  - series: infusion
    count: 3
    visit: infusion
    first: {{after: {{action: consult, days: [1, 2, 7]}}}}
    gap: {{{gap}}}
    with_each: [{{series: call, visit: call, at: [1], gap: {{working_days: [1, 1, 2]}}}}]
  - series: booster
    count: 1
    visit: infusion
    title: Booster
    proposed: true
    first: {{after: {{action: infusion-3, days: [7, 10, 14]}}}}
"""
_SESSIONS = """
key: short-sessions
title: Sessions
source: A protocol of these tests.
requirements:
  - {key: enrollment, title: Enrollment, holds: once, completed_by: [nurse, prescriber]}
  - {key: form, title: Form, holds: per_session, after_visit: true, within_days: 7, completed_by: [nurse, prescriber]}
visits:
  - key: session
    title: Session
    dosing: true
    requirements: [enrollment, form]
    phases: [{name: session, minutes: 60, needs: [chair, nurse]}]
actions:
  - {series: session, count: 3, visit: session, gap: {days: [2, 2, 4]}}
"""
_TALKS = """
key: short-therapy
title: Therapy
source: A protocol of these tests.
visits:
  - {key: therapy, title: Therapy, phases: [{name: session, minutes: 50, needs: [room, therapist]}]}
actions:
  - {series: therapy, count: 2, visit: therapy, gap: {days: [5, 7, 9]}}
"""
_SLOW = (("consult", 0), ("infusion-1", 2), ("call-1", 3), ("infusion-2", 4), ("infusion-3", 7))
SHORT = {  # by key: a way to place its steps, in days from a Monday
    "short-slow": _SLOW,
    "short-fast": (("consult", 0), ("infusion-1", 2), ("call-1", 3), ("infusion-2", 3), ("infusion-3", 4)),
    "short-hard": _SLOW,
    "short-sessions": (("session-1", 0), ("session-2", 2), ("session-3", 4)),
    "short-therapy": (("therapy-1", 0), ("therapy-2", 7)),
}
_GAPS = {
    "short-slow": ("Slow infusions", "days: [2, 2, 4]"),
    "short-fast": ("Fast infusions", "days: [1, 1, 3]"),
    "short-hard": ("Strict infusions", "days: [2, 2, 4], hard: true"),
}
ROLES = {"pia": StaffRole.PRESCRIBER, "theo": StaffRole.THERAPIST}
COURSES = (("Nora", "short-slow", 9), ("Hal", "short-hard", 11))  # of whom, which, at what hour


@scene("walking")
def build_walking(session) -> None:
    """Patients with courses that the front desk booked, with single infusions, and one without any visit."""
    build_harbor(session)
    cast = cast_of(session, "harbor")
    cast.clinic.settings_document = SETTINGS | FEW
    for name, role in ROLES.items():
        hire(session, cast, name, role)
    infusions = [_INFUSIONS.format(key=key, title=title, gap=gap) for key, (title, gap) in _GAPS.items()]
    for text in (*infusions, _SESSIONS, _TALKS):
        plans.load(session, cast.command, plans.read(text.encode()), NOW)
    for name in ("Hal", "Solo", "Vera"):
        add_patient(session, cast, name, "Walk")
    alice, monday = cast.actor("alice"), monday_after(FIRST)
    for name, key, hour in COURSES:
        wanted = request(session, cast, cast.patients[name], key, monday)
        visits = placed(session, alice, wanted, starts_of(cast, key, monday, hour), FIRST)
        later = project(wanted.request(), proposals.load(session, alice, wanted, FIRST).workdays, visits)
        booking.book_course(session, alice, wanted, visits, later, FIRST)
    infusion = current(session, cast.clinic.id, "short-slow").plan.action("infusion-1")
    for days in (3, 8, 10):
        booking.book_visit(
            session, cast.actor("mona"), cast.patients["Solo"], infusion, at(cast, monday + days * DAY, 14),
            FIRST, override_reason="treated elsewhere until now",
        )  # fmt: skip


def monday_after(now) -> date:
    return now.date() + DAY * (7 - now.weekday())


@pytest.fixture
def walking(session) -> Cast:
    return stored(session, cast_of(session, "harbor"))


def at(cast, day, hour) -> datetime:
    """Return an hour of a day at the clinic, in UTC."""
    return datetime.combine(day, time(hour), cast.clinic.zone).astimezone(NOW.tzinfo)


def starts_of(cast, key, monday, hour):
    """Return a start for each step of a short protocol, from a Monday on."""
    return [
        (action, at(cast, monday + days * DAY, hour + 2 * action.startswith("call")))
        for action, days in SHORT[key]
    ]


def request(session, cast, patient, key, not_before) -> CourseRequest:
    return CourseRequest(patient, current(session, cast.clinic.id, key), not_before=not_before, count=1)


def placed(session, actor, wanted, starts, now):
    """Return the visits of a course at these starts, with free places and people."""
    plan, days = wanted.plan_definition.plan, OneCalendar(session, actor.clinic, wanted.patient, now)
    return [
        place(session, actor, wanted.patient, plan.action(action), start, now, days=days)
        for action, start in starts
    ]


class OneCalendar(DayCalendars):
    """The calendar of all days, read once."""

    def on(self, day):  # noqa: ARG002  (of any day)
        if not self._known:
            first, days = local_on(self.now, self.clinic.zone), FEW["planning_horizon_days"]
            calendar = availability.load(self.session, self.clinic, first, days, self.now, self.patient)
            self._known[first] = calendar
        return next(iter(self._known.values()))
