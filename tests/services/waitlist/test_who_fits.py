"""Who could take an opened time: exactly those whom the service that books could put there, and in which order."""

from datetime import timedelta

import pytest
from sqlalchemy import event, update

from scheduler.domain.dosing import RULE
from scheduler.domain.localtime import local_on, to_local
from scheduler.errors import RuleBroken
from scheduler.models.appointment import Appointment
from scheduler.models.opening import Opening, OpeningCause
from scheduler.models.plan_definition import current
from scheduler.models.waitlist import Priority
from scheduler.services.visit import moves, visits
from scheduler.services.waitlist import entries
from scheduler.services.waitlist.entries import WaitWishes
from scheduler.services.waitlist.who_fits import candidates, fits_at
from tests.cast import NOW, add_patient
from tests.services.courses import MONDAY, book, visit
from tests.services.waitlist.crowd import Crowd
from tests.services.waitlist.every_start import every_candidate, told

WEEK = 7 * 24 * 60  # minutes


@pytest.mark.parametrize("seed", [5, 10])
def test_the_same_are_found_as_by_planning_everyone_at_every_start(session, harbor, seed):
    crowd, number = Crowd(session, harbor, seed), 0
    for opening in crowd.openings:
        session.expire_all()
        found = candidates(session, crowd.actor, opening, crowd.now)

        assert told(found) == told(every_candidate(session, crowd.actor, opening, crowd.now))
        number += len(found)
    assert number


@pytest.mark.parametrize("seed", [5, 10])
def test_a_candidate_fits_and_can_be_moved(session, harbor, seed):
    crowd = Crowd(session, harbor, seed)
    opening = crowd.openings[-1]
    found = [one for one in candidates(session, crowd.actor, opening, crowd.now) if one.moves]

    assert found
    for one in found:
        again = fits_at(session, crowd.actor, one.entry, one.start, crowd.now)
        assert again is not None
        assert told([again]) == told([one])
    moves.apply_moves(session, crowd.actor, found[0].moves, crowd.now)
    assert found[0].entry.appointment.start_at == found[0].start


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


@pytest.fixture
def two(session, harbor):
    """The courses of Nora and of Olga, who began a week later."""
    add_patient(session, harbor, "Olga", "Ortiz")
    nora = book(session, harbor)
    olga = book(session, harbor, patient="Olga", not_before=MONDAY + timedelta(days=7))
    return nora, olga


def opened(session, harbor, start, minutes=60, now=NOW):
    opening = Opening(
        clinic_id=harbor.clinic.id,
        cause=OpeningCause.HOURS,
        start_at=start,
        end_at=start + timedelta(minutes=minutes),
        created_at=now,
    )
    session.add(opening)
    session.flush()
    return opening


def waits(session, alice, row, **wishes):
    return entries.wait_for_earlier(session, alice, row, WaitWishes(**wishes), NOW)


def day_before(row):
    """Return the same time on the day before, or on the Friday before a Monday."""
    return row.start_at - timedelta(days=3 if row.local_start.weekday() == 0 else 1)


def test_the_number_of_questions_does_not_grow_with_who_waits(session, harbor, alice, two):
    opening = opened(session, harbor, day_before(visit(two[0], "infusion-2")), WEEK)
    asked = []

    def count():
        numbers = [0]

        def more(*_):
            numbers[0] += 1

        session.flush()
        session.expire_all()
        event.listen(session.get_bind(), "before_cursor_execute", more)
        found = candidates(session, alice, opening, NOW)
        event.remove(session.get_bind(), "before_cursor_execute", more)
        asked.append(numbers[0])
        return len(found)

    waits(session, alice, visit(two[0], "infusion-2"))
    few = count()
    for course in two:
        for action in ("infusion-2", "infusion-3", "therapy-2", "infusion-4", "infusion-5"):
            waits(session, alice, visit(course, action))
    many = count()

    assert 1 <= few < many
    assert asked[0] == asked[1] < 35


def test_the_best_come_first_and_as_many_as_asked_for(session, harbor, alice, two):
    row = visit(two[0], "infusion-2")
    opening = opened(session, harbor, day_before(row), 2 * WEEK)
    waits(session, alice, row)
    waits(session, alice, visit(two[1], "infusion-2"), priority=Priority.URGENT)
    found = candidates(session, alice, opening, NOW)

    assert [one.entry.priority for one in found] == [Priority.URGENT, Priority.NORMAL]
    assert told(candidates(session, alice, opening, NOW, most=1)) == told(found[:1])
    left = candidates(session, alice, opening, NOW, without=[found[0].entry.id])
    assert told(left) == told(found[1:])


def test_the_wishes_of_the_course_hold_for_a_visit_that_would_be_earlier(session, harbor, alice):
    course = book(session, harbor)
    row = visit(course, "infusion-2")
    entry, other = waits(session, alice, row), day_before(row)
    opening = opened(session, harbor, other)
    assert [one.start for one in candidates(session, alice, opening, NOW)] == [other]
    assert fits_at(session, alice, entry, other, NOW) is not None

    course.wishes = {**course.wishes, "blocked_on": [local_on(other, row.zone).isoformat()]}
    session.flush()
    assert candidates(session, alice, opening, NOW) == []
    assert fits_at(session, alice, entry, other, NOW) is None


def test_nobody_comes_too_close_to_a_dose_of_another_course(session, harbor, alice, two):
    nora, _ = two
    row = visit(nora, "infusion-2")
    waits(session, alice, row)
    other = day_before(row)
    opening = opened(session, harbor, other)
    assert [one.start for one in candidates(session, alice, opening, NOW)] == [other]

    dose_elsewhere(session, visit(two[1], "infusion-1"), row, other - timedelta(days=1))
    assert candidates(session, alice, opening, NOW) == []
    with pytest.raises(RuleBroken) as refused:
        moves.MovePlanner(session, alice, row, NOW, scope="following").plan(other)
    assert {one["rule"] for one in refused.value.details["violations"]} == {RULE}


def dose_elsewhere(session, other, row, start):
    """Let a visit of another course be one of the same patient, at a start."""
    local = to_local(start, row.zone)
    moved = {"patient_id": row.patient_id, "start_at": start, "end_at": start + timedelta(hours=1)}
    session.execute(update(Appointment).where(Appointment.id == other.id).values(**moved, local_start=local))
    session.expire_all()


def test_who_waits_for_a_first_visit_is_placed(session, harbor, alice, two):
    definition = current(session, harbor.clinic.id, "iv-depression-6")
    patient = add_patient(session, harbor, "Paul", "Park")
    entry = entries.wait_for_booking(session, alice, patient, definition, "therapy-1", WaitWishes(), NOW)
    start = day_before(visit(two[0], "infusion-2"))
    found = candidates(session, alice, opened(session, harbor, start), NOW)

    assert [(one.entry, one.moves, [each.action for each in one.visits]) for one in found] == [
        (entry, (), ["therapy-1"])
    ]


def test_who_waits_for_a_course_gets_a_whole_one_unless_another_goes_on(session, harbor, alice, two):
    definition = current(session, harbor.clinic.id, "iv-depression-6")
    paul = add_patient(session, harbor, "Paul", "Park")
    for patient in (paul, harbor.patients["Nora"]):
        entries.wait_for_booking(session, alice, patient, definition, "", WaitWishes(), NOW)
    opening = opened(session, harbor, day_before(visit(two[0], "infusion-2")))
    found = candidates(session, alice, opening, NOW)

    assert [one.entry.patient for one in found] == [paul]
    assert len(found[0].visits) == len(definition.plan.firm)
    assert min(each.start for each in found[0].visits) == found[0].start
    assert told(found) == told(every_candidate(session, alice, opening, NOW))


def test_nobody_waits_no_longer_after_a_visit_was_canceled(session, harbor, alice, two):
    row = visit(two[0], "infusion-2")
    waits(session, alice, row)
    opening = opened(session, harbor, day_before(row))
    visits.cancel(session, alice, [row], NOW)

    assert candidates(session, alice, opening, NOW) == []
