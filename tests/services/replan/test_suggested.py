"""A course without a place gets suggestions; one becomes its plan, which is accepted as any that bends something."""

from datetime import datetime, timedelta

import pytest

from scheduler.domain.localtime import day_bounds
from scheduler.errors import NotFound, RuleBroken, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.replan import ReplanState
from scheduler.services.clinic import clinic_settings, schedules
from scheduler.services.replan import accepting, preview, replans, suggested
from scheduler.services.replan.affected import Scope
from tests.cast import NOW
from tests.services.courses import visit
from tests.services.replan.broken_days import starts, work


@pytest.fixture
def unplaced(app, session, harbor, do, nora_course):
    """Nora's second infusion is closed away, what comes before it stays, and no wait may be longer."""
    mona, infusion = harbor.actor("mona"), visit(nora_course, "infusion-2")
    do(clinic_settings.change, mona, {"replan_longer_days": 0}, NOW)
    first = visit(nora_course, "infusion-1").local_start.date()
    start = day_bounds(first + timedelta(days=2), harbor.clinic.zone)[0]
    end = day_bounds(first + timedelta(days=4), harbor.clinic.zone)[1]
    pinned = [one.public_id for one in nora_course.appointments if one.start_at < infusion.start_at]
    closure, _ = do(schedules.close, mona, start, end, NOW)
    replan = do(replans.ask, mona, NOW, replans.of_closure(closure), closure)
    work(app, session)
    do(replans.again, mona, replan, NOW, pinned=pinned)
    work(app, session)
    [row] = [row for row in replans.courses(session, replan) if row.state is ReplanState.UNPLACED]
    return replan, row


@pytest.mark.usefixtures("clock")
def test_a_suggestion_is_shown_taken_and_accepted_with_a_reason(app, session, harbor, do, unplaced):
    replan, row = unplaced
    mona, before = harbor.actor("mona"), starts(session)
    number = next(n for n, one in enumerate(row.suggestions) if "more before" in one["text"])
    text = row.suggestions[number]["text"]
    [shown] = preview.of_replan(session, harbor.clinic, replan)
    assert [one.text for one in shown.suggestions] == [one["text"] for one in row.suggestions]
    assert any(move.is_retimed for move in shown.suggestions[number].moves)

    do(suggested.use, replan, row.public_id, number)
    assert (row.state, row.bent, row.reasons) == (ReplanState.ASK, ["spacing"], [text])
    assert starts(session) == before, "nothing has moved"
    with pytest.raises(RuleBroken):
        do(accepting.ask, mona, replan, NOW, [row.public_id])
    do(accepting.ask, mona, replan, NOW, [row.public_id], "the patient cannot wait")
    work(app, session)

    session.refresh(row)
    assert (row.state, row.reasons) == (ReplanState.ACCEPTED, [])
    assert all(
        session.get_one(Appointment, move["visit"]).start_at != before[move["visit"]]
        for move in row.moves
        if move["displaced"]
    )


@pytest.mark.usefixtures("clock")
def test_only_a_suggestion_of_a_course_without_a_plan_is_taken(session, do, unplaced):
    replan, row = unplaced
    for course, number in (("nothing", 0), (row.public_id, 9)):
        with pytest.raises(NotFound):
            do(suggested.use, replan, course, number)
    do(suggested.use, replan, row.public_id, 0)
    with pytest.raises(WrongStatus, match="has new times"):
        do(suggested.use, replan, row.public_id, 0)


@pytest.mark.usefixtures("clock")
def test_more_staff_is_suggested_but_not_taken_as_a_plan(app, session, harbor, do, nora_course):
    sundays = [schedules.Hours(7, datetime.min.time().replace(hour=8), datetime.min.time().replace(hour=9))]
    do(schedules.set_hours, harbor.actor("mona"), harbor.people["Theo"].resource, sundays, NOW)
    replan = do(replans.ask, harbor.actor("mona"), NOW, Scope())
    work(app, session)
    [row] = replans.courses(session, replan)

    assert row.suggestions[0]["text"].startswith("One more therapist")
    with pytest.raises(WrongStatus, match="hours of the staff"):
        do(suggested.use, replan, row.public_id, 0)
