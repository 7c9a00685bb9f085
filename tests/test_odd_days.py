"""The same work on days that are easy to forget: a Sunday, 29 February, and both days of a clock change."""

from datetime import timedelta

import icalendar
from sqlalchemy import func, select

from scheduler.models.clinic import Clinic
from scheduler.models.reminder import Reminder
from scheduler.services.clinic.working_days import working_days
from scheduler.services.course import booking
from scheduler.services.feed import feeds
from scheduler.services.planning import proposals
from scheduler.services.visit import books
from scheduler.services.visit.books import Faults
from tests.clocks import on_odd_days, travel
from tests.pages.desk import sign_in
from tests.services.courses import wishes

CLEAN = Faults(0, 0, 0)


@on_odd_days
def test_the_demo_loads(app, session, now):
    app.extensions["clock"].time = now
    done = app.test_cli_runner().invoke(args=["demo", "load", "--patients", "3", "--seed", "5"])
    [clinic] = session.scalars(select(Clinic))

    assert (done.exit_code, done.stderr) == (0, "")
    assert books.faults(session, clinic.id, now) == CLEAN
    assert working_days(session, clinic)(now.astimezone(clinic.zone).date())


@on_odd_days
def test_a_course_is_booked_with_its_reminders_and_its_feed(app, client, session, harbor, now):
    app.extensions["clock"].time = now
    first_day = now.astimezone(harbor.clinic.zone).date() + timedelta(days=1)
    alice, wanted = harbor.actor("alice"), wishes(session, harbor, not_before=first_day)
    best = proposals.propose(session, alice, wanted, now)[0]
    course = booking.book_course(session, alice, wanted, best.visits, best.projections, now)
    text = feeds.create(session, harbor.command, course.patient.resource_id, "neutral", now)[1]
    session.commit()
    firm = [one for one in course.appointments if one.status.value != "proposed"]
    told = icalendar.Calendar.from_ical(client.get(f"/feeds/{text}.ics").data)

    assert books.faults(session, harbor.clinic.id, now) == CLEAN
    assert min(one.start_at for one in firm) > now
    assert session.scalar(select(func.count(Reminder.id))) > 0
    starts = {event["DTSTART"].dt for event in told.walk("VEVENT")}
    assert starts <= {one.start_at for one in course.appointments}
    assert starts


@on_odd_days
def test_the_board_of_today_opens(open_page, live_server, staffed, tmp_path, now):
    travel(tmp_path / "clock", now)
    page = sign_in(open_page(live_server), "alice@example.org")
    page.goto("/")
    today = now.astimezone(staffed.clinic.zone).date()
    on = (
        today if today.isoweekday() <= 5 else today + timedelta(days=8 - today.isoweekday())
    )  # closed on weekends

    assert page.locator("#board").get_attribute("data-on") == on.isoformat()
