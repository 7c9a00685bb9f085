"""Running late: the rest of a day of a chair or a nurse."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.localtime import to_utc
from scheduler.domain.status import Response
from scheduler.errors import Invalid, WrongStatus
from scheduler.models.allocation import of_appointment
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.services.day import shifts
from scheduler.services.visit import moves, visits
from scheduler.services.visit.undo import latest_step, undo
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.course.test_booking import overlaps
from tests.visits import single

TUESDAY = date(2026, 11, 24)


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


def at(cast, hour, minute=0, on=TUESDAY) -> datetime:
    return to_utc(datetime.combine(on, time(hour, minute)), cast.clinic.zone)


@pytest.fixture
def morning(session, harbor):
    """Three visits of 125 minutes each on Chair 1: at 8:30, 10:35 and, after a pause, 13:30; all were told of."""
    found = []
    for name, hour, minute in (("Ann", 8, 30), ("Bo", 10, 35), ("Cy", 13, 30)):
        patient = add_patient(
            session, harbor, name, "Muster", email=f"{name.lower()}@example.org", email_ok=True
        )
        found.append(single(session, harbor, patient, "infusion-1", at(harbor, hour, minute), "Chair 1"))
    for message in session.scalars(select(Message)):
        message.state = "sent"
    session.flush()
    return found


def shift(session, actor, place, minutes, now, **more):
    return shifts.plan_shift(session, actor, place.resource_id, TUESDAY, minutes, now, **more)


def starts(planned, cast) -> list[tuple[str, str]]:
    return [
        (move.appointment.patient.given_name, f"{move.visit.start.astimezone(cast.clinic.zone):%H:%M}")
        for move in planned.moves
    ]


@both
def test_the_rest_of_a_chairs_day_moves_in_one_go(session, harbor, alice, morning):
    planned = shift(session, alice, harbor.places["Chair 1"], 20, at(harbor, 8))

    assert starts(planned, harbor) == [("Ann", "08:50"), ("Bo", "10:55"), ("Cy", "13:50")]
    assert planned.stays == ()
    assert [one.appointment.start_at for one in planned.moves] == [one.start_at for one in morning]

    moves.apply_moves(session, alice, planned.moves, at(harbor, 8))
    assert [one.start_at for one in morning] == [at(harbor, 8, 50), at(harbor, 10, 55), at(harbor, 13, 50)]
    assert {one.location for one in morning} == {harbor.places["Chair 1"]}
    assert overlaps(session) == 0


def test_each_patient_gets_a_mail_of_their_own(session, harbor, alice, morning):
    planned = shift(session, alice, harbor.places["Chair 1"], 20, at(harbor, 8))
    moves.apply_moves(session, alice, planned.moves, at(harbor, 8))

    told = session.scalars(select(Message).where(Message.kind == MessageKind.CHANGE)).all()
    assert {message.patient_id for message in told} == {one.patient_id for one in morning}
    assert [len(message.subjects) for message in told] == [1, 1, 1]


def test_pauses_take_up_the_delay(session, harbor, alice, morning):
    planned = shift(session, alice, harbor.places["Chair 1"], 20, at(harbor, 8), pauses=True)

    assert starts(planned, harbor) == [("Ann", "08:50"), ("Bo", "10:55")]


def test_what_has_begun_stays_and_pushes_what_comes_after_it(session, harbor, alice, morning):
    planned = shift(session, alice, harbor.places["Chair 1"], 20, at(harbor, 9))
    pushed = shift(session, alice, harbor.places["Chair 1"], 20, at(harbor, 9), pauses=True)

    assert starts(planned, harbor) == [("Bo", "10:55"), ("Cy", "13:50")]
    assert starts(pushed, harbor) == [("Bo", "10:55")]


def test_what_would_end_after_hours_stays_and_is_named(session, harbor, alice, morning):
    late = add_patient(session, harbor, "Di", "Muster")
    last = single(session, harbor, late, "infusion-1", at(harbor, 15, 55), "Chair 1")
    planned = shift(session, alice, harbor.places["Chair 1"], 30, at(harbor, 9))

    assert [one.appointment.id for one in planned.stays] == [last.id]
    assert planned.stays[0].why
    moves.apply_moves(session, alice, planned.moves, at(harbor, 9))
    assert last.start_at == at(harbor, 15, 55)
    assert overlaps(session) == 0


def test_a_nurses_visits_move_and_may_be_watched_by_another(session, harbor, alice, morning):
    nurse = {person.name: person for one in morning for person in one.practitioners}
    person = next(person for name, person in sorted(nurse.items()) if name in ("Nina", "Noah"))
    planned = shift(session, alice, person, 15, at(harbor, 8))
    hers = [one for one in morning if person in one.practitioners]

    assert [one.appointment for one in planned.moves] == hers
    moves.apply_moves(session, alice, planned.moves, at(harbor, 8))
    assert overlaps(session) == 0


def test_a_move_after_which_something_happened_stays(session, harbor, alice, morning):
    planned = shift(session, alice, harbor.places["Chair 1"], 20, at(harbor, 8))
    moves.apply_moves(session, alice, planned.moves, at(harbor, 8))
    visits.confirm(session, harbor.actor("alice"), morning[0], at(harbor, 8))

    with pytest.raises(WrongStatus, match="after the move"):
        undo(session, harbor.actor("alice"), morning[1], "reschedule", at(harbor, 8, 1))


@both
def test_a_shift_taken_back_at_once_leaves_everything_as_it_was(session, harbor, alice, morning):
    before = {one.id: (one.start_at, one.location, set(one.practitioners)) for one in morning}
    held = {one.id: taken_by(session, one) for one in morning}
    visits.confirm(session, alice, morning[0], at(harbor, 7))
    late = replace(alice, operation="the shift")
    planned = shift(session, late, harbor.places["Chair 1"], 20, at(harbor, 8))
    moves.apply_moves(session, late, planned.moves, at(harbor, 8))

    undo(session, alice, morning[1], "reschedule", at(harbor, 8, 1))

    assert {one.id: (one.start_at, one.location, set(one.practitioners)) for one in morning} == before
    assert {one.id: taken_by(session, one) for one in morning} == held
    assert morning[0].response is Response.ACCEPTED
    changes = session.scalars(select(Message).where(Message.kind == MessageKind.CHANGE)).all()
    assert {message.state for message in changes} == {MessageState.VOID}
    assert [latest_step(session, one) and latest_step(session, one).kind for one in morning] == [
        "confirm",
        None,
        None,
    ]
    assert overlaps(session) == 0


def taken_by(session, one):
    return {(row.resource_id, row.phase, row.start_at, row.end_at) for row in of_appointment(session, one.id)}


def test_who_is_told_is_said_before(session, harbor, alice, morning):
    morning[1].patient.email = None
    planned = shift(session, alice, harbor.places["Chair 1"], 20, at(harbor, 8))

    assert [(told.patient.given_name, told.by_mail) for told in planned.told] == [
        ("Ann", True),
        ("Bo", False),
        ("Cy", True),
    ]


def test_a_course_keeps_its_gaps_unless_a_role_breaks_them_with_a_reason(session, harbor, alice, nora_course):
    """The therapy session comes 24 hours after the infusion at the earliest, to the minute."""
    course = nora_course
    infusion, therapy = (
        next(one for one in course.appointments if one.action == action)
        for action in ("infusion-1", "therapy-1")
    )
    assert therapy.start_at - infusion.end_at < timedelta(hours=24, minutes=30)
    asked = (infusion.location.resource_id, infusion.local_start.date(), 30, NOW)

    kept = shifts.plan_shift(session, alice, *asked)
    broken = shifts.plan_shift(session, harbor.actor("mona"), *asked, override_reason="the drip is late")

    assert ([stays.appointment for stays in kept.stays], kept.moves) == ([infusion], ())
    assert "gap" in kept.stays[0].why or "hours" in kept.stays[0].why
    assert [move.appointment for move in broken.moves] == [infusion]


@pytest.mark.parametrize("minutes", [0, -5, 7, 245])
def test_a_delay_that_is_none_is_refused(session, harbor, alice, minutes):
    with pytest.raises(Invalid, match="minutes"):
        shift(session, alice, harbor.places["Chair 1"], minutes, NOW)


def test_a_day_that_is_over_is_refused(session, harbor, alice):
    with pytest.raises(Invalid, match="is over"):
        shifts.plan_shift(
            session, alice, harbor.places["Chair 1"].resource_id, TUESDAY, 10, NOW + timedelta(days=3)
        )
