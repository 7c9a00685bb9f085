"""What differs between two protocols, in words for the person who is about to save one of them.

Both are compared as plain documents (documents.to_document), so nothing that a protocol says can change unseen. Visits
of one series that change in the same way are named together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.domain.plan_files.documents import to_document
from scheduler.domain.plans import Plan, Unit

Fields = dict[str, Any]
UNITS = {Unit.HOURS: "hour", Unit.DAYS: "day", Unit.WORKING_DAYS: "working day"}
NOTHING = "none"
FLAGS = {"visible": True, "proposed": False, "dosing": False}  # what is meant where they are left out
KEPT_APART = {"key", "number", "after", "before", "phases"}  # parts of a visit that have words of their own


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """A part of a protocol (`where`: the visits, a requirement), what about it, and its value before and after."""

    where: str
    what: str
    before: str
    after: str


def differences(before: Plan, after: Plan) -> list[PlanDifference]:
    """Return what `after` says that `before` does not, in the order of a protocol. Keys and versions do not count."""
    old, new = to_document(before), to_document(after)
    return [
        *_of_fields("Protocol", old, new, ("title", "description", "source")),
        *_counts(old, new),
        *_of_visits(old, new),
        *_of_entries("Requirement", old, new, "requirements"),
        *_of_preparations(old, new),
        *_missed_doses(old, new),
    ]


def in_one_line(found: Iterable[PlanDifference]) -> str:
    """Return differences as a protocol's source names them."""
    return "; ".join(f"{one.where}: {one.what} {one.after} (before: {one.before})" for one in found)


def visit_names(actions: Iterable[Mapping[str, Any]]) -> str:
    """Return visits of a document by their titles, members of a series by their numbers: "Infusion 2 to 6"."""
    positions: dict[str, list[int]] = {}
    for action in actions:
        numbers = positions.setdefault(str(action["title"]), [])
        if "number" in action:
            numbers.append(int(action["number"]["position"]))
    return ", ".join(f"{title} {_ranges(sorted(numbers))}".strip() for title, numbers in positions.items())


def spacing_words(after: Mapping[str, Any]) -> str:
    """Return a gap of a document, such as "2 to 4 days, ideally 3"."""
    unit = next(unit for unit in Unit if unit.value in after)
    least, ideal, most = after[unit.value]
    noun = f"{UNITS[unit]}{'' if most == 1 else 's'}"
    noun += " after its end" if after.get("from") == "end" else ""
    words = f"{most} {noun}" if least == ideal == most else f"{least} to {most} {noun}, ideally {ideal}"
    return f"{words}, never overridden" if after.get("hard") else words


def _ranges(numbers: list[int]) -> str:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _of_fields(where: str, old: Fields, new: Fields, names: Iterable[str]) -> Iterator[PlanDifference]:
    for name in names:
        if old.get(name) != new.get(name):
            yield PlanDifference(where, name.replace("_", " "), _said(old.get(name)), _said(new.get(name)))


def _counts(old: Fields, new: Fields) -> Iterator[PlanDifference]:
    counted = [_by_series(document["actions"]) for document in (old, new)]
    for series in {**counted[0], **counted[1]}:
        were, are = (len(each.get(series, ())) for each in counted)
        if were != are:
            members = counted[1].get(series) or counted[0][series]
            yield PlanDifference(str(members[0]["title"]), "number of visits", str(were), str(are))
    alone = [
        {one["key"]: one for one in document["actions"] if "number" not in one} for document in (old, new)
    ]
    for key in {**alone[0], **alone[1]}:
        if (key in alone[0]) != (key in alone[1]):
            visit = alone[0].get(key) or alone[1][key]
            was, now = (str(int(key in each)) for each in alone)
            yield PlanDifference(str(visit["title"]), "number of visits", was, now)


def _by_series(actions: Iterable[Fields]) -> dict[str, list[Fields]]:
    found: dict[str, list[Fields]] = {}
    for action in actions:
        if "number" in action:
            found.setdefault(action["number"]["series"], []).append(action)
    return found


def _of_visits(old: Fields, new: Fields) -> Iterator[PlanDifference]:
    """Return what differs in the visits that both have, the same change of several of them once."""
    before = {one["key"]: one for one in old["actions"]}
    after = {one["key"]: one for one in new["actions"]}
    changed: dict[tuple[str, str, str], list[Fields]] = {}
    for key, visit in after.items():
        if key in before:
            for change in _of_visit(before[key], visit, before, after):
                changed.setdefault(change, []).append(visit)
    both = [one for one in before if one in after]
    if both != [one for one in after if one in before]:
        changed["order", _titles(both, before), _titles(list(after), after)] = [after[one] for one in both]
    for (what, was, now), visits in changed.items():
        yield PlanDifference(visit_names(visits), what, was, now)


def _titles(keys: Iterable[str], visits: Mapping[str, Fields]) -> str:
    return ", ".join(visit_names([visits[key]]) for key in keys)


def _of_visit(
    old: Fields, new: Fields, before: Mapping[str, Fields], after: Mapping[str, Fields]
) -> Iterator[tuple[str, str, str]]:
    compared = {
        "spacing": (_gap(old), _gap(new)),
        "comes after": (_followed(old, before), _followed(new, after)),
        "ends before": (_ends_before(old, before), _ends_before(new, after)),
        "place in a series": (_place(old), _place(new)),
    }
    for what, (was, now) in compared.items():
        if was != now:
            yield what, was, now
    yield from _of_phases(old["phases"], new["phases"])
    for name in {**old, **new}:
        values = [one.get(name, FLAGS.get(name)) for one in (old, new)]
        if name not in KEPT_APART and values[0] != values[1]:
            yield _WORDS.get(name, name), _said(values[0]), _said(values[1])


_WORDS = {"requirements": "requires", "preparation": "preparation text"}


def _gap(visit: Fields) -> str:
    return spacing_words(visit["after"]) if "after" in visit else NOTHING


def _followed(visit: Fields, visits: Mapping[str, Fields]) -> str:
    """Return what a visit follows; of a series by how the two belong together, whatever their numbers."""
    if "after" not in visit:
        return NOTHING
    earlier = visits[visit["after"]["action"]]
    distance = _position(visit) - _position(earlier)
    if _series(visit) == _series(earlier) != NOTHING and distance == 1:
        return "the one before it"
    return visit_names([earlier])


def _ends_before(visit: Fields, visits: Mapping[str, Fields]) -> str:
    """Return which visit must not start before this one has ended, a member of a series by its distance."""
    if "before" not in visit:
        return NOTHING
    later, earlier = visits[visit["before"]], visits[visit["after"]["action"]]
    if _series(later) == _series(earlier) != NOTHING and _position(later) == _position(earlier) + 1:
        return f"the next {later['title']}"
    return visit_names([later])


def _series(visit: Fields) -> str:
    return str(visit["number"]["series"]) if "number" in visit else NOTHING


def _place(visit: Fields) -> str:
    return f"{_series(visit)} {_position(visit)}"


def _position(visit: Fields) -> int:
    return int(visit["number"]["position"]) if "number" in visit else 0


def _of_phases(old: list[Fields], new: list[Fields]) -> Iterator[tuple[str, str, str]]:
    shapes = [[{**phase, "minutes": 0} for phase in phases] for phases in (old, new)]
    if shapes[0] != shapes[1]:
        yield "parts", _said(old), _said(new)
        return
    for was, now in zip(old, new, strict=True):
        if was["minutes"] != now["minutes"]:
            yield f"{was['name'].replace('-', ' ')} part", f"{was['minutes']} min", f"{now['minutes']} min"


def _of_entries(word: str, old: Fields, new: Fields, part: str) -> Iterator[PlanDifference]:
    before, after = ({one["key"]: one for one in document[part]} for document in (old, new))
    for key in {**before, **after}:
        was, now = before.get(key), after.get(key)
        if was is None or now is None:
            yield PlanDifference(f"{word} {key}", "entry", _said(was), _said(now))
        elif was != now:
            yield from _of_fields(f"{word} {key}", was, now, {**was, **now})
    both = [key for key in before if key in after]
    if both != [key for key in after if key in before]:
        yield PlanDifference(f"{word}s", "order", ", ".join(before), ", ".join(after))


def _of_preparations(old: Fields, new: Fields) -> Iterator[PlanDifference]:
    """Return the lines of preparation texts that are gone or new, by text and language."""
    before, after = (_texts(document["preparations"]) for document in (old, new))
    for where in {**before, **after}:
        was, now = before.get(where, []), after.get(where, [])
        if was != now:
            gone, added = [one for one in was if one not in now], [one for one in now if one not in was]
            if not gone and not added:  # the same lines in another order
                gone, added = was, now
            yield PlanDifference(where, "lines", " / ".join(gone) or NOTHING, " / ".join(added) or NOTHING)
    if list(before) != list(after) and set(before) == set(after):
        yield PlanDifference("Preparations", "order", ", ".join(before), ", ".join(after))


def _texts(preparations: Iterable[Fields]) -> dict[str, list[str]]:
    return {
        f"Preparation {one['key']} ({text['language']})": [_said(line) for line in text["lines"]]
        for one in preparations
        for text in one["texts"]
    }


def _missed_doses(old: Fields, new: Fields) -> Iterator[PlanDifference]:
    was, now = ([_said(one) for one in document.get("missed_doses", ())] for document in (old, new))
    if was != now:
        gone, added = [one for one in was if one not in now], [one for one in now if one not in was]
        if not gone and not added:
            gone, added = was, now
        yield PlanDifference(
            "Missed or late dosing visits",
            "advice",
            " / ".join(gone) or NOTHING,
            " / ".join(added) or NOTHING,
        )


def _said(value: Any) -> str:
    """Return any value of a document for people."""
    if value is None or value in ([], {}, ""):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {_said(one)}" for name, one in value.items())
    return str(value)
