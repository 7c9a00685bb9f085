"""How much of the open time of chairs, and of the nurses' capacity, was used by visits that were held.

Open time is what the hours, dated hours and closures of the clinic and of each resource leave, as the planner sees it.
A nurse who looks after up to three patients at a time has three hours of capacity in each hour on duty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Calendar, PlannerResource
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window, merged, subtract
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.services.planning.calendar_frame import frame
from scheduler.services.reports.dimensions import (
    DIMENSIONS,
    Place,
    as_date,
    local_day,
    named,
    seconds_between,
)
from scheduler.services.reports.scope import ReportScope
from scheduler.services.reports.tables import (
    Better,
    Figure,
    FigureUnit,
    FigureVisits,
    Report,
    ReportColumn,
    ReportRow,
    ReportTable,
    Value,
    share,
)
from scheduler.services.reports.visits import HELD

COLUMNS = (
    ReportColumn(
        "used", "Hours used", "By visits that were held, from set-up to turnover.", FigureUnit.HOURS
    ),
    ReportColumn(
        "open", "Hours open", "Until now, by the hours and closures as they are today.", FigureUnit.HOURS
    ),
    ReportColumn("used_share", "Share used", "Hours used of hours open.", FigureUnit.PERCENT, plotted=True),
)
HOUR, DAY = 3600, timedelta(days=1)
Seconds = dict[tuple[int, date], float]  # by resource and clinic-local day


@dataclass(frozen=True)
class Capacity:
    """What is measured: the resources with a role."""

    role: Role
    resource: str  # what one of them is called
    figure: str


CHAIRS = Capacity(Role.CHAIR, "Chair", "Chair time used")
NURSES = Capacity(Role.NURSE, "Nurse", "Nurse capacity used")
MEASURED = {Role.CHAIR: CHAIRS, Role.NURSE: NURSES}


def open_time(session: Session, scope: ReportScope) -> dict[Role, Seconds]:
    """Return the seconds for which each chair and nurse in use was open until now, times its units."""
    calendar = frame(session, scope.clinic, scope.period.first_on, scope.period.days)
    end = scope.period.bounds(scope.clinic.zone)[1]
    ahead = [Window(scope.now.astimezone(UTC), end)] if scope.now < end else []
    found: dict[Role, Seconds] = {role: defaultdict(float) for role in MEASURED}
    known: dict[tuple[Window, ...], Mapping[date, float]] = {}
    here = scope.site.resource_id if scope.site else None
    for resource in calendar.resources:
        if here is not None and resource.site != here:
            continue
        for role in resource.roles & MEASURED.keys():
            windows = tuple(subtract(_duty(calendar, resource), ahead))
            if windows not in known:  # most work whenever the clinic is open
                known[windows] = _by_day(windows, scope)
            for on, seconds in known[windows].items():
                found[role][resource.id, on] += seconds * resource.units
    return found


def _by_day(windows: Sequence[Window], scope: ReportScope) -> Mapping[date, float]:
    found: dict[date, float] = defaultdict(float)
    for window in windows:
        found[local_on(window.start, scope.clinic.zone)] += window.length.total_seconds()
    return found


def _duty(calendar: Calendar, resource: PlannerResource) -> list[Window]:
    """Return when a resource is open: within the clinic's hours and its own, if it has any."""
    base = merged(calendar.hours.get(None, ()))
    own = calendar.hours.get(resource.id)
    if own is not None:
        base = subtract(base, subtract(base, own))
    closed = [*calendar.closures.get(None, ()), *calendar.closures.get(resource.id, ())]
    return subtract(base, closed)


def used_time(session: Session, scope: ReportScope) -> dict[Role, Seconds]:
    """Return the seconds for which visits held in the period used each chair and each nurse."""
    start, end = scope.period.bounds(scope.clinic.zone)
    query = (
        select(
            Allocation.role,
            Allocation.resource_id,
            local_day().label("on"),
            func.sum(seconds_between(Allocation.start_at, Allocation.end_at)),
        )
        .join(Appointment, Appointment.id == Allocation.appointment_id)
        .where(
            *scope.visits,
            HELD,
            Allocation.role.in_(MEASURED),
            Allocation.released_at.is_(None),
            # what the visits use is about as long ago, and an index knows that
            Allocation.clinic_id == scope.clinic.id,
            Allocation.start_at >= start - DAY,
            Allocation.start_at < end + DAY,
        )
        .group_by(Allocation.role, Allocation.resource_id, "on")
    )
    found: dict[Role, Seconds] = {role: {} for role in MEASURED}
    for role, resource_id, on, seconds in session.execute(query):
        found[Role(role)][resource_id, as_date(on)] = float(seconds)
    return found


def _table(session: Session, scope: ReportScope, group: str, capacity: Capacity) -> ReportTable:
    scope = whole(scope, capacity)
    used, there = (of(session, scope)[capacity.role] for of in (used_time, open_time))
    names = _names(session, scope)
    rows: dict[Place, list[float]] = {}
    if group != "resource":
        rows = {place: [0, 0] for place in DIMENSIONS[group].all(scope)}
    for number, seconds in enumerate((used, there)):
        for (resource_id, on), amount in seconds.items():
            place = names[resource_id] if group == "resource" else DIMENSIONS[group].place(scope, on)
            rows.setdefault(place, [0, 0])[number] += amount
    listed = tuple(ReportRow(place.key, place.words, _values(*sums)) for place, sums in sorted(rows.items()))
    total = _values(sum(used.values()), sum(there.values()))
    words = capacity.resource if group == "resource" else DIMENSIONS[group].words
    return ReportTable(words, COLUMNS, listed, ReportRow("total", "Total", total))


def _values(used: float, there: float) -> tuple[Value, ...]:
    return round(used / HOUR, 1), round(there / HOUR, 1), share(used, there)


def _names(session: Session, scope: ReportScope) -> dict[int, Place]:
    """Return the chairs, rooms and people of the clinic by the id of their resource, in the board's order."""
    own = scope.clinic.id
    of_places = select(Location.resource_id, Location.rank, Location.name, Location.public_id)
    of_people = select(Practitioner.resource_id, Practitioner.rank, Practitioner.name, Practitioner.public_id)
    queries = (of_places.where(Location.clinic_id == own), of_people.where(Practitioner.clinic_id == own))
    found = {}
    for number, query in enumerate(queries):
        for resource_id, rank, name, key in session.execute(query):
            found[resource_id] = Place((number, rank, name), key, name)
    return found


def figures(session: Session, scope: ReportScope) -> list[Figure]:
    """Return the figure of chairs and the one of nurses."""
    found: list[Figure] = []
    for report, of in ((CHAIRS_REPORT, CHAIRS), (NURSES_REPORT, NURSES)):
        if not found or scope.site is not None:  # else both are of the same visits and hours
            both = whole(scope.both, of)
            used, there = used_time(session, both), open_time(session, both)
        found.append(_figure(scope, report, of, used[of.role], there[of.role]))
    return found


def _figure(scope: ReportScope, report: Report, of: Capacity, used: Seconds, there: Seconds) -> Figure:
    period, number = scope.period, scope.clinic.formats.number
    now, before = (
        [sum(amount for (_, on), amount in seconds.items() if at.holds(on)) for seconds in (used, there)]
        for at in (period, period.before)
    )
    return Figure(
        report.name,
        of.figure,
        FigureUnit.PERCENT,
        Better.UP if of is CHAIRS else Better.NEITHER,
        share(*now),
        share(*before),
        f"{number(round(now[0] / HOUR))} of {number(round(now[1] / HOUR))} hours",
    )


def whole(scope: ReportScope, of: Capacity) -> ReportScope:
    """Return the scope without filters: what is open belongs to the whole clinic, or for chairs to the site."""
    return replace(scope, practitioner=None, protocol="", site=scope.site if of is CHAIRS else None)


def _ids(capacity: Capacity) -> FigureVisits:
    def ids(_session: Session, scope: ReportScope) -> Select[int]:
        uses = (
            select(Allocation.id)
            .where(
                Allocation.appointment_id == Appointment.id,
                Allocation.role == capacity.role,
                Allocation.released_at.is_(None),
            )
            .exists()
        )
        return select(Appointment.id).where(*whole(scope, capacity).visits, HELD, uses)

    return FigureVisits(f"Visits held that used a {capacity.resource.lower()}", ids)


def _report(name: str, title: str, definition: str, capacity: Capacity) -> Report:
    return Report(
        name=name,
        title=title,
        definition=definition,
        groups=named("week", "weekday") | {"resource": capacity.resource},
        table=lambda session, scope, group: _table(session, scope, group, capacity),
        parts={"held": _ids(capacity)},
        counts_all=True,
    )


CHAIRS_REPORT = _report(
    "chairs",
    "Chair time used",
    "The time for which visits that were held used the chairs, set-up and turnover included, of the time in which the"
    " chairs in use today were open.",
    CHAIRS,
)
NURSES_REPORT = _report(
    "nurses",
    "Nurse capacity used",
    "The nurses' time that visits held used, of their hours on duty times the patients that each looks after at a time."
    " A stretch that needs a nurse alone uses all of them.",
    NURSES,
)
