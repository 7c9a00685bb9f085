"""The exact search over the tables: A* along each chain, with the tables as what is still to come.

A state is a start of a chain's visit. Its successors are the starts of the next visit, cheapest first and one at a
time. When a pair of neighbors is taken from the queue, its branches are placed: over before the next visit where they
must be, and clear of it and of each other. If that costs more than the tables' bound, the pair goes back into the
queue. The first complete chain taken is the best, because no bound is too high (Hart, Nilsson and Raphael, 1968).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

import numpy as np

from scheduler.domain.planner.grid.gaps import Cells
from scheduler.domain.planner.search.costs import NEVER, Costs
from scheduler.domain.planner.search.course import Group, Node, Step
from scheduler.domain.planner.search.tables import Tables
from scheduler.domain.planner.values import GaveUp

FEW = 3  # branches that are placed together without counting
CHOICES = 10_000  # a few seconds
Chosen = dict[Step, int]
Options = dict[Step, tuple[Cells, Costs]]  # the starts of branches, and what each start costs
Successors = Iterator[tuple[int, int, int, int]]  # promised, cell, relaxed, ahead: see Pair


@dataclass(slots=True)
class State:
    """A node placed at a cell (-1: a group's anchor); `spent` is the cost of everything before it.

    `branches` are where those of the node before are placed; `options` the starts of this one's branches.
    """

    node: Node
    cell: int
    spent: int
    earlier: State | None
    branches: Chosen
    options: Options = field(default_factory=dict)


@dataclass(slots=True)
class Pair:
    """A state and its next-best unseen successor at `cell` (-1: the chain ends); the others are in `later`.

    `promised` is the least that a chain through both can cost. `relaxed` is the bound of the branches between them in
    it, `placed` what they do cost and where they are; `ahead` is the part from the successor on.
    """

    promised: int
    depth: int
    state: State
    cell: int
    relaxed: int
    ahead: int
    later: Successors
    placed: tuple[int, Chosen] | None = None


class Budget:
    """How many states may still be opened. Then the search takes the deepest first, and its answer is not proven.

    `choices` counts how often one of many branches was chosen to be placed next, in all searches for one answer.
    """

    def __init__(self, states: int, choices: list[int] | None = None) -> None:
        self.left = states
        self.choices = [0] if choices is None else choices

    def choose(self) -> None:
        """Count a choice. Raises GaveUp when there were too many."""
        self.choices[0] += 1
        if self.choices[0] > CHOICES:
            raise GaveUp

    @property
    def spent(self) -> bool:
        return self.left <= 0


class Queue:
    """Pairs by their promise, up to a bound; once the budget is spent, the deepest first.

    `opened` are the nodes and cells from which the search has gone on: another way to one of them costs no less.
    """

    def __init__(self, budget: Budget, bound: int) -> None:
        self.budget, self.bound = budget, bound
        self.opened: set[tuple[Node, int]] = set()
        self._heap: list[tuple[int, int, int, Pair]] = []
        self._order = count()

    def push(self, pair: Pair) -> None:
        if pair.promised < self.bound:
            urgency = pair.depth * int(NEVER) if self.budget.spent else 0
            heappush(self._heap, (urgency + pair.promised, pair.depth, next(self._order), pair))

    def push_next(self, state: State, successors: Successors, depth: int) -> None:
        """Queue the cheapest successor that has not been queued yet."""
        following = state.node.next
        for promised, cell, relaxed, ahead in successors:
            if following is None or (following, cell) not in self.opened:
                self.push(Pair(promised, depth, state, cell, relaxed, ahead, successors))
                return

    def pop(self) -> Pair | None:
        return heappop(self._heap)[-1] if self._heap else None


class Search:
    """Finds the best placement of groups and branches for one line of the tables."""

    def __init__(self, tables: Tables, line: int, budget: Budget) -> None:
        self.tables, self.budget = tables, budget
        self.line = line
        self.apart = tables.course.apart
        self._subtrees: dict[tuple[Step, int], tuple[int, Chosen] | None] = {}

    def group(self, group: Group, bound: int) -> tuple[int, Chosen] | None:
        """Return the cost and the starts of the group's best placement, or None if all cost `bound` or more."""
        return self._chain(State(group, -1, 0, None, {}), bound)

    def _line(self, costs: Costs) -> Costs:
        line: Costs = costs[min(self.line, len(costs) - 1)]
        return line

    def _own(self, step: Step, cell: int) -> int:
        table = self.tables.of[step]
        return int(self._line(table.own)[table.cells.searchsorted(cell)])

    def _chain(self, start: State, bound: int) -> tuple[int, Chosen] | None:
        queue = Queue(self.budget, bound)
        self._open(queue, start, 0)
        while pair := queue.pop():
            following = pair.state.node.next
            if pair.placed is None:
                queue.push_next(pair.state, pair.later, pair.depth)
                if following is not None and (following, pair.cell) in queue.opened:
                    continue
                pair.placed = self._place(pair.state, pair.cell)
                if pair.placed is None:
                    continue
                worse = pair.placed[0] - pair.relaxed
                if worse > 0:
                    pair.promised += worse
                    queue.push(pair)
                    continue
            branches = pair.placed[1]
            if following is None:
                return pair.promised, self._placed(pair.state, branches)
            if (following, pair.cell) not in queue.opened:
                queue.opened.add((following, pair.cell))
                spent = pair.promised - pair.ahead
                self._open(queue, State(following, pair.cell, spent, pair.state, branches), pair.depth - 1)
        return None

    def _open(self, queue: Queue, state: State, depth: int) -> None:
        self.budget.left -= 1
        queue.push_next(state, self._successors(state), depth)

    def _placed(self, state: State, branches: Chosen) -> Chosen:
        placed = dict(branches)
        at: State | None = state
        while at is not None:
            placed.update(at.branches)
            if isinstance(at.node, Step):
                placed[at.node] = at.cell
            at = at.earlier
        return placed

    def _successors(self, state: State) -> Successors:
        """Return the next visit's starts, cheapest first."""
        following = state.node.next
        own = self._own(state.node, state.cell) if isinstance(state.node, Step) else 0
        before = state.spent + own
        state.options = {branch: self._options(state, branch) for branch in state.node.branches}
        if following is None:
            relaxed = sum(int(costs.min(initial=NEVER)) for _, costs in state.options.values())
            return iter([(before + relaxed, -1, relaxed, 0)] if relaxed < NEVER else [])
        chosen = self._reach(state, following)
        table = self.tables.of[following]
        cells, ahead = table.cells[chosen], self._line(table.total)[chosen]
        branches = self._relaxed(state, following, cells)
        costs = self._gap(state, following, chosen) + ahead + branches
        order = np.argsort(costs, kind="stable")
        order = order[: int((costs < NEVER).sum())]
        promised = (costs[order] + before).tolist()
        return zip(promised, *(each[order].tolist() for each in (cells, branches, ahead)), strict=True)

    def _reach(self, state: State, child: Step) -> slice:
        """Return where in its table the starts of a child are that the gap from this state allows."""
        low, high = self.tables.slots.reach(state.node, child, np.array([state.cell]))
        first, past = self.tables.of[child].cells.searchsorted((low[0], high[0])).tolist()
        return slice(first, past)

    def _gap(self, state: State, child: Step, chosen: slice) -> Costs:
        cells = self.tables.of[child].cells[chosen]
        if isinstance(state.node, Step):
            return self.tables.gap_costs(state.cell, child, cells)
        return self.tables.anchor_costs(child, cells)

    def _options(self, state: State, branch: Step) -> tuple[Cells, Costs]:
        chosen = self._reach(state, branch)
        table = self.tables.of[branch]
        return table.cells[chosen], self._gap(state, branch, chosen) + self._line(table.total)[chosen]

    def _relaxed(self, state: State, following: Step, cells: Cells) -> Costs:
        """Return the least that the branches cost for each start of the next visit, each of them by itself."""
        total = np.zeros(len(cells), np.int64)
        for branch, (starts, costs) in state.options.items():
            if branch.deadline:
                least = np.concatenate(([NEVER], np.minimum.accumulate(costs)))
                last = cells - self.apart(branch, following)
                total += least[starts.searchsorted(last, side="right")]
            else:
                total += costs.min(initial=NEVER)
        return total

    def _place(self, state: State, cell: int) -> tuple[int, Chosen] | None:
        """Place the branches of a state whose next visit starts at `cell`: their least cost together, and where."""
        following = state.node.next
        if following is None:
            return self._together(state.options, int(NEVER))
        options: Options = {}
        for branch, (starts, costs) in state.options.items():
            clear = starts + self.apart(branch, following) <= cell
            if not branch.deadline:
                clear |= starts >= cell + self.apart(following, branch)
            options[branch] = starts[clear], costs[clear]
        return self._together(options, int(NEVER))

    def _together(self, options: Options, bound: int) -> tuple[int, Chosen] | None:
        """Return the starts that cost least together, or None if all cost `bound` or more.

        The branch with the fewest starts left is placed first; what that leaves of the others bounds their cost.
        """
        if not options:
            return (0, {}) if bound > 0 else None
        least = {branch: int(costs.min(initial=NEVER)) for branch, (_, costs) in options.items()}
        if sum(least.values()) >= min(bound, int(NEVER)):
            return None
        if len(options) > FEW:
            self.budget.choose()
        branch = min(options, key=lambda one: len(options[one][0]))
        starts, costs = options[branch]
        floor = sum(least.values()) - least[branch]
        best: tuple[int, Chosen] | None = None
        for at in np.argsort(costs, kind="stable"):
            if int(costs[at]) + floor >= min(bound, int(NEVER)):
                break
            cell = int(starts[at])
            found = self._subtree(branch, cell, int(costs[at]))
            others = (
                self._together(self._clear_of(branch, cell, options), bound - found[0]) if found else None
            )
            if found and others:
                bound = found[0] + others[0]
                best = bound, {branch: cell, **found[1], **others[1]}
        return best

    def _clear_of(self, placed: Step, cell: int, options: Options) -> Options:
        """Return the starts of the other branches that one at a cell leaves."""
        left: Options = {}
        for branch, (starts, costs) in options.items():
            if branch is not placed:
                clear = starts + self.apart(branch, placed) <= cell
                clear |= starts >= cell + self.apart(placed, branch)
                left[branch] = starts[clear], costs[clear]
        return left

    def _subtree(self, branch: Step, cell: int, promised: int) -> tuple[int, Chosen] | None:
        """Return the true cost of a branch at a cell, its gap included, and where what follows it goes."""
        if branch.next is None and not branch.branches:
            return promised, {}
        key = (branch, cell)
        if key not in self._subtrees:
            self._subtrees[key] = self._chain(State(branch, cell, 0, None, {}), int(NEVER))
        found = self._subtrees[key]
        if found is None:
            return None
        table = self.tables.of[branch]
        relaxed = int(self._line(table.total)[table.cells.searchsorted(cell)])
        return promised - relaxed + found[0], found[1]
