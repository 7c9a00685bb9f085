import hashlib
from datetime import timedelta

import pytest

from scheduler.errors import Invalid, WrongStatus
from scheduler.models.audit_event import AuditEvent
from scheduler.models.calendar_feed import TitleStyle
from scheduler.services.actors import Actor
from scheduler.services.feed import feeds
from tests.calendar_cast import NOW, make_clinic, make_location, make_patient, make_practitioner


@pytest.fixture
def clinic(session):
    return make_clinic(session)


@pytest.fixture
def desk(clinic):
    return Actor(clinic, None, None, "staff")


def test_a_token_is_handed_out_once_and_kept_as_its_digest(session, clinic, desk):
    patient = make_patient(session, clinic)
    feed, token = feeds.create(session, desk, patient.resource_id, "neutral", NOW, alarm_minutes=120)

    assert len(token) == 43
    assert feed.digest == hashlib.sha256(token.encode()).hexdigest()
    assert (feed.resource_id, feed.title_style, feed.alarm_minutes) == (
        patient.resource_id,
        TitleStyle.NEUTRAL,
        120,
    )
    assert feeds.find(session, token) is feed


@pytest.mark.parametrize("text", ["", "x", "A" * 42, "A" * 44, "A" * 43, "é" * 43, "../" * 20, "A" * 100_000])
def test_what_is_no_token_finds_nothing(session, clinic, desk, text):
    feeds.create(session, desk, None, "neutral", NOW)

    assert feeds.find(session, text) is None


def test_a_revoked_feed_is_still_found_and_no_longer_listed(session, clinic, desk):
    patient = make_patient(session, clinic)
    feed, token = feeds.create(session, desk, patient.resource_id, "neutral", NOW)
    feeds.revoke(session, desk, feed, NOW)
    feeds.revoke(session, desk, feed, NOW + timedelta(days=1))

    assert feeds.find(session, token).revoked_at == NOW
    assert feeds.of_resource(session, clinic.id, patient.resource_id) == []
    assert [row.event for row in session.query(AuditEvent)] == ["feed.created", "feed.revoked"]


def test_rotating_makes_one_like_it(session, clinic, desk):
    old, old_token = feeds.create(session, desk, None, "initials", NOW, alarm_minutes=30)
    new, new_token = feeds.rotate(session, desk, old, NOW)

    assert (old.revoked_at, new.revoked_at) == (NOW, None)
    assert (new.resource_id, new.title_style, new.alarm_minutes) == (None, TitleStyle.INITIALS, 30)
    assert feeds.find(session, new_token) is new
    assert old_token != new_token
    with pytest.raises(WrongStatus):
        feeds.rotate(session, desk, old, NOW)


def test_how_much_a_feed_shows_is_kept_when_it_is_rotated(session, clinic, desk):
    old, _ = feeds.create(session, desk, None, "kind", NOW, 15, days_back=0, days_ahead=30)
    new, _ = feeds.rotate(session, desk, old, NOW)

    assert (new.alarm_minutes, new.days_back, new.days_ahead) == (15, 0, 30)


@pytest.mark.parametrize(
    "lengths", [{"days_back": -1}, {"days_back": 367}, {"days_ahead": 0}, {"days_ahead": 733}]
)
def test_a_feed_shows_neither_nothing_nor_everything(session, clinic, desk, lengths):
    (name,) = lengths

    with pytest.raises(Invalid) as refused:
        feeds.create(session, desk, None, "neutral", NOW, **lengths)
    assert [error["field"] for error in refused.value.details["errors"]] == [name]


def test_all_feeds_of_a_clinic_by_whose_they_are(session, clinic, desk):
    nurse = make_practitioner(session, clinic)
    whole, _ = feeds.create(session, desk, None, "neutral", NOW)
    hers = [feeds.create(session, desk, nurse.resource_id, "kind", NOW)[0] for _ in range(2)]
    feeds.revoke(session, desk, hers[0], NOW)
    other = make_clinic(session, "hill")
    feeds.create(session, Actor(other, None, None, "staff"), None, "neutral", NOW)

    assert feeds.of_clinic(session, clinic.id) == {None: [whole], nurse.resource_id: hers[1:]}


def test_a_patients_feed_has_no_initials(session, clinic, desk):
    patient = make_patient(session, clinic)

    with pytest.raises(Invalid, match="initials are for feeds of staff"):
        feeds.create(session, desk, patient.resource_id, "initials", NOW)
    for staff in (make_practitioner(session, clinic), make_location(session, clinic)):
        assert feeds.create(session, desk, staff.resource_id, "initials", NOW)


def test_what_is_not_of_this_clinic_gets_no_feed(session, clinic, desk):
    foreign = make_patient(session, make_clinic(session, "hill"))

    for resource_id in (foreign.resource_id, 99_999):
        with pytest.raises(Invalid, match="is not in this clinic"):
            feeds.create(session, desk, resource_id, "neutral", NOW)


@pytest.mark.parametrize("style, alarm", [("loud", None), ("neutral", -1), ("neutral", 100_000)])
def test_styles_and_alarms_that_do_not_exist(session, clinic, desk, style, alarm):
    with pytest.raises(Invalid):
        feeds.create(session, desk, None, style, NOW, alarm)


def test_a_fetch_is_noted_at_most_every_ten_minutes(session, clinic, desk):
    feed, _ = feeds.create(session, desk, None, "neutral", NOW)
    for minutes, client in ((0, "Thunderbird"), (9, "Outlook"), (10, "Apple\r\nX: y" + "z" * 200)):
        feeds.note_fetch(session, feed.id, client, NOW + timedelta(minutes=minutes))
        session.refresh(feed)
        if minutes == 9:
            assert (feed.last_fetched_at, feed.last_client) == (NOW, "Thunderbird")

    assert feed.last_fetched_at == NOW + timedelta(minutes=10)
    assert feed.last_client == ("Apple X: y" + "z" * 200)[:120]


def test_both_addresses_of_a_token():
    assert feeds.addresses("https://clinic.example", "abc") == (
        "https://clinic.example/feeds/abc.ics",
        "webcal://clinic.example/feeds/abc.ics",
    )
