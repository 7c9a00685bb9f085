"""The waitlist by API: who waits, what is open, who could take it, and offers from the first to the last answer."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from scheduler.models.allocation import Allocation
from scheduler.models.audit_event import AuditEvent
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services.visit import moves, visits
from tests.cast import NOW, add_patient
from tests.services.courses import book, visit

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NAMES = ("Olga", "Omar")


@pytest.fixture
def last(session, harbor, nora_course):
    """The last infusions of Olga and Omar, a day after the time that Nora's canceled one left open."""
    alice = harbor.actor("alice")
    for name in NAMES:
        add_patient(session, harbor, name, "Ortiz", email=f"{name.lower()}@example.com", email_ok=True)
    booked = {name: visit(book(session, harbor, patient=name), "infusion-6") for name in NAMES}
    gone = visit(nora_course, "infusion-6")
    moved = moves.plan_move(session, alice, gone, gone.start_at - DAY, NOW - MINUTE, scope="following")
    moves.apply_moves(session, alice, moved, NOW - MINUTE)
    visits.cancel(session, alice, [gone], NOW)
    session.commit()
    return {name: row.public_id for name, row in booked.items()}


@pytest.fixture
def waits(alice, last):
    """The ids of the entries of both."""
    return {
        name: alice.post("/waitlist", {"appointment_id": one, "notice_hours": 24, "reason": "travels"}).json[
            "id"
        ]
        for name, one in last.items()
    }


@pytest.fixture
def opening(alice, session, nora_course, waits):
    gone = visit(nora_course, "infusion-6").public_id
    session.rollback()
    found = alice.get("/openings").json["items"]
    return next(one for one in found if one["appointment_id"] == gone and one["cause"] == "canceled")


def errors(answer):
    assert answer.status_code == 422
    return [(one["field"], one["reason"]) for one in answer.json["errors"]]


def test_an_entry_is_added_changed_listed_and_removed(alice, session, last):
    wish = {"appointment_id": last["Olga"], "weekdays": [2, 1], "earliest": "08:00", "latest": "12:00"}
    made = alice.post("/waitlist", {**wish, "priority": "urgent", "reason": "flies"})
    entry = made.json
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1/waitlist/{entry['id']}")
    assert (entry["weekdays"], entry["earliest"], entry["priority"]) == ([1, 2], "08:00", "urgent")
    assert (entry["side"], entry["offers"], entry["reason"], entry["outcome"]) == ("api", 0, "flies", None)
    assert alice.get(f"/waitlist/{entry['id']}").json == entry

    again = alice.post("/waitlist", {"appointment_id": last["Olga"], "notice_hours": 2}).json
    assert (again["id"], again["notice_hours"], again["weekdays"]) == (entry["id"], 2, [])
    assert alice.get(f"/waitlist?appointment_id={last['Olga']}").json["items"] == [again]
    assert alice.get(f"/waitlist?patient_id={entry['patient_id']}").json["items"] == [again]
    assert alice.get(f"/waitlist?appointment_id={last['Omar']}").json["items"] == []

    for _ in range(2):
        assert alice("DELETE", f"/waitlist/{entry['id']}").status_code == 204
    assert alice.get("/waitlist").json["items"] == []
    ended = alice.get("/waitlist?status=ended").json["items"]
    assert [(one["id"], one["outcome"]) for one in ended] == [(entry["id"], "removed")]
    session.rollback()
    events = session.scalars(select(AuditEvent.event).where(AuditEvent.event.like("waitlist.%"))).all()
    assert events == ["waitlist.added", "waitlist.changed", "waitlist.removed"]


def test_the_list_pages(alice, waits):
    first = alice.get("/waitlist?limit=1").json
    second = alice.get(f"/waitlist?limit=1&cursor={first['next_cursor']}").json

    assert {one["items"][0]["id"] for one in (first, second)} == set(waits.values())
    assert second["next_cursor"] is None


def test_the_number_of_queries_does_not_grow_with_who_waits(alice, waits, counted):
    one = counted(lambda: alice.get("/waitlist?limit=1"))
    assert counted(lambda: alice.get("/waitlist")) == one


def test_a_patient_waits_for_a_first_booking(alice, harbor):
    nora = harbor.patients["Nora"].public_id
    wish = {"patient_id": nora, "plan_definition": "iv-depression-6"}
    course = alice.post("/waitlist", wish).json
    consult = alice.post("/waitlist", {**wish, "action": "consult"}).json

    assert (course["plan_definition"], course["action"], course["appointment_id"]) == (
        "iv-depression-6",
        None,
        None,
    )
    assert (consult["action"], consult["id"] != course["id"]) == ("consult", True)
    [(field, words)] = errors(alice.post("/waitlist", {**wish, "action": "infusion-3"}))
    assert field == "action" and "part of a course" in words
    assert errors(alice.post("/waitlist", {**wish, "action": "dance"}))[0][0] == "action"
    assert alice.post("/waitlist", {**wish, "plan_definition": "none"}).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"until_on": "2026-11-22"}, "until_on"),
        ({"until_on": "2027-11-22"}, "until_on"),
        ({"weekdays": [8]}, "weekdays.0"),
        ({"earliest": "12:00", "latest": "11:00"}, "latest"),
        ({"notice_hours": 337}, "notice_hours"),
        ({"priority": "now"}, "priority"),
        ({"reason": "a\nb"}, "reason"),
        ({"patient_id": "0123456789abcdef"}, "body"),
        ({"appointment_id": None}, "body"),
        ({"side": "patient"}, "side"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(alice, session, last, changes, field):
    answer = alice.post("/waitlist", {"appointment_id": last["Olga"], **changes})

    assert [one for one, _ in errors(answer)] == [field]
    assert session.scalar(select(func.count()).select_from(WaitlistEntry)) == 0


def test_a_visit_that_cannot_move_is_not_waited_for(alice, nora_course, last):
    answer = alice.post("/waitlist", {"appointment_id": visit(nora_course, "infusion-6").public_id})

    assert (answer.status_code, answer.json["code"]) == (409, "wrong-status")


def test_reasons_are_for_those_who_see_requests(api, harbor, waits):
    for name, sees in (("mona", True), ("nick", False), ("rita", False)):
        items = api(harbor, name).get("/waitlist").json["items"]
        shown = [(one["reason"], one["withheld"]) for one in items]
        assert shown == [("travels", []) if sees else ("", ["reason"])] * 2


def test_an_opening_shows_where_it_is_and_who_could_take_it(
    alice, session, harbor, nora_course, opening, waits, last
):
    gone = visit(nora_course, "infusion-6")
    assert opening["location_ids"] == [gone.location.public_id]
    assert opening["practitioner_ids"] and set(opening["practitioner_ids"]) <= {
        one.public_id for one in harbor.people.values()
    }
    assert (opening["offers"], opening["held_until"], opening["waves"]) == ([], None, 0)
    session.rollback()

    found = alice.get(f"/openings/{opening['id']}").json["candidates"]
    assert {one["entry_id"] for one in found} == set(waits.values())
    for one in found:
        assert one["days_gained"] == 1
        assert opening["start"] <= one["start"] < opening["end"]
        assert one["moves"][0]["appointment_id"] == one["appointment_id"] in last.values()
        assert one["moves"][0]["after"]["start"] == one["start"]


def test_openings_are_listed_by_the_time_they_reach_into(alice, opening):
    def ids(query):
        return [one["id"] for one in alice.get(f"/openings?{query}").json["items"]]

    start, end = (opening[name].replace("+", "%2B") for name in ("start", "end"))
    assert opening["id"] not in ids(f"from={end}")
    assert opening["id"] not in ids(f"to={start}")
    assert opening["id"] in ids(f"from={start}&to={end}")
    everything = ids("")
    paged = alice.get("/openings?limit=1").json
    assert [one["id"] for one in paged["items"]] == everything[:1]
    assert (paged["next_cursor"] is None) == (len(everything) == 1)


def test_the_first_who_accepts_gets_the_time(alice, session, opening, waits, last):
    offered = alice.post(
        f"/openings/{opening['id']}/offers", {"entry_ids": list(waits.values()), "minutes": 30}
    )
    assert (offered.status_code, offered.headers["Location"]) == (201, f"/api/v1/openings/{opening['id']}")
    first, second = offered.json["items"]
    assert (first["status"], first["by_phone"], first["wave"]) == ("open", False, 1)
    assert offered.json["held_until"] == first["expires_at"] == "2026-11-23T08:30:00-05:00"
    shown = alice.get(f"/openings/{opening['id']}").json
    assert (shown["offers"], shown["candidates"], shown["held_until"]) == (
        [first, second],
        [],
        first["expires_at"],
    )
    assert alice.get(f"/waitlist/{first['entry_id']}").json["offers"] == 1

    taken = alice.post(f"/offers/{second['id']}/acceptance")
    assert (taken.status_code, taken.json["offer"]["status"]) == (200, "accepted")
    moved = taken.json["appointments"][0]
    assert (moved["id"], moved["start"]) == (second["appointment_id"], second["start"])
    assert alice.post(f"/offers/{second['id']}/acceptance").json["appointments"] == [moved]

    late = alice.post(f"/offers/{first['id']}/acceptance")
    assert (late.status_code, late.json["code"]) == (409, "already-taken")
    assert alice.get(f"/openings/{opening['id']}").json["outcome"] == "filled"
    assert alice.get(f"/waitlist/{second['entry_id']}").json["outcome"] == "accepted"
    assert alice.get(f"/waitlist/{first['entry_id']}").json["outcome"] is None
    again = alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": [first["entry_id"]]})
    assert (again.status_code, again.json["code"]) == (409, "wrong-status")


def test_a_refusal_frees_the_time_for_the_next(alice, session, opening, waits):
    made = alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": [waits["Olga"]]}).json["items"][0]
    assert held(session) > 0
    busy = alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": [waits["Omar"]]})
    assert (busy.status_code, busy.json["code"]) == (409, "wrong-status")

    for _ in range(2):
        assert alice.post(f"/offers/{made['id']}/refusal").json["status"] == "declined"
    assert held(session) == 0
    assert [one["entry_id"] for one in alice.get(f"/openings/{opening['id']}").json["candidates"]] == [
        waits["Omar"]
    ]
    asked = alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": [waits["Olga"]]})
    assert errors(asked) == [("entry_ids", "were asked about this time before")]
    assert (
        alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": [waits["Omar"]]}).json["items"][0][
            "wave"
        ]
        == 2
    )


def test_offers_are_withdrawn_and_the_opening_dismissed(alice, session, opening, waits):
    made = alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": [waits["Olga"]]}).json["items"][0]
    back = alice("DELETE", f"/openings/{opening['id']}/offers")
    assert (back.status_code, back.json["held_until"]) == (200, None)
    assert [one["status"] for one in back.json["offers"]] == ["withdrawn"]
    assert held(session) == 0
    late = alice.post(f"/offers/{made['id']}/acceptance")
    assert (late.status_code, late.json["code"]) == (409, "already-taken")

    alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": [waits["Omar"]]})
    assert alice("DELETE", f"/openings/{opening['id']}").status_code == 204
    assert held(session) == 0
    assert opening["id"] not in [one["id"] for one in alice.get("/openings").json["items"]]
    shown = alice.get(f"/openings/{opening['id']}").json
    assert (shown["outcome"], shown["candidates"]) == ("dismissed", [])
    gone = alice("DELETE", f"/openings/{opening['id']}")
    assert (gone.status_code, gone.json["code"]) == (409, "wrong-status")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"entry_ids": []}, "entry_ids"),
        ({"entry_ids": ["0123456789abcdef"]}, "entry_ids"),
        ({"entry_ids": None}, "entry_ids"),
        ({"minutes": 4}, "minutes"),
        ({"minutes": 1441}, "minutes"),
    ],
)
def test_offers_to_those_who_cannot_take_the_time_are_refused(alice, session, opening, waits, body, field):
    answer = alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": [waits["Olga"]], **body})

    assert [one for one, _ in errors(answer)] == [field]
    assert held(session) == 0


def test_who_waits_but_does_not_fit_is_named(alice, opening, waits, last):
    alice.post("/waitlist", {"appointment_id": last["Omar"], "earliest": "17:45", "latest": "17:50"})
    answer = alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": list(waits.values())})

    assert errors(answer) == [("entry_ids", f"{waits['Omar']} cannot take this time")]


def test_a_cancellation_that_is_taken_back_leaves_no_opening(alice, session, nora_course, opening):
    gone = visit(nora_course, "infusion-6").public_id
    session.rollback()
    assert alice("DELETE", f"/appointments/{gone}/cancellation").status_code == 200

    assert opening["id"] not in [one["id"] for one in alice.get("/openings").json["items"]]


def test_an_offer_is_made_once_for_one_key(alice, session, opening, waits):
    body, key = {"entry_ids": [waits["Olga"]]}, {"Idempotency_Key": "one"}
    first = alice.post(f"/openings/{opening['id']}/offers", body, **key)
    again = alice.post(f"/openings/{opening['id']}/offers", body, **key)

    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_visit_that_changed_is_not_moved_by_an_old_offer(alice, session, opening, waits, last):
    made = alice.post(f"/openings/{opening['id']}/offers", {"entry_ids": [waits["Olga"]]}).json["items"][0]
    alice.post(f"/appointments/{last['Olga']}/cancellation", {"reason": "ill"})
    answer = alice.post(f"/offers/{made['id']}/acceptance")

    assert (answer.status_code, answer.json["code"]) == (409, "wrong-status")


def held(session):
    session.rollback()
    query = select(func.count()).where(Allocation.opening_id.is_not(None), Allocation.released_at.is_(None))
    return session.scalar(query)
