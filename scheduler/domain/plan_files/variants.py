"""A protocol made from another: other counts, lengths and spacing, everything else as it was.

It works on the plain document of a plan (documents.to_document), in which every series is written out. What hangs on
each member of a series (its therapy, its call) comes and goes with it; what follows the last member goes on following
the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from scheduler.domain.plan_files.documents import to_document
from scheduler.domain.plans import Action, Offset, Plan, Unit

Fields = dict[str, Any]
MINUTE = 60


@dataclass(frozen=True)
class SharedGap:
    """The gap before one visit, or before several in a row that have the same one."""

    first: Action
    last: Action
    offset: Offset

    @property
    def key(self) -> str:
        return self.first.key


def counts(plan: Plan) -> dict[str, int]:
    """Return how many visits each series has whose number can be chosen: not those that come with another one."""
    names = dict.fromkeys(action.series for action in plan.actions if action.series)
    free = [name for name in names if not _comes_with(to_document(plan)["actions"], name)]
    return {name: sum(action.series == name for action in plan.actions) for name in free}


def lengths(plan: Plan) -> dict[tuple[str, str], int]:
    """Return the minutes of each phase, by kind of visit and name of the phase, in the order of the plan."""
    found: dict[tuple[str, str], int] = {}
    for action in plan.actions:
        for phase in action.phases:
            found.setdefault((action.kind, phase.name), int(phase.length.total_seconds()) // MINUTE)
    return found


def gaps(plan: Plan) -> list[SharedGap]:
    """Return the gaps of the plan, members of a series with the same gap as one."""
    found: dict[tuple[object, ...], SharedGap] = {}
    for action in plan.actions:
        offset = action.offset
        if offset is None:
            continue
        same = _same(plan, action, offset)
        known = found.get(same)
        found[same] = SharedGap(known.first if known else action, action, offset)
    return list(found.values())


def _same(plan: Plan, action: Action, offset: Offset) -> tuple[object, ...]:
    """Return what visits have in common that share a gap; the first of a series follows something else."""
    in_series = action.series is not None and plan.action(offset.after).series == action.series
    unit = (offset.unit, offset.edge, offset.hard)
    return (action.series or action.key, in_series, *_numbers(offset), *unit)


def variant(
    plan: Plan,
    *,
    key: str,
    title: str,
    counted: Mapping[str, int],
    minutes: Mapping[tuple[str, str], int],
    spaced: Mapping[str, tuple[int, int, int]],
) -> Fields:
    """Return the document of a variant: counts by series, minutes by kind and phase, gaps by `SharedGap.key`.

    What is left out stays. The source says what was changed. The document is still to be checked.
    """
    document = deepcopy(to_document(plan))
    changes = _changed(plan, counted, minutes, spaced)
    source = (
        f"{plan.source} Changed from {plan.title}, version {plan.version}; ours, without a source: {changes}."
    )
    document |= {"key": key, "title": title, "source": source}
    actions = document["actions"]
    for action in actions:
        for phase in action["phases"]:
            phase["minutes"] = minutes.get((action["kind"], phase["name"]), phase["minutes"])
    by_key = {action["key"]: action for action in actions}
    for gap in gaps(plan):
        for one in _between(plan, gap):
            unit = gap.offset.unit.value
            by_key[one.key]["after"][unit] = list(spaced.get(gap.key, _numbers(gap.offset)))
    for series, count in counted.items():
        _resize(actions, series, count)
    advice = [one for one in map(_clipped(actions), document.pop("missed_doses", ())) if one]
    return document | ({"missed_doses": advice} if advice else {})


def _changed(
    plan: Plan,
    counted: Mapping[str, int],
    minutes: Mapping[tuple[str, str], int],
    spaced: Mapping[str, tuple[int, int, int]],
) -> str:
    """Return in words what differs."""
    known, taken = counts(plan), lengths(plan)
    words = [
        f"{series} {known[series]} to {count} visits"
        for series, count in counted.items()
        if known[series] != count
    ]
    words += [
        f"{kind} {phase} {taken[kind, phase]} to {length} minutes"
        for (kind, phase), length in minutes.items()
        if taken[kind, phase] != length
    ]
    for gap in gaps(plan):
        numbers = spaced.get(gap.key, _numbers(gap.offset))
        if numbers != _numbers(gap.offset):
            now = "/".join(map(str, numbers))
            words.append(
                f"{gap.key} {'/'.join(map(str, _numbers(gap.offset)))} to {now} {_UNITS[gap.offset.unit]}"
            )
    return ", ".join(words) or "nothing but the name"


_UNITS = {Unit.HOURS: "hours", Unit.DAYS: "days", Unit.WORKING_DAYS: "working days"}


def _numbers(offset: Offset) -> tuple[int, int, int]:
    return offset.min, offset.target, offset.max


def _between(plan: Plan, gap: SharedGap) -> Iterable[Action]:
    """Return the visits that a gap stands for."""
    same = _same(plan, gap.first, gap.offset)
    return [action for action in plan.actions if action.offset and _same(plan, action, action.offset) == same]


def _series(action: Fields) -> str | None:
    name: str | None = action.get("number", {}).get("series")
    return name


def _members(actions: list[Fields], series: str) -> list[Fields]:
    return sorted(
        (one for one in actions if _series(one) == series), key=lambda one: int(one["number"]["position"])
    )


def _comes_with(actions: list[Fields], series: str) -> bool:
    """Tell whether every member of a series follows a member of one other series: it comes with it."""
    of = {one["key"]: _series(one) for one in actions}
    followed = {of.get(one.get("after", {}).get("action", "")) for one in _members(actions, series)}
    return len(followed) == 1 and followed.isdisjoint({None, series}) and len(_members(actions, series)) > 1


def _resize(actions: list[Fields], series: str, count: int) -> None:
    """Give a series another number of members, at its end."""
    members = _members(actions, series)
    last, keys = members[min(count, len(members)) - 1], {one["key"] for one in members}
    beside = {name for one in actions if (name := _series(one)) and _comes_with(actions, name)}
    with_members = [one for one in actions if _series(one) in beside and one["after"]["action"] in keys]
    following = [
        one
        for one in actions
        if one.get("after", {}).get("action") in keys and one not in members and one not in with_members
    ]
    if count < len(members):
        _remove(actions, {one["key"] for one in members[count:]}, following)
    else:
        for number in range(len(members) + 1, count + 1):
            last = _append(actions, series, number, with_members)
    for one in following:
        if one["after"]["action"] == members[-1]["key"]:
            one["after"]["action"] = last["key"]
    for name in {series, *beside}:
        theirs = _members(actions, name)
        for one in theirs:
            one["number"]["of"] = len(theirs)


def _remove(actions: list[Fields], gone: set[str], following: list[Fields]) -> None:
    """Remove members of a series with what hangs on them; what follows the series stays."""
    kept = {one["key"] for one in following}
    more = gone
    while more:
        gone = gone | more
        more = {
            one["key"]
            for one in actions
            if one.get("after", {}).get("action") in gone and one["key"] not in gone | kept
        }
    actions[:] = [one for one in actions if one["key"] not in gone]
    for one in actions:
        if one.get("before") in gone:
            del one["before"]


def _append(actions: list[Fields], series: str, number: int, beside: list[Fields]) -> Fields:
    """Add one more member like the last one, with what hangs on that; return it."""
    former = _members(actions, series)[-1]
    added = deepcopy(former)
    added["key"] = f"{series}-{number}"
    added["number"]["position"] = number
    if number > 1:
        added["after"] = {**(added.get("after") or {}), "action": former["key"]}
    actions.append(added)
    for one in [each for each in beside if each["after"]["action"] == former["key"]]:
        name = one["number"]["series"]
        copy, position = deepcopy(one), len(_members(actions, name)) + 1
        copy["key"], copy["number"]["position"] = f"{name}-{position}", position
        copy["after"]["action"] = added["key"]
        if any("before" in each for each in _members(actions, name)):
            one["before"] = added["key"]
        actions.append(copy)
        beside.append(copy)
    return added


def _clipped(actions: list[Fields]) -> Any:
    def clipped(entry: Fields) -> Fields | None:
        """Return what may follow a missed dose, for the members that there still are."""
        length = len(_members(actions, entry["series"]))
        if "positions" not in entry:
            return entry if length else None
        first, last = entry["positions"]
        return None if first > length else {**entry, "positions": [first, min(last, length)]}

    return clipped
