"""One exception to the spacing that lets a course end much earlier, and the closed days that made it late."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.domain.localtime import local_on
from scheduler.domain.planner import Availability, check, propose
from scheduler.domain.planner.values import Request
from tests.domain.planner.clinics import (
    MONDAY,
    NEW_YORK,
    NOW,
    calendar,
    course,
    day,
    plan,
    staff,
    weekdays,
)

CLOSED = {11, 14, 15}  # Friday to Tuesday: no infusion may be before and the next one after
PEOPLE = staff(chairs=2, rooms=2, nurses=1, prescribers=1, therapists=1)
OPEN = [on for on in weekdays(56) if (on - MONDAY).days not in CLOSED]
SIX = course(6, (2, 2, 4))


def asked(**changes):
    return replace(Request(SIX, MONDAY), **changes), Availability(calendar(56, PEOPLE, OPEN))


def exceptions(request, availability):
    return propose(request, availability, now=NOW)[0].exceptions


def ends(proposal):
    return (local_on(max(visit.start for visit in proposal.visits), NEW_YORK) - MONDAY).days


def test_a_closure_that_delays_a_course_is_named_with_the_exception():
    request, availability = asked()
    [best] = propose(replace(request, count=1), availability, now=NOW)

    found = exceptions(request, availability)

    assert local_on(best.visits[0].start, NEW_YORK) >= day(16)
    assert found and found[0].days >= 5
    assert [(on - MONDAY).days for on in found[0].closed] == sorted(CLOSED)
    assert not found[0].away
    for one in found:
        assert ends(one.proposal) <= ends(best) - 5


def test_the_course_keeps_every_rule_but_the_one():
    request, availability = asked()

    for one in exceptions(request, availability):
        bent = replace(request, slack=one.slack)
        assert check(bent, availability, one.proposal.visits, now=NOW) == []
        broken = {
            violation.action for violation in check(request, availability, one.proposal.visits, now=NOW)
        }
        assert one.action in broken and broken <= one.slack.keys()
        assert len({key for key in one.slack if key.startswith("infusion")}) == 1


def test_where_the_patient_is_away_the_days_are_said():
    away = frozenset(day(n) for n in CLOSED)
    availability = Availability(calendar(56, PEOPLE))

    found = exceptions(Request(SIX, MONDAY, blocked_on=away), availability)

    assert found and set(found[0].away) == away and not found[0].closed


def test_a_hard_gap_is_no_exception():
    hard = [replace(one, offset=replace(one.offset, hard=True)) if one.offset else one for one in SIX.actions]
    request, availability = asked(plan=plan(*hard))

    assert exceptions(request, availability) == ()


@pytest.mark.parametrize("open_on", [weekdays(56), [on for on in weekdays(56) if (on - MONDAY).days >= 21]])
def test_none_where_a_course_is_not_late_or_could_not_be_earlier(open_on):
    availability = Availability(calendar(56, PEOPLE, open_on))

    assert exceptions(Request(SIX, MONDAY), availability) == ()


def test_none_for_what_is_asked_alone():
    request, availability = asked(count=1)

    assert exceptions(request, availability) == ()


def test_the_words_say_what_the_protocol_allows():
    request, availability = asked()

    first = exceptions(request, availability)[0]

    number = int(first.action.removeprefix("infusion-"))
    most = first.slack[first.action][1]
    assert first.words == f"Infusion {number} up to {most} days after infusion {number - 1} (protocol: 2–4)"
    assert most <= 7 and timedelta(days=most) >= timedelta(days=5)
