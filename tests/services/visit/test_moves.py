"""Moving visits."""

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from scheduler.domain.status import Response
from scheduler.errors import Invalid, NoFitFound, RuleBroken, StalePreview, WrongStatus
from scheduler.models.allocation import Allocation, of_appointment
from scheduler.models.message import Message, MessageKind
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.visit import move_tokens, moves, visits
from tests.cast import NOW
from tests.engines import both
from tests.services.course.test_booking import overlaps
from tests.services.courses import visit

HOUR = timedelta(hours=1)


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


@pytest.fixture
def care_plan(session, harbor, nora_course):
    return nora_course


def move(session, actor, appointment, start, **more):
    planned = moves.plan_move(session, actor, appointment, start, NOW, **more)
    moves.apply_moves(session, actor, planned, NOW)
    return planned


@both
def test_a_move_keeps_row_and_uid_and_counts_up(session, alice, care_plan):
    therapy = visit(care_plan, "therapy-6")
    uid, sequence, version = therapy.uid, therapy.sequence, therapy.schedule_version
    start = therapy.start_at + HOUR
    move(session, alice, therapy, start)

    assert (therapy.uid, therapy.start_at) == (uid, start)
    assert (therapy.sequence, therapy.schedule_version) == (sequence + 1, version + 1)
    assert overlaps(session) == 0


@both
def test_a_move_may_overlap_the_visits_own_old_time(session, alice, care_plan):
    therapy = visit(care_plan, "therapy-6")
    start = therapy.start_at + timedelta(minutes=15)
    move(session, alice, therapy, start)

    assert {row.start_at for row in of_appointment(session, therapy.id)} == {start}
    assert overlaps(session) == 0


def test_a_move_sets_the_answer_back_and_plans_reminders_anew(session, alice, care_plan):
    therapy = visit(care_plan, "therapy-6")
    visits.confirm(session, alice, therapy, NOW)
    move(session, alice, therapy, therapy.start_at + HOUR)

    rows = session.scalars(select(Reminder).where(Reminder.appointment_id == therapy.id)).all()
    states = {(row.schedule_version, row.state) for row in rows}
    assert therapy.response is Response.NEEDS_ACTION
    assert states == {(1, ReminderState.VOID), (2, ReminderState.PENDING)}


def test_a_preview_writes_nothing(session, alice, care_plan):
    therapy = visit(care_plan, "therapy-6")
    before = therapy.start_at
    planned = moves.plan_move(session, alice, therapy, before + HOUR, NOW)

    assert [one.visit.start for one in planned] == [before + HOUR]
    assert therapy.start_at == before
    assert not session.dirty


def test_a_move_that_breaks_a_gap_names_the_rule(session, alice, care_plan):
    last = visit(care_plan, "infusion-6")

    with pytest.raises(RuleBroken) as refused:
        move(session, alice, last, last.start_at + timedelta(days=7))

    assert {violation["rule"] for violation in refused.value.details["violations"]} >= {"gap"}


def test_a_gap_may_be_overridden_by_a_role_with_a_reason(session, harbor, care_plan):
    last = visit(care_plan, "infusion-6")
    start = last.start_at + timedelta(days=7)
    move(session, harbor.actor("mona"), last, start, override_reason="the patient travels")

    assert last.start_at == start


def test_the_past_is_refused(session, alice, care_plan):
    with pytest.raises(Invalid, match="start: is in the past"):
        move(session, alice, visit(care_plan, "therapy-6"), NOW - HOUR)


def test_a_closed_day_names_the_reason(session, alice, care_plan):
    therapy = visit(care_plan, "therapy-6")
    saturday = therapy.start_at + timedelta(days=(5 - therapy.local_start.weekday()) % 7)

    with pytest.raises(NoFitFound) as refused:
        move(session, alice, therapy, saturday)

    assert refused.value.details["reasons"][0]["action"] == "therapy-6"


def test_a_visit_that_has_begun_stays(session, alice, care_plan):
    therapy = visit(care_plan, "therapy-1")

    with pytest.raises(WrongStatus, match="has begun"):
        moves.plan_move(session, alice, therapy, therapy.start_at + HOUR, therapy.start_at)


def test_another_chair_is_a_change_of_place_and_not_of_time(session, harbor, alice, care_plan):
    infusion = visit(care_plan, "infusion-6")
    sequence, version = infusion.sequence, infusion.schedule_version
    move(session, alice, infusion, infusion.start_at, location=harbor.places["Chair 3"])

    chairs = select(Allocation.resource_id).where(
        Allocation.appointment_id == infusion.id,
        Allocation.released_at.is_(None),
        Allocation.role == "chair",
    )
    assert set(session.scalars(chairs)) == {harbor.places["Chair 3"].resource_id}
    assert (infusion.sequence, infusion.schedule_version) == (sequence + 1, version)


def test_a_move_that_was_announced_is_told_in_one_mail(session, alice, care_plan):
    for message in session.scalars(select(Message)):
        message.state = "sent"
    session.flush()
    move(session, alice, visit(care_plan, "therapy-6"), visit(care_plan, "therapy-6").start_at + HOUR)

    told = session.scalars(select(Message).where(Message.kind == MessageKind.CHANGE)).all()
    assert [len(message.subjects) for message in told] == [1]


@both
def test_moving_an_infusion_pulls_its_followers_along(session, alice, care_plan):
    moved = later_by_a_day(care_plan)
    number = moved.position
    earlier = {visit(care_plan, f"infusion-{n}").start_at for n in range(1, number)}
    planned = move(session, alice, moved, moved.start_at + timedelta(days=1), scope="following")

    actions = [one.appointment.action for one in planned]
    assert actions[0] == moved.action
    assert len(actions) > 1
    assert {visit(care_plan, f"infusion-{n}").start_at for n in range(1, number)} == earlier
    assert overlaps(session) == 0
    assert all(2 <= gap <= 4 for gap in gaps(care_plan))


def gaps(care_plan) -> list[int]:
    """Return the days between the infusions."""
    days = [visit(care_plan, f"infusion-{n}").local_start.date() for n in range(1, 7)]
    return [(later - earlier).days for earlier, later in pairwise(days)]


def later_by_a_day(care_plan):
    """Return the first infusion that may come a working day later, as far as those before it are concerned."""
    for number, gap in enumerate(gaps(care_plan), start=2):
        infusion = visit(care_plan, f"infusion-{number}")
        if gap < 4 and infusion.local_start.weekday() < 4:
            return infusion
    raise AssertionError("no infusion can come later")


def test_a_preview_that_no_longer_holds_is_stale(session, alice, care_plan):
    therapy = visit(care_plan, "therapy-6")
    keys = ["k" * 32]
    shown = moves.plan_move(session, alice, therapy, therapy.start_at + HOUR, NOW)
    token = move_tokens.sign(shown, alice, keys, NOW)
    move_tokens.check(token, shown, alice, keys, NOW)
    move(session, alice, therapy, therapy.start_at + 2 * HOUR)

    again = moves.plan_move(session, alice, therapy, therapy.start_at - HOUR, NOW)
    with pytest.raises(StalePreview):
        move_tokens.check(token, again, alice, keys, NOW)
