"""The short form of a plan file, written out.

A file names its kinds of visit once and writes a run of visits as one `series` entry with companions that
depend on its members. Written out, every visit is a plain action. Each keeps the path of the entry it came
from, so that any fault can be shown at its line. Expects a document that keeps the JSON
Schema.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.domain.plan_files.fault import Path

Fields = Mapping[str, Any]

FROM_VISIT = ("kind", "title", "phases", "requirements", "preparation", "visible", "dosing")


@dataclass(frozen=True, slots=True)
class SourcedAction:
    """A plain action, and the path of the file's entry it comes from."""

    path: Path
    action: dict[str, Any]

    @property
    def key(self) -> str:
        return str(self.action["key"])


def expand(document: Fields) -> list[SourcedAction]:
    """Return all actions of the document in plain form, in the file's order.

    A member of a series is followed by its companions. Unknown visits and missing gaps leave fields out: they
    are the rules' to report.
    """
    entries = list(enumerate(document["actions"]))
    lengths = series_lengths(document)
    reached: Counter[str] = Counter()
    steps: list[SourcedAction] = []
    for index, entry in entries:
        path: Path = ("actions", index)
        if "series" in entry:
            steps.extend(_run(entry, path, lengths, reached))
        else:
            own = {name: value for name, value in entry.items() if name != "visit"}
            steps.append(SourcedAction(path, _with_visit(own, entry.get("visit"))))
    visits = {visit["key"]: visit for visit in document.get("visits", ())}
    return [SourcedAction(step.path, _filled(step.action, visits)) for step in steps]


def series_lengths(document: Fields) -> Counter[str]:
    """Return how many members each series has, its entries and companions taken together."""
    lengths: Counter[str] = Counter()
    for entry in document["actions"]:
        if "series" in entry:
            lengths[entry["series"]] += entry["count"]
            for companion in entry.get("with_each", ()):
                lengths[companion["series"]] += len(companion.get("at", range(entry["count"])))
    return lengths


def gaps_needed(entry: Fields, already: int) -> int:
    """Return how many gaps a series entry needs when `already` members came before it."""
    joined = already > 0 and "after" not in entry.get("first", {})
    return int(entry["count"]) - 1 + joined


def _run(entry: Fields, path: Path, lengths: Counter[str], reached: Counter[str]) -> Iterator[SourcedAction]:
    name, already = entry["series"], reached[entry["series"]]
    gaps = iter(_gaps(entry, gaps_needed(entry, already)))
    for index in range(entry["count"]):
        reached[name] += 1
        position = reached[name]
        own = _numbered(entry, position, lengths[name])
        if index == 0:
            own |= entry.get("first", {})
        if position > 1 and "after" not in own:
            own["after"] = {"action": f"{name}-{position - 1}", **next(gaps, {})}
        yield SourcedAction(path, _with_visit(own, entry["visit"]))
        for number, companion in enumerate(entry.get("with_each", ())):
            if position in companion.get("at", (position,)):
                yield _companion(entry, companion, position, (*path, "with_each", number), lengths, reached)


def _companion(
    entry: Fields, companion: Fields, position: int, path: Path, lengths: Counter[str], reached: Counter[str]
) -> SourcedAction:
    name, host = companion["series"], entry["series"]
    reached[name] += 1
    own = _numbered(companion, reached[name], lengths[name])
    own["after"] = {"action": f"{host}-{position}", **companion["gap"]}
    if companion.get("before_next") and position < lengths[host]:
        own["before"] = f"{host}-{position + 1}"
    if entry.get("proposed"):
        own["proposed"] = True
    return SourcedAction(path, _with_visit(own, companion["visit"]))


def _gaps(entry: Fields, needed: int) -> list[Fields]:
    gap = entry.get("gap")
    if gap is None:
        return []
    return list(gap) if isinstance(gap, list) else [gap] * needed


def _numbered(entry: Fields, position: int, length: int) -> dict[str, Any]:
    name = entry["series"]
    own: dict[str, Any] = {"key": f"{name}-{position}"}
    own |= {field: entry[field] for field in ("title", "proposed") if field in entry}
    own["number"] = {"series": name, "position": position, "of": length}
    return own


def _with_visit(own: dict[str, Any], visit: str | None) -> dict[str, Any]:
    return own if visit is None else {**own, "visit": visit}


def _filled(action: dict[str, Any], visits: Mapping[str, Fields]) -> dict[str, Any]:
    name = action.pop("visit", None)
    visit = visits.get(name, {}) if name else {}
    found = {field: visit[field] for field in FROM_VISIT if field in visit}
    if visit:
        found.setdefault("kind", name)
    return found | action
