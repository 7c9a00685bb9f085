"""What a good desk would do: an early first visit, one time of day."""

from datetime import time, timedelta

from scheduler.domain.localtime import to_local
from scheduler.domain.planner import Availability, Weights, propose
from scheduler.domain.planner.values import Done, Request
from scheduler.domain.plans import Action, Role
from tests.domain.planner.clinics import (
    INFUSION,
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
    staff,
    weekdays,
)

CONSULT = (phase("consult", 30, Role.PRESCRIBER),)


def led_up(after=None):
    """Return a consultation and, after 1 to 14 days (best 3), two infusions."""
    return plan(
        Action("consult", "consult", "Consultation", CONSULT),
        Action(
            "infusion-1",
            "infusion",
            "Infusion",
            INFUSION,
            after or days_after("consult", 1, 3, 14),
            None,
            "infusion",
            1,
            2,
        ),
        Action(
            "infusion-2",
            "infusion",
            "Infusion",
            INFUSION,
            days_after("infusion-1", 2, 3, 4),
            None,
            "infusion",
            2,
            2,
        ),
    )


def closed_for_a_week(**rest):
    """Return a calendar on which no infusion can start before the sixteenth day, and a consultation can."""
    people = staff()
    chairs = [one for one in people if Role.CHAIR in one.roles]
    late = [on for on in weekdays(35) if (on - MONDAY).days >= 16]
    hours = calendar(35, open_on=late).hours[None]
    return calendar(35, people, own_hours={one.id: hours for one in chairs}, **rest)


def dates(proposal):
    return [(to_local(visit.start, NEW_YORK).date() - MONDAY).days for visit in proposal.visits]


def term(proposal, key):
    return next(one for one in proposal.terms if one.key == key)


def test_the_first_visit_is_early_where_the_series_must_be_late():
    best = propose(Request(led_up(), MONDAY, count=1), Availability(closed_for_a_week()), now=NOW)[0]

    assert dates(best) == [2, 16, 18]  # the longest gap that the protocol allows
    assert term(best, "first").words == "first visit on Wed, Dec 2"
    assert term(best, "first").cost == 2 * Weights().first_day
    assert term(best, "gaps").cost == Weights().gap_day  # of the infusions, one day closer than is best


def test_a_lead_up_counted_in_hours_may_be_longer_too():
    request = Request(led_up(hours_after("consult", 24, 72, 14 * 24)), MONDAY, count=1)

    best = propose(request, Availability(closed_for_a_week()), now=NOW)[0]

    assert dates(best)[0] <= 3
    assert term(best, "gaps").cost == Weights().gap_day


def test_a_lead_up_after_a_visit_that_is_over_may_be_longer_too():
    start = at(day(-1), "10:00")
    done = {"consult": Done("consult", start, start + timedelta(minutes=30))}
    request = Request(led_up(days_after("consult", 1, 3, 40)), MONDAY, done=done, count=1)

    best = propose(request, Availability(closed_for_a_week()), now=NOW)[0]

    assert dates(best) == [16, 18]
    assert term(best, "gaps").cost == Weights().gap_day
    assert not any(one.key == "first" for one in best.terms)


def test_a_lead_up_shorter_than_its_target_costs():
    best = propose(Request(led_up(), MONDAY, count=1), Availability(calendar(28)), now=NOW)[0]
    shorter = propose(
        Request(led_up(), MONDAY, count=1, pinned={"infusion-1": at(day(1), "10:00")}),
        Availability(calendar(28)),
        now=NOW,
    )[0]

    assert dates(best)[:2] == [0, 4]
    assert term(shorter, "gaps").cost >= 2 * Weights().gap_day


def test_a_visit_a_little_later_is_not_worth_a_second_time_of_day():
    """9:00 is preferred, and taken on the second day. By the difference alone, 9:00 and 9:15 are cheaper."""
    people = staff(chairs=1)
    chair = people[0]
    taken = [(chair.id, 0, at(day(n), "08:00"), at(day(n), "09:15")) for n in (3, 4)]
    request = Request(course(2, (3, 3, 3), therapy=False), MONDAY, preferred=time(9), count=1)
    busy = Availability(calendar(14, people, occupied=taken))
    by_difference = Weights(rhythm_change=0, rhythm_tick=1, completion_day=600)

    apart = propose(request, busy, by_difference, now=NOW)[0]
    same = propose(request, busy, Weights(rhythm_tick=1, completion_day=600), now=NOW)[0]

    assert len({to_local(visit.start, NEW_YORK).time() for visit in apart.visits}) == 2
    assert len({to_local(visit.start, NEW_YORK).time() for visit in same.visits}) == 1
