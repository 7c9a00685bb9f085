"""A request's actions as a tree: what is to be placed, what follows what, and in which order.

The *line* of a plan are the visits that carry the course (the infusions and what leads up to them); every other action
is a side visit (a therapy session, a call). Actions that are done or not to be placed are
anchors: fixed times from which gaps are counted. A step's `next` is the child that continues its chain, and the others
are its branches; a branch may have to end before `next` starts (`deadline`).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from scheduler.domain.planner.grid.demands import Demand
from scheduler.domain.planner.grid.gaps import Gap, GapRanges
from scheduler.domain.planner.grid.grid import ticks
from scheduler.domain.planner.grid.remembered import remembered
from scheduler.domain.planner.grid.starts import Starts
from scheduler.domain.planner.values import Done, Request
from scheduler.domain.plans import Action, Edge, Offset, Plan


@dataclass(eq=False)
class Node:
    """What visits can follow: a step or a group's anchor."""

    next: Step | None = None
    branches: list[Step] = field(default_factory=list)

    def children(self) -> Iterator[Step]:
        yield from self.branches
        if self.next is not None:
            yield self.next

    def follow(self, children: list[Step]) -> None:
        """Choose the child that continues the chain: none if all are single visits at the side."""
        awaited = {child.action.before for child in children}
        onward = [c for c in children if c.on_line or c.same_series or c.depth > 1 or c.key in awaited]
        rank = {c: (c.on_line, c.key in awaited, c.depth, -c.index) for c in onward}
        self.next = max(onward, key=lambda c: rank[c], default=None)
        self.branches = [child for child in children if child is not self.next]
        for branch in self.branches:
            branch.deadline = self.next is not None and branch.action.before == self.next.key


@dataclass(eq=False)
class Group(Node):
    """What follows one anchor (None: the plan's first action, free to start)."""

    anchor: Done | None = None


@dataclass(eq=False, kw_only=True)
class Step(Node):
    """An action to place. `parent` is the step, or `anchor` the fixed action, from which its offset counts.

    `depth` counts the steps of the longest chain that starts with it. `leads_up` tells whether it is on the line and
    follows a visit of no series: then its gap had better not be shorter than its target, and may be longer.
    """

    index: int
    action: Action
    on_line: bool
    offset: Offset | None = None
    parent: Step | None = None
    anchor: Done | None = None
    deadline: bool = False
    same_series: bool = False
    leads_up: bool = False
    depth: int = 1

    @property
    def key(self) -> str:
        return self.action.key

    @property
    def lead(self) -> int:
        """The ticks before the patient comes."""
        return ticks(self.action.lead)

    @property
    def length(self) -> int:
        return ticks(self.action.length)

    @property
    def length_from_start(self) -> int:
        return ticks(self.action.length_from_start)

    @property
    def attended(self) -> int:
        return ticks(self.action.attended_length)


@dataclass(eq=False)
class CourseTree:
    """The steps in plan order, in groups that share no offset; `order` lists pairs whose first must end first.

    `opening` is the plan's first visit, if it is of no series and to be placed; `finish` the last one on the line.
    """

    steps: tuple[Step, ...]
    groups: tuple[Group, ...]
    order: tuple[tuple[Step, Step], ...]
    opening: Step | None
    finish: Step | None
    starts: Starts

    @cached_property
    def gap_ranges(self) -> GapRanges:
        """The gaps on the grid of these start sets."""
        return GapRanges(self.starts.availability)

    @remembered
    def apart(self, first: Step, second: Step) -> int:
        """Return how many ticks after the start of `first` the patient's `second` may start at the earliest.

        The patient is free when `first` needs the patient no longer. Until its last phase is over, `second` may start
        only if the people and places there are could do both. Whether they are free then is for clashes.py to find.
        """
        one, other = self.starts.demand(first.action), self.starts.demand(second.action)
        clear = first.length_from_start + second.lead
        return self._apart(one, other, first.attended, clear)

    @remembered
    def _apart(self, one: Demand, other: Demand, least: int, clear: int) -> int:
        together = self.starts.could_be_together
        return next((by for by in range(least, clear) if together(((one, 0), (other, by)))), clear)

    @remembered
    def gap(self, child: Step) -> Gap:
        """Return the gap between a step and its parent."""
        parent, offset = child.parent, child.offset
        if parent is None or offset is None:
            raise ValueError(f"{child.key} follows no step")
        from_end = parent.attended if offset.edge is Edge.END else 0
        return Gap(offset, self.apart(parent, child), from_end, child.leads_up)

    @remembered
    def anchor_gap(self, child: Step) -> Gap:
        """Return the gap between a fixed action and a step."""
        if child.anchor is None or child.offset is None:
            raise ValueError(f"{child.key} follows no fixed action")
        return Gap(child.offset, 0, 0, child.leads_up)


def line_of(plan: Plan) -> frozenset[str]:
    """Return the keys of the visits that carry the course, from the first action on.

    After a visit of a series comes the next of that series. After the last of a series, and after a visit of none,
    comes the action from which the longest chain goes on; where only single visits follow a series, the line ends. Of
    several that could be next, the one with the longest chain is, or else the first in the plan.
    """
    children: dict[str, list[Action]] = {action.key: [] for action in plan.firm}
    depth = dict.fromkeys(children, 1)
    for action in reversed(plan.firm):
        if action.offset and action.offset.after in children:
            children[action.offset.after].insert(0, action)
            depth[action.offset.after] = max(depth[action.offset.after], depth[action.key] + 1)
    at = next((action for action in plan.firm if action.offset is None), None)
    line = []
    while at is not None:
        line.append(at.key)
        at = _onward(at, children[at.key], depth)
    return frozenset(line)


def _onward(at: Action, children: list[Action], depth: Mapping[str, int]) -> Action | None:
    if at.series:
        same = [child for child in children if child.series == at.series]
        children = same or [child for child in children if depth[child.key] > 1]
    return max(children, key=lambda child: depth[child.key], default=None)


def course_of(request: Request, starts: Starts, keys: Container[str] | None = None) -> CourseTree:
    """Return the tree of what the request asks to place, or of some of its actions.

    A proposed action, and what follows it, is left out.
    """
    line = line_of(request.plan)
    steps: dict[str, Step] = {}
    for action in request.plan.firm:
        if action.key in request.done or (keys is not None and action.key not in keys):
            continue
        offset = relaxed(action, request)
        if offset and offset.after not in steps and offset.after not in request.done:
            continue
        steps[action.key] = _step(len(steps), action, action.key in line, offset, steps, request)
    _choose_next(list(steps.values()))
    groups = tuple(_groups(list(steps.values())))
    order = _order(steps)
    opening = next((s for s in steps.values() if s.offset is None and s.action.series is None), None)
    finish = next((step for step in reversed(steps.values()) if step.on_line), None)
    return CourseTree(tuple(steps.values()), groups, order, opening, finish, starts)


def relaxed(action: Action, request: Request) -> Offset | None:
    """Return the action's offset with the extra that the request allows for it."""
    extra = request.slack.get(action.key)
    offset = action.offset
    if offset is None or extra is None:
        return offset
    return Offset(
        offset.after,
        offset.unit,
        min(offset.min, extra[0]),
        offset.target,
        max(offset.max, extra[1]),
        offset.edge,
    )


def _step(
    index: int, action: Action, on_line: bool, offset: Offset | None, steps: dict[str, Step], request: Request
) -> Step:
    step = Step(index=index, action=action, on_line=on_line, offset=offset)
    if offset:
        step.parent = steps.get(offset.after)
        step.anchor = request.done.get(offset.after)
        earlier = request.plan.action(offset.after)
        step.same_series = action.series is not None and action.series == earlier.series
        step.leads_up = on_line and earlier.series is None
    return step


def _choose_next(steps: list[Step]) -> None:
    followers: dict[Step, list[Step]] = {step: [] for step in steps}
    for step in reversed(steps):
        if step.parent is not None:
            step.parent.depth = max(step.parent.depth, step.depth + 1)
            followers[step.parent].insert(0, step)
    for step, children in followers.items():
        step.follow(children)


def _groups(steps: list[Step]) -> Iterator[Group]:
    for step in steps:
        if step.parent is None and step.anchor is None:
            yield Group(step)
    anchors = {step.anchor.action: step.anchor for step in steps if step.anchor is not None}
    for anchor in anchors.values():
        group = Group(anchor=anchor)
        group.follow([step for step in steps if step.anchor is anchor])
        yield group


def _order(steps: dict[str, Step]) -> tuple[tuple[Step, Step], ...]:
    return tuple(
        (step, steps[step.action.before])
        for step in steps.values()
        if step.action.before in steps and not step.deadline
    )
