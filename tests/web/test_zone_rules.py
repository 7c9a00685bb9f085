"""The page of a zone's new rules, and the banner that leads to it."""

import re
from datetime import timedelta

import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.services import signs_of_life
from scheduler.services.visit import allocation, visits, zone_rules
from tests.cast import NOW
from tests.visits import add_visit
from tests.zones import one_stays_and_one_goes, other_rules

HOUR = timedelta(hours=1)


@pytest.fixture
def days(session, harbor):
    return one_stays_and_one_goes(session, harbor)


def test_the_desk_sees_what_could_not_go_along_and_what_did(
    app, session, harbor, hill, days, signed_in, tmp_path
):
    left, gone = days
    alice, oscar = signed_in(harbor, "alice"), signed_in(hill, "oscar")
    signs_of_life.beat(session, "dispatch", "here", NOW, NOW, "sent 0")
    session.commit()
    assert "None. All upcoming visits are at the agreed time." in alice.get("/zone-rules").text
    with other_rules(tmp_path / "zones", "America/New_York", "EDT4"):
        zone_rules.derive(session, harbor.command, NOW)
        session.commit()
        page = alice.get("/zone-rules").text
        banner = alice.get("/patients").text.partition('<div class="alarm"')[2].partition("</div>")[0]
        theirs = oscar.get("/zone-rules").text
        history = alice.get(f"/appointments/{gone.public_id}").text

    assert "1 visit is at a different local time than agreed" in banner
    assert 'href="/zone-rules"' in banner
    strays, _, lately = page.partition("Updated visits")
    assert ("Bo Berg" in strays, "Cy Berg" in strays) == (True, False)
    assert re.findall(r"\d\d:\d\d", strays.partition("<tbody>")[2])[:4] == ["10:00"] * 2 + ["11:00"] * 2
    assert ">Nora Lindqvist</a>, infusion" in strays  # whose visit is in the way
    assert left.public_id in strays
    assert ("Bo Berg" in lately, "Cy Berg" in lately) == (False, True)
    assert "16:00, 15:00" in lately
    assert "Berg" not in theirs
    assert "kept its local time after a time zone change" in history


def test_the_desk_settles_them_where_they_are_named(session, harbor, hill, days, signed_in, tmp_path):
    left, _ = days
    alice, oscar = signed_in(harbor, "alice"), signed_in(hill, "oscar")
    session.rollback()
    with other_rules(tmp_path / "zones", "America/New_York", "EDT4"):
        zone_rules.derive(session, harbor.command, NOW)
        session.commit()
        stood = left.start_at
        session.rollback()
        page = alice.get("/zone-rules").text
        assert f"/appointments/{left.public_id}/time?date=2026-11-23&amp;time=10:00" in page
        again = alice.post("/zone-rules/derivation", follow_redirects=True).text
        assert "0 visits moved to the agreed local time. 1 could not be moved." in again
        assert oscar.post(f"/zone-rules/{left.public_id}/agreement").status_code == 404
        agreed = alice.post(f"/zone-rules/{left.public_id}/agreement", follow_redirects=True).text
        twice = alice.post(f"/zone-rules/{left.public_id}/agreement")
        history = alice.get(f"/appointments/{left.public_id}").text

    assert "Bo Berg: current time kept." in agreed
    assert "None. All upcoming visits are at the agreed time." in agreed
    assert "new local time agreed after a time zone change" in history
    assert twice.status_code == 409
    session.refresh(left)
    assert left.start_at == stood


def test_where_room_was_made_the_desk_need_not_wait_for_the_clock(session, harbor, days, signed_in, tmp_path):
    left, _ = days
    alice = signed_in(harbor, "alice")
    session.rollback()
    with other_rules(tmp_path / "zones", "America/New_York", "EDT4"):
        zone_rules.derive(session, harbor.command, NOW)
        here = next(one for one in session.query(type(left)) if one.status is AppointmentStatus.ARRIVED)
        visits.check_in(session, harbor.actor("alice"), here, here.start_at)
        visits.fulfill(session, harbor.actor("alice"), here, here.start_at)
        allocation.release(session, [here], NOW)
        session.commit()
        assert "None anymore" in alice.get("/zone-rules").text
        told = alice.post("/zone-rules/derivation", follow_redirects=True).text

    assert "1 visit moved to the agreed local time." in told


def test_a_long_list_shows_the_nearest_and_how_many_there_are(
    session, harbor, signed_in, tmp_path, monkeypatch
):
    monkeypatch.setattr("scheduler.web.zone_rules.MOST", 2)
    for n in range(1, 4):
        add_visit(session, harbor, "Chair 1", NOW + n * 24 * HOUR)
    session.commit()
    alice = signed_in(harbor, "alice")
    with other_rules(tmp_path / "zones", "America/New_York", "EDT4"):
        page = alice.get("/zone-rules").text

    assert "Showing the first 2 of 3" in page
    assert page.count("Move visit<span") == 2


def test_who_only_reads_sees_them_and_settles_none(session, harbor, days, signed_in, tmp_path):
    rita = signed_in(harbor, "rita")
    with other_rules(tmp_path / "zones", "America/New_York", "EDT4"):
        zone_rules.derive(session, harbor.command, NOW)
        session.commit()
        page = rita.get("/zone-rules").text

    assert ("Bo Berg" in page, "Move visit" in page, "agreement" in page) == (True, False, False)
