from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from scheduler.database import begin_write, db
from scheduler.errors import Invalid, NotFound
from scheduler.models.allocation import Allocation
from scheduler.models.clinic import Clinic
from scheduler.models.schedule import ScheduleOverride, closures, hours
from scheduler.models.versions import calendar_version
from scheduler.services.actors import Actor
from scheduler.services.clinic import schedules
from scheduler.services.clinic.schedules import Hours
from scheduler.services.planning import availability
from tests.cast import NOW
from tests.engines import both
from tests.visits import add_visit

DAY = timedelta(days=1)


@both
def test_weekly_hours_are_replaced(session, harbor):
    before = calendar_version(session, harbor.clinic.id)
    week = [Hours(1, time(9), time(12)), Hours(1, time(13), time(17))]
    schedules.set_hours(session, harbor.actor("mona"), None, week, NOW)

    kept = [(row.weekday, row.starts, row.ends) for row in hours(session, harbor.clinic.id, None)]
    assert kept == [(1, time(9), time(12)), (1, time(13), time(17))]
    assert calendar_version(session, harbor.clinic.id) == before + 1


@pytest.mark.parametrize(
    ("week", "field"),
    [
        ([Hours(8, time(9), time(12))], "weekday"),
        ([Hours(1, time(12), time(9))], "ends"),
        ([Hours(1, time(9), time(12)), Hours(1, time(11), time(17))], "hours"),
        ([Hours(1, time(9), time(12), date(2026, 12, 1), date(2026, 11, 1))], "valid_until"),
    ],
)
def test_hours_that_make_no_sense_are_refused(session, harbor, week, field):
    with pytest.raises(Invalid) as caught:
        schedules.set_hours(session, harbor.actor("mona"), None, week, NOW)

    assert [error["field"] for error in caught.value.details["errors"]] == [field]
    assert len(hours(session, harbor.clinic.id, None)) == 5


def test_hours_that_follow_one_another_in_time_do_not_overlap(session, harbor):
    november = Hours(1, time(9), time(12), None, date(2026, 11, 30))
    december = Hours(1, time(10), time(12), date(2026, 12, 1))

    assert len(schedules.set_hours(session, harbor.actor("mona"), None, [november, december], NOW)) == 2


def test_a_date_has_its_own_hours_until_they_are_taken_back(session, harbor):
    on, times = date(2026, 12, 24), [(time(8), time(12))]
    schedules.set_override(session, harbor.actor("mona"), None, on, times, NOW)
    assert session.query(ScheduleOverride).count() == 1

    schedules.set_override(session, harbor.actor("mona"), None, on, [], NOW)
    assert session.query(ScheduleOverride).count() == 0


@both
def test_a_closure_lists_the_visits_that_it_touches(session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW + DAY)
    other = add_visit(session, harbor, "Chair 2", NOW + DAY)
    add_visit(session, harbor, "Chair 1", NOW + 2 * DAY)
    chair = harbor.places["Chair 1"].resource
    window = (NOW + DAY, NOW + DAY + timedelta(hours=1))

    _, of_chair = schedules.close(session, harbor.actor("mona"), *window, NOW, chair, reason="repair")
    closure, of_clinic = schedules.close(session, harbor.actor("mona"), *window, NOW)

    assert of_chair == [visit]
    assert of_clinic == [visit, other]
    assert f"{closure.local_start:%Y-%m-%d %H:%M}" == "2026-11-24 08:00"


def test_a_visit_that_ends_when_the_closure_starts_is_not_touched(session, harbor):
    add_visit(session, harbor, "Chair 1", NOW + DAY, minutes=60)
    start = NOW + DAY + timedelta(hours=1)

    assert schedules.close(session, harbor.actor("mona"), start, start + DAY, NOW)[1] == []


def test_a_released_visit_is_not_touched(session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW + DAY)
    session.query(Allocation).filter_by(appointment_id=visit.id).update({"released_at": NOW})

    assert schedules.close(session, harbor.actor("mona"), NOW, NOW + 2 * DAY, NOW)[1] == []


def test_a_closure_is_taken_back(session, harbor):
    closure, _ = schedules.close(session, harbor.actor("mona"), NOW, NOW + DAY, NOW)
    schedules.reopen(session, harbor.actor("mona"), closure, NOW)

    assert closures(session, harbor.clinic.id, NOW, NOW + DAY) == []


def test_a_closure_of_another_clinic_is_not_there(session, harbor, hill):
    closure, _ = schedules.close(session, hill.actor("oscar"), NOW, NOW + DAY, NOW)

    with pytest.raises(NotFound):
        schedules.get_closure(session, harbor.clinic, closure.public_id)


@pytest.mark.parametrize(
    ("end", "reason", "field"),
    [
        (NOW, "", "end"),
        (NOW - DAY, "", "end"),
        (NOW + DAY, "a\nb", "reason"),
        (NOW + DAY, "a" * 201, "reason"),
    ],
)
def test_a_closure_that_makes_no_sense_is_refused(session, harbor, end, reason, field):
    with pytest.raises(Invalid) as caught:
        schedules.close(session, harbor.actor("mona"), NOW, end, NOW, reason=reason)

    assert caught.value.details["errors"][0]["field"] == field
    assert closures(session, harbor.clinic.id, datetime(2000, 1, 1, tzinfo=UTC), NOW + 9 * DAY) == []


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
@pytest.mark.parametrize("writes", [True, False])
def test_no_visit_slips_into_an_hour_that_is_being_closed(engine_name, session, harbor, writes):
    day = NOW.date()
    session.rollback()
    if writes:
        begin_write(session)
    availability.load(session, harbor.clinic, day, 1, NOW)

    assert can_close(harbor) is not writes
    session.rollback()
    assert can_close(harbor)


def can_close(harbor):
    """Tell whether somebody else can close an hour while the test's own transaction goes on."""
    with Session(db.engine) as other:
        begin_write(other)
        other.execute(text("SET LOCAL lock_timeout = '200ms'"))
        actor = Actor(other.get_one(Clinic, harbor.clinic.id), None, None, "command")
        try:
            schedules.close(other, actor, NOW, NOW + timedelta(hours=1), NOW)
        except OperationalError:
            return False
        other.commit()
        return True
