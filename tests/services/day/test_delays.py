"""Who is late on a day, who waits, what is in the way, and where else a visit fits."""

from datetime import date, datetime, time, timedelta

import pytest

from scheduler.domain.localtime import to_utc
from scheduler.domain.status import AppointmentStatus, Stage
from scheduler.models.allocation import Allocation
from scheduler.models.schedule import ClosureKind
from scheduler.services.clinic import schedules
from scheduler.services.day import delays, lateness
from scheduler.services.planning import obstacles
from scheduler.services.visit import visits
from tests.cast import NOW, add_patient
from tests.visits import single

TUESDAY = date(2026, 11, 24)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


@pytest.fixture
def paul(harbor):
    return harbor.prescriber


def at(cast, hour, minute=0) -> datetime:
    return to_utc(datetime.combine(TUESDAY, time(hour, minute)), cast.clinic.zone)


@pytest.fixture
def day(session, harbor):
    """Ann and Bo on Chair 1 at 8:30 and 10:35, Cy on Chair 2 at 8:45: 15 + 40 + 60 + 10 minutes each."""
    asked = (("Ann", 8, 30, "Chair 1"), ("Bo", 10, 35, "Chair 1"), ("Cy", 8, 45, "Chair 2"))
    return [
        single(
            session,
            harbor,
            add_patient(session, harbor, name, "Muster"),
            "infusion-1",
            at(harbor, hour, minute),
            chair,
        )
        for name, hour, minute, chair in asked
    ]


def told(session, day, now):
    names = {one.id: one.patient.given_name for one in day}
    found = delays.of_day(session, day, now)
    return {
        names[id_]: (one.minutes, one.behind and one.behind.patient.given_name, one.phase)
        for id_, one in found.items()
    }


def begin(session, actor, visit, when, stage=None, staged_at=None):
    visits.check_in(session, actor, visit, when, override_reason="the consent is here")
    if stage:
        visits.set_stage(session, actor, visit, stage, staged_at)
    session.flush()


def test_a_day_on_time_has_no_delays(session, harbor, paul, day):
    begin(session, paul, day[0], at(harbor, 8, 28))

    assert told(session, day, at(harbor, 9)) == {}


def test_a_late_check_in_pushes_who_comes_next_in_the_chair(session, harbor, paul, day):
    begin(session, paul, day[0], at(harbor, 8, 50))

    assert told(session, day, at(harbor, 9)) == {"Ann": (20, None, ""), "Bo": (20, "Ann", "")}


def test_a_phase_beyond_its_planned_end_says_which_and_grows(session, harbor, paul, day):
    begin(session, paul, day[0], at(harbor, 8, 30), Stage.INFUSING, at(harbor, 8, 45))

    assert told(session, day, at(harbor, 9, 24)) == {}
    assert told(session, day, at(harbor, 9, 37)) == {"Ann": (12, None, "infusion"), "Bo": (12, "Ann", "")}
    assert told(session, day, at(harbor, 9, 47))["Bo"] == (22, "Ann", "")


def test_who_is_ready_to_leave_holds_nobody_up(session, harbor, paul, day):
    begin(session, paul, day[0], at(harbor, 8, 30), Stage.READY, at(harbor, 10, 10))

    assert told(session, day, at(harbor, 10, 12)) == {}


def test_who_has_arrived_late_pushes_and_who_has_not_does_not(session, harbor, alice, day):
    assert told(session, day, at(harbor, 8, 50)) == {}

    visits.arrive(session, alice, day[0], at(harbor, 8, 50))
    assert told(session, day, at(harbor, 8, 50)) == {"Ann": (20, None, ""), "Bo": (20, "Ann", "")}


def test_an_overrun_edits_no_allocation(session, harbor, paul, day):
    begin(session, paul, day[0], at(harbor, 8, 50))
    before = [
        (row.start_at, row.end_at, row.released_at)
        for row in session.query(Allocation).order_by(Allocation.id)
    ]
    delays.of_day(session, day, at(harbor, 12))

    assert not session.dirty
    assert [
        (row.start_at, row.end_at, row.released_at)
        for row in session.query(Allocation).order_by(Allocation.id)
    ] == before


def test_a_late_arrival_that_still_fits_says_until_when(session, harbor, day):
    late = lateness.of_visit(session, harbor.clinic, day[1], at(harbor, 10, 47))

    assert (late.minutes, late.fits) == (15, True)
    assert late.end == day[1].end_at + 15 * MINUTE


def test_a_late_arrival_names_whom_it_runs_into(session, harbor, day):
    late = lateness.of_visit(session, harbor.clinic, day[0], at(harbor, 8, 52))

    assert not late.fits
    assert [(one.resource, one.visit.patient.given_name) for one in late.obstacles] == [("Chair 1", "Bo")]


def test_a_visit_on_time_over_or_under_way_is_not_late(session, harbor, paul, day):
    assert lateness.of_visit(session, harbor.clinic, day[0], at(harbor, 8, 33)) is None
    assert lateness.of_visit(session, harbor.clinic, day[0], day[0].end_at) is None
    begin(session, paul, day[0], at(harbor, 8, 40))
    assert lateness.of_visit(session, harbor.clinic, day[0], at(harbor, 8, 50)) is None


def test_what_is_in_the_way_of_a_drop(session, harbor, day):
    def names(visit, start, place):
        found = obstacles.at(session, harbor.clinic, visit, start, NOW, harbor.places[place])
        return [(one.resource, one.visit and one.visit.patient.given_name) for one in found]

    assert names(day[0], at(harbor, 8, 30), "Chair 1") == []
    assert names(day[2], at(harbor, 10), "Chair 1") == [("Chair 1", "Ann"), ("Chair 1", "Bo")]
    assert ("Chair 3", None) in names(day[2], at(harbor, 17), "Chair 3")


def test_the_patients_other_visit_is_in_the_way(session, harbor, day):
    other = single(session, harbor, day[0].patient, "infusion-1", at(harbor, 13), "Chair 3")
    found = obstacles.at(session, harbor.clinic, day[0], at(harbor, 13, 15), NOW)

    assert [(one.resource, one.visit) for one in found] == [("The patient", other)]


def test_whoever_is_not_there_is_told_with_the_reason(session, harbor, paul, day):
    def whys(visit, start):
        return [(one.resource, one.why) for one in obstacles.at(session, harbor.clinic, visit, start, NOW)]

    therapy = single(
        session, harbor, add_patient(session, harbor, "Di", "Muster"), "therapy-1", at(harbor, 9), "Room A"
    )
    (therapist,) = therapy.practitioners
    next_day, two_days, three = (timedelta(days=ahead) for ahead in (1, 2, 3))
    holiday, leave = ClosureKind.HOLIDAY, ClosureKind.LEAVE
    chair, person = harbor.places["Chair 1"].resource, therapist.resource
    for ahead, what, kind, reason in (
        (next_day, None, holiday, "Staff day"),
        (two_days, chair, ClosureKind.CLOSURE, ""),
        (three, person, leave, "Surgery"),
    ):
        schedules.close(session, paul, at(harbor, 0) + ahead, at(harbor, 23) + ahead, NOW, what, kind, reason)

    assert whys(day[0], at(harbor, 8, 30) + next_day) == [("Chair 1", "closed, Staff day")]
    assert whys(day[0], at(harbor, 8, 30) + two_days) == [("Chair 1", "closed")]
    assert whys(therapy, at(harbor, 9) + three) == [(therapist.name, "on leave")]
    assert whys(day[0], at(harbor, 21)) == [("Chair 1", "the clinic is not open")]


def test_a_late_visit_names_what_could_begin_later(session, harbor, day):
    theirs = single(session, harbor, day[0].patient, "infusion-1", at(harbor, 13), "Chair 3")
    own = lateness.of_visit(session, harbor.clinic, theirs, at(harbor, 13, 20))
    pushed = lateness.of_visit(session, harbor.clinic, day[0], at(harbor, 8, 52))

    assert own.behind is None
    assert (pushed.behind.resource, pushed.behind.visit) == ("Chair 1", day[1])


def test_a_status_that_says_it_is_over_is_nobodys_delay(session, harbor, paul, day):
    begin(session, paul, day[0], at(harbor, 8, 50))
    visits.fulfill(session, paul, day[0], at(harbor, 10, 30))

    assert day[0].status is AppointmentStatus.FULFILLED
    assert told(session, day, at(harbor, 10, 31)) == {}
