"""The order of actions: each after the one that its gap is counted from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scheduler.domain.plan_files.series import SourcedAction


def in_plan_order(steps: Sequence[SourcedAction]) -> list[SourcedAction]:
    """Return the steps so that each follows the one it depends on, else in the order given."""
    ordered, stuck = ordered_and_stuck(steps)
    return ordered + stuck


def ordered_and_stuck(steps: Sequence[SourcedAction]) -> tuple[list[SourcedAction], list[SourcedAction]]:
    """Return the steps in plan order, and those that can have no place in it because of a circle."""
    ordered: list[SourcedAction] = []
    left = list(steps)
    placed: set[str | None] = {None}
    while left:
        for step in left:
            if follows(step) in placed:
                ordered.append(step)
                placed.add(step.key)
        rest = [step for step in left if step.key not in placed]
        if len(rest) == len(left):
            break
        left = rest
    return ordered, left


def follows(step: SourcedAction) -> str | None:
    """Return the key of the action that a step depends on; None for the first."""
    after = step.action.get("after")
    return None if after is None else str(after["action"])


def circles(steps: Sequence[SourcedAction]) -> Iterator[list[str]]:
    """Return the keys of each circle of gaps, from the member that comes first in the file and back to it."""
    _, stuck = ordered_and_stuck(steps)
    by_key = {step.key: step for step in stuck}
    seen: set[str] = set()
    for step in stuck:
        way: list[str] = []
        key: str | None = step.key
        while key in by_key and key not in seen and key is not None:
            seen.add(key)
            way.append(key)
            key = follows(by_key[key])
        if key in way:
            members = way[way.index(key) :]
            first = min(members, key=list(by_key).index)
            turned = members[members.index(first) :] + members[: members.index(first)]
            yield [*turned, first]
