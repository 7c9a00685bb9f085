"""Random courses of any shape on odd calendars, for the oracle: a seed gives the same instance for ever.

Up to eight visits follow one; phases without the patient are anywhere; two people of one role, one person with several
roles, nurses of one to three units; split days, opening at odd minutes, half days of leave, clock changes; done
actions, pins, preferences, weights with zeros. Two more families: every clinic open while its clock changes, and
nurses of four units.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from scheduler.domain.planner import Availability, Weights
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import Calendar, Done, PlannerResource, Request
from scheduler.domain.plans import Action, Edge, Offset, Phase, Plan, Role, Unit
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, at, crowd, day, minutes, need, phase, plan, staff

KINDS: dict[str, tuple[Phase, ...]] = {
    "infusion": (
        phase(
            "set-up",
            10,
            Role.CHAIR,
            need(Role.NURSE, exclusive=True),
            need(Role.PRESCRIBER, length=minutes(5)),
        ),
        phase("infusion", 10, Role.CHAIR, Role.NURSE, need(Role.PRESCRIBER, presence=True)),
        phase("turnover", 5, Role.CHAIR, attended=False),
    ),
    "drip": (phase("drip", 15, Role.CHAIR), phase("turnover", 10, Role.CHAIR, attended=False)),
    "talk": (phase("session", 15, Role.ROOM, Role.THERAPIST),),
    "pair": (phase("session", 10, Role.THERAPIST, Role.THERAPIST), phase("end", 5, Role.THERAPIST)),
    "consult": (phase("consult", 5, Role.PRESCRIBER), phase("notes", 10, Role.PRESCRIBER, attended=False)),
    "joint": (phase("talk", 10, Role.PRESCRIBER, Role.THERAPIST),),
    "prepared": (
        phase("prepare", 10, Role.ROOM, Role.NURSE, attended=False),
        phase("session", 10, Role.ROOM, Role.THERAPIST),
    ),
    "lab": (
        phase("blood", 5, Role.NURSE),
        phase("lab", 10, Role.NURSE, attended=False),
        phase("result", 5, Role.PRESCRIBER),
    ),
    "call": (phase("call", 5, Role.NURSE),),
    "nurses": (phase("lift", 10, Role.NURSE, need(Role.NURSE, exclusive=True)),),
}
ZONES = [
    ("America/New_York", MONDAY),
    ("America/New_York", date(2026, 10, 30)),
    ("America/St_Johns", date(2026, 3, 6)),
    ("Europe/London", date(2026, 3, 27)),
    ("Australia/Lord_Howe", date(2026, 4, 3)),
    ("Australia/Sydney", date(2026, 10, 2)),
    ("Asia/Kathmandu", date(2026, 3, 27)),
    ("Africa/Casablanca", date(2026, 2, 13)),
]
CHANGES = [  # each on the third day, while the clinic is open
    ("America/New_York", date(2026, 10, 30), ("00:35", "02:20")),
    ("America/New_York", date(2026, 3, 6), ("01:35", "03:25")),
    ("America/St_Johns", date(2026, 3, 6), ("01:30", "03:20")),
    ("Europe/London", date(2026, 3, 27), ("00:33", "02:22")),
    ("Europe/London", date(2026, 10, 23), ("00:40", "02:20")),
    ("Australia/Lord_Howe", date(2026, 4, 3), ("01:05", "02:20")),
    ("Australia/Sydney", date(2026, 10, 2), ("01:30", "03:20")),
    ("Africa/Casablanca", date(2026, 2, 13), ("01:30", "03:25")),
]
SHIFTS = [
    [("09:00", "10:00")],
    [("09:00", "09:50")],
    [("09:00", "09:30"), ("09:45", "10:20")],  # a split day
    [("09:03", "10:07")],
    [("11:15", "12:10")],  # into the busy middle of the day
]


def tree(seed: int, most: int = 8, family: str = "any") -> PlanningProblem:
    """Return a problem; `most` visits follow one at most. Families: "any", "clock" and "four units"."""
    rng = Random(f"tree {seed}")
    zone_name, first = rng.choice(ZONES) if rng.random() < 0.4 else ZONES[0]
    shifts = None
    if family == "clock":
        zone_name, first, shift = rng.choice(CHANGES)
        shifts = [shift]
    zone = ZoneInfo(zone_name)
    calendar = _calendar(rng, zone, first, shifts, (4,) if family == "four units" else (1, 2, 3))
    course = _course(rng, most)
    request = Request(course, first, done=_done(rng, course, zone, first))
    request = replace(request, **_wishes(rng, request, calendar))
    now = at(day(-1, first), "12:00", zone)
    if rng.random() < 0.2:
        now = at(first, "09:20", zone)
    return PlanningProblem(request, Availability(calendar), _weights(rng), now)


def _calendar(
    rng: Random,
    zone: ZoneInfo,
    first: date,
    shifts: list[tuple[str, str]] | None,
    units: tuple[int, ...],
) -> Calendar:
    days = rng.randint(4, 8)
    shifts = shifts or rng.choice(SHIFTS)
    open_on = [day(n, first) for n in range(days) if rng.random() < 0.95] or [first]
    windows = [Window(at(on, begins, zone), at(on, ends, zone)) for on in open_on for begins, ends in shifts]
    people = _people(rng, units)
    early = "09:00" if shifts in SHIFTS else shifts[0][0]
    closures: dict[int | None, list[Window]] = {}
    own: dict[int | None, list[Window]] = {None: windows}
    for person in people:
        if rng.random() < 0.15:  # half a day of leave
            on = rng.choice(open_on)
            closures[person.id] = [_later(at(on, early, zone), 25, 240)]
        elif rng.random() < 0.15:
            own[person.id] = [window for window in windows if rng.random() < 0.7]
    busy = [_later(at(on, early, zone), 15, 40) for on in open_on if rng.random() < 0.1]
    taken = crowd(rng, people, windows, rng.choice([0, 0, 0, 0.1, 0.2, 0.4]), 5)
    return Calendar(zone, first, days, people, own, closures, taken, busy)


def _later(start: datetime, first: int, last: int) -> Window:
    return Window(start + minutes(first), start + minutes(last))


def _people(rng: Random, choice: tuple[int, ...]) -> tuple[PlannerResource, ...]:
    count = rng.randint
    people = staff(count(1, 2), 1, count(1, 3), count(1, 2), count(1, 3))
    units = rng.choice(choice)
    people = tuple(replace(one, units=units) if Role.NURSE in one.roles else one for one in people)
    if rng.random() < 0.5:
        more = [Role.PRESCRIBER, Role.THERAPIST, Role.NURSE]
        people = tuple(
            replace(one, roles=one.roles | {rng.choice(more)})
            if not any(role.is_place for role in one.roles) and rng.random() < 0.5
            else one
            for one in people
        )
    return people


def _course(rng: Random, most: int) -> Plan:
    kinds = rng.sample(sorted(KINDS), rng.randint(2, 4))
    number = rng.randint(2, most + 1)
    root = rng.choice(kinds)
    actions = [Action("a0", root, root, KINDS[root], series=rng.choice([None, "s"]))]
    busiest = rng.randint(0, 1)
    for n in range(1, number):
        parent = actions[0] if n == 1 or rng.random() < 0.6 else actions[min(busiest, n - 1)]
        if rng.random() < 0.2:
            parent = rng.choice(actions)
        kind = parent.kind if rng.random() < 0.3 else rng.choice(kinds)
        series = parent.series if kind == parent.kind else rng.choice([None, kind])
        offset = _offset(rng, parent.key)
        before = None
        siblings = [one.key for one in actions if one.offset and one.offset.after == parent.key]
        if siblings and rng.random() < 0.15:
            before = rng.choice(siblings)
        actions.append(
            Action(f"a{n}", kind, kind, KINDS[kind], offset, before, series, visible=rng.random() < 0.8)
        )
    return plan(*actions)


def _offset(rng: Random, after: str) -> Offset:
    unit = rng.choice([Unit.DAYS, Unit.DAYS, Unit.WORKING_DAYS, Unit.HOURS])
    if unit is Unit.HOURS:
        least = rng.choice([0, 0, 1, 23, 24, 48])
        most = least + rng.choice([0, 1, 24, 24, 48])
        return Offset(after, unit, least, rng.randint(least, most), most, rng.choice([Edge.START, Edge.END]))
    least = rng.choice([0, 0, 1, 1, 2])
    most = least + rng.choice([0, 1, 2, 2, 3])
    return Offset(after, unit, least, rng.randint(least, most), most, rng.choice([Edge.START, Edge.END]))


def _done(rng: Random, course: Plan, zone: ZoneInfo, first: date) -> dict[str, Done]:
    if rng.random() < 0.75:
        return {}
    action = course.actions[0]
    start = at(day(rng.choice([-3, -1, 0]), first), rng.choice(["09:00", "09:07", "08:58"]), zone)
    return {action.key: Done(action.key, start, start + minutes(rng.choice([15, 22])))}


def _wishes(rng: Random, request: Request, calendar: Calendar) -> dict[str, object]:
    wishes: dict[str, object] = {}
    if rng.random() < 0.2:
        wishes["weekdays"] = frozenset(rng.sample(range(1, 8), 5))
    if rng.random() < 0.2:
        wishes["preferred"] = rng.choice([time(9, 30), time(11), time(9, 5)])
    if rng.random() < 0.1:
        wishes["latest"] = rng.choice([time(9, 50), time(12)])
    if rng.random() < 0.1:
        wishes["earliest"] = rng.choice([time(9, 10), time(9, 12)])
    if rng.random() < 0.1:
        wishes["blocked_on"] = frozenset({day(rng.randint(0, 3), calendar.first_on)})
    if rng.random() < 0.15:
        people = [one.id for one in calendar.resources if not any(role.is_place for role in one.roles)]
        wishes["practitioner_ids"] = frozenset(rng.sample(people, 1))
    if rng.random() < 0.1:
        action = rng.choice([one for one in request.plan.actions if one.key not in request.done])
        window = rng.choice(calendar.hours[None])
        start = window.start - timedelta(minutes=window.start.minute % 5)
        wishes["pinned"] = {action.key: start + minutes(5 * rng.randint(0, 8))}
    return wishes


def _weights(rng: Random) -> Weights:
    if rng.random() < 0.5:
        return Weights()
    numbers = [one.name for one in fields(Weights) if one.type == "int" and one.name != "usable_ticks"]
    chosen = {name: rng.choice([0, 1, 5, 60, 300]) for name in numbers}
    return Weights(usable_ticks=rng.choice([1, 3, 6]), **chosen)


def moments(problem: PlanningProblem) -> list[datetime]:
    """Return every whole five minutes from the first day to the last."""
    zone = problem.availability.calendar.zone
    first, days = problem.availability.calendar.first_on, problem.availability.calendar.days
    at_, end = at(first, "00:00", zone), at(day(days, first), "00:00", zone)
    found = []
    while at_ < end:
        found.append(at_)
        at_ += minutes(5)
    return found
