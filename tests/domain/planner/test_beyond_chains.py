"""What is not a plain chain: two visits on one day, working days in a row, tapers, dealt units, boosters."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from scheduler.domain.localtime import to_local
from scheduler.domain.planner import Availability, Weights, check, propose, slot_map
from scheduler.domain.planner.search import chains, cpsat, solver_fallback
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import NoFit, Request
from scheduler.domain.plans import Action, Role, Unit
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import (
    MONDAY,
    NEW_YORK,
    NOW,
    at,
    calendar,
    course,
    day,
    days_after,
    hours_after,
    phase,
    plan,
    protocol,
    staff,
    weekdays,
)

DECEMBER = date(2026, 12, 21)  # a Monday
HOLIDAYS = {date(2026, 12, 25), date(2027, 1, 1), date(2027, 1, 18), date(2027, 2, 15)}
TEN = [(12, 21), (12, 22), (12, 23), (12, 24), (12, 28), (12, 29), (12, 30), (12, 31), (1, 4), (1, 5)]


def winter(days=28, closed=frozenset()):
    """Return a clinic that keeps its holidays, from the Monday before Christmas."""
    open_on = [on for on in weekdays(days, DECEMBER) if on not in HOLIDAYS | closed]
    return calendar(days, open_on=open_on, first=DECEMBER, opens="08:00", closes="18:00")


def dates(visits):
    return [(local.month, local.day) for visit in visits if (local := to_local(visit.start, NEW_YORK))]


def ten_days(availability, **wishes):
    request = Request(protocol("crps-10-day"), DECEMBER, **wishes)
    return request, propose(request, availability, now=NOW)[0]


def test_ten_working_days_in_a_row_step_over_weekends_and_holidays():
    availability = Availability(winter())
    request, best = ten_days(availability)
    problem = PlanningProblem(request, availability, Weights(), NOW)

    assert dates(best.visits) == TEN
    assert len({to_local(visit.start, NEW_YORK).time() for visit in best.visits}) == 1
    assert check(request, availability, best.visits, now=NOW) == []
    assert best.proven and best.cost == cpsat.solve(problem, seconds=120).cost


def test_a_day_on_which_the_clinic_closes_is_stepped_over_like_a_holiday():
    best = ten_days(Availability(winter(closed={date(2026, 12, 23)})))[1]

    assert dates(best.visits) == [*TEN[:2], *TEN[3:], (1, 6)]


def test_a_working_day_without_a_place_breaks_the_row_and_the_course_starts_after_it():
    clinic = winter()
    busy = date(2026, 12, 23)
    chairs = [one.id for one in clinic.resources if Role.CHAIR in one.roles]
    taken = [(chair, 0, at(busy, "08:00"), at(busy, "18:00")) for chair in chairs]
    best = ten_days(Availability(replace(clinic, occupied=taken)))[1]

    assert dates(best.visits)[0] == (12, 24)


def test_a_day_that_the_patient_cannot_come_breaks_the_row_too():
    best = ten_days(Availability(winter()), blocked_on=frozenset({date(2026, 12, 23)}))[1]
    narrow = Availability(winter(days=14))

    assert dates(best.visits)[0] == (12, 24)
    with pytest.raises(NoFit):
        ten_days(narrow, blocked_on=frozenset({date(2026, 12, 23)}))


def test_a_taper_comes_in_its_rhythm_at_the_same_hour_on_working_days_across_a_clock_change():
    best = ten_days(Availability(winter(days=210)))[1]
    last = to_local(best.visits[-1].start, NEW_YORK)
    taper = best.projections
    locals_ = [to_local(one.start, NEW_YORK) for one in taper]

    assert [one.action for one in taper] == [f"taper-{n}" for n in range(1, 10)]
    assert {local.time() for local in locals_} == {last.time()}
    offsets = {one.start.astimezone(NEW_YORK).utcoffset() for one in taper}
    assert offsets == {timedelta(hours=-5), timedelta(hours=-4)}
    assert all(local.isoweekday() <= 5 and local.date() not in HOLIDAYS for local in locals_)
    assert all(
        one.earliest_on <= local.date() <= one.latest_on for one, local in zip(taper, locals_, strict=True)
    )
    gaps = [
        (after.date() - before.date()).days for before, after in zip([last, *locals_], locals_, strict=False)
    ]
    assert gaps[4:6] == [pytest.approx(13, abs=2), pytest.approx(14, abs=2)]


def test_boosters_are_projected_and_take_up_nothing():
    request = Request(protocol("iv-depression-6"), MONDAY)
    roomy = staff(chairs=2, rooms=2, nurses=2, prescribers=2, therapists=2)
    best = propose(request, Availability(calendar(98, roomy)), now=NOW)[0]

    assert [one.action for one in best.projections if one.action.startswith("booster")]
    assert not [visit for visit in best.visits if visit.action.startswith("booster")]


CONSULT = Action("consult", "consult", "Consult", (phase("talk", 45, Role.PRESCRIBER),))
ASSESSMENT = Action(
    "assessment",
    "assessment",
    "Assessment",
    (phase("talk", 50, Role.ROOM, Role.THERAPIST),),
    days_after("consult", 0, 0, 0),
)


def test_a_consult_and_an_assessment_share_a_day_one_after_the_other():
    availability = Availability(calendar())
    request = Request(plan(CONSULT, ASSESSMENT), MONDAY)
    consult, assessment = propose(request, availability, now=NOW)[0].visits

    assert to_local(consult.start, NEW_YORK).date() == to_local(assessment.start, NEW_YORK).date() == MONDAY
    assert assessment.start >= consult.end
    assert check(request, availability, (consult, assessment), now=NOW) == []


def test_a_day_with_room_for_one_of_two_is_not_taken():
    short = Window(at(MONDAY, "09:00"), at(MONDAY, "10:30"))
    tuesday = Window(at(day(1), "09:00"), at(day(1), "12:00"))
    clinic = replace(calendar(3), hours={None: [short, tuesday]})
    best = propose(Request(plan(CONSULT, ASSESSMENT), MONDAY), Availability(clinic), now=NOW)[0]

    assert dates(best.visits) == [(12, 1), (12, 1)]


def test_units_that_lie_unluckily_do_not_hide_a_nurse_who_has_a_hand_free():
    """Two short visits on different units, one after the other: a long one has room beside them."""
    people = staff(chairs=3)
    nurse = next(one.id for one in people if Role.NURSE in one.roles)
    two_hands = tuple(replace(one, units=2) if one.id == nurse else one for one in people)
    taken = [
        (nurse, 0, at(MONDAY, "09:00"), at(MONDAY, "10:00")),
        (nurse, 1, at(MONDAY, "10:00"), at(MONDAY, "11:00")),
    ]
    drip = Action("drip", "drip", "Drip", (phase("drip", 120, Role.CHAIR, Role.NURSE),))
    request = Request(plan(drip), MONDAY)
    full = [*taken, (nurse, 1, at(MONDAY, "09:30"), at(MONDAY, "10:00"))]
    starts = [
        slot_map(request, Availability(calendar(1, two_hands, occupied=held)), now=NOW)["drip"]
        for held in (taken, full)
    ]

    assert [some[0] for some in starts] == [at(MONDAY, "09:00"), at(MONDAY, "10:00")]


def test_a_course_bent_by_a_pin_keeps_the_pin_and_every_gap():
    availability = Availability(calendar(42))
    pinned = {"infusion-2": at(day(4), "13:00")}
    request = Request(course(4), MONDAY, pinned=pinned)
    best = propose(request, availability, now=NOW)[0]

    assert {v.action: v.start for v in best.visits}["infusion-2"] == pinned["infusion-2"]
    assert check(request, availability, best.visits, now=NOW) == []


def test_too_many_ways_to_place_the_visits_after_one_end_without_a_verdict(monkeypatch):
    monkeypatch.setattr(chains, "CHOICES", 0)
    monkeypatch.setattr(solver_fallback, "is_installed", lambda: False)
    call = (phase("call", 10, Role.NURSE),)
    many = [Action(f"call-{n}", "call", "Call", call, days_after("first", 1, 1, 1)) for n in range(6)]
    request = Request(plan(Action("first", "call", "Call", call), *many), MONDAY)

    with pytest.raises(NoFit) as refused:
        propose(request, Availability(calendar(3)), now=NOW)
    assert not refused.value.proven


def test_five_visits_after_one_are_placed_in_the_best_order_of_time():
    """That order is not the plan's. Nothing is off target but the therapy: 24 hours after 09:40 is no quarter hour."""
    infusion = (phase("infusion", 40, Role.CHAIR, Role.NURSE),)
    talk = (phase("session", 50, Role.ROOM, Role.THERAPIST),)
    call = (phase("call", 10, Role.NURSE),)
    five = plan(
        Action("infusion-1", "infusion", "Infusion", infusion, series="infusion"),
        Action("therapy", "therapy", "Therapy", talk, hours_after("infusion-1", 24, 24, 72)),
        Action("week-call", "call", "Call", call, days_after("infusion-1", 6, 7, 8)),
        Action("day-call", "call", "Call", call, days_after("infusion-1", 1, 1, 1, Unit.WORKING_DAYS)),
        Action("lab", "lab", "Lab", call, days_after("infusion-1", 2, 3, 4)),
        Action(
            "infusion-2",
            "infusion",
            "Infusion",
            infusion,
            days_after("infusion-1", 9, 10, 12),
            series="infusion",
        ),
    )
    availability = Availability(calendar(14))
    request = Request(five, MONDAY)

    best = propose(request, availability, now=NOW)[0]

    assert best.proven and best.cost == 10 * Weights().completion_day + Weights().gap_tick
    assert check(request, availability, best.visits, now=NOW) == []
    shaded = slot_map(request, availability, now=NOW)
    assert all(visit.start in shaded[visit.action] for visit in best.visits)
