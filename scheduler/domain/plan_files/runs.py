"""Rules on series in a plan file: enough gaps, numbers that exist, one way of booking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from scheduler.domain.plan_files.fault import Fault, Path
from scheduler.domain.plan_files.series import Fields, gaps_needed

MOST_ACTIONS = 200


def run_faults(document: Fields) -> Iterator[Fault]:
    """Return the faults of the entries that stand for several visits."""
    reached: Counter[str] = Counter()
    proposed: dict[str, bool] = {}
    runs = [(("actions", i), entry) for i, entry in enumerate(document["actions"]) if "series" in entry]
    names = {entry["series"] for _, entry in runs}
    for path, entry in runs:
        name, already = entry["series"], reached[entry["series"]]
        reached[name] += entry["count"]
        yield from _gap_faults(path, entry, gaps_needed(entry, already))
        if proposed.setdefault(name, entry.get("proposed", False)) != entry.get("proposed", False):
            yield Fault(
                path, f"the series {name} is booked in one entry and proposed in another; name them apart"
            )
        yield from _companion_faults(path, entry, already, names)
    if (total := _total(document)) > MOST_ACTIONS:
        yield Fault(("actions",), f"the plan has {total} visits; at most {MOST_ACTIONS} are possible")


def _gap_faults(path: Path, entry: Fields, needed: int) -> Iterator[Fault]:
    gap = entry.get("gap")
    if gap is None and needed:
        yield Fault(path, f"must have a gap between the visits of the series {entry['series']}")
    elif isinstance(gap, list) and len(gap) != needed:
        yield Fault(
            (*path, "gap"), f"has {len(gap)} gaps; the series needs {needed}, one before each next visit"
        )


def _companion_faults(path: Path, entry: Fields, already: int, names: set[str]) -> Iterator[Fault]:
    first, last = already + 1, already + entry["count"]
    for number, companion in enumerate(entry.get("with_each", ())):
        here = (*path, "with_each", number)
        if companion["series"] in names:
            yield Fault(
                (*here, "series"), f"{companion['series']} is the name of a series of its own; choose another"
            )
        for index, position in enumerate(companion.get("at", ())):
            if not first <= position <= last:
                yield Fault(
                    (*here, "at", index), f"{position} is not a number of this entry ({first} to {last})"
                )


def _total(document: Fields) -> int:
    total = 0
    for entry in document["actions"]:
        count = entry.get("count", 1)
        total += count + sum(len(each.get("at", range(count))) for each in entry.get("with_each", ()))
    return total
