"""Start sets: the cells at which a visit can start, by erosion of everyone's free time.

A place, a therapist and a prescriber are kept for all phases that ask for them; a nurse who shares her attention may
hand over within and between phases, so for them it is enough that at every tick one of them has a unit free. Where one
resource could be asked for twice at once, sharing.py tells which starts leave one for each need. The sets are exact.
"""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.bitsets import earlier, eroded
from scheduler.domain.planner.grid.demands import Demand, ResourceNeed, demand_of
from scheduler.domain.planner.grid.remembered import remembered
from scheduler.domain.planner.grid.sharing import Claim, entangled, meeting
from scheduler.domain.planner.values import PlannerResource
from scheduler.domain.plans import Action, Phase, Role

AROUND = 1  # cells before and after a set-up in which it counts how busy the nurses are
BUSY = 8  # where at most one in so many is, it costs nothing
Costs = NDArray[np.int64]
Visits = tuple[tuple[Demand, int], ...]  # and how many cells after the first each starts


class Starts:
    """The start sets of one request on one availability, worked out once for each shape of visit."""

    def __init__(self, availability: Availability, practitioner_ids: frozenset[int] = frozenset()) -> None:
        self.availability = availability
        self.practitioner_ids = practitioner_ids
        self._demands: dict[tuple[tuple[Phase, ...], int | None], Demand] = {}

    def demand(self, action: Action) -> Demand:
        """Return what an action asks for: the same object for all actions of one shape at one site."""
        shape = action.phases, action.site
        known = self._demands.get(shape)
        if known is None:
            known = self._demands[shape] = demand_of(action)
        return known

    @remembered
    def pool(self, asked: ResourceNeed) -> tuple[PlannerResource, ...]:
        """Return who may be asked: those the patient wishes for, if any of them has the role."""
        pool = self.availability.pool(asked.role, asked.capabilities, asked.site)
        return tuple(resource for resource in pool if resource.id in self.practitioner_ids) or pool

    @remembered
    def resources(self, demand: Demand) -> int:
        """Return the cells at which everything the visit asks for is free. Wishes and the patient are not looked at."""
        cells = self.present(demand)
        for group in entangled(self._claims(((demand, 0),))):
            if not cells:
                return 0
            one = group[0]
            cells &= self.anyone(one.asked) if len(group) == 1 else meeting(group, self._free, cells)
        return cells

    def _claims(self, visits: Visits) -> list[Claim]:
        return [
            Claim(number, asked, by, self.pool(asked))
            for number, (demand, by) in enumerate(visits)
            for asked in demand.asked
        ]

    def _free(self, resource: PlannerResource, units: int) -> int:
        return self.availability.free(resource.id, units)

    @remembered
    def together(self, visits: Visits) -> int:
        """Return the cells for the first visit at which all of these visits of one patient find their resources."""
        cells = reduce(int.__and__, (earlier(self.resources(demand), by) for demand, by in visits))
        for group in self._common(visits):
            cells = meeting(group, self._free, cells)
        return cells

    def could_be_together(self, visits: Visits) -> bool:
        """Tell whether these visits could find their resources if everything were free at all times."""
        groups = self._common(visits)
        return all(meeting(group, lambda one, units: -(units <= one.units), 1) for group in groups)

    def _common(self, visits: Visits) -> list[list[Claim]]:
        """Return the claims of different visits that could be given to one resource at one time."""
        groups = entangled(self._claims(visits))
        return [group for group in groups if len({claim.visit for claim in group}) > 1]

    def present(self, demand: Demand) -> int:
        """Return the cells at which a person with each role asked to be present is on duty throughout."""
        cells = self.availability.open
        for role, stretch in demand.presence:
            duty = reduce(int.__or__, (self.availability.duty[r.id] for r in self.availability.pool(role)), 0)
            cells &= earlier(eroded(duty, stretch.end - stretch.start), stretch.start)
        return cells

    @remembered
    def anyone(self, asked: ResourceNeed) -> int:
        """Return the cells at which a person (or a place) is free for this."""
        if asked.kept:
            return reduce(int.__or__, (self.one(asked, r) for r in self.pool(asked)), 0)
        free = reduce(int.__or__, (self.availability.at_least[r.id][1] for r in self.pool(asked)), 0)
        cells = -1
        for stretch in asked.stretches:
            cells &= earlier(eroded(free, stretch.end - stretch.start), stretch.start)
        return cells

    @remembered
    def load(self, resource_id: int, row: int) -> tuple[int, int]:
        """Return how many cells of a resource's units are taken on a day, and in its week from Monday to Sunday."""
        grid, before = self.availability.grid, self.availability.taken_before(resource_id)
        monday = row - grid.on(row).weekday()
        week = before[min(monday + 7, grid.days)] - before[max(monday, 0)]
        return before[row + 1] - before[row], week

    def total_load(self, resource_id: int) -> int:
        """Return how many cells of a resource's units are taken on all days."""
        return self.availability.taken_before(resource_id)[-1]

    def one(self, asked: ResourceNeed, resource: PlannerResource) -> int:
        """Return the cells at which this very resource is free for all the stretches."""
        cells = -1
        for stretch in asked.stretches:
            free = self.availability.free_for(resource.id, stretch.end - stretch.start, stretch.exclusive)
            cells &= earlier(free, stretch.start)
            if not cells:
                break
        return cells

    def is_free(self, asked: ResourceNeed, resource: PlannerResource, cell: int) -> bool:
        """Tell whether this very resource is free for all the stretches of a visit at one cell."""
        for stretch in asked.stretches:
            free = self.availability.free_for(resource.id, stretch.end - stretch.start, stretch.exclusive)
            # one bit is read, no set is built
            if not free >> cell + stretch.start & 1:
                return False
        return True

    @remembered
    def single_nurse(self, demand: Demand) -> int:
        """Return the cells at which one nurse can see the whole visit through (-1 if none is asked for)."""
        parts = [asked for asked in demand.asked if asked.role is Role.NURSE]
        if len(parts) < 2 and all(asked.kept for asked in parts):
            return -1
        if any(a.meets(b) for a, b in pairwise(parts)):
            return -1
        pools = [self.pool(part) for part in parts]
        nurses = [nurse for nurse in pools[0] if all(nurse in pool for pool in pools)]
        each = (reduce(int.__and__, (self.one(part, nurse) for part in parts)) for nurse in nurses)
        return reduce(int.__or__, each, 0)

    @remembered
    def busy_nurses(self, demand: Demand, price: int) -> Costs:
        """Return the price of each start at which a nurse sets up while others have no time, by row.

        It is the share of the time of the nurses on duty that is fully taken, from five minutes before the set-up to
        five minutes after, less an eighth, times `price`.
        """
        grid = self.availability.grid
        costs: Costs = np.zeros((grid.days, grid.width), np.int64)
        for asked in demand.asked:
            for stretch in asked.stretches:
                if asked.role is Role.NURSE and stretch.exclusive:
                    at = np.arange(grid.width)
                    first = np.clip(at + stretch.start - AROUND, 0, grid.width)
                    past = np.clip(at + stretch.end + AROUND, 0, grid.width)
                    busy, duty = (sums[:, past] - sums[:, first] for sums in self.availability.nurses)
                    costs += price * np.maximum(BUSY * busy - duty, 0) // np.maximum(BUSY * duty, 1)
        return costs

    @remembered
    def therapists(self, demand: Demand) -> dict[int, int]:
        """Return, for each therapist who may be asked, the cells at which he or she is free for the visit."""
        claims = self._claims(((demand, 0),))
        asking = [claim for claim in claims if claim.asked.role is Role.THERAPIST]
        if len(asking) != 1:
            return {}
        (asked,) = asking
        (group,) = (group for group in entangled(claims) if asked in group)
        free = {resource.id: self.one(asked.asked, resource) for resource in asked.pool}
        if len(group) > 1:
            others = [claim for claim in group if claim is not asked]
            for resource in asked.pool:
                held = Claim(0, asked.asked, 0, (resource,))
                free[resource.id] = meeting([held, *others], self._free, free[resource.id])
        return free

    @remembered
    def fragment_cells(self, demand: Demand, usable: int) -> tuple[int, int]:
        """Return the cells at which some place is left with no gap shorter than `usable`, and with one at most."""
        none, one = -1, -1
        for asked in demand.asked:
            if asked.role.is_place and len(asked.stretches) == 1:
                whole, at_most_one = self._fragment_cells_of(asked, usable)
                one = (one & whole) | (none & at_most_one) if none != -1 else at_most_one
                none &= whole
        return none, one

    def _fragment_cells_of(self, asked: ResourceNeed, usable: int) -> tuple[int, int]:
        stretch = asked.stretches[0]
        whole = at_most_one = 0
        for place in self.pool(asked):
            cells = self.one(asked, place)
            if cells:
                free = self.availability.at_least[place.id][1]
                roomy = self.availability.free_for(place.id, usable, False)
                # the cell before is not free, or a usable stretch ends there
                before = earlier(~(free << 1) | (roomy << usable), stretch.start)
                # the cell after is not free, or a usable stretch starts there
                after = earlier(~free | roomy, stretch.end)
                whole |= cells & before & after
                at_most_one |= cells & (before | after)
        return whole, at_most_one
