"""A course across a clock change, through all that happens to it, read after each step by parsers that are not ours."""

from datetime import UTC, date, datetime, timedelta

import pytest

from scheduler.domain.status import AppointmentStatus, Response
from scheduler.ical.entries import event_status
from scheduler.models.appointment import Appointment
from scheduler.models.versions import feed_version
from scheduler.services.clinic import clinics, places
from scheduler.services.course import booking
from scheduler.services.feed import feed_events, feed_rows, feeds
from scheduler.services.mail import settings_changes
from scheduler.services.patient import erasure, patient_requests, patients
from scheduler.services.planning import proposals
from scheduler.services.visit import moves, requirements, visits
from tests.ical.readers import Read, by_ical_js, by_icalendar, by_ics, by_vobject
from tests.services.courses import visit, wishes

URL = "https://clinic.example"
NOW = datetime(2026, 10, 19, 12, 0, tzinfo=UTC)  # two weeks before the clocks of New York go back
DAY = timedelta(days=1)
LONG = "Пациентка ❤ نموذج 相談室 " * 3 + "é" * 20


@pytest.fixture
def desk(harbor):
    return harbor.actor("alice")


@pytest.fixture
def course(session, harbor, desk):
    wanted = wishes(session, harbor, not_before=date(2026, 10, 20))
    best = proposals.propose(session, desk, wanted, NOW)[0]
    return booking.book_course(session, desk, wanted, best.visits, best.projections, NOW)


@pytest.fixture
def of_nora(session, harbor, desk, course):
    return feeds.create(session, desk, course.patient.resource_id, "neutral", NOW)[0]


@pytest.fixture
def of_clinic(session, desk):
    return feeds.create(session, desk, None, "initials", NOW)[0]


def told(session, patient_only):
    """Return what the database says of each visit that a calendar shows."""
    found = {}
    for one in session.query(Appointment):
        status = event_status(one.status)
        if status and (one.visible or not patient_only) and (status != "CANCELLED" or one.sequence):
            found[one.uid] = Read(one.start_at, one.end_at, status.value, one.sequence)
    return found


def agree(session, of_nora, of_clinic, now=NOW):
    """Check that every parser reads what the database says, in both feeds; return the patient's body."""
    session.flush()
    bodies = [feed_events.calendar(session, feed, URL, now) for feed in (of_nora, of_clinic)]
    expected = [told(session, patient_only) for patient_only in (True, False)]
    for reader in (by_icalendar, by_vobject, by_ics):
        assert [reader(body) for body in bodies] == expected, reader.__name__
    assert by_ical_js(*bodies) == expected
    return bodies[0]


def test_every_parser_follows_a_course_through_its_life(session, harbor, desk, course, of_nora, of_clinic):
    zone = harbor.clinic.zone
    agree(session, of_nora, of_clinic)
    offsets = {one.start.astimezone(zone).utcoffset() for one in told(session, True).values()}
    assert len(offsets) == 2  # both sides of the clock change
    third = visit(course, "infusion-3")
    assert told(session, True)[third.uid].status == "TENTATIVE"

    for rule in requirements.rules_for(third):
        own = third if rule.holds == "per_session" else None
        short = rule.holds == "days"  # such a test is done a few days before
        at, until = (third.start_at - DAY, None) if short else (NOW, date(2026, 12, 31))
        requirements.complete(session, harbor.prescriber, course, rule.key, at, own, valid_until_on=until)
    visits.confirm(session, desk, third, NOW)
    agree(session, of_nora, of_clinic)
    assert (told(session, True)[third.uid].status, third.response) == ("CONFIRMED", Response.ACCEPTED)

    later = patient_requests.starts(session, desk, third, NOW)[-1]
    moves.apply_moves(
        session, desk, moves.plan_move(session, desk, third, later, NOW, scope="following"), NOW
    )
    visits.cancel(session, desk, [visit(course, "infusion-5")], NOW, side="patient")
    agree(session, of_nora, of_clinic)
    assert told(session, True)[third.uid].start == later

    places.update_location(session, desk, third.location, {"name": LONG[:60]}, NOW + timedelta(hours=1))
    fields = {"visit_label": "Запис, نموذج; 相談 \\n", "mail_name": LONG[:50]}
    settings_changes.change(session, harbor.actor("mona"), fields, NOW + timedelta(hours=2))
    patients.update(session, desk, course.patient, {"given_name": LONG[:90]}, NOW + timedelta(hours=3))
    body = agree(session, of_nora, of_clinic)
    assert max(map(len, body.split(b"\r\n"))) <= 75

    first = visit(course, "consult")
    after = first.end_at + timedelta(hours=1)
    visits.mark_noshow(session, desk, first, after)
    agree(session, of_nora, of_clinic, after)
    assert first.status is AppointmentStatus.NOSHOW
    assert told(session, True)[first.uid].status in ("CONFIRMED", "TENTATIVE")


def test_every_parser_sees_a_visit_change_its_chair(session, harbor, desk, course, of_nora, of_clinic):
    third = visit(course, "infusion-3")
    old = third.location
    other = next(one for one in harbor.places.values() if one.kind == old.kind and one is not old)
    of_old, of_other = [
        feeds.create(session, desk, place.resource_id, "neutral", NOW)[0] for place in (old, other)
    ]
    was = Read(third.start_at, third.end_at, event_status(third.status).value, third.sequence)
    planned = moves.plan_move(session, desk, third, third.start_at, NOW, location=other)
    moves.apply_moves(session, desk, planned, NOW)
    session.flush()
    agree(session, of_nora, of_clinic)
    here, there = [
        reader(feed_events.calendar(session, feed, URL, NOW))[third.uid]
        for feed in (of_old, of_other)
        for reader in (by_vobject,)
    ]

    assert (here.status, there.status) == ("CANCELLED", was.status)
    assert (here.sequence, there.sequence) == (was.sequence + 1, was.sequence + 1)
    assert (here.start, there.start) == (was.start, was.start)
    read = [
        by_ical_js(feed_events.calendar(session, feed, URL, NOW))[0][third.uid] for feed in (of_old, of_other)
    ]
    assert read == [here, there]


def stamps(session, feed, now=NOW):
    return {
        entry.uid: (entry.changed_at, entry.sequence, entry.summary, entry.place, entry.description)
        for entry in feed_events.events(session, feed, URL, now)
    }


def test_a_visit_that_is_only_called_something_else_has_a_new_stamp_and_the_old_sequence(
    session, harbor, desk, course, of_nora, of_clinic
):
    mona, later = harbor.actor("mona"), NOW + timedelta(hours=1)
    third = visit(course, "infusion-3")
    changes = [
        (of_nora, lambda: settings_changes.change(session, mona, {"visit_label": "Meeting"}, later)),
        (of_nora, lambda: clinics.change(session, mona, {"name": "Pier Clinic"}, later)),
        (of_nora, lambda: clinics.change(session, mona, {"phone": "+1 555 0199"}, later)),
        (of_nora, lambda: settings_changes.change(session, mona, {"mail_name": "Harbor"}, later)),
        (
            of_clinic,
            lambda: places.update_location(session, desk, third.location, {"name": "Window seat"}, later),
        ),
        (of_clinic, lambda: patients.update(session, desk, course.patient, {"given_name": "Zoe"}, later)),
    ]
    for feed, change in changes:
        before = stamps(session, feed)
        later += timedelta(hours=1)
        change()
        now = stamps(session, feed)
        reads_differently = {uid for uid in now if now[uid][2:] != before[uid][2:]}

        assert third.uid in reads_differently
        assert {now[uid][0] for uid in reads_differently} == {later}
        assert [now[uid][1] for uid in now] == [before[uid][1] for uid in now]


def test_a_feed_that_a_visit_has_left_gets_a_new_version_with_each_change_of_its_entry(
    session, harbor, desk, course
):
    third = visit(course, "infusion-3")
    old = third.location
    other = next(one for one in harbor.places.values() if one.kind == old.kind and one is not old)
    of_old = feeds.create(session, desk, old.resource_id, "initials", NOW)[0]
    moves.apply_moves(
        session, desk, moves.plan_move(session, desk, third, third.start_at, NOW, location=other), NOW
    )
    for one in course.appointments:  # nothing else of the patient's stays there
        if one is not third and one.location is old:
            one.location_id = None
    session.flush()

    def read(now):
        version = feed_version(session, harbor.clinic.id, old.resource_id)
        return version, feed_events.calendar(session, of_old, URL, now)

    later = NOW + timedelta(hours=1)
    seen = [read(later)]
    assert third.uid.encode() in seen[0][1]
    for change in (
        lambda: visits.cancel(session, desk, [third], later),
        lambda: patients.update(session, desk, course.patient, {"given_name": "Zoe"}, later),
    ):
        change()
        seen.append(read(later))
        assert seen[-1][1] != seen[-2][1]
        assert seen[-1][0] > seen[-2][0]
    assert b"Z. L." in seen[-1][1]


def test_a_visit_moved_beyond_a_feeds_end_is_read_where_it_is_now(
    session, harbor, desk, course, of_nora, of_clinic
):
    last = visit(course, "infusion-6")
    ahead = (last.local_start.date() - NOW.date()).days + 1
    feed = feeds.create(session, desk, None, "initials", NOW, days_ahead=ahead)[0]
    before = by_vobject(feed_events.calendar(session, feed, URL, NOW))[last.uid]
    later = next(
        start for start in patient_requests.starts(session, desk, last, NOW) if start > last.start_at + DAY
    )
    moved = moves.plan_move(session, desk, last, later, NOW, scope="following")
    moves.apply_moves(session, desk, moved, NOW + timedelta(hours=1))
    assert later > feed_rows.span(feed, harbor.clinic, feed_rows.owner(session, feed), NOW).end

    body = feed_events.calendar(session, feed, URL, NOW)
    for reader in (by_icalendar, by_vobject, by_ics, lambda body: by_ical_js(body)[0]):
        read = reader(body)[last.uid]
        assert (read.start, read.sequence) == (later, before.sequence + 1)
        assert read.status == before.status


def test_what_lay_beyond_a_feeds_end_all_along_is_not_in_it(session, desk, course):
    last = visit(course, "infusion-6")
    ahead = (last.local_start.date() - NOW.date()).days - 1
    feed = feeds.create(session, desk, None, "initials", NOW, days_ahead=ahead)[0]

    assert last.uid not in by_vobject(feed_events.calendar(session, feed, URL, NOW))


def test_a_setting_that_no_calendar_shows_moves_no_stamp(session, harbor, course, of_nora):
    before = stamps(session, of_nora)
    settings_changes.change(session, harbor.actor("mona"), {"rush_hours": 5}, NOW + timedelta(hours=1))

    assert stamps(session, of_nora) == before


def test_an_erased_patients_visits_stay_in_staff_calendars_without_a_trace(
    session, harbor, desk, course, of_nora, of_clinic
):
    visits.cancel(
        session, desk, [one for one in course.appointments if one.sequence or one.status != "proposed"], NOW
    )
    for one in course.appointments:
        if one.status == "proposed":
            one.status = AppointmentStatus.CANCELLED
    session.flush()
    before = stamps(session, of_clinic)
    assert all("N. L." in summary for _, _, summary, *_ in before.values())

    later = NOW + timedelta(days=1)
    erasure.erase(session, harbor.actor("ada"), course.patient, "asked for", later)
    after = stamps(session, of_clinic, later)
    assert after.keys() == before.keys()
    assert not any("N. L." in summary for _, _, summary, *_ in after.values())
    assert {changed_at for changed_at, *_ in after.values()} == {later}
    assert of_nora.revoked_at == later
