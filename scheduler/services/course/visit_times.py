"""The times at which a new single visit can be booked: see services/planning/free_times.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Request
from scheduler.domain.plans import Action
from scheduler.models.location import Where
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.services.actors import Actor
from scheduler.services.clinic import sites
from scheduler.services.clinic.working_days import working_days
from scheduler.services.planning import assignments, availability
from scheduler.services.planning.free_times import Candidates, FreeTime
from scheduler.services.planning.placing import DayCalendars, alone, place
from scheduler.services.planning.why_not import Explainer, names_by_role


class VisitTimes:
    """The times of one new visit; `patient` is None for one who is not in the records yet.

    Raises Invalid for a place or a person that cannot take the visit.
    """

    present = None

    def __init__(
        self,
        session: Session,
        actor: Actor,
        patient: Patient | None,
        action: Action,
        now: datetime,
        location: Where | None = None,
        practitioners: Sequence[Practitioner] = (),
    ) -> None:
        assignments.require(action, location, practitioners)
        self.session, self.actor, self.patient, self.now = session, actor, patient, now
        self.location, self.practitioners = assignments.one_place(location), practitioners
        self.action = assignments.placed_at(action, location or sites.usual(session, actor.clinic, patient))
        self.days = DayCalendars(session, actor.clinic, patient, now)

    @property
    def zone(self) -> ZoneInfo:
        return self.actor.clinic.zone

    @property
    def chosen(self) -> list[int]:
        return [one.resource_id for one in (self.location, *self.practitioners) if one is not None]

    def explainer(self) -> Explainer:
        clinic = self.actor.clinic
        names = names_by_role(self.location, self.practitioners)
        works = working_days(self.session, clinic)
        return Explainer(self.session, clinic, self.action, self.days, self.now, works, self.chosen, names)

    def candidates(self, *, outside: bool) -> Candidates:  # noqa: ARG002  (it has no spacing)
        clinic = self.actor.clinic
        today, horizon = local_on(self.now, clinic.zone), clinic.settings.planning_horizon_days
        calendar = availability.load(self.session, clinic, today, horizon, self.now, self.patient)
        request = Request(plan=alone(self.action), not_before=today, practitioner_ids=frozenset(self.chosen))
        return Candidates(planner.slot_map(request, calendar, now=self.now)[self.action.key])

    def fit(self, start: datetime, *, outside: bool, costly: bool) -> FreeTime:  # noqa: ARG002
        visit = place(
            self.session,
            self.actor,
            self.patient,
            self.action,
            start,
            self.now,
            self.chosen,
            days=self.days,
        )
        return FreeTime(start, visit.location_id, visit.practitioner_ids)
