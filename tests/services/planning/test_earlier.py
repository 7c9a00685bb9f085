from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.localtime import local_on
from scheduler.domain.status import AppointmentStatus
from scheduler.errors import Invalid, NoFitFound, RuleBroken
from scheduler.models.message import Message
from scheduler.models.requirement import Requirement
from scheduler.services.course import booking, careplans
from scheduler.services.course.course_pictures import picture
from scheduler.services.planning import courses, proposals
from scheduler.services.planning.earlier import Before, LastVisitMissing, earlier, longer_gap, sides
from scheduler.services.visit import books
from tests.cast import NOW, shipped
from tests.engines import both
from tests.services.courses import visit, wishes

ZONE = ZoneInfo("America/New_York")
PLAN = next(plan for plan in shipped() if plan.key == "iv-depression-6")
FRIDAY = date(2026, 11, 20)
TUESDAY = date(2026, 11, 24)  # the first day that is asked for: NOW is the Monday before


def known(last="infusion-3", on=FRIDAY, more=(), sides=(), first_on=TUESDAY, settled=False):
    before = Before(last, {last: on, **dict(more)}, time(10), frozenset(sides), settled)
    return earlier(PLAN, before, first_on, ZONE, NOW)


def days(found):
    return {key: local_on(done.start, ZONE) for key, done in found.done.items()}


def in_the_middle(session, harbor, found, **more):
    more = {"not_before": TUESDAY, **more}
    return wishes(session, harbor, done=found.done, skipped=found.skipped, **more)


def test_days_are_reckoned_back_by_the_best_gaps():
    assert {key: on for key, on in days(known()).items() if not key.startswith(("therapy", "call"))} == {
        "consult": date(2026, 11, 6),
        "assessment": date(2026, 11, 9),
        "consent": date(2026, 11, 11),
        "infusion-1": date(2026, 11, 14),
        "infusion-2": date(2026, 11, 17),
        "infusion-3": FRIDAY,
    }


def test_a_day_that_is_given_moves_those_before_it():
    found = days(known(more={"infusion-2": date(2026, 11, 13)}))

    assert (found["infusion-2"], found["infusion-1"]) == (date(2026, 11, 13), date(2026, 11, 10))


def test_the_time_of_day_is_kept_over_a_clock_change():
    found = known("infusion-2", date(2026, 11, 3), more={"infusion-1": date(2026, 10, 30)})

    assert found.done["infusion-1"].start == datetime(2026, 10, 30, 14, tzinfo=UTC)  # 10:00 in summer time
    assert found.done["infusion-2"].start == datetime(2026, 11, 3, 15, tzinfo=UTC)


def test_side_visits_before_are_left_out_unless_they_are_said_to_be_held():
    assert sides(PLAN) == {"therapy": "Therapy session", "call": "Check-in call"}
    assert known(sides=["therapy"]).skipped == {"call-1", "call-2", "call-3"}


def test_what_hangs_from_the_last_visit_is_planned_while_its_gap_allows():
    """The session of Friday's infusion may be until Monday, the call is due on Monday."""
    monday = known(first_on=NOW.date())
    settled = known(first_on=NOW.date(), settled=True)

    assert not {"therapy-3", "call-3"} & monday.done.keys()
    assert {"therapy-3", "call-3"} <= settled.skipped
    assert {"therapy-3", "call-3"} <= known(first_on=TUESDAY).skipped
    assert days(settled)["therapy-3"] < TUESDAY


@pytest.mark.parametrize(
    ("case", "errors"),
    [
        ({"last": "infusion-9"}, [("had", "is not a visit of this protocol")]),
        ({"last": "therapy-1"}, [("had", "is not a visit of this protocol")]),
        ({"last": "infusion-6"}, [("had", "leaves no visits to book")]),
        ({"on": date(2026, 11, 24)}, [("last_on", "is in the future")]),
        ({"on": NOW.date()}, [("last_at", "is not over yet")]),
        ({"more": {"infusion-2": date(2026, 11, 21)}}, [("on-infusion-2", "must not be after infusion 3")]),
    ],
)
def test_what_cannot_be_is_named(case, errors):
    with pytest.raises(Invalid) as caught:
        known(**case)

    assert [(one["field"], one["reason"]) for one in caught.value.details["errors"]] == errors


def test_without_the_day_of_the_last_nothing_is_known():
    with pytest.raises(LastVisitMissing, match="last_on: is missing"):
        earlier(PLAN, Before("infusion-3", {}, time(10)), TUESDAY, ZONE, NOW)


@both
def test_the_rest_is_booked_with_the_plans_gap_to_the_last(session, harbor):
    wanted = in_the_middle(session, harbor, known(sides=["therapy"]))
    best = proposals.propose(session, harbor.actor("alice"), wanted, NOW)[0]
    course = booking.book_course(session, harbor.actor("alice"), wanted, best.visits, best.projections, NOW)
    session.commit()

    status = {one.action: one.status for one in course.appointments}
    assert status["infusion-3"] is status["therapy-2"] is status["consent"] is AppointmentStatus.FULFILLED
    assert status["call-1"] is AppointmentStatus.CANCELLED
    assert not visit(course, "call-1").visible
    fourth = visit(course, "infusion-4")
    assert fourth.status is AppointmentStatus.PENDING
    assert 2 <= (local_on(fourth.start_at, ZONE) - FRIDAY).days <= 4
    assert (fourth.position, fourth.series_length) == (4, 6)
    gaps = {step.visit.action: step.spacing for step in picture(session, harbor.clinic, course, NOW).steps}
    assert all(gap.kept for action, gap in gaps.items() if gap and action.startswith("infusion"))
    assert not books.faults(session, harbor.clinic.id, NOW).any


def test_requirements_and_mail_are_of_what_is_to_come_alone(session, harbor):
    wanted = in_the_middle(session, harbor, known())
    best = proposals.propose(session, harbor.actor("alice"), wanted, NOW)[0]
    course = booking.book_course(session, harbor.actor("alice"), wanted, best.visits, best.projections, NOW)

    held = {one.id for one in course.appointments if one.start_at < NOW}
    assert not held & {requirement.appointment_id for requirement in session.query(Requirement)}
    [message] = session.query(Message)
    assert not held & {subject.appointment_id for subject in message.subjects}


def test_a_course_from_its_middle_is_held_and_goes_on_like_any_other(session, harbor):
    actor = harbor.actor("alice")
    wanted = in_the_middle(session, harbor, known())
    best = proposals.propose(session, actor, wanted, NOW)[0]
    course = booking.book_course(session, actor, wanted, best.visits, best.projections, NOW)
    session.commit()
    later = NOW + timedelta(hours=1)
    careplans.hold(session, actor, course, later)
    careplans.resume(session, actor, course, later + timedelta(hours=1))
    session.commit()

    planned = {one.action for one in course.appointments if one.status.is_live and one.start_at > later}
    assert planned == {one.action for one in best.visits}
    assert set(courses.under_way(session, actor, course, later).rows) == planned


def test_a_longer_gap_is_offered_once_it_is_solved_and_asks_for_a_reason(session, harbor):
    wanted = in_the_middle(session, harbor, known(on=date(2026, 11, 9)))
    with pytest.raises(NoFitFound):
        proposals.propose(session, harbor.actor("alice"), wanted, NOW)
    offered = longer_gap(session, harbor.actor("alice"), wanted, NOW)

    assert offered.text == "Allow up to 18 days before infusion 4 (protocol: 4)"
    bent = in_the_middle(session, harbor, known(on=date(2026, 11, 9)), slack=dict(offered.request["slack"]))
    best = proposals.propose(session, harbor.actor("mona"), bent, NOW)[0]
    for who, reason in (("alice", "was abroad"), ("mona", "")):
        with pytest.raises(RuleBroken, match="4 are allowed"):
            booking.book_course(
                session, harbor.actor(who), bent, best.visits, best.projections, NOW, override_reason=reason
            )
    course = booking.book_course(
        session, harbor.actor("mona"), bent, best.visits, best.projections, NOW, override_reason="was abroad"
    )
    assert course.override_reason == "was abroad"


def test_no_longer_gap_is_offered_where_it_does_not_help(session, harbor):
    impossible = in_the_middle(session, harbor, known(on=date(2026, 11, 9)), weekdays=frozenset({7}))

    assert longer_gap(session, harbor.actor("alice"), impossible, NOW) is None
    assert longer_gap(session, harbor.actor("alice"), wishes(session, harbor), NOW) is None
