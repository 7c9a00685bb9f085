"""The table of a protocol as a form: its fields with their values, what was typed, and where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from scheduler.domain.plan_files import to_document
from scheduler.domain.plan_files.differences import visit_names
from scheduler.domain.plan_files.variants import (
    Edits,
    Limits,
    SharedGap,
    counts,
    gaps,
    lengths,
    required,
    valid_days,
)
from scheduler.domain.plans import Action, Plan, Unit
from scheduler.domain.text import whole_number
from scheduler.errors import Invalid

PARTS = (("min", "Min"), ("ideal", "Ideal"), ("max", "Max"))
UNITS = {Unit.HOURS: "hours", Unit.DAYS: "days", Unit.WORKING_DAYS: "working days"}
PLAINER = {"must be [min, target, max] with min <= target <= max": "ideal must be between min and max"}
Form = MultiDict[str, str]


@dataclass(frozen=True)
class SpacingRow:
    """The spacing of one visit, or of several that share it: what they follow, and the visits for one each."""

    gap: SharedGap
    name: str
    follows: str
    unit: str

    @property
    def key(self) -> str:
        return self.gap.key

    @property
    def is_shared(self) -> bool:
        return len(self.gap.visits) > 1


@dataclass(frozen=True)
class ProtocolVisit:
    """The lengths of a kind of visit by phase, and its requirements; None where its visits differ in them."""

    key: str
    name: str
    minutes: Mapping[str, int]
    required: Sequence[str] | None


def rows(plan: Plan) -> list[SpacingRow]:
    """Return the rows of the table in the order of the protocol, those of a series together."""
    documents = {one["key"]: one for one in to_document(plan)["actions"]}
    series = list(dict.fromkeys(action.series or action.key for action in plan.actions))
    return [
        SpacingRow(
            gap,
            visit_names(documents[visit.key] for visit in gap.visits),
            _followed(plan, gap),
            UNITS[gap.offset.unit],
        )
        for gap in sorted(gaps(plan), key=lambda gap: series.index(gap.last.series or gap.key))
    ]


def kinds(plan: Plan) -> list[ProtocolVisit]:
    """Return the kinds of visit with what can be changed of each."""
    titles: dict[str, dict[str, None]] = {}
    for action in plan.actions:
        titles.setdefault(action.kind, {})[action.title] = None
    minutes, keys = lengths(plan), required(plan)
    return [
        ProtocolVisit(
            kind,
            ", ".join(names),
            {phase: length for (whose, phase), length in minutes.items() if whose == kind},
            keys.get(kind),
        )
        for kind, names in titles.items()
    ]


def title_of(plan: Plan, series: str) -> str:
    return next(action.title for action in plan.actions if action.series == series)


def values(plan: Plan) -> Form:
    """Return what the form holds before anything is typed."""
    form: Form = MultiDict({"title": plan.title, "source": plan.source, "save_as": "version"})
    form["variant_title"], form["variant_key"] = f"{plan.title} (variant)", f"{plan.key}-b"
    for series, count in counts(plan).items():
        form[f"count-{series}"] = str(count)
    for row in rows(plan):
        single = [f"one-{visit.key}" for visit in row.gap.visits] if row.is_shared else []
        if single:
            form[f"together-{row.key}"] = "yes"
        for name in [f"all-{row.key}", *single]:
            for (part, _), number in zip(PARTS, _limits(row.gap), strict=True):
                form[f"{name}-{part}"] = str(number)
    for kind in kinds(plan):
        for phase, length in kind.minutes.items():
            form[f"minutes-{kind.key}-{phase}"] = str(length)
        form.setlist(f"required-{kind.key}", list(kind.required or ()))
    for key, days in valid_days(plan).items():
        form[f"valid-{key}"] = str(days)
    return form


def edits(plan: Plan, form: Form) -> Edits:
    """Return what was typed. Raises Invalid naming each field that is no whole number."""
    wrong: list[tuple[str, str]] = []

    def number(name: str, *fields: str) -> int:
        found = whole_number(form.get(name, "").strip())
        if found is None:
            wrong.extend((field, "must be a whole number") for field in fields)
        return found or 0

    def limits(name: str, *visits: Action) -> Limits:
        fields = [f"{visit.key}.after" for visit in visits]
        least, ideal, most = (number(f"{name}-{part}", *fields) for part, _ in PARTS)
        return least, ideal, most

    spaced: dict[str, Limits] = {}
    for row in rows(plan):
        if f"together-{row.key}" in form or not row.is_shared:
            spaced |= row.gap.for_all(limits(f"all-{row.key}", *row.gap.visits))
        else:
            spaced |= {one.key: limits(f"one-{one.key}", one) for one in row.gap.visits}
    found = Edits(
        title=form.get("title", "").strip(),
        source=form.get("source", "").strip().replace("\r\n", "\n"),
        counted={series: number(f"count-{series}", series) for series in counts(plan)},
        minutes={
            (kind.key, phase): number(f"minutes-{kind.key}-{phase}", f"{kind.key}.phases")
            for kind in kinds(plan)
            for phase in kind.minutes
        },
        spaced=spaced,
        required={
            kind.key: form.getlist(f"required-{kind.key}")
            for kind in kinds(plan)
            if kind.required is not None
        },
        valid={key: number(f"valid-{key}", key) for key in valid_days(plan)},
    )
    if wrong:
        raise Invalid(list(dict.fromkeys(wrong)))
    return found


def wrong_rows(plan: Plan, refusal: Invalid) -> set[str]:
    """Return the keys of the rows and visits whose spacing is refused."""
    fields = [error["field"].split(".") for error in refusal.details["errors"]]
    visits = {field[0] for field in fields if len(field) > 1 and field[1] == "after"}
    return visits | {row.key for row in rows(plan) if visits & {one.key for one in row.gap.visits}}


def words(plan: Plan, refusal: Invalid) -> list[str]:
    """Return what is wrong for people: by titles, visits that share a fault together."""
    visits = {one["key"]: one for one in to_document(plan)["actions"]}
    requirements = {f"requirement {one.key}": one.title for one in plan.requirements}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for error in refusal.details["errors"]:
        key, _, rest = error["field"].partition(".")
        if key in visits:
            part = "spacing" if rest.startswith("after") else "length" if rest.startswith("phases") else rest
        elif key in requirements:
            part = f"{requirements[key]}: days" if rest else requirements[key]
        else:
            part = error["field"]
        named = found.setdefault((part, PLAINER.get(error["reason"], error["reason"])), [])
        if key in visits and visits[key] not in named:
            named.append(visits[key])
    return [": ".join(filter(None, (visit_names(named), *said))) for said, named in found.items()]


def _limits(gap: SharedGap) -> Limits:
    return gap.offset.min, gap.offset.target, gap.offset.max


def _followed(plan: Plan, gap: SharedGap) -> str:
    """Return what the visits of a gap follow, such as "Consent and plan" or "the one before"."""
    earlier = [plan.action(visit.offset.after) for visit in gap.visits if visit.offset]
    if len(earlier) == 1:
        return earlier[0].numbered_title
    return "the one before" if _is_series(gap.visits[-1], earlier[-1]) else f"its {earlier[0].title}"


def _is_series(visit: Action, earlier: Action) -> bool:
    return visit.series is not None and visit.series == earlier.series
