"""The booking form: from its fields to a patient's wishes, and back to what the form shows.

Unavailable dates are rows of a first and a last day (`away_from`, `away_until`); an empty last day is the first.
A pin is "action@2026-11-24T09:30", in the clinic's wall-clock time; a bent gap is "action:shortest:longest". A course
that starts in its middle names the last visit before (`had`), its day, and the days of earlier ones as `on-action`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Placement
from scheduler.domain.plans import Plan
from scheduler.domain.text import whole_number
from scheduler.errors import Invalid
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.clinic import places, plans, sites
from scheduler.services.planning import assignments
from scheduler.services.planning.earlier import Before, Earlier, earlier, line
from scheduler.services.planning.wishes import CourseRequest
from scheduler.web.local import LONGEST, iso_date, iso_time, read_date, read_instant, read_time

MOST_PINS = 60
DOSING = "dosing"  # what weekdays and times of day are asked of
USUAL_HOUR = time(10)  # of earlier visits, unless the desk says
Fields = MultiDict[str, str]


@dataclass(frozen=True)
class PinnedStart:
    """A visit that the desk wants at this start."""

    action: str
    start: datetime
    text: str


@dataclass(frozen=True)
class GapOverride:
    """A gap that may once be another: the shortest and the longest, in the unit of the action's own."""

    action: str
    least: int
    most: int
    text: str


def read(session: Session, actor: Actor, patient: Patient, form: Fields, now: datetime) -> CourseRequest:
    """Return the wishes in the form. Raises Invalid naming each field, NotFound for an unknown protocol or person."""
    definition, today = (
        plans.current(session, actor.clinic, form.get("plan_definition", "")),
        _today(actor, now),
    )
    before = before_of(form, definition.plan)
    not_before = read_date("not_before", form.get("not_before") or today.isoformat())
    known = Earlier()
    if before is not None:
        known = earlier(definition.plan, before, max(not_before, today), actor.clinic.zone, now)
    chosen = [
        places.get_practitioner(session, actor.clinic, one) for one in form.getlist("practitioner") if one
    ]
    assignments.require_for_course(definition.plan.firm, chosen, "practitioner")
    return CourseRequest(
        patient=patient,
        plan_definition=definition,
        not_before=not_before,
        weekdays=frozenset(_weekdays(form.getlist("weekdays"))),
        earliest=_time(form, "earliest"),
        latest=_time(form, "latest"),
        blocked_on=frozenset(_away(form, actor.clinic.settings.planning_horizon_days)),
        practitioners=tuple(chosen),
        pinned={pin.action: pin.start for pin in pins(form)},
        preferred=_time(form, "preferred"),
        done=known.done,
        skipped=known.skipped,
        slack=_slack(form, definition.plan),
        dosing_only=form.get("asked_of") == DOSING,
        site=sites.asked(session, actor.clinic, form.get("site", ""), "site", patient),
    )


def away_rows(form: Fields) -> list[tuple[str, str]]:
    """Return the rows of unavailable dates, first and last day, as the form shows them."""
    rows = zip_longest(form.getlist("away_from"), form.getlist("away_until"), fillvalue="")
    return [row for row in rows if any(row)]


def _away(form: Fields, most_days: int) -> Iterator[date]:
    """Yield each unavailable date. Raises Invalid for a last day without a first, or one before it."""
    for first_text, last_text in away_rows(form):
        if not first_text:
            raise Invalid([("away_from", "is needed with a last day")])
        first = read_date("away_from", first_text)
        last = read_date("away_until", last_text) if last_text else first
        if last < first:
            raise Invalid([("away_until", "is before the first day")])
        if (last - first).days >= most_days:
            raise Invalid([("away_until", f"is more than {most_days} days after the first day")])
        yield from (first + timedelta(days=n) for n in range((last - first).days + 1))


def _stretches(days: Iterable[date]) -> list[tuple[date, date]]:
    """Return dates as stretches of consecutive days."""
    found: list[tuple[date, date]] = []
    for on in sorted(days):
        if found and on - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], on)
        else:
            found.append((on, on))
    return found


def _slack(form: Fields, plan: Plan) -> dict[str, tuple[int, int]]:
    bent = {bend.action: (bend.least, bend.most) for bend in bends(form)}
    known = {action.key for action in plan.firm if action.offset}
    if unknown := bent.keys() - known:
        raise Invalid([("slack", f"{min(unknown)} has no spacing in this protocol")])
    return bent


def before_of(form: Fields, plan: Plan) -> Before | None:
    """Return what the form says of earlier visits; None where the patient had none of this protocol."""
    last = had(form, plan)
    if not last:
        return None
    days = {
        name.removeprefix("on-"): read_date(name, text)
        for name, text in form.items()
        if name.startswith("on-") and text
    }
    if form.get("last_on"):
        days[last] = read_date("last_on", form["last_on"])
    at, sides = _time(form, "last_at") or USUAL_HOUR, frozenset(form.getlist("had_with"))
    return Before(last, days, at, sides, settled="had_all" in form)


def had(form: Fields, plan: Plan) -> str:
    """Return the last visit before, if it is one of this protocol: another may have been chosen since."""
    wanted = form.get("had", "")
    return wanted if wanted in {action.key for action in line(plan)[:-1]} else ""


def bends(form: Fields) -> list[GapOverride]:
    """Return the gaps that are bent, without those undone. Raises Invalid."""
    taken_back = set(form.getlist("unbend"))
    found = (_bend(text) for text in form.getlist("slack")[:MOST_PINS])
    return [bend for bend in found if bend.action not in taken_back]


def changed(form: Fields, change: Mapping[str, Any]) -> Fields:
    """Return the form with a suggestion's change of the request, as the planner names its fields."""
    values: Fields = MultiDict(form)
    for name in ("csrf_token", "token", "pin", "unpin", "unbend", "earlier_for", "override_reason"):
        values.poplist(name)
    values.setlist("pinned", [pin.text for pin in pins(form)])
    for name, value in change.items():
        if name == "blocked_on":
            stretches = _stretches(value)
            values.setlist("away_from", [first.isoformat() for first, _ in stretches])
            values.setlist("away_until", [last.isoformat() for _, last in stretches])
        else:
            values.setlist(*_as_field(name, value, values))
    return values


def _as_field(name: str, value: Any, values: Fields) -> tuple[str, list[str]]:
    match name:
        case "practitioner_ids":
            return "practitioner", []
        case "weekdays":
            return "weekdays", [str(day) for day in sorted(value)]
        case "dosing_only":
            return "asked_of", [DOSING] if value else []
        case "pinned":
            return "pinned", [text for text in values.getlist("pinned") if text.partition("@")[0] in value]
        case "slack":
            return "slack", [f"{action}:{least}:{most}" for action, (least, most) in sorted(value.items())]
        case "not_before":
            return name, [value.isoformat()]
        case "earliest" | "latest":
            return name, [value.isoformat("minutes") if value else ""]
    raise ValueError(f"the form has no field {name}")


def pins(form: Fields) -> list[PinnedStart]:
    """Return what is pinned: what was, without what is let go, with what is new. Raises Invalid."""
    kept: dict[str, PinnedStart] = {}
    for text in [*form.getlist("pinned")[:MOST_PINS], *form.getlist("pin")]:
        pin = _pin(text)
        kept[pin.action] = pin
    for action in form.getlist("unpin"):
        kept.pop(action, None)
    return list(kept.values())


def pin_text(visit: Placement) -> str:
    """Return the text of a pin that keeps a proposed visit at its start."""
    return f"{visit.action}@{iso_date(visit.start)}T{iso_time(visit.start)}"


def start_values(patient: Patient, plan_key: str, today: date) -> Fields:
    """Return what an empty form shows: the patient's own preferences, from tomorrow on."""
    kept: Mapping[str, Any] = patient.preferences
    values: Fields = MultiDict()
    values["plan_definition"] = plan_key
    values["not_before"] = (today + timedelta(days=1)).isoformat()
    for name in ("earliest", "latest"):
        values[name] = kept.get(name) or ""
    values.setlist("weekdays", [str(day) for day in kept.get("weekdays", ())])
    return values


def _pin(text: str) -> PinnedStart:
    action, _, wall = text[:120].partition("@")
    try:
        local = datetime.fromisoformat(wall[:LONGEST])
    except ValueError:
        raise Invalid([("pin", "must be a visit with its local date and time")]) from None
    return PinnedStart(action, read_instant("pin", local.date(), local.time().replace(tzinfo=None)), text)


def _bend(text: str) -> GapOverride:
    action, _, gap = text[:120].partition(":")
    least, _, most = gap.partition(":")
    shortest, longest = whole_number(least), whole_number(most)
    if shortest is None or longest is None:
        raise Invalid([("slack", "must be a visit with its minimum and maximum spacing")])
    return GapOverride(action, shortest, longest, text)


def _today(actor: Actor, now: datetime) -> date:
    return local_on(now, actor.clinic.zone)


def _time(form: Fields, name: str) -> time | None:
    text = form.get(name, "")
    return read_time(name, text) if text else None


def _weekdays(texts: Iterable[str]) -> Iterable[int]:
    for text in texts:
        if text not in tuple("1234567"):
            raise Invalid([("weekdays", "must be from 1 (Monday) to 7")])
        yield int(text)
