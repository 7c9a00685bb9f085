"""The nearest times at which a visit fits, when it does not fit where a person wanted it.

Only starts that keep the whole course possible are offered. The wanted place comes first: the last start before and the
first after; then the same time, or the nearest, in other places; then the nearest other days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on, to_local
from scheduler.models import location as locations
from scheduler.models.appointment import Appointment
from scheduler.models.location import Location
from scheduler.services.actors import Actor
from scheduler.services.planning.possible_starts import possible_starts

MOST = 4
DAYS = 7  # either way, for other days


@dataclass(frozen=True)
class NearestFit:
    start: datetime
    location: Location | None


def nearest_fits(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    wanted: datetime,
    now: datetime,
    location: Location | None = None,
) -> list[NearestFit]:
    """Return a few times and places at which the visit fits, in order of time."""
    zone = actor.clinic.zone
    on, today = local_on(wanted, zone), local_on(now, zone)
    first = max(on - timedelta(days=DAYS), today)
    if on < first:
        return []
    starts = possible_starts(session, actor, appointment, first, now, (on - first).days + DAYS + 1)
    places = {place.resource_id: place for place in locations.active(session, actor.clinic.id)}
    best = location or appointment.location
    fits = [
        NearestFit(start, places.get(place_id) if place_id else None)
        for place_id, theirs in starts.items()
        if place_id is None or place_id in places
        for start in theirs
    ]
    useless = {
        NearestFit(wanted, best),
        NearestFit(appointment.start_at, appointment.location),
    }  # refused, and where it is
    fits = [fit for fit in fits if fit not in useless]
    chosen = _that_day([fit for fit in fits if local_on(fit.start, zone) == on], wanted, best)[:MOST]
    if len(chosen) < MOST:
        others = [fit for fit in fits if local_on(fit.start, zone) != on]
        chosen += _other_days(others, wanted, best, zone)[: MOST - len(chosen)]
    return sorted(chosen, key=lambda fit: fit.start)


def _that_day(fits: Sequence[NearestFit], wanted: datetime, best: Location | None) -> list[NearestFit]:
    """Return the nearest before and after in the wanted place, and in any other, the nearest of all first."""
    found: list[NearestFit] = []
    for there in ([fit for fit in fits if fit.location is best], [f for f in fits if f.location is not best]):
        before = max((fit for fit in there if fit.start <= wanted), key=lambda fit: fit.start, default=None)
        after = min((fit for fit in there if fit.start >= wanted), key=lambda fit: fit.start, default=None)
        found += [fit for fit in dict.fromkeys((before, after)) if fit is not None]
    return sorted(found, key=lambda fit: (abs(fit.start - wanted), fit.location is not best))


def _other_days(
    fits: Sequence[NearestFit], wanted: datetime, best: Location | None, zone: ZoneInfo
) -> list[NearestFit]:
    """Return one fit for each other day, the nearest day first: about the same time of day, in the wanted place."""
    by_day: dict[date, list[NearestFit]] = defaultdict(list)
    for fit in fits:
        by_day[local_on(fit.start, zone)].append(fit)
    on, at = local_on(wanted, zone), _time_of_day(wanted, zone)
    return [
        min(
            by_day[day],
            key=lambda fit: (abs(_time_of_day(fit.start, zone) - at), fit.location is not best),
        )
        for day in sorted(by_day, key=lambda day: (abs(day - on), day))
    ]


def _time_of_day(instant: datetime, zone: ZoneInfo) -> timedelta:
    local = to_local(instant, zone)
    return timedelta(hours=local.hour, minutes=local.minute)
