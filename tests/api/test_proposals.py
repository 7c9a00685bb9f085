"""What proposals say beside their visits: kinds, trips, other therapists, and the exception around a closure."""

from datetime import UTC, date, datetime, timedelta

import pytest

from scheduler.domain.plans import Role
from scheduler.services.clinic import schedules
from tests.cast import NOW, add_person


@pytest.fixture
def closed(session, harbor):
    """The clinic is closed on Friday and Monday, so that no gap of four days crosses them."""
    for on in (date(2026, 12, 18), date(2026, 12, 21)):
        midnight = datetime.combine(on, datetime.min.time(), UTC) + timedelta(hours=5)
        schedules.close(
            session, harbor.actor("mona"), midnight, midnight + timedelta(days=1), NOW, reason="Winter break"
        )
    session.commit()


def test_an_exception_around_a_closure_is_named_and_booked_with_a_reason(api, harbor, closed, wishes):
    mona = api(harbor, "mona")
    answer = mona.post("/proposals", wishes(not_before="2026-12-03")).json
    best, first = answer["items"][0], answer["exceptions"][0]

    ends = {one["action"]: one["start"][:10] for one in best["appointments"]}["infusion-6"]
    assert first["days"] >= 5 and first["closed"] == ["2026-12-18", "2026-12-21"]
    assert first["why"] == "The clinic is closed on Fri, Dec 18 and Mon, Dec 21 (Winter break)."
    assert first["words"].endswith("(protocol: 2–4)")
    early = {one["action"]: one["start"][:10] for one in first["proposal"]["appointments"]}["infusion-6"]
    assert (date.fromisoformat(ends) - date.fromisoformat(early)).days == first["days"]

    without = mona.post("/care-plans", {"token": first["proposal"]["token"]})
    reason = {"token": first["proposal"]["token"], "override_reason": "the clinic is closed in between"}
    assert (without.status_code, mona.post("/care-plans", reason).status_code) == (422, 201)


def test_the_slack_of_an_exception_asks_for_it_again(api, harbor, closed, wishes):
    mona = api(harbor, "mona")
    first = mona.post("/proposals", wishes(not_before="2026-12-03")).json["exceptions"][0]

    again = mona.post("/proposals", wishes(not_before="2026-12-03", slack=first["slack"], count=1)).json

    starts = [
        [one["start"] for one in each["appointments"]] for each in (again["items"][0], first["proposal"])
    ]
    assert starts[0] == starts[1]


def test_no_exception_where_the_clinic_is_open(alice, wishes):
    assert alice.post("/proposals", wishes(not_before="2026-12-03")).json["exceptions"] == []


def test_alternatives_say_what_they_are(alice, wishes):
    items = alice.post("/proposals", wishes(count=6)).json["items"]

    assert items[0]["kind"] == "best"
    assert len({one["kind"] for one in items}) > 2
    for one in items:
        days = {visit["start"][:10] for visit in one["appointments"] if visit["kind"] != "call"}
        assert one["trips"] == len(days)


def test_another_therapist_is_asked_for_at_the_same_times(session, harbor, alice, wishes):
    add_person(session, harbor, "Tara", Role.THERAPIST)
    session.commit()
    best = alice.post("/proposals", wishes(count=1)).json["items"][0]
    own, other = best["therapists"][:2]
    pins = [{"action": one["action"], "start": one["start"]} for one in best["appointments"]]

    again = alice.post(
        "/proposals", wishes(count=1, practitioner_ids=[other["practitioner_id"]], pinned=pins)
    ).json["items"][0]

    assert own["chosen"] and own["sessions"] == own["of"] == other["sessions"]
    assert {one["practitioner_ids"][0] for one in again["appointments"] if one["kind"] == "therapy"} == {
        other["practitioner_id"]
    }
    assert [one["start"] for one in again["appointments"]] == [one["start"] for one in best["appointments"]]
