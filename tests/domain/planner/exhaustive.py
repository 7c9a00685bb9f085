"""The best course by trying all: slow, and written from the docstrings of the values, without the planner's parts.

Starts are checked tick by tick on windows and datetimes, people by trying every choice, costs as Weights says. No visit
is at a local time that comes twice, or spans a clock change. What is tried is cut only by a bound: what each visit
costs alone, with all that follows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from scheduler.domain.localtime import to_local
from scheduler.domain.planner.measures import line_visits
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.plans import Action, Edge, Offset, Role, Unit
from scheduler.domain.windows import Window, merged, subtract
from tests.domain.planner.trees import moments

TICK = timedelta(minutes=5)
NODES = 6_000


class Undecided(Exception):
    """Too much to try."""


@dataclass(frozen=True)
class Ask:
    """One resource for these stretches (from, until, exclusive), in ticks from the start of the first phase."""

    role: Role
    stretches: tuple[tuple[int, int, bool], ...]
    kept: bool


@dataclass(frozen=True)
class Shape:
    """Of a visit, in ticks from its first phase: when the patient comes and leaves, when all is over, what it asks."""

    comes: int
    leaves: int
    ends: int
    asks: tuple[Ask, ...]
    presence: tuple[tuple[Role, int, int], ...]


def shape_of(action: Action) -> Shape:
    at, attended, presence = 0, [], []
    kept: dict[tuple[Role, int], list[tuple[int, int, bool]]] = {}
    asks = []
    for phase in action.phases:
        rank: dict[Role, int] = {}
        if phase.attended:
            attended += [at, at + phase.length // TICK]
        for need in phase.needs:
            until = at + (need.length or phase.length) // TICK
            if need.presence:
                presence.append((need.role, at, until))
            elif need.role is Role.NURSE:
                asks.append(Ask(need.role, ((at, until, need.exclusive),), need.exclusive))
            else:
                rank[need.role] = rank.get(need.role, 0) + 1
                kept.setdefault((need.role, rank[need.role]), []).append((at, until, need.exclusive))
        at += phase.length // TICK
    asks += [Ask(role, tuple(stretches), True) for (role, _), stretches in kept.items()]
    return Shape(min(attended), max(attended), at, tuple(asks), tuple(presence))


class Exhaustive:
    """One problem, by trying all. Starts are numbers of ticks since 1970, of the moment at which the patient comes."""

    def __init__(self, problem: PlanningProblem) -> None:
        self.problem, self.request, self.weights = problem, problem.request, problem.weights
        self.calendar = problem.availability.calendar
        self.zone = self.calendar.zone
        self.actions = [one for one in self.request.plan.actions if one.key not in self.request.done]
        self.shape = {one.key: shape_of(one) for one in self.actions}
        self.line = line_visits(self.request.plan)
        self.open = subtract(self.calendar.hours[None], self.calendar.closures.get(None, ()))
        self.ticks = {tick(moment) for moment in moments(problem)}
        self.opens = {at for at in self.ticks if _inside(at, merged(self.open)) and not self._twice(at)}
        self.free = {resource.id: self._free(resource) for resource in self.calendar.resources}
        self.duty = {resource.id: self._duty(resource) for resource in self.calendar.resources}
        self.units = {resource.id: resource.units for resource in self.calendar.resources}
        self.busy = [*self.calendar.patient_busy]
        self.busy += [Window(one.start, one.end) for one in self.request.done.values() if one.end > one.start]
        self.finish = next((one.key for one in reversed(self.actions) if one.key in self.line), None)
        self._given: dict[object, bool] = {}
        self._together: dict[object, bool] = {}
        self.starts = {one.key: self._starts(one) for one in self.actions}
        self.nodes = 0

    # Clock changes

    def _twice(self, at: int) -> bool:
        local = instant(at).astimezone(self.zone)
        return len({local.replace(fold=fold).utcoffset() for fold in (0, 1)}) > 1

    def _joined(self, first: int, last: int) -> bool:
        """Tell whether the clock does not change between two ticks."""
        offsets = {instant(at).astimezone(self.zone).utcoffset() for at in (first, last)}
        return len(offsets) == 1

    # Resources

    def _duty(self, resource) -> set[int]:
        own = self.calendar.hours.get(resource.id)
        windows = self.open if own is None else merged(own)
        windows = subtract(windows, self.calendar.closures.get(resource.id, ()))
        return {at for at in self.opens if _inside(at, windows)}

    def _free(self, resource) -> dict[int, int]:
        free = dict.fromkeys(self._duty(resource), resource.units)
        units = {}
        for resource_id, unit, start, end in self.calendar.occupied:
            if resource_id == resource.id:
                for at in range(tick(start), -int(-end.timestamp() // 300)):
                    units.setdefault(at, set()).add(unit)
        return {at: max(number - len(units.get(at, ())), 0) for at, number in free.items()}

    def pool(self, role: Role) -> list[int]:
        all_ = [one.id for one in self.calendar.resources if role in one.roles]
        return [id_ for id_ in all_ if id_ in self.request.practitioner_ids] or all_

    def given(self, visits: Sequence[tuple[Action, int]], therapist: int | None = None) -> bool:
        """Tell whether all of these visits find their resources together."""
        key = (tuple((one.phases, start) for one, start in visits), therapist)
        if key not in self._given:
            self._given[key] = self._try(visits, therapist)
        return self._given[key]

    def _try(self, visits: Sequence[tuple[Action, int]], therapist: int | None) -> bool:
        kept, shared = [], []
        for number, (action, start) in enumerate(visits):
            shape = self.shape[action.key]
            for ask in shape.asks:
                pool = [therapist] if therapist and ask.role is Role.THERAPIST else self.pool(ask.role)
                begin = start - shape.comes
                when = [(begin + low, begin + high, exclusive) for low, high, exclusive in ask.stretches]
                (kept if ask.kept else shared).append((number, pool, when))
        used: dict[tuple[int, int], list[tuple[int, int]]] = {}  # (visit, units) by resource and tick

        def fits(number: int, id_: int, at: int, exclusive: bool) -> bool:
            others = used.get((id_, at), [])
            units = max(self.units[id_], 1) if exclusive else 1
            if any(visit == number for visit, _ in others):
                return False
            return sum(n for _, n in others) + units <= self.free[id_].get(at, 0)

        def keep(left) -> bool:
            if not left:
                return all(hand_out(at) for at in sorted({at for _, _, when in shared for at in cells(when)}))
            number, pool, when = left[0]
            for id_ in pool:
                if all(
                    fits(number, id_, at, exclusive)
                    for low, high, exclusive in when
                    for at in range(low, high)
                ):
                    for low, high, exclusive in when:
                        units = max(self.units[id_], 1) if exclusive else 1
                        for at in range(low, high):
                            used.setdefault((id_, at), []).append((number, units))
                    if keep(left[1:]):
                        return True
                    for low, high, _ in when:
                        for at in range(low, high):
                            used[id_, at].pop()
            return False

        def cells(when) -> Iterator[int]:
            for low, high, _ in when:
                yield from range(low, high)

        def hand_out(at: int) -> bool:
            return give([(number, pool) for number, pool, when in shared if at in set(cells(when))], at)

        def give(asking, at: int) -> bool:
            if not asking:
                return True
            number, pool = asking[0]
            for id_ in pool:
                if fits(number, id_, at, False):
                    used.setdefault((id_, at), []).append((number, 1))
                    found = give(asking[1:], at)
                    used[id_, at].pop()
                    if found:
                        return True
            return False

        return keep(kept)

    # Starts of one visit

    def _starts(self, action: Action) -> list[int]:
        pinned = self.request.pinned.get(action.key)
        wanted = self.opens if pinned is None else {tick(pinned)} & self.opens
        if pinned is not None and pinned.timestamp() % 300:
            return []
        return [at for at in sorted(wanted) if self._can_start(action, at, pinned is not None)]

    def _can_start(self, action: Action, at: int, pinned: bool) -> bool:
        shape, request = self.shape[action.key], self.request
        first = at - shape.comes
        leaves, ends = first + shape.leaves, first + shape.ends
        if any(cell not in self.opens for cell in range(first, ends)) or instant(first) < self.problem.now:
            return False
        if not self._joined(first, ends - 1):
            return False
        patient = Window(instant(at), instant(leaves))
        if any(patient.overlaps(other) for other in self.busy):
            return False
        if action.before in request.done and patient.end > request.done[action.before].start:
            return False
        for done in request.done.values():
            follows = action.offset is not None and action.offset.after == done.action
            if (
                follows or request.plan.action(done.action).before == action.key
            ) and patient.start < done.end:
                return False
        if not pinned and not self._wished(action, patient):
            return False
        for role, low, high in shape.presence:
            ids = [one.id for one in self.calendar.resources if role in one.roles]
            if not all(any(first + n in self.duty[id_] for id_ in ids) for n in range(low, high)):
                return False
        return self.given([(action, at)])

    def _wished(self, action: Action, patient: Window) -> bool:
        request = self.request
        start, leave = to_local(patient.start, self.zone), to_local(patient.end, self.zone)
        if start.date() < request.not_before or start.date() in request.blocked_on:
            return False
        if patient.start < self.problem.now + self.calendar.notice:
            return False
        if request.weekdays and action.key in self.line and start.isoweekday() not in request.weekdays:
            return False
        if not action.visible:
            return True
        if request.earliest and start.time() < request.earliest:
            return False
        return not request.latest or leave.time() <= request.latest

    # Gaps

    def _distance(self, offset: Offset, begins: datetime, ends: datetime, start: datetime) -> float:
        origin = ends if offset.edge is Edge.END else begins
        if offset.unit is Unit.HOURS:
            return (start - origin) / timedelta(hours=1)
        first, last = to_local(origin, self.zone).date(), to_local(start, self.zone).date()
        if offset.unit is Unit.DAYS:
            return (last - first).days
        days = (first + timedelta(days=n) for n in range(1, (last - first).days + 1))
        return sum(self._works(on) for on in days)

    def _works(self, on) -> bool:
        if on < self.calendar.first_on:
            return on.isoweekday() <= 5
        return any(to_local(window.start, self.zone).date() == on for window in self.open)

    def _allowed(self, offset: Offset, begins: datetime, ends: datetime, start: datetime) -> bool:
        return start >= ends and offset.min <= self._distance(offset, begins, ends, start) <= offset.max

    def _gap(self, action: Action, begins: datetime, ends: datetime, start: datetime) -> int:
        """Return what a gap costs, the other time of day in a series included."""
        offset, weights = action.offset, self.weights
        begins, ends = instant(tick(begins)), instant(tick(ends))
        away = self._distance(offset, begins, ends, start) - offset.target
        earlier = self.request.plan.action(offset.after)
        away = max(-away, 0) if action.key in self.line and earlier.series is None else abs(away)
        if offset.unit is Unit.HOURS:
            return weights.gap_tick * round(12 * away)
        cost = weights.gap_day * int(away)
        if action.series is not None and action.series == earlier.series:
            apart = abs(self._wall(start) - self._wall(begins))
            cost += weights.rhythm_tick * apart + weights.rhythm_change * bool(apart)
        return cost

    def _wall(self, moment: datetime) -> int:
        local = to_local(moment, self.zone)
        return (local.hour * 60 + local.minute) // 5

    # What one visit costs

    def _own(self, action: Action, at: int, owner: int | None) -> int:
        weights, request, shape = self.weights, self.request, self.shape[action.key]
        start = instant(at)
        local = to_local(start, self.zone)
        first = self._wall(start) - shape.comes
        place = any(ask.role.is_place for ask in shape.asks)
        cost = weights.quarter * (local.minute % 15 != 0)
        if action.offset is None and action.series is None:
            cost += weights.first_day * max((local.date() - request.not_before).days, 0)
        if action.key == self.finish:
            cost += weights.completion_day * (local.date() - request.not_before).days
        if action.key in self.line and request.preferred:
            wall = (request.preferred.hour * 60 + request.preferred.minute) // 5
            cost += weights.preferred_tick * abs(self._wall(start) - wall)
        if action.key not in self.line and action.visible and request.weekdays:
            cost += weights.weekday * (local.isoweekday() not in request.weekdays)
        if place:
            low, high = (at.hour * 12 + at.minute // 5 for at in (weights.midday_from, weights.midday_until))
            cost += weights.midday_tick * max(min(first + shape.ends, high) - max(first, low), 0)
            cost += weights.fragment * self._scraps(shape, at)
        cost += weights.handover * self._handed_over(shape, at)
        cost += self._busy_nurses(shape, at)
        if owner is not None and self._asks_therapist(shape):
            cost += weights.therapist * (
                not (owner in self.pool(Role.THERAPIST) and self.given([(action, at)], owner))
            )
        return cost

    def _busy_nurses(self, shape: Shape, at: int) -> int:
        """Return the price of setting up while nurses have no time, five minutes before and after it counted."""
        nurses = [one.id for one in self.calendar.resources if Role.NURSE in one.roles]
        cost, here = 0, to_local(instant(at), self.zone).date()
        for ask in shape.asks:
            for low, high, exclusive in ask.stretches:
                if ask.role is not Role.NURSE or not exclusive:
                    continue
                first = at - shape.comes + low
                around = [
                    cell
                    for cell in range(first - 1, at - shape.comes + high + 1)
                    if to_local(instant(cell), self.zone).date() == here and self._joined(first, cell)
                ]
                duty = sum(cell in self.duty[id_] for cell in around for id_ in nurses)
                busy = sum(self.free[id_].get(cell) == 0 for cell in around for id_ in nurses)
                cost += self.weights.busy_nurses * max(8 * busy - duty, 0) // max(8 * duty, 1)
        return cost

    def _asks_therapist(self, shape: Shape) -> bool:
        return sum(ask.role is Role.THERAPIST for ask in shape.asks) == 1 and bool(self.pool(Role.THERAPIST))

    def _scraps(self, shape: Shape, at: int) -> int:
        (ask,) = [ask for ask in shape.asks if ask.role.is_place]
        if any(before[1] != after[0] for before, after in pairwise(ask.stretches)):
            return 0
        low, high = ask.stretches[0][0] + at - shape.comes, ask.stretches[-1][1] + at - shape.comes
        found = []
        for id_ in self.pool(ask.role):
            free = self.free[id_]
            if all(free.get(cell, 0) for cell in range(low, high)):
                before = after = 0
                while free.get(low - before - 1, 0) and self._joined(low - before - 1, low):
                    before += 1
                while free.get(high + after, 0) and self._joined(high - 1, high + after):
                    after += 1
                found.append(sum(0 < gap < self.weights.usable_ticks for gap in (before, after)))
        return min(found)

    def _handed_over(self, shape: Shape, at: int) -> bool:
        asks = [
            (low, high, exclusive)
            for a in shape.asks
            if a.role is Role.NURSE
            for low, high, exclusive in a.stretches
        ]
        if not asks or (len(asks) == 1 and asks[0][2]):
            return False
        if any(a[0] < b[1] and b[0] < a[1] for n, a in enumerate(asks) for b in asks[:n]):
            return False
        first = at - shape.comes
        return not any(
            all(
                self.free[id_].get(first + n, 0) >= (max(self.units[id_], 1) if exclusive else 1)
                for low, high, exclusive in asks
                for n in range(low, high)
            )
            for id_ in self.pool(Role.NURSE)
        )

    # Whole courses

    def best(self) -> int | None:
        """Return the least that a course can cost, or None if there is none. Raises Undecided."""
        self.nodes = 0
        asking = [one for one in self.actions if self._asks_therapist(self.shape[one.key])]
        owners = self.pool(Role.THERAPIST) if len(asking) > 1 else [None]
        found = None
        for owner in owners:
            found = self._search(owner, found)
        return found

    def possible(self, key: str, at: int) -> bool:
        """Tell whether an action can start at this tick in some course."""
        kept = self.starts
        self.starts = {**kept, key: [start for start in kept[key] if start == at]}
        try:
            self.nodes = 0
            return self._search(None, None, any_=True) is not None
        finally:
            self.starts = kept

    def _search(self, owner: int | None, known: int | None, any_: bool = False) -> int | None:
        tables = self._tables(owner)
        children = {one.key: [] for one in self.actions}
        roots = []
        for one in self.actions:
            parent = one.offset.after if one.offset else None
            children.get(parent, roots).append(one)
        best = known
        placed: dict[str, tuple[Action, int]] = {}

        def options(one: Action) -> list[tuple[int, int, int]]:
            parent = one.offset.after if one.offset else None
            base = tables[one.key][placed[parent][1] if parent in placed else None]
            return [option for option in base if self._clear(one, option[1], placed.values())]

        def extend(spent: int, frontier: list[Action]) -> None:
            nonlocal best
            self.nodes += 1
            if self.nodes > NODES:
                raise Undecided
            if not frontier:
                best = spent
                return
            left = {one.key: options(one) for one in frontier}
            if not all(left.values()):
                return
            least = spent + sum(min(some)[0] for some in left.values())
            if best is not None and (any_ or least >= best):
                return
            one = min(frontier, key=lambda one: len(left[one.key]))
            rest = [other for other in frontier if other is not one]
            others = least - min(left[one.key])[0]
            for promise, at, cost in sorted(left[one.key]):
                if best is not None and (any_ or others + promise >= best):
                    return
                placed[one.key] = one, at
                extend(spent + cost, [*rest, *children[one.key]])
                del placed[one.key]

        extend(0, roots)
        return best

    def _tables(self, owner: int | None) -> dict[str, dict[int | None, list[tuple[int, int, int]]]]:
        """Return, by action and start of its parent, its starts: (the least with all after it, start, own and gap)."""
        below: dict[str, dict[int, int]] = {}
        tables: dict[str, dict[int | None, list[tuple[int, int, int]]]] = {}
        children: dict[str | None, list[Action]] = {}
        for one in self.actions:
            children.setdefault(one.offset.after if one.offset else None, []).append(one)
        for one in reversed(self.actions):
            own = {at: self._own(one, at, owner) for at in self.starts[one.key]}
            least = {
                at: [
                    min((o[0] for o in tables[child.key].get(at, ())), default=None)
                    for child in children.get(one.key, ())
                ]
                for at in own
            }
            below[one.key] = {at: sum(some) for at, some in least.items() if None not in some}
            tables[one.key] = {}
            for begins, ends, parent in self._parents(one):
                tables[one.key][parent] = [
                    (own[at] + gap + after, at, own[at] + gap)
                    for at, after in below[one.key].items()
                    for gap in self._gaps(one, begins, ends, instant(at))
                ]
        return tables

    def _parents(self, one: Action) -> Iterator[tuple[datetime | None, datetime | None, int | None]]:
        if one.offset is None:
            yield None, None, None
        elif one.offset.after in self.request.done:
            done = self.request.done[one.offset.after]
            yield done.start, done.end, None
        else:
            shape = self.shape[one.offset.after]
            for at in self.starts[one.offset.after]:
                yield instant(at), instant(at - shape.comes + shape.leaves), at

    def _gaps(
        self, one: Action, begins: datetime | None, ends: datetime | None, start: datetime
    ) -> Iterator[int]:
        if one.offset is None or begins is None or ends is None:
            yield 0
        elif self._allowed(one.offset, begins, ends, start):
            yield self._gap(one, begins, ends, start)

    def _clear(self, one: Action, at: int, placed) -> bool:
        placed = list(placed)
        return all(self._pair(one, at, *other) for other in placed) and self._crowd([*placed, (one, at)])

    def _pair(self, one: Action, at: int, other: Action, there: int) -> bool:
        leaves = at - self.shape[one.key].comes + self.shape[one.key].leaves
        left = there - self.shape[other.key].comes + self.shape[other.key].leaves
        if at < left and there < leaves:
            return False
        if one.before == other.key and leaves > there:
            return False
        return not (other.before == one.key and left > at)

    def _crowd(self, visits: list[tuple[Action, int]]) -> bool:
        """Tell whether the last visit and those whose phases overlap it, or one another, find their resources."""
        crowd, rest = [visits[-1]], visits[:-1]
        grown = True
        while grown:
            near = [other for other in rest if any(self._overlap(other, one) for one in crowd)]
            grown = bool(near)
            crowd += near
            rest = [other for other in rest if other not in near]
        return len(crowd) < 2 or self.given(sorted(crowd, key=lambda visit: visit[0].key))

    def _overlap(self, one: tuple[Action, int], other: tuple[Action, int]) -> bool:
        spans = [(at - self.shape[a.key].comes, self.shape[a.key].ends) for a, at in (one, other)]
        (first, length), (second, long) = spans
        return first < second + long and second < first + length


def tick(moment: datetime) -> int:
    return int(moment.timestamp() // 300)


def instant(at: int) -> datetime:
    return datetime.fromtimestamp(at * 300, UTC)


def _inside(at: int, windows: Sequence[Window]) -> bool:
    start, end = instant(at), instant(at + 1)
    return any(window.start <= start and end <= window.end for window in windows)
