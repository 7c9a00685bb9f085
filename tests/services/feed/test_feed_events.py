from datetime import UTC, datetime, timedelta

import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.ical.entries import EventStatus
from scheduler.models.allocation import Allocation
from scheduler.services.actors import Actor
from scheduler.services.feed import feed_events, feed_rows, feeds
from tests.calendar_cast import (
    DAY,
    NOW,
    add,
    make_clinic,
    make_location,
    make_patient,
    make_practitioner,
    make_visit,
)
from tests.engines import both

S = AppointmentStatus
URL = "https://clinic.example"


@pytest.fixture
def clinic(session):
    return make_clinic(session)


@pytest.fixture
def ana(session, clinic):
    return make_patient(session, clinic)


@pytest.fixture
def feed(session, clinic):
    def make(owner=None, style="neutral", **options):
        resource_id = owner.resource_id if owner else None
        return feeds.create(session, Actor(clinic, None, None, "staff"), resource_id, style, NOW, **options)[
            0
        ]

    return make


def shown(session, feed, now=NOW):
    entries = feed_events.events(session, feed, URL, now)
    return sorted((entry.uid, entry.status.value) for entry in entries)


def uids(session, feed, now=NOW):
    return {entry.uid for entry in feed_events.events(session, feed, URL, now)}


@both
def test_a_patients_feed_goes_90_days_back_and_has_no_end(session, clinic, ana, feed):
    # NOW is 10:00 on 2 March in New York; 90 days back begins the 2nd of December
    for uid, start in [("out", "2025-12-01T20:00"), ("in", "2025-12-01T23:00"), ("far", "2029-06-01T09:00")]:
        make_visit(session, clinic, ana, start, uid=uid)

    assert uids(session, feed(ana)) == {"in", "far"}
    assert uids(session, feed(ana), NOW + DAY) == {"far"}


@both
def test_a_staff_feed_goes_14_days_back_and_180_ahead(session, clinic, ana, feed):
    for uid, start in [
        ("past", "2026-02-15T20:00"),
        ("edge", "2026-02-15T23:00"),
        ("last", "2026-08-28T23:30"),
        ("next", "2026-08-29T00:00"),
    ]:
        make_visit(session, clinic, ana, start, uid=uid)

    assert uids(session, feed()) == {"edge", "last"}


@both
def test_a_feed_shows_its_own_visits_only(session, clinic, ana, feed):
    noor, theo = make_practitioner(session, clinic), make_practitioner(session, clinic, "Theo Brandt")
    chair = make_location(session, clinic)
    other = make_patient(session, clinic, "Bo", "Chen")
    hill = make_clinic(session, "hill")
    make_visit(session, clinic, ana, "2026-03-05T09:00", [noor], uid="ana", location_id=chair.id)
    make_visit(session, clinic, other, "2026-03-06T09:00", [noor, theo], uid="bo")
    make_visit(session, hill, make_patient(session, hill), "2026-03-06T09:00", uid="foreign")

    assert uids(session, feed(ana)) == {"ana"}
    assert uids(session, feed(noor)) == {"ana", "bo"}
    assert uids(session, feed(theo)) == {"bo"}
    assert uids(session, feed(chair)) == {"ana"}
    assert uids(session, feed()) == {"ana", "bo"}


def test_what_stands_what_is_pending_and_what_is_only_proposed(session, clinic, ana, feed):
    for number, status in enumerate(AppointmentStatus):
        make_visit(
            session,
            clinic,
            ana,
            f"2026-03-{number + 3:02}T09:00",
            uid=status.value,
            status=status,
            sequence=1,
        )

    assert shown(session, feed(ana)) == [
        ("arrived", "CONFIRMED"),
        ("booked", "CONFIRMED"),
        ("cancelled", "CANCELLED"),
        ("checked-in", "CONFIRMED"),
        ("entered-in-error", "CANCELLED"),
        ("fulfilled", "CONFIRMED"),
        ("noshow", "CONFIRMED"),
        ("pending", "TENTATIVE"),
    ]


def test_what_never_stood_leaves_no_tombstone(session, clinic, ana, feed):
    make_visit(session, clinic, ana, "2026-03-05T09:00", status=S.CANCELLED, cancelled_at=NOW, sequence=0)

    assert shown(session, feed(ana)) == []


@both
def test_a_tombstone_stays_30_days_after_the_later_of_end_and_cancellation(session, clinic, ana, feed):
    make_visit(
        session,
        clinic,
        ana,
        "2026-03-20T09:00",
        uid="early",
        status=S.CANCELLED,
        cancelled_at=NOW,
        sequence=1,
    )
    late = datetime(2026, 4, 1, 12, tzinfo=UTC)
    make_visit(
        session,
        clinic,
        ana,
        "2026-03-05T09:00",
        uid="late",
        status=S.CANCELLED,
        cancelled_at=late,
        sequence=1,
    )
    own = feed(ana)

    assert uids(session, own, datetime(2026, 4, 19, 12, tzinfo=UTC)) == {"early", "late"}
    assert uids(session, own, datetime(2026, 4, 20, 12, tzinfo=UTC)) == {"late"}
    assert uids(session, own, datetime(2026, 5, 1, 12, tzinfo=UTC)) == {"late"}
    assert uids(session, own, datetime(2026, 5, 2, 12, tzinfo=UTC)) == set()


def test_a_call_is_left_out_of_a_patients_feed_unless_the_clinic_says_so(session, clinic, ana, feed):
    noor = make_practitioner(session, clinic)
    make_visit(session, clinic, ana, "2026-03-05T09:00", [noor], uid="call", visible=False)

    assert uids(session, feed(ana)) == set()
    assert uids(session, feed(noor)) == {"call"}
    clinic.settings_document = {"show_hidden_visits": True}
    assert uids(session, feed(ana)) == {"call"}


def test_titles_by_style(session, clinic, ana, feed):
    noor = make_practitioner(session, clinic)
    make_visit(session, clinic, ana, "2026-03-05T09:00", [noor], position=3, series_length=6)

    def titles(*args):
        return [entry.summary for entry in feed_events.events(session, feed(*args), URL, NOW)]

    assert titles(ana) == titles(noor) == ["Appointment"]
    assert titles(ana, "kind") == ["Infusion 3/6"]
    assert titles(noor, "initials") == [f"A. B. {ana.public_id[:4]}"]


def test_places_links_and_alarms_are_for_those_they_help(session, clinic, ana, feed):
    noor, chair = make_practitioner(session, clinic), make_location(session, clinic)
    make_visit(session, clinic, ana, "2026-03-05T09:00", [noor], location_id=chair.id)
    (theirs,) = feed_events.events(session, feed(ana, alarm_minutes=60), URL, NOW)
    (staff,) = feed_events.events(session, feed(noor), URL, NOW)

    assert (theirs.place, theirs.url, theirs.description, theirs.alarm_minutes) == (
        "Harbor Street, 12 Harbor Street, Portland",
        "https://clinic.example/visits",
        "Questions or changes: +1 555 0100",
        60,
    )
    assert (staff.place, staff.description, staff.alarm_minutes) == ("Chair 1", "", None)


def test_an_event_of_staff_leads_to_the_visit_and_has_its_kind_where_the_titles_say_it(
    session, clinic, ana, feed
):
    noor = make_practitioner(session, clinic)
    row = make_visit(session, clinic, ana, "2026-03-05T09:00", [noor], position=3, series_length=6)

    def links(owner, style):
        (one,) = feed_events.events(session, feed(owner, style), URL, NOW)
        return one.url, one.category

    page = f"{URL}/appointments/{row.public_id}"
    assert links(noor, "kind") == (page, "Infusion")
    assert links(noor, "neutral") == links(noor, "initials") == (page, "")
    assert b"CATEGORIES:Infusion\r\n" in feed_events.calendar(session, feed(noor, "kind"), URL, NOW)


def test_events_are_public_unless_the_clinic_says_otherwise(session, clinic, ana, feed):
    make_visit(session, clinic, ana, "2026-03-05T09:00")
    owners = (feed(ana), feed())
    public = [feed_events.calendar(session, one, URL, NOW) for one in owners]
    clinic.settings_document = {"private_events": True}
    private = [feed_events.calendar(session, one, URL, NOW) for one in owners]

    assert [b"CLASS:PUBLIC" in body for body in public] == [True, True]
    assert [b"CLASS:PRIVATE" in body for body in private] == [True, True]


def test_a_staff_feed_has_an_end_and_a_patients_has_none(session, clinic, ana, feed, monkeypatch):
    for day in range(3, 8):
        make_visit(session, clinic, ana, f"2026-03-0{day}T09:00", uid=f"v{day}")
    monkeypatch.setattr(feed_rows, "MOST_EVENTS", 3)

    assert uids(session, feed()) == {"v3", "v4", "v5"}
    assert uids(session, feed(ana)) == {"v3", "v4", "v5", "v6", "v7"}


def test_a_change_of_one_visit_writes_the_lines_of_that_one_again(session, clinic, ana, feed):
    visits = [make_visit(session, clinic, ana, f"2026-03-0{day}T09:00", uid=f"v{day}") for day in range(3, 8)]
    whole = feed()
    feed_events.calendar(session, whole, URL, NOW)
    before = feed_events._lines.cache_info().misses
    visits[2].sequence += 1
    session.flush()
    body = feed_events.calendar(session, whole, URL, NOW)

    assert feed_events._lines.cache_info().misses == before + 1
    assert body.count(b"SEQUENCE:1\r\n") == 1
    assert feed_rows.MOST_EVENTS < feed_events.KEPT_ROWS


@pytest.mark.parametrize(("zone_name", "said"), [("America/New_York", False), ("Africa/Cairo", True)])
def test_a_feed_in_utc_names_the_zone_that_is_meant(session, clinic, ana, feed, zone_name, said):
    clinic.zone_name = zone_name
    make_visit(session, clinic, ana, "2026-03-05T09:00")

    assert (b"X-WR-TIMEZONE:Africa/Cairo" in feed_events.calendar(session, feed(ana), URL, NOW)) is said


@both
def test_who_a_visit_leaves_keeps_a_tombstone_at_its_old_time(session, clinic, ana, feed):
    noor, theo = make_practitioner(session, clinic), make_practitioner(session, clinic, "Theo Brandt")
    moved = make_visit(session, clinic, ana, "2026-03-06T09:00", [theo], uid="moved", sequence=1)
    old = moved.start_at - DAY
    for resource, length, left_at in ((noor, 40, NOW), (noor, 90, NOW), (theo, 90, NOW - DAY)):
        row = Allocation(
            clinic_id=clinic.id,
            resource_id=resource.resource_id,
            unit=0,
            appointment_id=moved.id,
            phase="infusion",
            role="nurse",
            start_at=old,
            end_at=old + timedelta(minutes=length),
            released_at=left_at,
        )
        add(session, row)
    (stone,) = feed_events.events(session, feed(noor), URL, NOW)

    assert (stone.uid, stone.status, stone.sequence) == ("moved", EventStatus.CANCELLED, 1)
    assert (stone.start, stone.end) == (old, old + timedelta(minutes=90))
    assert shown(session, feed(theo)) == [("moved", "CONFIRMED")]
    assert shown(session, feed(ana)) == [("moved", "CONFIRMED")]
    assert shown(session, feed(noor), NOW + 35 * DAY) == []


def test_a_patient_reads_the_usual_word_in_their_language_and_the_clinics_own_as_it_is(session, clinic, feed):
    eva = make_patient(session, clinic, "Eva", language="es")
    make_visit(session, clinic, eva, "2026-03-09T09:00", uid="v1")
    make_visit(session, clinic, eva, "2026-03-10T09:00", uid="v2", status=S.CANCELLED, sequence=1)

    def titles(owner):
        return {entry.summary for entry in feed_events.events(session, feed(owner), URL, NOW)}

    assert titles(eva) == {"Cita", "Cancelada: Cita"}
    assert titles(None) == {"Appointment", "Canceled: Appointment"}
    clinic.settings_document = {"visit_label": "Termin"}
    assert titles(eva) == {"Termin", "Cancelada: Termin"}


def test_a_calendar_is_called_by_the_clinic_and_its_people_but_never_by_a_patient(session, clinic, ana, feed):
    noor = make_practitioner(session, clinic)

    def name(owner):
        lines = feed_events.calendar(session, feed(owner), URL, NOW).decode().split("\r\n")
        return next(line for line in lines if line.startswith("NAME:"))

    assert [name(ana), name(noor), name(None)] == [
        "NAME:Harbor Street",
        "NAME:Harbor Street: Noor Haddad",
        "NAME:Harbor Street",
    ]
