"""Public holidays of a clinic's country and state, closed for a whole clinic-local day.

The days come from the `holidays` package. A clinic decides which it keeps; a day that is closed already stays as it is,
so asking twice closes nothing twice. A holiday that falls on a weekend counts also on the day it is observed instead.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

import holidays
from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds
from scheduler.errors import Invalid
from scheduler.models.schedule import Closure, ClosureKind, closures
from scheduler.services import schedules
from scheduler.services.actors import Actor

OBSERVED = " (observed)"


def public(
    country: str, subdivision: str | None, first: date, last: date, names: Collection[str] | None = None
) -> dict[date, str]:
    """Return the public holidays between two days, both included; `names` keeps only those, None keeps all.

    Country and subdivision are ISO 3166 codes. Raises Invalid for one that the package does not know.
    """
    years = range(first.year, last.year + 1)
    try:
        known = holidays.country_holidays(country, subdiv=subdivision, years=years)
    except NotImplementedError as unknown:
        raise Invalid([("country", str(unknown))]) from None
    wanted = None if names is None else set(names)
    return {
        day: title
        for day, title in sorted(known.items())
        if first <= day <= last
        and (wanted is None or wanted & {name.removesuffix(OBSERVED) for name in title.split("; ")})
    }


def close_public(
    session: Session,
    actor: Actor,
    first: date,
    last: date,
    now: datetime,
    names: Collection[str] | None = None,
) -> list[Closure]:
    """Close the clinic on its public holidays between two days; return what was added."""
    added = []
    clinic = actor.clinic
    for day, title in public(clinic.country, clinic.subdivision, first, last, names).items():
        start, end = day_bounds(day, clinic.zone)
        there = closures(session, clinic.id, start, end)
        if not any(one.resource_id is None and one.start_at <= start and one.end_at >= end for one in there):
            closure, _ = schedules.close(
                session, actor, start, end, now, kind=ClosureKind.HOLIDAY, reason=title[:200]
            )
            added.append(closure)
    return added


def year_of(year: int) -> tuple[date, date]:
    """Return the first and the last day of a year."""
    return date(year, 1, 1), date(year + 1, 1, 1) - timedelta(days=1)
