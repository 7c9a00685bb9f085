"""What the validator measures with: windows within windows, the visits that carry a course."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from scheduler.domain.plans import Action, Offset, Plan, Unit
from scheduler.domain.windows import Window


def line_visits(plan: Plan) -> set[str]:
    """Return the visits that carry the course, walking from the first.

    A series is followed to its end. From there, and from a visit of no series, the walk goes on to the visit with the
    longest chain; it stops after a series when only single visits are left.
    """
    firm = [action for action in plan.actions if not action.proposed]

    def following(key: str) -> list[Action]:
        return [action for action in firm if action.offset is not None and action.offset.after == key]

    def chain(key: str) -> int:
        return 1 + max((chain(action.key) for action in following(key)), default=0)

    walked: set[str] = set()
    ahead = [action for action in firm if action.offset is None]
    while ahead:
        here = ahead[0]
        walked.add(here.key)
        ahead = sorted(following(here.key), key=lambda action: -chain(action.key))
        if here.series is not None:
            same = [action for action in ahead if action.series == here.series]
            ahead = same or [action for action in ahead if chain(action.key) > 1]
    return walked


def within(window: Window, windows: Iterable[Window]) -> bool:
    return any(other.contains(window) for other in windows)


def both(some: Sequence[Window], others: Sequence[Window]) -> list[Window]:
    """Return the time in both; each is in order and without overlaps."""
    common: list[Window] = []
    left, right = list(reversed(some)), list(reversed(others))
    while left and right:
        one, other = left[-1], right[-1]
        if one.overlaps(other):
            common.append(Window(max(one.start, other.start), min(one.end, other.end)))
        (left if one.end <= other.end else right).pop()
    return common


def in_minutes(length: timedelta) -> int:
    return int(length / timedelta(minutes=1))


def amount(gap: float, offset: Offset) -> str:
    """Return a gap such as "6 days": whole hours, unless rounding would hide that it is not allowed."""
    whole = round(gap)
    number = gap if offset.unit is not Unit.HOURS or offset.min <= whole <= offset.max else whole
    words = {Unit.HOURS: "hour", Unit.DAYS: "day", Unit.WORKING_DAYS: "working day"}[offset.unit]
    return f"{round(number, 1):g} {words}" + ("" if number == 1 else "s")


def allowed(offset: Offset) -> str:
    """Return such as "2 to 4 are allowed"."""
    if offset.min == offset.max:
        return f"{offset.min} {'is' if offset.min == 1 else 'are'} allowed"
    return f"{offset.min} to {offset.max} are allowed"
