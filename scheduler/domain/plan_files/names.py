"""Rules on names in a plan file: each is given once, and each that is used is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scheduler.domain.plan_files.fault import Fault, Path
from scheduler.domain.plan_files.series import Fields, SourcedAction

WITHOUT_VISIT = ("kind", "title", "phases")


def name_faults(document: Fields) -> Iterator[Fault]:
    """Return the faults that can be seen before the series are written out."""
    for part in ("requirements", "visits", "preparations"):
        yield from _given_twice(document.get(part, ()), part)
    yield from _unknown_visits(document)
    yield from _unknown_details(document)
    yield from _unknown_preparations(document)


def step_faults(document: Fields, steps: Sequence[SourcedAction]) -> Iterator[Fault]:
    """Return the faults in the keys of the actions, series written out, and in the keys they refer to."""
    keys = [step.key for step in steps]
    for index, step in enumerate(steps):
        if step.key in keys[:index]:
            yield Fault(step.path, f"the key {step.key} is given twice")
    for path, entry in _entries(document):
        if "after" in entry and entry["after"]["action"] not in keys:
            yield _unknown((*path, "after", "action"), entry["after"]["action"], "actions")
        if "before" in entry and entry["before"] not in keys:
            yield _unknown((*path, "before"), entry["before"], "actions")


def missed_dose_faults(document: Fields, steps: Sequence[SourcedAction]) -> Iterator[Fault]:
    """Return the faults of `missed_doses`: a series without dosing visits, or positions that it does not have."""
    series = [
        step.action["number"]["series"] for step in steps if _gives_drug(step) and "number" in step.action
    ]
    for index, entry in enumerate(document.get("missed_doses", ())):
        path: Path = ("missed_doses", index)
        if entry["series"] not in series:
            yield Fault((*path, "series"), f"no visit of the series {entry['series']} gives the drug")
        elif "positions" in entry:
            first, last = entry["positions"]
            if not first <= last <= series.count(entry["series"]):
                count = series.count(entry["series"])
                yield Fault((*path, "positions"), f"must be two numbers from 1 to {count}, the lower first")


def _gives_drug(step: SourcedAction) -> bool:
    return bool(step.action.get("dosing", False))


def _given_twice(entries: Sequence[Fields], part: str) -> Iterator[Fault]:
    seen = set()
    for index, entry in enumerate(entries):
        if entry["key"] in seen:
            yield Fault((part, index, "key"), f"the key {entry['key']} is given twice")
        seen.add(entry["key"])


def _unknown_visits(document: Fields) -> Iterator[Fault]:
    visits = {visit["key"] for visit in document.get("visits", ())}
    for path, entry in _entries(document):
        if "visit" in entry:
            if entry["visit"] not in visits:
                yield _unknown((*path, "visit"), entry["visit"], "visits")
        elif path[-1] != "first" and (missing := [field for field in WITHOUT_VISIT if field not in entry]):
            yield Fault(path, f"must name a visit, or set {', '.join(missing)}")


def _unknown_details(document: Fields) -> Iterator[Fault]:
    requirements = {requirement["key"] for requirement in document.get("requirements", ())}
    preparations = {preparation["key"] for preparation in document.get("preparations", ())}
    visits = [(("visits", index), visit) for index, visit in enumerate(document.get("visits", ()))]
    for path, entry in (*visits, *_entries(document)):
        for number, requirement in enumerate(entry.get("requirements", ())):
            if requirement not in requirements:
                yield _unknown((*path, "requirements", number), requirement, "requirements")
        if "preparation" in entry and entry["preparation"] not in preparations:
            yield _unknown((*path, "preparation"), entry["preparation"], "preparations")


def _entries(document: Fields) -> Iterator[tuple[Path, Fields]]:
    """Return everything that describes actions: entries, what is special of the first, companions."""
    for index, entry in enumerate(document["actions"]):
        yield ("actions", index), entry
        if "first" in entry:
            yield ("actions", index, "first"), entry["first"]
        for number, companion in enumerate(entry.get("with_each", ())):
            yield ("actions", index, "with_each", number), companion


def _unknown(path: Path, name: str, part: str) -> Fault:
    return Fault(path, f"{name} is not among the {part}")


def _unknown_preparations(document: Fields) -> Iterator[Fault]:
    preparations = document.get("preparations", ())
    bases = {entry["key"]: entry.get("extends") for entry in preparations}
    for index, entry in enumerate(preparations):
        base = entry.get("extends")
        if base is not None and base not in bases:
            yield _unknown(("preparations", index, "extends"), base, "preparations")
        elif _comes_back(entry["key"], bases):
            yield Fault(("preparations", index, "extends"), f"{entry['key']} extends itself in a cycle")


def _comes_back(key: str, bases: Fields) -> bool:
    way, base = {key}, bases.get(key)
    while base is not None and base not in way:
        way.add(base)
        base = bases.get(base)
    return base is not None
