"""One who waits for an earlier time, with everything that the quick test (gate.py) compares.

A record says less than the planner knows, and never more: what the test refuses cannot be planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from scheduler.domain.planner.answers.reflow import with_begun
from scheduler.domain.planner.search.course import line_of, relaxed
from scheduler.domain.planner.values import Done, Placement, Request
from scheduler.domain.plans import Action, Offset
from scheduler.domain.windows import Window

DAY = date(2000, 1, 1)  # any, to reckon with times


@dataclass(frozen=True)
class StartWishes:
    """When a visit may start, in local time. `weekdays` are ISO numbers, none: any; `latest` is the last start."""

    weekdays: frozenset[int] = frozenset()
    earliest: time | None = None
    latest: time | None = None
    until_on: date | None = None
    blocked_on: frozenset[date] = frozenset()

    def allow(self, local: datetime) -> bool:
        """Tell whether a local start is as wished."""
        return (
            (not self.weekdays or local.isoweekday() in self.weekdays)
            and (self.earliest is None or local.time() >= self.earliest)
            and (self.latest is None or local.time() <= self.latest)
            and (self.until_on is None or local.date() <= self.until_on)
            and local.date() not in self.blocked_on
        )


def wishes_of(request: Request, action: Action) -> StartWishes:
    """Return when a course wishes for the starts of one of its visits."""
    times = request.asks_of(action)
    binds = request.weekdays and (times or not request.dosing_only)
    latest, until_on = None, None
    if times and request.latest is not None:
        leaves = datetime.combine(DAY, request.latest) - action.attended_length
        latest, until_on = leaves.time(), None if leaves.date() == DAY else date.min
    return StartWishes(
        request.weekdays if binds and action.key in line_of(request.plan) else frozenset(),
        request.earliest if times else None,
        latest,
        until_on,
        request.blocked_on | request.not_on.get(action.key, frozenset()),
    )


@dataclass(frozen=True)
class OwnTime:
    """Time of the patient's own visits that would be free if they moved, and whose it is."""

    window: Window
    resource_ids: frozenset[int]


@dataclass(frozen=True)
class Companion:
    """A visit that follows the one that would be earlier; `present` is where it is booked, if it is."""

    action: Action
    offset: Offset
    present: datetime | None


@dataclass(frozen=True)
class Waiting:
    """A visit that could be earlier, or could be booked.

    It may start from `not_before` on, and before `before` (its present start). `offset` counts from one of the visits
    in `after`, which stay where they are; none: it is not compared. `chosen` are resource ids that a role should be
    chosen from. `busy` is when the patient has visits that do not move.
    """

    key: int
    action: Action
    not_before: datetime
    before: datetime | None = None
    wishes: tuple[StartWishes, ...] = ()
    offset: Offset | None = None
    after: tuple[Done, ...] = ()
    chosen: frozenset[int] = frozenset()
    own: tuple[OwnTime, ...] = ()
    busy: tuple[Window, ...] = ()
    companions: tuple[Companion, ...] = ()


def waiting(
    key: int,
    request: Request,
    action: str,
    current: Mapping[str, Placement],
    wishes: tuple[StartWishes, ...] = (),
    *,
    now: datetime,
    not_before: datetime,
    busy: tuple[Window, ...] = (),
) -> Waiting:
    """Return the record of a visit of a course: `current` are its visits ahead, `busy` the patient's other visits.

    The course's own wishes for this visit hold beside `wishes`. A visit that is not in `current` would be booked, with
    all that `request` asks for.
    """
    moved = current.get(action)
    asked = with_begun(request, current, {action: moved.start} if moved else {}, now)
    coming = {one: visit for one, visit in current.items() if one not in asked.done}
    own = asked.plan.action(action)
    offset = relaxed(own, asked)
    after = _fixed(asked, coming, moved, offset)
    companions = tuple(
        Companion(one, gap, coming[one.key].start if one.key in coming else None)
        for one in asked.plan.firm
        if one.key not in asked.done
        and (one.key in coming or moved is None)
        and (gap := relaxed(one, asked)) is not None
        and gap.after == action
    )
    return Waiting(
        key,
        own,
        not_before,
        moved.start if moved else None,
        (*wishes, wishes_of(asked, own)),
        offset,
        after,
        asked.practitioner_ids if offset is None or after or offset.after in coming else frozenset(),
        tuple(own_time(visit) for visit in coming.values()),
        (*busy, *(Window(one.start, one.end) for one in asked.done.values() if one.end > one.start)),
        companions,
    )


def own_time(visit: Placement) -> OwnTime:
    window = Window(visit.first_use, max(visit.end, visit.attended_end))
    return OwnTime(window, frozenset(segment.resource_id for segment in visit.segments))


def _fixed(
    asked: Request, coming: Mapping[str, Placement], moved: Placement | None, offset: Offset | None
) -> tuple[Done, ...]:
    """Return the visit from which the moved one is counted, if that cannot move too."""
    if offset is None:
        return ()
    done = asked.done.get(offset.after)
    if done is not None:
        return (done,)
    before = coming.get(offset.after)
    if before is None or moved is None or before.start >= moved.start:
        return ()
    return (
        (Done(before.action, before.start, before.attended_end),)
        if before.action in line_of(asked.plan)
        else ()
    )
