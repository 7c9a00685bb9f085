from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from scheduler.domain.localtime import to_local
from scheduler.domain.planner import Availability, check, propose
from scheduler.domain.planner.values import Done, NoFit, Request
from tests.domain.planner.clinics import (
    MONDAY,
    NEW_YORK,
    NOW,
    at,
    calendar,
    course,
    day,
    protocol,
    random_calendar,
    staff,
)

ROOMY = staff(chairs=3, rooms=2, nurses=2, prescribers=2, therapists=2)
KEYS = ("iv-depression-6", "iv-depression-6-fast", "esketamine-nasal", "crps-10-day", "kap-im-6", "therapy-6")


def walls(proposal, prefix="infusion"):
    return [
        f"{to_local(visit.start, NEW_YORK):%a %H:%M}"
        for visit in proposal.visits
        if visit.action.startswith(prefix)
    ]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("load", [0.0, 0.06])
def test_every_shipped_plan_is_placed_and_keeps_every_rule(key, load):
    request = Request(protocol(key), MONDAY)
    availability = Availability(random_calendar(Random(7), 98, load, ROOMY))

    proposals = propose(request, availability, now=NOW)

    assert proposals
    for proposal in proposals:
        assert check(request, availability, proposal.visits, now=NOW) == []
        assert sum(term.cost for term in proposal.terms) == proposal.cost
        assert proposal.proven


def test_the_empty_calendar_gives_the_ideal_gaps_at_one_time_of_day():
    request = Request(course(3, therapy=False), MONDAY)

    best = propose(request, Availability(calendar(28)), now=NOW)[0]

    assert walls(best) == ["Tue 09:00", "Fri 09:00", "Mon 09:00"]


def test_alternatives_differ_and_come_best_first():
    request = Request(course(4), MONDAY, count=4)

    proposals = propose(request, Availability(calendar(42, ROOMY)), now=NOW)

    assert len(proposals) == 4
    assert [p.cost for p in proposals] == sorted(p.cost for p in proposals)
    assert len({tuple(v.start for v in p.visits) for p in proposals}) == 4


def test_pinning_every_visit_of_the_optimum_returns_it():
    request = Request(course(3), MONDAY)
    availability = Availability(random_calendar(Random(3), 28, 0.4, ROOMY))
    best = propose(request, availability, now=NOW)[0]

    pinned = replace(request, pinned={visit.action: visit.start for visit in best.visits})

    assert propose(pinned, availability, now=NOW)[0].visits == best.visits


def test_done_actions_are_counted_from_and_not_placed():
    start = at(day(-3), "10:00")
    done = {"infusion-1": Done("infusion-1", start, start + timedelta(minutes=55))}
    request = Request(course(3, therapy=False), MONDAY, done=done)

    best = propose(request, Availability(calendar(28)), now=NOW)[0]

    assert [visit.action for visit in best.visits] == ["infusion-2", "infusion-3"]
    assert walls(best) == ["Mon 10:00", "Thu 10:00"]


def test_wished_weekdays_bind_the_infusions_and_not_the_therapy():
    request = Request(course(3), MONDAY, weekdays=frozenset({2, 5}))

    best = propose(request, Availability(calendar(28)), now=NOW)[0]

    assert [wall[:3] for wall in walls(best)] == ["Tue", "Fri", "Tue"]
    assert {wall[:3] for wall in walls(best, "therapy")} - {"Tue", "Fri"}


def test_nothing_is_proposed_before_the_notice_has_passed():
    now = at(MONDAY, "11:50")
    tight = replace(calendar(28), notice=timedelta(hours=2))

    best = propose(Request(course(1, therapy=False), MONDAY), Availability(tight), now=now)[0]

    assert walls(best) == ["Mon 14:00"]


def test_nobody_on_duty_is_named():
    without = staff(prescribers=0)

    with pytest.raises(NoFit) as refused:
        propose(Request(course(2), MONDAY), Availability(calendar(28, without)), now=NOW)

    assert [(reason.action, reason.resource) for reason in refused.value.reasons] == [
        ("infusion-1", "prescriber")
    ]
