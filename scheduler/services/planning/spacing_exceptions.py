"""Why a course ends late that keeps the spacing: the closed days behind it, by name, and the exception around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.planner.answers.words import listed
from scheduler.domain.planner.values import Proposal, SpacingException
from scheduler.models.clinic import Clinic
from scheduler.models.schedule import closures
from scheduler.services.planning.wishes import CourseRequest


@dataclass(frozen=True)
class NamedException:
    """An exception to the spacing, and what makes a course late without it. Dates are clinic-local."""

    exception: SpacingException
    why: str
    starts_on: date
    ends_on: date

    def wishes(self, wishes: CourseRequest) -> CourseRequest:
        """Return the wishes with the gaps that the exception asks for: booking then asks for a reason."""
        return replace(wishes, slack={**wishes.slack, **self.exception.slack})


def named(session: Session, clinic: Clinic, best: Proposal) -> list[NamedException]:
    """Return the exceptions of a proposal with the reasons for them, the earliest end first."""
    known = closed_days(session, clinic, [on for one in best.exceptions for on in one.closed])
    return [_named(clinic, one, known) for one in best.exceptions]


def closed_days(session: Session, clinic: Clinic, days: Sequence[date]) -> dict[date, str]:
    """Return why the whole clinic is closed on days from the first to the last of these, by day."""
    if not days:
        return {}
    first, last = day_bounds(min(days), clinic.zone)[0], day_bounds(max(days), clinic.zone)[1]
    found: dict[date, str] = {}
    for closure in closures(session, clinic.id, first, last):
        if closure.resource_id is None:
            on = closure.local_start.date()
            while on <= (closure.local_end - timedelta(minutes=1)).date():
                found[on] = closure.reason or closure.kind.value
                on += timedelta(days=1)
    return found


def _named(clinic: Clinic, one: SpacingException, known: Mapping[date, str]) -> NamedException:
    starts = [local_on(visit.start, clinic.zone) for visit in one.proposal.visits]
    return NamedException(one, _why(clinic, one, known), min(starts), max(starts))


def _why(clinic: Clinic, one: SpacingException, known: Mapping[date, str]) -> str:
    day = clinic.formats.day
    if one.closed:
        reasons = dict.fromkeys(known[on] for on in one.closed if on in known)
        named = f" ({listed(list(reasons))})" if reasons else ""
        return f"The clinic is closed on {listed([day(on) for on in one.closed])}{named}."
    if one.away:
        return f"The patient is unavailable on {listed([day(on) for on in one.away])}."
    return "Too few times are free between the two visits."
