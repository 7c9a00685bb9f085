"""A protocol made from another: other counts, lengths, spacing and requirements, everything else as it was.

It works on the plain document of a plan (documents.to_document), in which every series is written out. What hangs on
each member of a series (its therapy, its call) comes and goes with it; what follows the last member goes on following
the last one. The result is a new version of the same protocol, or under another key a protocol beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from scheduler.domain.plan_files.differences import differences, in_one_line
from scheduler.domain.plan_files.documents import from_document, to_document
from scheduler.domain.plans import Action, Offset, Plan

Fields = dict[str, Any]
Limits = tuple[int, int, int]
MINUTE = 60


@dataclass(frozen=True)
class SharedGap:
    """The gap before one visit, or before several in a row of one series that have the same one."""

    visits: tuple[Action, ...]
    offset: Offset

    @property
    def key(self) -> str:
        return self.visits[0].key

    @property
    def last(self) -> Action:
        return self.visits[-1]

    def for_all(self, limits: Limits) -> dict[str, Limits]:
        """Return the same limits for each of its visits."""
        return {visit.key: limits for visit in self.visits}


@dataclass(frozen=True)
class Edits:
    """What is to be different; what is left out stays.

    Counts by series, minutes by kind of visit and phase, limits of gaps by the key of the visit, required keys by kind,
    days for which a requirement is good, or within which a duty after the visit is due, by its key.
    """

    title: str = ""
    source: str = ""
    counted: Mapping[str, int] = field(default_factory=dict)
    minutes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    spaced: Mapping[str, Limits] = field(default_factory=dict)
    required: Mapping[str, Collection[str]] = field(default_factory=dict)
    valid: Mapping[str, int] = field(default_factory=dict)


def counts(plan: Plan) -> dict[str, int]:
    """Return how many visits each series has whose number can be chosen: not those that come with another one."""
    names = dict.fromkeys(action.series for action in plan.actions if action.series)
    free = [name for name in names if not _comes_with(to_document(plan)["actions"], name)]
    return {name: sum(action.series == name for action in plan.actions) for name in free}


def lengths(plan: Plan) -> dict[tuple[str, str], int]:
    """Return the minutes of each phase, by kind of visit and name of the phase, in the order of the plan.

    A phase whose length differs between the visits of a kind is left out.
    """
    found: dict[tuple[str, str], set[int]] = {}
    for action in plan.actions:
        for phase in action.phases:
            minutes = int(phase.length.total_seconds()) // MINUTE
            found.setdefault((action.kind, phase.name), set()).add(minutes)
    return {phase: minutes.pop() for phase, minutes in found.items() if len(minutes) == 1}


def required(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return the requirements of each kind of visit, but not of one whose visits differ in them."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for action in plan.actions:
        found.setdefault(action.kind, set()).add(action.requirements)
    return {kind: keys.pop() for kind, keys in found.items() if len(keys) == 1}


def valid_days(plan: Plan) -> dict[str, int]:
    """Return the days of each requirement that has some."""
    return {one.key: one.valid_days for one in plan.requirements if one.valid_days is not None}


def gaps(plan: Plan) -> list[SharedGap]:
    """Return the gaps of the plan in its order, neighbors of a series with the same gap as one."""
    found: list[SharedGap] = []
    latest: dict[str, int] = {}
    for action in plan.actions:
        if action.offset is None:
            continue
        name = action.series or action.key
        known = found[latest[name]] if name in latest else None
        if known and _same(plan, known.last) == _same(plan, action):
            found[latest[name]] = replace(known, visits=(*known.visits, action))
        else:
            latest[name] = len(found)
            found.append(SharedGap((action,), action.offset))
    return found


def _same(plan: Plan, action: Action) -> tuple[object, ...]:
    """Return what visits of a series have in common that share a gap; its first one follows something else."""
    offset = action.offset
    assert offset is not None  # noqa: S101  (the caller leaves the first visit out)
    in_series = action.series is not None and plan.action(offset.after).series == action.series
    return (in_series, offset.min, offset.target, offset.max, offset.unit, offset.edge, offset.hard)


def edited(plan: Plan, edits: Edits, *, key: str = "") -> Fields:
    """Return the document of a protocol with these edits, under its own key or another. It is still to be checked.

    Unless the edits give another source, it says what was changed.
    """
    document = deepcopy(to_document(plan))
    document |= {"title": edits.title or plan.title, "source": edits.source or plan.source}
    actions = document["actions"]
    for action in actions:
        for phase in action["phases"]:
            phase["minutes"] = edits.minutes.get((action["kind"], phase["name"]), phase["minutes"])
        if action["kind"] in edits.required:
            _require(action, edits.required[action["kind"]], plan)
    for requirement in document["requirements"]:
        days = "within_days" if requirement.get("after_visit") else "valid_days"
        if requirement["key"] in edits.valid and days in requirement:
            requirement[days] = edits.valid[requirement["key"]]
    by_key = {action["key"]: action for action in actions}
    for name, limits in edits.spaced.items():
        offset = plan.action(name).offset
        if offset is not None:
            by_key[name]["after"][offset.unit.value] = list(limits)
    for series, count in edits.counted.items():
        _resize(actions, series, count)
    advice = [one for one in map(_clipped(actions), document.pop("missed_doses", ())) if one]
    document |= {"missed_doses": advice} if advice else {}
    if edits.source in ("", plan.source):
        document["source"] = _source(plan, document)
    return document | {"key": key or plan.key}


def _require(action: Fields, wanted: Collection[str], plan: Plan) -> None:
    """Give a visit its requirements in the order of the protocol."""
    keys = [one.key for one in plan.requirements if one.key in wanted]
    action.pop("requirements", None)
    if keys:
        action["requirements"] = keys


def _source(plan: Plan, document: Fields) -> str:
    """Return the source of a changed protocol: that of the former one, and what was changed without a source."""
    before = to_document(plan)
    if all(document[part] == before[part] for part in ("actions", "requirements")):
        return plan.source
    changes = in_one_line(differences(plan, from_document({**document, "title": plan.title})))
    return (
        f"{plan.source} Changed from {plan.title}, version {plan.version}; ours, without a source: {changes}."
    )


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
