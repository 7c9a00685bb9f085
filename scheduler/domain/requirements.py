"""Whether a requirement is open for a visit. What it says and how long it holds comes from the plan definition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from scheduler.domain.formats import Formats
from scheduler.domain.plans import Holds, RequirementDefinition


@dataclass(frozen=True, slots=True)
class Settled:
    """That a requirement was closed: when, and from and up to which clinic-local days it is good.

    `waived` stands for one that does not apply, too. `visits` is for how many visits it is good.
    """

    completed_at: datetime
    valid_until_on: date | None = None
    waived: bool = False
    valid_from_on: date | None = None
    visits: int | None = None


def good_until(requirement: RequirementDefinition, closed_on: date) -> date | None:
    """Return the last clinic-local day on which a requirement closed on this day is good; None is for good."""
    if requirement.holds is Holds.DAYS and requirement.valid_days is not None:
        return closed_on + timedelta(days=requirement.valid_days)
    return None


def held_until(
    requirement: RequirementDefinition, valid_until_on: date | None, closed_on: date
) -> date | None:
    """Return the last day of a requirement completed on this day: never later than the plan allows."""
    longest = good_until(requirement, closed_on)
    return min((day for day in (valid_until_on, longest) if day is not None), default=None)


def why_open(
    requirement: RequirementDefinition,
    settled: Settled | None,
    visit_start: datetime,
    visit_on: date,
    formats: Formats,
    *,
    asked: bool = True,
    number: int | None = None,
) -> str | None:
    """Return in words why the requirement is open for a visit, None when it is closed.

    `visit_on` is the visit's clinic-local day. A waived requirement is closed on any date. A requirement without
    a lead may be settled when a late patient has come, after the visit's start. `asked` tells whether it is known that
    it applies. `number` is the visit's place, from 1, among those for which a requirement of Holds.VISITS counts.
    """
    if requirement.after_visit:
        return None
    title = requirement.title
    if settled is None:
        known = asked or not requirement.if_applies
        return f"{title} not recorded" if known else f"{title}: not asked yet whether it applies"
    if settled.waived:
        return None
    if settled.valid_until_on is not None and visit_on > settled.valid_until_on:
        return f"{title} is valid only through {formats.date(settled.valid_until_on)}"
    if settled.valid_from_on is not None and visit_on < settled.valid_from_on:
        return f"{title} is valid from {formats.date(settled.valid_from_on)} on"
    if settled.visits is not None and number is not None and number > settled.visits:
        return f"{title} is valid for {settled.visits} visits, and this is number {number}"
    if requirement.lead and settled.completed_at > visit_start - requirement.lead:
        hours = requirement.lead // timedelta(hours=1)
        return f"{title} must be completed {hours} hours before the visit"
    return None
