"""The terms of a plan's cost, in words for the front desk.

Counted visit by visit from the plan itself, not from the search's tables; the sum is the search's cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from scheduler.domain.planner.answers.words import counted, label, listed, spaced
from scheduler.domain.planner.grid.gaps import HOUR_TICKS
from scheduler.domain.planner.search.costs import whole_tick
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import Done, Term
from scheduler.domain.plans import Edge, Unit


class CostBreakdown:
    """The terms of one placement."""

    def __init__(self, problem: PlanningProblem, cells: Mapping[Step, int]) -> None:
        self.course, self.pricing, self.weights = problem.course, problem.pricing, problem.weights
        self.gap_ranges, self.grid = problem.gap_ranges, problem.availability.grid
        self.formats, self.cells = problem.availability.calendar.formats, cells
        self.visits = sorted(cells, key=lambda step: cells[step])

    def terms(self, therapist: int | None) -> tuple[Term, ...]:
        """Return the terms, the most important first."""
        terms = (
            self._moves(),
            self._completion(),
            self._first(),
            self._gaps(),
            self._rhythm(),
            self._preferred(),
            self._weekdays(),
            self._therapist(therapist),
            self._handovers(),
            self._busy_nurses(),
            self._quarters(),
            self._midday(),
            self._fragments(),
        )
        return tuple(term for term in terms if term is not None)

    def _row(self, step: Step) -> int:
        return self.cells[step] // self.grid.width

    def _tick(self, step: Step) -> int:
        return self.cells[step] % self.grid.width + self.grid.low

    def _moves(self) -> Term | None:
        staying = self.pricing.staying
        if staying is None:
            return None
        moved = [s for s in self.visits if s.key in staying.price and staying.at.get(s.key) != self.cells[s]]
        cost = sum(staying.price[step.key] for step in moved)
        words = f"moves {listed([label(s.action) for s in moved])}" if moved else "moves nothing else"
        return Term("moves", cost, words)

    def _completion(self) -> Term | None:
        finish = self.course.finish
        if finish is None:
            return None
        request = self.pricing.request
        row = self._row(finish)
        days = row - self.grid.row_of(request.not_before)
        on = self.formats.day(self.grid.on(row))
        words = f"{label(finish.action)} is on {on}, {counted(days, 'day')} after the earliest start date"
        return Term("completion", self.weights.completion_day * days, words)

    def _first(self) -> Term | None:
        opening = self.course.opening
        if opening is None:
            return None
        row = self._row(opening)
        days = max(row - self.grid.row_of(self.pricing.request.not_before), 0)
        words = f"first visit on {self.formats.day(self.grid.on(row))}"
        return Term("first", self.weights.first_day * days, words)

    def _distance(self, step: Step) -> tuple[int, int] | None:
        """Return a step's gap and its target, in ticks or in days as its offset counts; None if it follows
        nothing."""
        offset = step.offset
        if offset is None:
            return None
        if offset.unit is Unit.HOURS:
            start = self._origin_tick(step)
            return int(self.grid.utc[self.cells[step]]) - start, offset.target * HOUR_TICKS
        numbers = self.gap_ranges.day_number(offset)
        if step.parent is not None:
            origin = int(numbers[self._row(step.parent)])
        else:
            origin = self.gap_ranges.anchor_number(offset, self._anchor(step))
        return int(numbers[self._row(step)]) - origin, offset.target

    def _origin_tick(self, step: Step) -> int:
        from_end = step.offset is not None and step.offset.edge is Edge.END
        if step.parent is not None:
            return int(self.grid.utc[self.cells[step.parent]]) + (step.parent.attended if from_end else 0)
        anchor = self._anchor(step)
        return int((anchor.end if from_end else anchor.start).timestamp() // 300)

    def _anchor(self, step: Step) -> Done:
        if step.anchor is None:
            raise ValueError(f"{step.key} follows nothing")
        return step.anchor

    def _gaps(self) -> Term:
        cost, worst = 0, timedelta()
        for step in self.visits:
            distance = self._distance(step)
            if distance is None or step.offset is None or distance[0] == distance[1]:
                continue
            late = distance[0] - distance[1]
            if late > 0 and step.leads_up:
                continue
            away = abs(late)
            in_hours = step.offset.unit is Unit.HOURS
            cost += away * (self.weights.gap_tick if in_hours else self.weights.gap_day)
            worst = max(worst, timedelta(minutes=5 * away) if in_hours else timedelta(days=away))
        if not worst:
            return Term("gaps", cost, "ideal spacing throughout")
        return Term("gaps", cost, f"spacing within {spaced(worst)} of ideal")

    def _rhythm(self) -> Term:
        cost = line = 0
        for step in self.visits:
            if not step.same_series or step.offset is None or step.offset.unit is Unit.HOURS:
                continue
            parent = step.parent
            earlier = self._tick(parent) if parent else self.gap_ranges.anchor_tick(self._anchor(step))
            apart = self.weights.rhythm_tick * abs(self._tick(step) - earlier)
            apart += self.weights.rhythm_change * (self._tick(step) != earlier)
            cost += apart
            line += apart if step.on_line else 0
        return Term("rhythm", cost, self._times(line))

    def _times(self, cost: int) -> str:
        """Return the times of day on the plan's line, which other ones there `cost`; side visits have no word."""
        series = [step for step in self.visits if step.on_line and step.action.series]
        if not series:
            return "no series to keep at one time of day"
        walls = sorted({self.grid.wall(self.cells[step]) for step in series})
        first, last = self.formats.time(walls[0]), self.formats.time(walls[-1])
        if first == last:
            return f"always at {first}" if not cost else f"at {first}, unlike before"
        return f"between {first} and {last}"

    def _preferred(self) -> Term | None:
        preferred = self.pricing.request.preferred
        if preferred is None:
            return None
        away = [abs(self._tick(s) - whole_tick(preferred)) for s in self.visits if s.on_line]
        worst = max(away, default=0)
        words = f"always at {self.formats.time(preferred)}"
        if worst:
            words = f"at most {spaced(timedelta(minutes=5 * worst))} from {self.formats.time(preferred)}"
        return Term("preferred", self.weights.preferred_tick * sum(away), words)

    def _weekdays(self) -> Term | None:
        weekdays = self.pricing.request.weekdays
        if not weekdays:
            return None
        side = [s for s in self.visits if not s.on_line and self.pricing.request.asks_of(s.action)]
        off = [s for s in side if self.grid.on(self._row(s)).isoweekday() not in weekdays]
        asked = listed([self.formats.short_weekday(day) for day in self.formats.week if day in weekdays])
        words = f"{counted(len(off), 'visit')} not on {asked}" if off else f"every visit on {asked}"
        return Term("weekdays", self.weights.weekday * len(off), words)

    def _therapist(self, therapist: int | None) -> Term | None:
        if therapist is None:
            return None
        asking = [s for s in self.visits if self.pricing.therapists_of(s)]
        # bit n of a set tells whether cell n is in it
        away = [s for s in asking if (self.pricing.away(s, therapist) or 0) >> self.cells[s] & 1]
        name = next(r.name for r in self.pricing.starts.availability.resources if r.id == therapist)
        share = f"{len(asking) - len(away)} of {len(asking)}" if away else "all"
        words = f"{share} sessions with {name}"
        return Term("therapist", self.weights.therapist * len(away), words)

    def _handovers(self) -> Term:
        handed = [step for step in self.visits if self._handed_over(step)]
        words = (
            f"{counted(len(handed), 'visit')} with a nurse handoff" if handed else "one nurse for each visit"
        )
        return Term("handovers", self.weights.handover * len(handed), words)

    def _handed_over(self, step: Step) -> bool:
        single = self.pricing.starts.single_nurse(self.pricing.starts.demand(step.action))
        # a missing bit: no nurse can be there from the first cell to the last
        return not single >> self.cells[step] & 1

    def _busy_nurses(self) -> Term:
        cost = number = 0
        for step in self.visits:
            demand = self.pricing.starts.demand(step.action)
            price = self.pricing.starts.busy_nurses(demand, self.weights.busy_nurses)
            cost += int(price[divmod(self.cells[step], self.grid.width)])
            number += bool(price[divmod(self.cells[step], self.grid.width)])
        words = f"{counted(number, 'set-up')} close to others" if number else "no set-up close to others"
        return Term("nurses", cost, words)

    def _quarters(self) -> Term:
        off = [step for step in self.visits if self._tick(step) % 3]
        words = f"{counted(len(off), 'start')} off the quarter hour"
        cost = self.weights.quarter * len(off)
        return Term("quarters", cost, words if off else "every start on the quarter hour")

    def _midday(self) -> Term:
        ticks = 0
        for step in self.visits:
            if any(need.role.is_place for phase in step.action.phases for need in phase.needs):
                low, high = whole_tick(self.weights.midday_from), whole_tick(self.weights.midday_until)
                first = self._tick(step) - step.lead
                ticks += max(min(first + step.length, high) - max(first, low), 0)
        words = "clear of the busy middle of the day"
        if ticks:
            words = f"{spaced(timedelta(minutes=5 * ticks))} in the busy middle of the day"
        return Term("midday", self.weights.midday_tick * ticks, words)

    def _fragments(self) -> Term:
        count = sum(self._fragment_count(step) for step in self.visits)
        gaps = counted(count, "gap") if count else "no gap"
        return Term("fragments", self.weights.fragment * count, f"leaves {gaps} too short to use")

    def _fragment_count(self, step: Step) -> int:
        demand = self.pricing.starts.demand(step.action)
        whole, at_most_one = self.pricing.starts.fragment_cells(demand, self.weights.usable_ticks)
        at = self.cells[step]
        # some place is left without a fragment, or with one, or all with two
        return 0 if whole >> at & 1 else 1 if at_most_one >> at & 1 else 2
