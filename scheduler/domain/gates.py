"""Whether a gate is open for a visit: what it says, and for how long it holds, comes from the plan definition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from scheduler.domain.plans import Holds, RequirementDefinition


@dataclass(frozen=True, slots=True)
class Settled:
    """That a gate was closed: when, and up to and including which clinic-local day it is good."""

    closed_at: datetime
    valid_until_on: date | None = None
    waived: bool = False


def good_until(gate: RequirementDefinition, closed_on: date) -> date | None:
    """Return the last clinic-local day on which a gate closed on this day is good; None is for good."""
    if gate.holds is Holds.DAYS and gate.valid_days is not None:
        return closed_on + timedelta(days=gate.valid_days)
    return None


def held_until(gate: RequirementDefinition, valid_until_on: date | None, closed_on: date) -> date | None:
    """Return the last day of a gate closed on this day: never later than the plan allows, whatever was kept with it."""
    longest = good_until(gate, closed_on)
    return min((day for day in (valid_until_on, longest) if day is not None), default=None)


def why_open(
    gate: RequirementDefinition, settled: Settled | None, visit_start: datetime, visit_on: date
) -> str | None:
    """Return in words why the gate is open for a visit, None when it is closed.

    `visit_on` is the visit's clinic-local day. A waived gate is closed whatever its dates. A gate without a lead may be
    settled when a late patient has come, after the visit's start.
    """
    if gate.after_visit:
        return None
    if settled is None:
        return f"{gate.title} is missing"
    if settled.waived:
        return None
    if settled.valid_until_on is not None and visit_on > settled.valid_until_on:
        return f"{gate.title} is good until {settled.valid_until_on:%d %b %Y} only"
    if gate.lead and settled.closed_at > visit_start - gate.lead:
        hours = gate.lead // timedelta(hours=1)
        return f"{gate.title} must be settled {hours} hours before the visit"
    return None
