"""Preferences that a proposed course does not keep, and what would let it start earlier: each change really helps."""

from dataclasses import replace
from datetime import date, time, timedelta

from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Term
from scheduler.services.planning import proposals, unkept
from scheduler.services.planning.wishes import from_document
from tests.cast import NOW
from tests.services.courses import MONDAY, wishes

MON_THU = frozenset({1, 4})


def best(session, cast, wanted):
    return proposals.propose(session, cast.actor("alice"), replace(wanted, count=1), NOW)[0]


def with_change(wanted, change):
    fields = {name: value for name, value in change.fields.items() if name != "practitioner_ids"}
    return replace(wanted, **fields)


def weekdays(cast, found, *, dosing):
    plan = found[0].plan_definition.plan
    return {
        local_on(visit.start, cast.clinic.zone).isoweekday()
        for visit in found[1].visits
        if (plan.action(visit.action).dosing is not None) is dosing
    }


def test_days_asked_of_dosing_visits_bind_no_other_visit(session, harbor):
    wanted = wishes(session, harbor, weekdays=MON_THU, latest=time(12), dosing_only=True)
    found = best(session, harbor, wanted)
    calendar = proposals.load(session, harbor.actor("alice"), wanted, NOW)

    assert weekdays(harbor, (wanted, found), dosing=True) == MON_THU
    assert weekdays(harbor, (wanted, found), dosing=False) - MON_THU
    assert not planner.check(wanted.request(), calendar, found.visits, now=NOW)
    assert unkept.unkept(session, harbor.actor("alice"), wanted, found) == []
    kept = from_document(session, wanted.patient, wanted.plan_definition, wanted.to_document())
    assert kept == replace(wanted, count=3)


def test_visits_on_other_days_are_named_with_the_rule_and_what_keeps_them(session, harbor):
    wanted = wishes(session, harbor, weekdays=MON_THU)
    found = best(session, harbor, wanted)
    [one] = unkept.unkept(session, harbor.actor("alice"), wanted, found)

    assert "not on Mon and Thu" in one.words
    assert "24–72 hours after the infusion" in one.why
    for change in one.changes:
        then = with_change(wanted, change)
        assert unkept.unkept(session, harbor.actor("alice"), then, best(session, harbor, then)) == []


def test_several_therapists_break_no_preference_of_a_patient_who_asked_for_none(session, harbor):
    """The proposal says how many sessions are with one therapist; it is a red chip only where one was chosen."""
    wanted = wishes(session, harbor)
    found = best(session, harbor, wanted)
    mixed = replace(found, terms=(*found.terms, Term("therapist", 40, "4 of 6 sessions with Theo")))
    chosen = replace(wanted, practitioners=(harbor.people["Theo"],))
    actor = harbor.actor("alice")

    assert unkept.unkept(session, actor, wanted, mixed) == []
    assert [one.term for one in unkept.unkept(session, actor, chosen, mixed)] == ["therapist"]


def test_a_late_start_names_what_would_start_earlier_and_when(session, harbor):
    away = frozenset(MONDAY + timedelta(days=n) for n in range(12))
    wanted = wishes(session, harbor, blocked_on=away, latest=time(17))
    starts_on = local_on(best(session, harbor, wanted).visits[0].start, harbor.clinic.zone)
    late = unkept.late_start(session, harbor.actor("alice"), wanted, starts_on, NOW)

    assert late.days == (starts_on - MONDAY).days
    assert [one.change.words for one in late.earlier][:1] == ["No unavailable dates"]
    for one in late.earlier:
        then = best(session, harbor, with_change(wanted, one.change))
        assert local_on(then.visits[0].start, harbor.clinic.zone) == one.starts_on < starts_on
        assert local_on(then.visits[-1].start, harbor.clinic.zone) == one.ends_on


def test_a_start_within_days_of_the_first_day_asked_for_needs_no_explanation(session, harbor):
    wanted = wishes(session, harbor)

    assert unkept.late_start(session, harbor.actor("alice"), wanted, date(2026, 12, 3), NOW) is None
