"""Where a period begins and ends, on days of 23 and 25 hours too; and that a visit counts once."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from scheduler.domain.localtime import day_bounds
from scheduler.domain.periods import Period, whole_weeks
from scheduler.domain.status import AppointmentStatus, Response
from scheduler.errors import Invalid
from scheduler.models.appointment import Participant
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.clinic import schedules
from scheduler.services.clinic.schedules import Hours
from scheduler.services.reports import catalog
from scheduler.services.reports.catalog import REPORTS, Asked
from scheduler.services.visit import moves
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.courses import visit
from tests.sites import add_north
from tests.visits import add_visit

LONG_DAY, SHORT_DAY = date(2026, 11, 1), date(2026, 3, 8)  # New York: 25 and 23 hours
FIVE = timedelta(minutes=5)


def total(session, cast, report, asked, now=NOW):
    scope = catalog.read(session, cast.clinic, asked, now)
    found = REPORTS[report].table(session, scope, REPORTS[report].usual_group)
    return dict(zip([one.key for one in found.columns], found.total.values, strict=True))


def held(session, cast, start, place="Chair 1"):
    row = add_visit(session, cast, place, start, minutes=5)
    row.status = AppointmentStatus.FULFILLED
    return row


@both
@pytest.mark.parametrize("on", [LONG_DAY, SHORT_DAY])
def test_a_day_holds_its_first_and_its_last_minutes(engine_name, session, harbor, on):
    midnight, next_midnight = day_bounds(on, harbor.clinic.zone)
    for start in (midnight - FIVE, midnight, next_midnight - FIVE, next_midnight):
        held(session, harbor, start)
    day = timedelta(days=1)

    assert (next_midnight - midnight) in (timedelta(hours=23), timedelta(hours=25))
    assert [total(session, harbor, "visits", Asked(one, one))["all"] for one in (on - day, on, on + day)] == [
        1,
        2,
        1,
    ]
    assert total(session, harbor, "visits", Asked(on - day, on + day))["all"] == 4


@both
def test_the_hour_that_happens_twice_belongs_to_its_hour(engine_name, session, harbor):
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 1:30 AM in New York, twice
    for start in (first, first + timedelta(hours=1)):
        held(session, harbor, start)
    scope = catalog.read(session, harbor.clinic, Asked(LONG_DAY, LONG_DAY), NOW)
    rows = REPORTS["visits"].table(session, scope, "hour").rows

    assert [(row.key, row.values[0]) for row in rows] == [("01", 2)]


@both
@pytest.mark.parametrize("on", [LONG_DAY, SHORT_DAY])
def test_reminders_belong_to_the_local_day_of_their_instant(engine_name, session, harbor, on):
    midnight, next_midnight = day_bounds(on, harbor.clinic.zone)
    row = held(session, harbor, next_midnight + timedelta(days=3))
    for number, due_at in enumerate((midnight - FIVE, midnight, next_midnight - FIVE, next_midnight)):
        session.add(
            Reminder(
                clinic_id=harbor.clinic.id,
                appointment_id=row.id,
                schedule_version=1,
                rule=f"before-{number + 1}h",
                due_at=due_at,
                expires_at=row.start_at,
                created_at=NOW,
                state=ReminderState.SENT,
            )
        )
    session.flush()

    assert total(session, harbor, "reminders", Asked(on, on))["delivered"] == 2
    assert (
        total(session, harbor, "reminders", Asked(on - timedelta(days=3), on + timedelta(days=3)))[
            "delivered"
        ]
        == 4
    )


@both
def test_a_visit_with_two_reminders_counts_once(engine_name, session, harbor):
    row = held(session, harbor, NOW - timedelta(days=2))
    row.response = Response.ACCEPTED
    for hours in (72, 24, 2):
        session.add(
            Reminder(
                clinic_id=harbor.clinic.id,
                appointment_id=row.id,
                schedule_version=1,
                rule=f"before-{hours}h",
                due_at=row.start_at - timedelta(hours=hours),
                expires_at=row.start_at,
                created_at=NOW,
                state=ReminderState.SENT,
            )
        )
    session.flush()
    found = total(session, harbor, "reminders", Asked(date(2026, 11, 1), date(2026, 11, 22)))

    assert (found["delivered"], found["visits"], found["confirmed"]) == (3, 1, 1)


@both
def test_a_visit_with_two_providers_counts_once(engine_name, session, harbor):
    row = held(session, harbor, NOW - timedelta(days=2))
    for rank, name in enumerate(("Nina", "Noah")):
        row.participants.append(
            Participant(clinic_id=harbor.clinic.id, practitioner=harbor.people[name], rank=rank)
        )
    session.flush()
    days = (date(2026, 11, 1), date(2026, 11, 22))

    assert total(session, harbor, "visits", Asked(*days))["all"] == 1
    for name in ("Nina", "Noah"):
        assert total(session, harbor, "visits", Asked(*days, harbor.people[name].public_id))["all"] == 1
    assert total(session, harbor, "visits", Asked(*days, harbor.people["Theo"].public_id))["all"] == 0


def test_a_visit_that_was_moved_counts_on_its_new_day_alone(session, harbor, nora_course):
    actor, therapy, reason = (
        harbor.actor("ada"),
        visit(nora_course, "therapy-6"),
        "the patient is away until then",
    )
    former = therapy.local_start.date()
    start = therapy.start_at + timedelta(days=3)  # after the weekend
    moved = moves.plan_move(session, actor, therapy, start, NOW, override_reason=reason)
    moves.apply_moves(session, actor, moved, NOW, override_reason=reason)
    days = [former, therapy.local_start.date()]

    assert days[0] != days[1]
    assert [ahead(session, harbor, on, "therapy") for on in days] == [0, 1]


def ahead(session, cast, on, kind):
    scope = catalog.read(session, cast.clinic, Asked(on, on), NOW)
    rows = REPORTS["visits"].table(session, scope, "kind").rows
    return sum(row.values[-1] for row in rows if row.key == kind)


def test_time_that_is_still_ahead_is_not_open_yet(session, harbor):
    """NOW is Monday at 8:00: of that week nothing was open, an hour later one hour of each chair."""
    week = Asked(NOW.date(), NOW.date() + timedelta(days=4))

    assert total(session, harbor, "chairs", week)["open"] == 0
    assert total(session, harbor, "chairs", week, NOW + timedelta(hours=1))["open"] == 3


def test_what_closes_and_own_hours_are_not_open(session, harbor):
    day, ada = date(2026, 11, 16), harbor.actor("ada")  # a Monday
    midnight, end = day_bounds(day + timedelta(days=1), harbor.clinic.zone)
    schedules.close(session, ada, midnight, end, NOW, reason="storm")
    chair = harbor.places["Chair 1"].resource
    schedules.set_hours(session, ada, chair, [Hours(1, time(9), time(12))], NOW)
    found = total(session, harbor, "chairs", Asked(day, day + timedelta(days=1)))

    assert (
        found["open"] == 3 + 2 * 10
    )  # Monday: chair 1 from 9 to 12, the two others from 8 to 18; Tuesday: closed


def test_the_usual_period_is_four_whole_weeks(harbor):
    found = whole_weeks(NOW.date(), harbor.clinic.formats)

    assert found == Period(date(2026, 10, 25), date(2026, 11, 21))  # from a Sunday to a Saturday
    assert found.before == Period(date(2026, 9, 27), date(2026, 10, 24))


@pytest.mark.parametrize(
    "asked",
    [
        Asked(date(2026, 2, 1), date(2026, 1, 1)),
        Asked(date(2026, 2, 1), None),
        Asked(None, date(2026, 2, 1)),
        Asked(date(2020, 1, 1), date(2026, 1, 1)),
        Asked(practitioner="0" * 16),
        Asked(protocol="nothing"),
    ],
)
def test_what_cannot_be_counted_is_refused(session, harbor, asked):
    with pytest.raises(Invalid):
        catalog.read(session, harbor.clinic, asked, NOW)


def test_a_group_that_a_report_does_not_have_is_refused():
    with pytest.raises(Invalid):
        catalog.group_of(REPORTS["chairs"], "kind")


@both
def test_a_site_narrows_it_to_its_places(engine_name, session, harbor):
    north = add_north(session, harbor)
    for place in ("Chair 1", "North 1", "North 2"):
        held(session, harbor, NOW - timedelta(days=3), place).patient = add_patient(
            session, harbor, place, "Li"
        )
    days = (date(2026, 11, 16), date(2026, 11, 20))
    everywhere, there = Asked(*days), Asked(*days, site=north.public_id)

    assert [total(session, harbor, "visits", one)["all"] for one in (everywhere, there)] == [3, 2]
    assert [total(session, harbor, "chairs", one)["open"] for one in (everywhere, there)] == [5 * 50, 2 * 50]
    assert total(session, harbor, "nurses", there) == total(session, harbor, "nurses", everywhere)
    scopes = [catalog.read(session, harbor.clinic, one, NOW) for one in (everywhere, there)]
    figures = [{one.report: one for one in catalog.figures(session, scope)} for scope in scopes]
    assert [one["visits"].value for one in figures] == [3, 2]
    assert [one["chairs"].details for one in figures] == ["0 of 250 hours", "0 of 100 hours"]
    assert figures[0]["nurses"] == figures[1]["nurses"]
