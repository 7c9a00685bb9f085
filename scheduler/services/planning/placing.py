"""Finding the resources of one visit at a given time, with everything else where it is.

The planner gets a plan of this one action, pinned to the start; its gaps to other visits are judged afterwards by the
rules, since a person who moves a visit by hand may have a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.values import NoFit, Placement, Request
from scheduler.domain.plans import Action, Plan
from scheduler.errors import Invalid
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.clinic import planner_weights
from scheduler.services.planning import availability
from scheduler.services.planning.proposals import no_fit


class DayCalendars:
    """The calendars of single days for one patient, each read once. `releasing` as for availability.load."""

    def __init__(
        self,
        session: Session,
        clinic: Clinic,
        patient: Patient | None,
        now: datetime,
        releasing: frozenset[int] = frozenset(),
    ) -> None:
        self.session, self.clinic, self.patient, self.now = session, clinic, patient, now
        self.releasing = releasing
        self._known: dict[date, Availability] = {}

    def on(self, day: date) -> Availability:
        """Return who is free on a clinic-local day."""
        if day not in self._known:
            self._known[day] = availability.load(
                self.session, self.clinic, day, 1, self.now, self.patient, self.releasing
            )
        return self._known[day]


def place(
    session: Session,
    actor: Actor,
    patient: Patient | None,
    action: Action,
    start: datetime,
    now: datetime,
    chosen: Iterable[int] = (),
    releasing: frozenset[int] = frozenset(),
    days: DayCalendars | None = None,
) -> Placement:
    """Return the visit with its chair and people.

    `chosen` are resource ids of places and people to take where they have the role asked for; a place that is chosen
    also says at which site the visit is. `days` spares reading a
    day's calendar again. Raises Invalid for a start that is past or beyond the planning horizon, NoFitFound naming what
    blocks it.
    """
    today, on = local_on(now, actor.clinic.zone), local_on(start, actor.clinic.zone)
    if start < now:
        raise Invalid([("start", "is in the past")])
    if (on - today).days >= actor.clinic.settings.planning_horizon_days:
        raise Invalid([("start", "is beyond the planning horizon")])
    calendar = (days or DayCalendars(session, actor.clinic, patient, now, releasing)).on(on)
    wanted = frozenset(chosen)
    site = next(
        (one.site for one in calendar.resources if one.id in wanted and one.site is not None), action.site
    )
    request = Request(
        plan=alone(replace(action, site=site)),
        not_before=on,
        practitioner_ids=wanted,
        pinned={action.key: start},
        count=1,
    )
    try:
        weights = planner_weights.of(actor.clinic)
        return planner.propose(request, calendar, weights, now=now)[0].visits[0]
    except NoFit as refused:
        raise no_fit(refused) from refused


def alone(action: Action) -> Plan:
    """Return a plan of this one action, hanging from nothing."""
    free = replace(action, offset=None, before=None, proposed=False, requirements=(), preparation=None)
    return Plan(action.key, 1, action.title, "", "", (free,))
