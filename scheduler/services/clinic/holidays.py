"""Public holidays of a clinic's country and state, closed for a whole clinic-local day.

The days come from the `holidays` package. A clinic decides which it keeps; a day that is closed already stays as it is,
so asking twice closes nothing twice. A holiday that falls on a weekend counts also on the day it is observed instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import holidays
from holidays.registry import COUNTRIES
from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds
from scheduler.errors import Invalid, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.schedule import Closure, ClosureKind, closures, hours
from scheduler.services.actors import Actor
from scheduler.services.clinic import schedules
from scheduler.services.trail import audit

OBSERVED = " (observed)"
WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")  # the package calls a country UnitedStates
NAMES = {codes[1]: WORDS.sub(" ", codes[0]) for codes in COUNTRIES.values()}


@dataclass(frozen=True)
class Holiday:
    """A public holiday, what closes the clinic then (None: nothing), and whether it works on such a weekday at all."""

    on: date
    name: str
    closure: Closure | None
    works: bool

    @property
    def own(self) -> bool:
        """Whether the day is closed as this holiday, and not as part of something longer."""
        return self.closure is not None and _is_one_holiday(self.closure)


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


def countries() -> list[tuple[str, str]]:
    """Return the countries whose holidays are known, as code and name, by name."""
    known = holidays.list_supported_countries(include_aliases=False)
    return sorted(((code, NAMES.get(code, code)) for code in known), key=lambda pair: pair[1])


def subdivisions(country: str) -> list[tuple[str, str]]:
    """Return the states or provinces of a country that have holidays of their own, as code and name, by name."""
    known = holidays.list_supported_countries(include_aliases=False).get(country, [])
    aliases = holidays.country_holidays(country).get_subdivision_aliases() if known else {}
    return sorted(
        ((code, next(iter(aliases.get(code, ())), code)) for code in known), key=lambda pair: pair[1]
    )


def set_region(session: Session, actor: Actor, country: str, subdivision: str | None, now: datetime) -> None:
    """Say in which country and state the clinic is. Raises Invalid. What is closed already stays closed."""
    if country not in dict(countries()):
        raise Invalid([("country", "is not a country whose holidays are known")])
    if subdivision is not None and subdivision not in dict(subdivisions(country)):
        raise Invalid([("subdivision", f"is not a state or province of {NAMES.get(country, country)}")])
    clinic = actor.clinic
    told = {"country": country, "subdivision": subdivision}
    changed = [name for name, value in told.items() if getattr(clinic, name) != value]
    if changed:
        clinic.country, clinic.subdivision = country, subdivision
        audit.record(session, actor, "clinic.changed", clinic, now, changed)
        session.flush()


def listed(session: Session, clinic: Clinic, year: int) -> list[Holiday]:
    """Return the public holidays of a year, and how the clinic stands to each. Raises Invalid."""
    first, last = year_of(year)
    shut = closures(session, clinic.id, day_bounds(first, clinic.zone)[0], day_bounds(last, clinic.zone)[1])
    weekdays = {row.weekday for row in hours(session, clinic.id, None)}
    return [
        Holiday(on, name, _closing(clinic, shut, on), on.isoweekday() in weekdays)
        for on, name in public(clinic.country, clinic.subdivision, first, last).items()
    ]


def close_day(session: Session, actor: Actor, on: date, now: datetime) -> list[Appointment]:
    """Close the clinic on a public holiday; return the visits that must be moved. Raises Invalid."""
    clinic = actor.clinic
    names = public(clinic.country, clinic.subdivision, on, on)
    if on not in names:
        raise Invalid([("date", f"{clinic.formats.dated(on)} is not a public holiday here")])
    start, end = day_bounds(on, clinic.zone)
    if _closing(clinic, closures(session, clinic.id, start, end), on) is not None:
        return []
    return _close(session, actor, on, names[on], now)[1]


def open_day(session: Session, actor: Actor, on: date, now: datetime) -> None:
    """Work on a public holiday after all; on a day that is open nothing changes.

    Raises WrongStatus when the day is part of something that closes longer, which is undone as a whole.
    """
    start, end = day_bounds(on, actor.clinic.zone)
    for closure in closures(session, actor.clinic.id, start, end):
        if _covers(closure, start, end):
            if not _is_one_holiday(closure):
                raise WrongStatus(
                    f"{actor.clinic.formats.dated(on)} is closed by {closure.reason or 'a longer closure'}"
                )
            schedules.reopen(session, actor, closure, now)


def close_public(
    session: Session,
    actor: Actor,
    first: date,
    last: date,
    now: datetime,
    names: Collection[str] | None = None,
) -> list[Closure]:
    """Close the clinic on its public holidays between two days; return what was added."""
    clinic = actor.clinic
    shut = closures(session, clinic.id, day_bounds(first, clinic.zone)[0], day_bounds(last, clinic.zone)[1])
    return [
        _close(session, actor, on, name, now)[0]
        for on, name in public(clinic.country, clinic.subdivision, first, last, names).items()
        if _closing(clinic, shut, on) is None
    ]


def year_of(year: int) -> tuple[date, date]:
    """Return the first and the last day of a year."""
    return date(year, 1, 1), date(year + 1, 1, 1) - timedelta(days=1)


def _close(
    session: Session, actor: Actor, on: date, name: str, now: datetime
) -> tuple[Closure, list[Appointment]]:
    start, end = day_bounds(on, actor.clinic.zone)
    return schedules.close(session, actor, start, end, now, kind=ClosureKind.HOLIDAY, reason=name[:200])


def _closing(clinic: Clinic, shut: Collection[Closure], on: date) -> Closure | None:
    """Return what closes the whole clinic for all of a day."""
    start, end = day_bounds(on, clinic.zone)
    return next((one for one in shut if _covers(one, start, end)), None)


def _is_one_holiday(closure: Closure) -> bool:
    return closure.kind is ClosureKind.HOLIDAY and closure.local_end - closure.local_start == timedelta(
        days=1
    )


def _covers(closure: Closure, start: datetime, end: datetime) -> bool:
    return closure.resource_id is None and closure.start_at <= start and closure.end_at >= end
