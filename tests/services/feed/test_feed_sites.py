"""A patient's calendar says at which address each visit is, and another address makes another ETag."""

from datetime import timedelta

import pytest

from scheduler.database import db
from scheduler.models.calendar_feed import TitleStyle
from scheduler.services.clinic import sites
from scheduler.services.feed import feed_events, feeds
from scheduler.services.feed.feed_state import look_up
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.sites import ADDRESS, PHONE, add_north
from tests.visits import add_visit

URL = "https://clinic.example"
DAY = timedelta(days=1)
HERE, THERE = "12 Harbor Street, New York", f"North, {ADDRESS}"


@pytest.fixture
def north(session, harbor):
    harbor.clinic.address, harbor.clinic.phone = HERE, "+1 212 555 0100"
    north = add_north(session, harbor)
    for name, day in (("Chair 1", 5), ("North 1", 6)):
        add_visit(session, harbor, name, NOW + day * DAY)
    return north


def make_feed(session, harbor, resource):
    actor = harbor.actor("alice")
    return feeds.create(session, actor, resource.resource_id, TitleStyle.NEUTRAL, NOW)


def shown(session, feed):
    entries = sorted(feed_events.events(session, feed, URL, NOW), key=lambda one: one.start)
    return [(one.place, one.description) for one in entries]


@both
def test_each_visit_is_at_its_sites_address(session, harbor, north):
    feed, _ = make_feed(session, harbor, harbor.patients["Nora"])

    assert shown(session, feed) == [
        (f"Harbor Clinic, {HERE}", "Questions or changes: +1 212 555 0100"),
        (f"Harbor Clinic, {THERE}", f"Questions or changes: {PHONE}"),
    ]


def test_a_clinic_that_shows_no_address_shows_none_of_a_site(session, harbor, north):
    harbor.clinic.settings_document = {**harbor.clinic.settings_document, "show_location": False}
    feed, _ = make_feed(session, harbor, harbor.patients["Nora"])

    assert [place for place, _ in shown(session, feed)] == ["", ""]


def test_a_staff_feed_says_the_chair(session, harbor, north):
    feed, _ = make_feed(session, harbor, harbor.places["North 1"])

    assert [place for place, _ in shown(session, feed)] == ["North 1"]


@both
def test_another_address_is_another_tag_only_for_who_goes_there(session, harbor, north):
    olga = add_patient(session, harbor, "Olga", "Oak")
    add_visit(session, harbor, "Chair 2", NOW + 7 * DAY, olga)
    tokens = [make_feed(session, harbor, one)[1] for one in (harbor.patients["Nora"], olga)]
    session.commit()
    before = [look_up(db.engine, token, URL, NOW).tag for token in tokens]
    sites.update(session, harbor.actor("mona"), north, {"address": "1 Elsewhere"}, NOW)
    session.commit()

    assert [
        look_up(db.engine, token, URL, NOW).tag != tag for token, tag in zip(tokens, before, strict=True)
    ] == [
        True,
        False,
    ]
