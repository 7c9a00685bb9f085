"""The page of a zone's new rules, and the banner that leads to it."""

import re
from datetime import timedelta

import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.services import signs_of_life
from scheduler.services.visit import zone_rules
from tests.cast import NOW, add_patient
from tests.visits import add_visit
from tests.zones import other_rules

HOUR = timedelta(hours=1)


@pytest.fixture
def days(session, harbor):
    """Somebody has come early, so the next one at that chair cannot begin an hour earlier; another can."""
    for name in ("Bo", "Cy"):
        add_patient(session, harbor, name, "Berg")
    add_visit(session, harbor, "Chair 1", NOW + HOUR).status = AppointmentStatus.ARRIVED
    left = add_visit(session, harbor, "Chair 1", NOW + 2 * HOUR, harbor.patients["Bo"])
    gone = add_visit(session, harbor, "Chair 2", NOW + 3 * HOUR, harbor.patients["Cy"])
    session.commit()
    return left, gone


def test_the_desk_sees_what_could_not_go_along_and_what_did(
    app, session, harbor, hill, days, signed_in, tmp_path
):
    left, gone = days
    alice, oscar = signed_in(harbor, "alice"), signed_in(hill, "oscar")
    signs_of_life.beat(session, "dispatch", "here", NOW, NOW, "sent 0")
    session.commit()
    assert "None: every visit ahead stands at its hour" in alice.get("/zone-rules").text
    with other_rules(tmp_path / "zones", "America/New_York", "EDT4"):
        zone_rules.derive(session, harbor.command, NOW)
        session.commit()
        page = alice.get("/zone-rules").text
        banner = alice.get("/patients").text.partition('<div class="alarm"')[2].partition("</div>")[0]
        theirs = oscar.get("/zone-rules").text
        history = alice.get(f"/appointments/{gone.public_id}").text

    assert "1 visit stands at another hour than was agreed on" in banner
    assert 'href="/zone-rules"' in banner
    strays, _, lately = page.partition("Went along")
    assert ("Bo Berg" in strays, "Cy Berg" in strays) == (True, False)
    assert re.findall(r"\d\d:\d\d", strays.partition("<tbody>")[2])[:2] == ["10:00", "11:00"]
    assert left.public_id in strays
    assert ("Bo Berg" in lately, "Cy Berg" in lately) == (False, True)
    assert "16:00, 15:00" in lately
    assert "Berg" not in theirs
    assert "kept its hour when the zone’s rules changed" in history
