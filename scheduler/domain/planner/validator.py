"""The validator: every rule that a placement breaks, in words, on windows and datetimes.

Independent of grid, search and answers, so that their mistakes show here. Hard rules: the same chair or person twice,
no one with the role, a closed clinic, the past, a patient in two places. Soft rules are gaps and wishes, which may be
overridden with a reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import combinations, pairwise

from scheduler.domain.localtime import day_bounds, local_on, to_local
from scheduler.domain.planner.measures import allowed, amount, both, in_minutes, line_visits, within
from scheduler.domain.planner.values import Calendar, Placement, PlannerResource, Request, Segment, Violation
from scheduler.domain.plans import Action, Edge, Need, Phase, Role, Unit
from scheduler.domain.windows import Window, merged, subtract


def check_plan(
    request: Request, calendar: Calendar, visits: Sequence[Placement], now: datetime
) -> list[Violation]:
    """Return every rule that these visits break, in the order of the visits."""
    return list(_Validator(request, calendar, visits, now).verdict())


class _Validator:
    def __init__(
        self, request: Request, calendar: Calendar, visits: Sequence[Placement], now: datetime
    ) -> None:
        self.request, self.calendar, self.visits, self.now = request, calendar, visits, now
        self.zone, self.formats = calendar.zone, calendar.formats
        self.by_key = {visit.action: visit for visit in visits}
        self.open = subtract(calendar.hours.get(None, ()), calendar.closures.get(None, ()))
        self.duties: dict[int, list[Window]] = {}
        self.attended: dict[Role, list[Window]] = {}

    def verdict(self) -> Iterator[Violation]:
        for visit in self.visits:
            try:
                action = self.request.plan.action(visit.action)
            except KeyError:
                yield Violation(
                    visit.action, "action", f"The plan has no action called {visit.action}.", True
                )
                continue
            yield from self._shape(action, visit)
            yield from self._time(action, visit)
            yield from self._needs(action, visit)
            yield from self._gaps(action, visit)
            yield from self._wishes(action, visit)
        yield from self._patient()
        yield from self._capacity()

    def _shape(self, action: Action, visit: Placement) -> Iterator[Violation]:
        comes, leaves, ends = _course_of_phases(action, visit.start)
        if (visit.start, visit.attended_end, visit.end) != (comes, leaves, ends):
            minutes = in_minutes(sum((phase.length for phase in action.phases), timedelta()))
            yield Violation(action.key, "length", f"{action.title} takes {minutes} minutes.", True)
        pinned = self.request.pinned.get(action.key)
        if pinned is not None and pinned != visit.start:
            yield Violation(action.key, "pinned", f"{action.title} was to stay at {self._at(pinned)}.", False)

    def _time(self, action: Action, visit: Placement) -> Iterator[Violation]:
        begins = first_phase_at(action, visit.start)
        if begins < self.now:
            yield Violation(visit.action, "past", f"{self._at(visit.start)} is over.", True)
        elif visit.start < self.now + self.calendar.notice:
            yield Violation(visit.action, "notice", f"{self._at(visit.start)} is too soon.", False)
        horizon = day_bounds(self.calendar.first_on + timedelta(days=self.calendar.days - 1), self.zone)[1]
        if visit.end > horizon or local_on(begins, self.zone) < self.calendar.first_on:
            yield Violation(
                visit.action, "horizon", f"{self._at(visit.start)} is beyond the planned weeks.", True
            )
        if not within(Window(begins, visit.end), self.open):
            yield Violation(
                visit.action, "closed", f"The clinic is not open for all of {self._at(visit.start)}.", True
            )

    def _needs(self, action: Action, visit: Placement) -> Iterator[Violation]:
        at = first_phase_at(action, visit.start)
        given: dict[Role, list[set[int]]] = defaultdict(list)
        for phase in action.phases:
            for need in dict.fromkeys(phase.needs):
                window = Window(at, at + (need.length or phase.length))
                if need.presence:
                    yield from self._presence(action, need, window)
                elif not self._is_met(visit, phase, need, window):
                    words = f"{action.title}: no {need.role.value} is assigned for {phase.name}."
                    yield Violation(action.key, "role", words, True, (window.start,))
            for role in {need.role for need in phase.needs if not need.presence}:
                given[role].append(
                    {s.resource_id for s in visit.segments if (s.phase, s.role) == (phase.name, role)}
                )
            yield from self._phase(action, phase, at, [s for s in visit.segments if s.phase == phase.name])
            at += phase.length
        for role, by_phase in given.items():
            if role is not Role.NURSE and not _nested(by_phase):
                words = f"{action.title} changes its {role.value} between phases."
                yield Violation(action.key, "same-resource", words, True)
        for one, other in combinations(visit.segments, 2):
            if one.resource_id == other.resource_id and one.start < other.end and other.start < one.end:
                words = f"{action.title} uses one resource twice at {self._at(max(one.start, other.start))}."
                yield Violation(action.key, "twice", words, True)
        names = [phase.name for phase in action.phases]
        if any(segment.phase not in names for segment in visit.segments):
            yield Violation(action.key, "segment", f"{action.title} uses more than it needs.", True)

    def _is_met(self, visit: Placement, phase: Phase, need: Need, window: Window) -> bool:
        """Tell whether at every moment of a need there are as many resources as the phase then asks for."""
        alike = [
            other
            for other in phase.needs
            if other.role is need.role and other.exclusive == need.exclusive and not other.presence
        ]
        segments = [
            segment
            for segment in visit.segments
            if (segment.phase, segment.role, segment.exclusive) == (phase.name, need.role, need.exclusive)
        ]
        moments = {window.start, *(moment for s in segments for moment in (s.start, s.end))}
        moments |= {window.start + other.length for other in alike if other.length}
        for moment in moments:
            if window.start <= moment < window.end:
                running = [s for s in segments if s.start <= moment < s.end]
                wanted = [o for o in alike if moment < window.start + (o.length or phase.length)]
                if len(running) != len(wanted) or len({s.resource_id for s in running}) != len(wanted):
                    return False
        return True

    def _phase(
        self, action: Action, phase: Phase, at: datetime, segments: Sequence[Segment]
    ) -> Iterator[Violation]:
        """Check each segment of a phase, and that only nurses hand over within it."""
        for role, exclusive in dict.fromkeys((segment.role, segment.exclusive) for segment in segments):
            alike = [n for n in phase.needs if not n.presence and (n.role, n.exclusive) == (role, exclusive)]
            used = [s for s in segments if (s.role, s.exclusive) == (role, exclusive)]
            last = max((at + (need.length or phase.length) for need in alike), default=at)
            if any(segment.start < at or segment.end > last for segment in used):
                yield Violation(action.key, "segment", f"{action.title} uses more than it needs.", True)
            stays = role is not Role.NURSE or exclusive
            if stays and alike and len({segment.resource_id for segment in used}) > len(alike):
                words = f"{action.title} changes its {role.value} during {phase.name}."
                yield Violation(action.key, "same-resource", words, True)
            yield from self._capable(action, alike, used)
        for segment in segments:
            yield from self._person(action, phase, segment)

    def _capable(
        self, action: Action, needs: Sequence[Need], segments: Sequence[Segment]
    ) -> Iterator[Violation]:
        used = {segment.resource_id for segment in segments}
        for capability in {need.capability for need in needs if need.capability is not None}:
            capable = [r for r in self.calendar.resources if r.id in used and capability in r.capabilities]
            if len(capable) < sum(need.capability == capability for need in needs):
                words = f"{action.title} needs {capability}, which none of its resources has."
                about = (*sorted(used), min(segment.start for segment in segments))
                yield Violation(action.key, "capability", words, True, about)

    def _presence(self, action: Action, need: Need, window: Window) -> Iterator[Violation]:
        if not within(window, self._anyone(need.role)):
            words = f"No {need.role.value} is on duty throughout {action.title} at {self._at(window.start)}."
            yield Violation(action.key, "presence", words, True)

    def _anyone(self, role: Role) -> list[Window]:
        """Return when at least one resource of a role is on duty."""
        if role not in self.attended:
            each = (self._duty(one) for one in self.calendar.resources if role in one.roles)
            self.attended[role] = merged(part for duty in each for part in duty)
        return self.attended[role]

    def _duty(self, resource: PlannerResource) -> list[Window]:
        if resource.id not in self.duties:
            own = self.calendar.hours.get(resource.id)
            working = self.open if own is None else both(merged(own), self.open)
            self.duties[resource.id] = subtract(working, self.calendar.closures.get(resource.id, ()))
        return self.duties[resource.id]

    def _person(self, action: Action, phase: Phase, segment: Segment) -> Iterator[Violation]:
        resource = self.calendar.resource(segment.resource_id)
        if resource is None or segment.role not in resource.roles:
            words = f"{action.title}: {phase.name} has a resource that is not a {segment.role.value}."
            yield Violation(action.key, "role", words, True, (segment.resource_id, segment.start))
        elif not within(Window(segment.start, segment.end), self._duty(resource)):
            words = f"{resource.name} is not on duty for {action.title} at {self._at(segment.start)}."
            yield Violation(action.key, "off-duty", words, True)

    def _gaps(self, action: Action, visit: Placement) -> Iterator[Violation]:
        following = self._times(action.before) if action.before else None
        if following and visit.attended_end > following[0]:
            words = f"{action.numbered_title} must be over before {self._title(action.before or '')} starts."
            yield Violation(action.key, "order", words, False)
        offset = action.offset
        earlier = self._times(offset.after) if offset else None
        if offset is None or earlier is None:
            return
        least, most = self.request.slack.get(action.key, (offset.min, offset.max))
        origin = earlier[1] if offset.edge is Edge.END else earlier[0]
        gap = self._gap(offset.unit, origin, visit.start)
        name, after = action.numbered_title, self._title(offset.after)
        if visit.start < earlier[1]:
            yield Violation(action.key, "order", f"{name} starts before {after} is over.", offset.hard)
        elif not min(least, offset.min) <= gap <= max(most, offset.max):
            words = f"{name} is {amount(gap, offset)} after {after}; {allowed(offset)}."
            yield Violation(action.key, "gap", words, offset.hard)

    def _gap(self, unit: Unit, origin: datetime, start: datetime) -> float:
        if unit is Unit.HOURS:
            return (start - origin) / timedelta(hours=1)
        first, last = local_on(origin, self.zone), local_on(start, self.zone)
        if unit is Unit.DAYS:
            return (last - first).days
        days = (first + timedelta(days=n) for n in range(1, (last - first).days + 1))
        return sum(self._works(on) for on in days)

    def _works(self, on: date) -> bool:
        if on < self.calendar.first_on:
            return on.isoweekday() <= 5
        start, end = day_bounds(on, self.zone)
        return any(part.start < end and start < part.end for part in self.open)

    def _times(self, key: str) -> tuple[datetime, datetime] | None:
        if key in self.by_key:
            return self.by_key[key].start, self.by_key[key].attended_end
        done = self.request.done.get(key)
        return (done.start, done.end) if done else None

    def _wishes(self, action: Action, visit: Placement) -> Iterator[Violation]:
        request = self.request
        start, leave = to_local(visit.start, self.zone), to_local(visit.attended_end, self.zone)
        if start.date() < request.not_before:
            yield Violation(
                action.key, "not-before", f"{self._at(visit.start)} is before the first day asked for.", False
            )
        if start.date() in request.blocked_on:
            yield Violation(
                action.key, "blocked", f"The patient cannot come on {self.formats.day(start)}.", False
            )
        if (
            request.weekdays
            and start.isoweekday() not in request.weekdays
            and action.key in line_visits(request.plan)
            and (request.asks_of(action) or not request.dosing_only)
        ):
            yield Violation(
                action.key, "weekday", f"The patient did not ask for a {self._weekday(start)}.", False
            )
        if not request.asks_of(action):
            return
        if request.earliest and start.time() < request.earliest:
            yield Violation(
                action.key,
                "too-early",
                f"{self.formats.time(start)} is earlier than the patient can come.",
                False,
            )
        if request.latest and (leave.date() > start.date() or leave.time() > request.latest):
            yield Violation(
                action.key,
                "too-late",
                f"The visit lasts until {self.formats.time(leave)}, too late for the patient.",
                False,
            )

    def _patient(self) -> Iterator[Violation]:
        spans = sorted((visit.start, visit.attended_end, visit.action) for visit in self.visits)
        for (_, end, first), (start, _, second) in pairwise(spans):
            if start < end:
                name = self.request.plan.action(second).numbered_title
                words = f"{name} starts while the patient is still at {self._title(first)}."
                yield Violation(second, "patient", words, True)
        others = [*self.calendar.patient_busy]
        others += [
            Window(done.start, done.end) for done in self.request.done.values() if done.end > done.start
        ]
        for start, end, key in spans:
            if any(Window(start, end).overlaps(other) for other in others):
                yield Violation(key, "patient", f"The patient has another visit at {self._at(start)}.", True)

    def _capacity(self) -> Iterator[Violation]:
        """Count units at every moment at which something starts: nowhere more than there are."""
        taken: dict[int, list[tuple[datetime, datetime, int]]] = defaultdict(list)
        for resource_id, _, start, end in self.calendar.occupied:
            taken[resource_id].append((start, end, 1))
        for visit in self.visits:
            for segment in visit.segments:
                yield from self._fits(visit, segment, taken[segment.resource_id])

    def _fits(
        self, visit: Placement, segment: Segment, taken: Sequence[tuple[datetime, datetime, int]]
    ) -> Iterator[Violation]:
        resource = self.calendar.resource(segment.resource_id)
        if resource is None:
            return
        others = [t for t in taken if t[0] < segment.end and segment.start < t[1]]
        others += [
            (other.start, other.end, resource.units if other.exclusive else 1)
            for second in self.visits
            for other in second.segments
            if other is not segment
            and other.resource_id == resource.id
            and other.start < segment.end
            and segment.start < other.end
        ]
        own = resource.units if segment.exclusive else 1
        moments = {segment.start, *(start for start, _, _ in others if start > segment.start)}
        if any(
            own + sum(n for start, end, n in others if start <= at < end) > resource.units for at in moments
        ):
            words = f"{resource.name} is already taken at {self._at(segment.start)}."
            yield Violation(visit.action, "taken", words, True)

    def _title(self, key: str) -> str:
        """Return how a visit is called in the middle of a sentence."""
        title = self.request.plan.action(key).numbered_title
        return title[:1].lower() + title[1:]

    def _at(self, instant: datetime) -> str:
        return self.formats.moment(to_local(instant, self.zone))

    def _weekday(self, on: date) -> str:
        return self.formats.weekday(on.isoweekday())


def first_phase_at(action: Action, start: datetime) -> datetime:
    """Return when the first phase begins, if the patient comes at `start`: for the first attended phase."""
    for phase in action.phases:
        if phase.attended:
            break
        start -= phase.length
    return start


def _course_of_phases(action: Action, start: datetime) -> tuple[datetime, datetime, datetime]:
    """Return when the patient comes, when the patient leaves and when the last phase ends."""
    at = leaves = first_phase_at(action, start)
    for phase in action.phases:
        at += phase.length
        if phase.attended:
            leaves = at
    return start, leaves, at


def _nested(sets: Sequence[set[int]]) -> bool:
    """Tell whether of every two sets one contains the other, so that no resource is replaced."""
    return all(one <= other or other <= one for one, other in combinations(sets, 2))
