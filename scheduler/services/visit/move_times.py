"""The times to which a visit can be moved, or at which one that has no time can be placed: see free_times.py."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.measures import line_visits
from scheduler.domain.planner.values import Request
from scheduler.services.clinic.working_days import working_days
from scheduler.services.planning import availability, rules
from scheduler.services.planning.courses import OngoingCourse, is_projected, latest
from scheduler.services.planning.free_times import Candidates, FreeTime
from scheduler.services.planning.placing import alone
from scheduler.services.planning.why_not import Explainer, VisitBefore, names_by_role
from scheduler.services.visit.moves import MovePlanner, Trial


class MoveTimes:
    """The times of one appointment, with the planner that books them."""

    def __init__(self, moves: MovePlanner) -> None:
        self.moves = moves
        self.actor, self.now = moves.actor, moves.now
        self.action, self.appointment = moves.action, moves.appointment

    @property
    def zone(self) -> ZoneInfo:
        return self.actor.clinic.zone

    @property
    def present(self) -> datetime | None:
        """Where the visit is now. In another place that was asked for, the same start is another time."""
        if self.appointment.action in self.moves.unplaced:
            return None
        return None if self.moves.is_elsewhere else self.appointment.start_at

    def explainer(self) -> Explainer:
        return Explainer(
            self.moves.session,
            self.actor.clinic,
            self.action,
            self.moves.days,
            self.now,
            working_days(self.moves.session, self.actor.clinic),
            self.moves.given,
            names_by_role(self.moves.where, self.moves.practitioners or ()),
            self._earlier(),
            self._dosing,
        )

    def candidates(self, *, outside: bool) -> Candidates:
        if self.moves.care_plan is None or (outside and not self.moves.follows):
            return Candidates(self._alone)
        if self._spaced is None:  # it follows a visit that has no time yet
            return Candidates(self._alone)
        whole = self.moves.course if self.moves.follows else None
        if outside:
            return Candidates(self._bent(self.moves.beside), self._bent(whole) if whole else ())
        more = self._slots(whole, self._before(whole)) if whole else ()
        return Candidates(self._free(self._spaced), self._free(more or ()))

    def fit(self, start: datetime, *, outside: bool, costly: bool) -> FreeTime:
        spaced = not outside or self._spaced is None or start in self._spaced
        moves = self.moves.plan(start, override=outside, trial=Trial(nearby=not costly, spaced=spaced))
        broken = self.moves.broken(moves) if outside else ()
        visit = moves[0].visit
        moving = [one.appointment for one in moves[1:] if one.appointment.action not in self.moves.unplaced]
        titles = tuple(one.numbered_title for one in moving)
        words = tuple(one.words for one in broken)
        return FreeTime(start, visit.location_id, visit.practitioner_ids, titles, words)

    @cached_property
    def _spaced(self) -> frozenset[datetime] | None:
        """The starts that the course leaves the visit while only what follows it moves; None without a place in it."""
        found = self._slots(self.moves.beside, {})
        return None if found is None else frozenset(found)

    def _bent(self, course: OngoingCourse) -> list[datetime]:
        """Return the free starts at which only the visit's own gap is broken, if any is."""
        request = rules.by_hand(course.request)
        action = self.action.key
        return self._free(planner.bent_starts(request, course.visits, action, course.calendar, now=self.now))

    def _free(self, starts: Collection[datetime]) -> list[datetime]:
        known = frozenset(starts)
        return [start for start in self._alone if start in known]

    @cached_property
    def _alone(self) -> tuple[datetime, ...]:
        """The starts at which the visit's own resources and the patient are free, without regard to the course."""
        clinic = self.actor.clinic
        today, days = local_on(self.now, clinic.zone), clinic.settings.planning_horizon_days
        releasing = self.moves.days.releasing
        if self.moves.care_plan is not None and self.moves.follows:
            releasing = frozenset(row.id for row in self.moves.course.rows.values()) | releasing
        calendar = availability.load(
            self.moves.session, clinic, today, days, self.now, self.appointment.patient, releasing
        )
        request = Request(
            plan=alone(self.action), not_before=today, practitioner_ids=frozenset(self.moves.given)
        )
        return planner.slot_map(request, calendar, now=self.now)[self.action.key]

    def _slots(self, course: OngoingCourse, pinned: Mapping[str, datetime]) -> tuple[datetime, ...] | None:
        """Return the starts that the course leaves the visit; None when it has no place in the course."""
        request = replace(rules.by_hand(course.request), pinned=dict(pinned))
        found = planner.slot_map(request, course.calendar, now=self.now)
        return found.get(self.action.key)

    def _before(self, course: OngoingCourse) -> dict[str, datetime]:
        """Return the visits of the line before this one, which a move leaves where they are."""
        line = line_visits(course.request.plan)
        if self.action.key in self.moves.unplaced:
            return dict(course.request.pinned)
        return {
            key: visit.start
            for key, visit in course.visits.items()
            if key in line and visit.start < self.appointment.start_at
        }

    def _earlier(self) -> VisitBefore | None:
        offset, course = self.action.offset, self.moves.care_plan
        visit = latest(course).get(offset.after) if offset and course else None
        if visit is None or is_projected(visit):
            return None
        return VisitBefore(visit.numbered_title, visit.start_at, visit.end_at)

    def _dosing(self, on: date) -> Collection[str]:
        gap = self.moves.dosing
        if self.appointment.action in self.moves.unplaced:
            course = self.moves.care_plan
            found = gap.broken(new=[(self.action, on)], course=course.id if course else None)
        else:
            found = gap.broken({self.appointment.id: on})
            if self.moves.follows:  # what comes later can still follow
                found = [one for one in found if one.action == self.action.key]
        return list(dict.fromkeys(one.words for one in found))
