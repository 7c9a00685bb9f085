"""The strip of times that every page shows where a time is chosen: what its form says, and what templates need.

All its fields belong to the form around it, so that what is typed there stays when another week is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from flask import request

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.domain.plans import Action
from scheduler.models import location as locations
from scheduler.models import practitioner as practitioners
from scheduler.models import site as site_models
from scheduler.models.location import Location, Where
from scheduler.models.practitioner import Practitioner
from scheduler.services.account.permissions import allowed
from scheduler.services.clinic import places, resources
from scheduler.services.planning import free_times
from scheduler.services.planning.free_times import Bookable, FreeTime, WeekTimes
from scheduler.web.current import actor
from scheduler.web.local import iso_date, iso_time, read_date
from scheduler.web.shell import site_choices

BEFORE = timedelta(days=3)  # the strip of a move begins so long before the day that is wanted
Choices = list[tuple[str, str]]


@dataclass(frozen=True)
class Strip:
    """A week of times with the names of places and people; `first` is the next available time, where it begins with it.

    `places` and `people` are what the filters offer. `outside` is None for a visit without a spacing, or a person who
    may not override one.
    """

    week: WeekTimes
    names: Mapping[int, str]
    today: date
    places: Choices = field(default_factory=list)
    any_place: str = "Any"
    people: Choices = field(default_factory=list)
    scoped: bool = False
    outside: bool | None = None
    first: FreeTime | None = None

    @property
    def count(self) -> int:
        return sum(len(day.times) for day in self.week.days)

    @property
    def before(self) -> date | None:
        """The week before; None when that is over."""
        earlier = max(self.week.first_on - timedelta(days=free_times.DAYS), self.today)
        return earlier if earlier < self.week.first_on else None

    @property
    def after(self) -> date:
        return self.week.first_on + timedelta(days=free_times.DAYS)

    def named(self, time: FreeTime) -> str:
        """Return where and with whom a time is."""
        ids = [time.location_id] if time.location_id else []
        return ", ".join(self.names[one] for one in [*ids, *time.practitioner_ids])


def strip(
    visit: Bookable,
    action: Action,
    from_on: date | None = None,
    not_before: date | None = None,
    *,
    scoped: bool = False,
    spaced: bool = False,
    whole: date | None = None,
) -> Strip:
    """Return the strip that the form asks for; where it names no week, the one from a day, or of the next time.

    `not_before` is where the search for the next time begins; today, if there is none from then on. `scoped` offers to
    leave the other visits where they are, `spaced` to go beyond the spacing. All times of the day `whole` are shown.
    """
    today = local_on(clock.now(), visit.zone)
    outside = wants_outside()
    whole = _date("whole") or whole
    asked = _date("week") or _date("first")
    first = None
    if asked is None and from_on is None:
        begin = (not_before, today) if not_before else (today,)
        found = (free_times.next_available(visit, on, outside=outside) for on in begin)
        first = next(filter(None, found), None)
        asked = local_on(first.start, visit.zone) if first else begin[0]
    first_on = max(asked or from_on or today, today)
    week = free_times.week(visit, first_on, outside=outside, whole=whole)
    times = [time for day in week.days for time in day.times]
    ids = {one for time in times for one in (time.location_id, *time.practitioner_ids) if one is not None}
    clinic = actor().clinic
    return Strip(
        week,
        resources.names(db.session(), clinic.id, ids),
        today,
        _places(action),
        _any_place(action),
        _people(action),
        scoped,
        outside if spaced and allowed(actor(), "override") else None,
        first,
    )


def value_of(start: datetime) -> str:
    """Return a time as the form sends it: clinic-local, to the minute."""
    return f"{iso_date(start)}T{iso_time(start)}"


def wants_outside() -> bool:
    """Tell whether times outside the spacing are asked for, by a person who may override it."""
    return request.values.get("outside") == "yes" and allowed(actor(), "override")


def chosen_place() -> Where | None:
    """Return the chair, room or site of the form's filter. Raises NotFound."""
    wanted, clinic = request.values.get("location", ""), actor().clinic
    if not wanted:
        return None
    site = site_models.by_public_id(db.session(), clinic.id, wanted)
    return site or places.get_location(db.session(), clinic, wanted)


def chosen_people() -> list[Practitioner]:
    """Return the person of the form's filter. Raises NotFound."""
    wanted = request.values.get("practitioner", "")
    return [places.get_practitioner(db.session(), actor().clinic, wanted)] if wanted else []


def wants_refresh() -> bool:
    """Tell whether only the strip is asked for, by its own script."""
    return request.headers.get("HX-Target") == "times"


def _places(action: Action) -> Choices:
    """Return the chairs or rooms that the visit could have; where there are several sites, first any at another one."""
    needs = [need for phase in action.phases for need in phase.needs if need.role.is_place]
    kinds = {need.role.value for need in needs}
    capabilities = {need.capability for need in needs if need.capability}
    able = [
        one
        for one in locations.active(db.session(), actor().clinic.id)
        if one.kind.value in kinds and capabilities <= set(one.capabilities)
    ]
    known = {one.site for one in able}
    anywhere = [(one.public_id, f"Any at {one.name}") for one in site_choices() if one in known]
    return [*anywhere, *((one.public_id, place_name(one)) for one in able)]


def _any_place(action: Action) -> str:
    """Return what no choice of a place means: any at the visit's own site."""
    return next((f"Any at {one.name}" for one in site_choices() if one.resource_id == action.site), "Any")


def place_name(place: Location) -> str:
    """Return what a chair or room is called where one is chosen: with its site, if there are several."""
    return f"{place.name}, {place.site.name}" if site_choices() else place.name


def _people(action: Action) -> Choices:
    """Return the people who could take the visit."""
    roles = {need.role for phase in action.phases for need in phase.needs if not need.presence}
    return [
        (one.public_id, one.name)
        for one in practitioners.active(db.session(), actor().clinic.id)
        if one.roles & roles
    ]


def _date(name: str) -> date | None:
    text = request.values.get(name, "")
    return read_date(name, text) if text else None


def sentences(
    visit: Bookable, start: datetime, broken: Sequence[Mapping[str, object]], own: str
) -> list[str]:
    """Return why a start was refused, the lasting obstacle first; `broken` are the rules that the refusal names."""
    found = visit.explainer().at(start)
    known = {own} if found else set()
    return [*found, *(str(one["words"]) for one in broken if one["action"] not in known)]
