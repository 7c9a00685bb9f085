"""Where a visit may go on one day, or some: the starts from which the rest of its course still fits.

For the course the planner's slot map answers (planner.slot_map says when it lists too many); for each place it is cut
to when that place is free. A visit outside a course goes wherever its own resources are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.values import Request
from scheduler.domain.plans import TICK, Action
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.services.actors import Actor
from scheduler.services.planning import availability
from scheduler.services.planning.courses import latest, under_way
from scheduler.services.planning.dosing_days import kept_free
from scheduler.services.planning.placing import alone
from scheduler.services.planning.visit_rows import action_of

Starts = Mapping[
    int | None, tuple[datetime, ...]
]  # by the place's resource id; None for a visit without a place


def possible_starts(
    session: Session, actor: Actor, appointment: Appointment, on: date, now: datetime, days: int = 1
) -> Starts:
    """Return the starts on so many clinic-local days from `on`, by place, in order; none for a visit that is off."""
    if not (appointment.status.is_live or appointment.status is AppointmentStatus.PROPOSED):
        return {}
    action, zone = action_of(appointment), actor.clinic.zone
    care_plan = appointment.care_plan
    if care_plan is not None and appointment.id in {one.id for one in latest(care_plan).values()}:
        course = under_way(session, actor, care_plan, now)
        free = kept_free(session, appointment.patient, course.request.plan, care_plan)
        calendar, request = course.calendar, replace(course.request, not_on=free)
    else:
        releasing = frozenset({appointment.id})
        calendar = availability.load(session, actor.clinic, on, days, now, appointment.patient, releasing)
        request = Request(plan=alone(action), not_before=on)
    by_hand = replace(request, weekdays=frozenset(), earliest=None, latest=None, blocked_on=frozenset())
    found = planner.slot_map(by_hand, calendar, now=now)[action.key]
    starts = tuple(start for start in found if 0 <= (local_on(start, zone) - on).days < days)
    return _by_place(calendar, action, starts)


def _by_place(calendar: Availability, action: Action, starts: tuple[datetime, ...]) -> Starts:
    needs = [need for phase in action.phases for need in phase.needs if need.role.is_place]
    if not needs:
        return {None: starts}
    capabilities = frozenset(need.capability for need in needs if need.capability)
    lead, length = action.lead // TICK, action.length // TICK
    return {
        place.id: tuple(
            start for start in starts if _is_free(calendar, place.id, start - lead * TICK, length)
        )
        for place in calendar.pool(needs[0].role, capabilities, action.site)
    }


def _is_free(calendar: Availability, resource_id: int, start: datetime, length: int) -> bool:
    cell = calendar.grid.cell(start)
    return cell is not None and bool(calendar.free_for(resource_id, length, False) >> cell & 1)
