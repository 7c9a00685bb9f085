"""Small clinics and short plans for the planner's tests, with a seed where there is chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import yaml

from scheduler.domain.localtime import to_utc
from scheduler.domain.plan_files import checked_plan
from scheduler.domain.planner.values import Calendar, PlannerResource, Taken
from scheduler.domain.plans import Action, Edge, Need, Offset, Phase, Plan, Role, Unit
from scheduler.domain.windows import Window

NEW_YORK = ZoneInfo("America/New_York")
MONDAY = date(2026, 11, 30)
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PROTOCOLS = Path(__file__).parents[3] / "scheduler" / "protocols"


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def at(on: date, wall: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """Return the instant of a wall-clock time such as "09:30"."""
    return to_utc(datetime.combine(on, time.fromisoformat(wall)), zone)


def day(number: int, first: date = MONDAY) -> date:
    """Return the date so many days after the first Monday."""
    return first + timedelta(days=number)


def hours(
    days: Iterable[date], opens: str = "09:00", closes: str = "17:00", zone: ZoneInfo = NEW_YORK
) -> list[Window]:
    return [Window(at(on, opens, zone), at(on, closes, zone)) for on in days]


def weekdays(number: int, first: date = MONDAY) -> list[date]:
    """Return the Mondays to Fridays among `number` days."""
    return [on for n in range(number) if (on := day(n, first)).isoweekday() <= 5]


def staff(
    chairs: int = 2, rooms: int = 1, nurses: int = 1, prescribers: int = 1, therapists: int = 1
) -> tuple[PlannerResource, ...]:
    """Return resources with ids from 1, in the order of the arguments; a nurse has three units."""
    kinds = [(Role.CHAIR, chairs, 1), (Role.ROOM, rooms, 1), (Role.NURSE, nurses, 3)]
    kinds += [(Role.PRESCRIBER, prescribers, 1), (Role.THERAPIST, therapists, 1)]
    named = [(role, n + 1, units) for role, number, units in kinds for n in range(number)]
    return tuple(
        PlannerResource(index, f"{role.value} {n}", frozenset({role}), units)
        for index, (role, n, units) in enumerate(named, 1)
    )


def calendar(
    days: int = 14,
    resources: tuple[PlannerResource, ...] | None = None,
    open_on: Sequence[date] | None = None,
    occupied: Sequence[Taken] = (),
    closures: Mapping[int | None, Sequence[Window]] | None = None,
    opens: str = "09:00",
    closes: str = "17:00",
    zone: ZoneInfo = NEW_YORK,
    first: date = MONDAY,
    own_hours: Mapping[int | None, Sequence[Window]] | None = None,
    patient_busy: Sequence[Window] = (),
) -> Calendar:
    """Return a calendar that is open on Mondays to Fridays by default."""
    open_windows = hours(weekdays(days, first) if open_on is None else open_on, opens, closes, zone)
    return Calendar(
        zone,
        first,
        days,
        staff() if resources is None else resources,
        {None: open_windows, **(own_hours or {})},
        closures or {},
        occupied,
        patient_busy,
    )


def need(role: Role, **details: object) -> Need:
    return replace(Need(role), **details)  # type: ignore[arg-type]  # the fields of Need


def phase(name: str, length: int, *needs: Role | Need, attended: bool = True) -> Phase:
    wanted = tuple(one if isinstance(one, Need) else Need(one) for one in needs)
    return Phase(name, minutes(length), wanted, attended)


INFUSION = (
    phase(
        "set-up", 15, Role.CHAIR, need(Role.NURSE, exclusive=True), need(Role.PRESCRIBER, length=minutes(10))
    ),
    phase("infusion", 40, Role.CHAIR, Role.NURSE, need(Role.PRESCRIBER, presence=True)),
    phase("turnover", 10, Role.CHAIR, attended=False),
)
THERAPY = (phase("session", 50, Role.ROOM, Role.THERAPIST),)
CALL = (phase("call", 10, Role.NURSE),)


def days_after(key: str, least: int, target: int, most: int, unit: Unit = Unit.DAYS) -> Offset:
    return Offset(key, unit, least, target, most)


def hours_after(key: str, least: int, target: int, most: int, edge: Edge = Edge.END) -> Offset:
    return Offset(key, Unit.HOURS, least, target, most, edge)


def course(
    infusions: int = 2,
    gap: tuple[int, int, int] = (2, 3, 4),
    therapy: bool = True,
    call: bool = False,
    phases: tuple[Phase, ...] = INFUSION,
) -> Plan:
    """Return infusions in a chain, each with a therapy session within 24 to 72 hours and perhaps a call."""
    actions: list[Action] = []
    for n in range(1, infusions + 1):
        following = f"infusion-{n + 1}" if n < infusions else None
        offset = days_after(f"infusion-{n - 1}", *gap) if n > 1 else None
        actions.append(
            Action(f"infusion-{n}", "infusion", "Infusion", phases, offset, None, "infusion", n, infusions)
        )
        if therapy:
            after = hours_after(f"infusion-{n}", 24, 24, 72)
            actions.append(
                Action(
                    f"therapy-{n}", "therapy", "Therapy", THERAPY, after, following, "therapy", n, infusions
                )
            )
        if call:
            after = days_after(f"infusion-{n}", 1, 1, 1, Unit.WORKING_DAYS)
            actions.append(
                Action(
                    f"call-{n}", "call", "Call", CALL, after, following, "call", n, infusions, visible=False
                )
            )
    return plan(*actions)


def plan(*actions: Action) -> Plan:
    return Plan("course", 1, "Course", "", "made up for tests", tuple(actions))


def protocol(key: str) -> Plan:
    """Return one of the plans that are shipped."""
    return checked_plan(yaml.safe_load((PROTOCOLS / f"{key}.yaml").read_text()))


def crowd(
    rng: Random,
    resources: Sequence[PlannerResource],
    windows: Sequence[Window],
    load: float,
    shortest: int = 20,
) -> list[Taken]:
    """Return random allocations of about this share of every unit."""
    taken: list[Taken] = []
    for resource in resources:
        for unit in range(resource.units):
            for window in windows:
                start = window.start
                while start < window.end:
                    length = minutes(5 * rng.randint(shortest // 5, 18))
                    if rng.random() < load:
                        taken.append((resource.id, unit, start, min(start + length, window.end)))
                    start += length
    return taken


def random_calendar(
    rng: Random, days: int, load: float, resources: tuple[PlannerResource, ...], **rest: object
) -> Calendar:
    """Return a calendar with random allocations."""
    empty = replace(calendar(days, resources), **rest)  # type: ignore[arg-type]  # the fields of Calendar
    return replace(empty, occupied=crowd(rng, resources, empty.hours[None], load))


def day_and_night(first: date, days: int, zone: ZoneInfo) -> Window:
    """Return one window of so many whole days."""
    return Window(at(first, "00:00", zone), at(day(days, first), "00:00", zone))
