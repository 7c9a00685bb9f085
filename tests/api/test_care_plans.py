from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message
from tests.cast import NOW
from tests.engines import both


@pytest.fixture
def proposal(alice, wishes):
    return alice.post("/proposals", wishes()).json["items"][0]


@both
def test_the_main_job(alice, session, harbor, wishes):
    proposals = alice.post("/proposals", wishes())
    booked = alice.post("/care-plans", {"token": proposals.json["items"][0]["token"]})

    assert (proposals.status_code, booked.status_code) == (200, 201)
    kinds = Counter(one["kind"] for one in booked.json["appointments"] if one["book_by"] is None)
    assert kinds["infusion"] == 6
    assert kinds["therapy"] == 6
    assert alice.get(f"/care-plans/{booked.json['id']}").json == booked.json
    assert booked.headers["Location"] == f"/api/v1/care-plans/{booked.json['id']}"
    firm = [one for one in booked.json["appointments"] if one["book_by"] is None]
    assert [one["start"] for one in firm] == sorted(
        one["start"] for one in proposals.json["items"][0]["appointments"]
    )
    session.rollback()
    assert session.scalar(select(func.count(Message.id)).where(Message.kind == "confirmation")) == 1
    assert all(one["start"].endswith(("-05:00", "-04:00")) for one in booked.json["appointments"])


@both
def test_a_course_is_booked_once_however_often_it_is_asked_for(alice, session, proposal):
    first = alice.post("/care-plans", {"token": proposal["token"]}, Idempotency_Key="k1")
    again = alice.post("/care-plans", {"token": proposal["token"]}, Idempotency_Key="k1")
    other = alice.post(
        "/care-plans",
        {"token": proposal["token"], "override_reason": "the patient travels"},
        Idempotency_Key="k1",
    )

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert [again.headers[name] for name in ("ETag", "Location", "Content-Type")] == [
        first.headers[name] for name in ("ETag", "Location", "Content-Type")
    ]
    assert (other.status_code, other.json["code"]) == (422, "idempotency-key-reused")
    assert counts(session)[0] == 1


@both
def test_taken_time_is_named_and_nothing_is_written(api, harbor, session, wishes):
    mona = api(harbor, "mona")
    proposal = mona.post("/proposals", wishes()).json["items"][0]
    mona.post("/care-plans", {"token": proposal["token"]})
    before = counts(session)
    second = mona.post(
        "/care-plans", {"token": proposal["token"], "override_reason": "a second course is intended"}
    )

    assert (second.status_code, second.json["code"]) == (409, "slot-taken")
    assert second.json["conflicts"][0]["resource"] == "the patient"
    assert {"action", "resource", "start", "end"} <= second.json["conflicts"][0].keys()
    starts = {one["start"] for one in proposal["appointments"]}
    assert second.json["conflicts"][0]["start"] in starts
    assert counts(session) == before


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"not_before": "2026-11-22"}, 422, "invalid"),
        ({"not_before": "2036-11-22"}, 422, "invalid"),
        ({"plan_definition": "moon-landing"}, 404, "not-found"),
        ({"patient_id": "0" * 16}, 404, "not-found"),
        ({"practitioner_ids": ["0" * 16]}, 404, "not-found"),
        ({"weekdays": [7]}, 409, "no-fit"),
        ({"weekdays": [8]}, 422, "invalid"),
        ({"earliest": "25:00"}, 422, "invalid"),
        ({"earliest": "14:00", "latest": "09:00"}, 422, "invalid"),
        ({"pinned": [{"action": "moon", "start": "2026-12-01T09:00:00-05:00"}]}, 422, "invalid"),
        ({"pinned": [{"action": "consult", "start": "2026-11-20T09:00:00-05:00"}]}, 422, "invalid"),
        ({"pinned": [{"action": "consult", "start": "2026-12-01T09:00:00"}]}, 422, "invalid"),
        ({"done": [{"action": "moon", "start": "2026-11-01T09:00:00-04:00"}]}, 422, "invalid"),
        ({"count": 0}, 422, "invalid"),
        ({"count": 10**30}, 422, "invalid"),
    ],
)
def test_wishes_that_cannot_be_are_refused(alice, wishes, change, status, code):
    answer = alice.post("/proposals", wishes(**change))

    assert (answer.status_code, answer.json["code"]) == (status, code)
    if code == "no-fit":
        assert {"action", "resource", "why"} == answer.json["reasons"][0].keys()


def test_a_naive_time_is_told_what_it_could_be(alice, wishes):
    answer = alice.post("/proposals", wishes(pinned=[{"action": "consult", "start": "2026-12-01T09:00:00"}]))

    assert answer.json["errors"] == [
        {
            "field": "pinned.0.start",
            "reason": "has no offset; in America/New_York that is 2026-12-01T09:00:00-05:00",
        }
    ]


@pytest.mark.parametrize(
    "start", ["2027-03-14T02:30:00", "2027-03-14T02:30:00-05:00", "2027-03-14T02:30:00-04:00"]
)
def test_a_time_that_the_clocks_skip_is_told_the_nearest(alice, wishes, start):
    answer = alice.post("/proposals", wishes(pinned=[{"action": "consult", "start": start}]))

    reason = answer.json["errors"][0]["reason"]
    assert answer.status_code == 422
    assert reason.endswith(
        "Sun, Mar 14, 2027, 2:30 AM does not exist (the clocks change); nearest are 1:30 AM and 3:30 AM"
    )


@pytest.mark.parametrize("token", ["", "x", "a.b", None])
def test_a_token_that_is_none_is_refused(alice, session, token):
    answer = alice.post("/care-plans", {"token": token})

    assert answer.status_code in (409, 422)
    assert counts(session) == (0, 0, 0)


def test_a_token_belongs_to_its_user_and_ends(api, harbor, alice, proposal, travel):
    mona = api(harbor, "mona").post("/care-plans", {"token": proposal["token"]})
    travel(NOW.replace(minute=16))
    late = alice.post("/care-plans", {"token": proposal["token"]})

    assert [one.json["code"] for one in (mona, late)] == ["proposal-expired"] * 2


@both
def test_a_course_that_a_program_laid_out_is_booked(alice, wishes, proposal):
    explicit = {
        "patient_id": wishes()["patient_id"],
        "plan_definition": "iv-depression-6",
        "appointments": [
            {name: one[name] for name in ("action", "start", "location_id")}
            for one in proposal["appointments"]
        ],
    }
    booked = alice.post("/care-plans", explicit)

    assert booked.status_code == 201
    assert [(one["action"], one["start"], one["location_id"]) for one in booked.json["appointments"]] == [
        (one["action"], one["start"], one["location_id"])
        for one in sorted(proposal["appointments"], key=lambda one: one["start"])
    ]


def test_a_course_that_breaks_the_plan_is_refused_with_its_rules(alice, session, wishes, proposal):
    visits = [{"action": one["action"], "start": one["start"]} for one in proposal["appointments"]]
    kept = [one for one in visits if one["action"] != "infusion-3"]
    moved = {"action": "infusion-3", "start": "2027-02-01T10:00:00-05:00"}
    explicit = {
        "patient_id": wishes()["patient_id"],
        "plan_definition": "iv-depression-6",
        "appointments": [*kept, moved],
    }
    answer = alice.post("/care-plans", explicit)

    assert (answer.status_code, answer.json["code"]) == (422, "rule-broken")
    assert {"action", "rule", "words", "hard"} == answer.json["violations"][0].keys()
    assert counts(session) == (0, 0, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"token": "x.y", "patient_id": "0" * 16},
        {"patient_id": "0" * 16},
        {"patient_id": "0" * 16, "plan_definition": "iv-depression-6", "appointments": []},
    ],
)
def test_a_course_needs_a_token_or_its_visits(alice, body):
    assert alice.post("/care-plans", body).json["code"] == "invalid"


@both
def test_a_reserved_course_is_activated(alice, proposal, session):
    reserved = alice.post("/care-plans", {"token": proposal["token"], "reserve_minutes": 30}).json
    active = alice.post(f"/care-plans/{reserved['id']}/activation", {})

    assert (reserved["status"], reserved["expires_at"]) == ("draft", "2026-11-23T08:30:00-05:00")
    assert (active.status_code, active.json["status"], active.json["expires_at"]) == (200, "active", None)


def test_a_reservation_that_ran_out_is_not_activated(alice, proposal, travel):
    reserved = alice.post("/care-plans", {"token": proposal["token"], "reserve_minutes": 10}).json
    travel(NOW.replace(minute=11))
    late = alice.post(f"/care-plans/{reserved['id']}/activation", {})

    assert (late.status_code, late.json["code"]) == (409, "proposal-expired")


@both
def test_a_stopped_course_frees_everything_ahead(alice, proposal, session):
    booked = alice.post("/care-plans", {"token": proposal["token"]}).json
    stopped = alice.post(
        f"/care-plans/{booked['id']}/revocation", {"reason": "moved away", "side": "patient"}
    )

    assert (stopped.status_code, stopped.json["status"]) == (200, "revoked")
    assert {one["status"] for one in stopped.json["appointments"]} == {"cancelled"}
    session.rollback()
    assert session.scalar(select(func.count(Allocation.id)).where(Allocation.released_at.is_(None))) == 0


def test_a_course_is_held_and_resumed(alice, proposal):
    booked = alice.post("/care-plans", {"token": proposal["token"]}).json
    held = alice.post(f"/care-plans/{booked['id']}/hold", {"reason": "travels"}).json
    resumed = alice.post(f"/care-plans/{booked['id']}/resumption", {"not_before": "2026-12-07"}).json

    assert (held["status"], resumed["status"]) == ("on-hold", "active")
    firm = [one for one in resumed["appointments"] if one["book_by"] is None]
    assert min(one["start"] for one in firm) >= "2026-12-07"
    assert {one["id"] for one in firm} == {
        one["id"] for one in booked["appointments"] if one["book_by"] is None
    }


def test_a_course_with_visits_ahead_is_not_complete(alice, proposal):
    booked = alice.post("/care-plans", {"token": proposal["token"]}).json
    answer = alice.post(f"/care-plans/{booked['id']}/completion", {})

    assert (answer.status_code, answer.json["code"]) == (409, "wrong-status")


def test_a_course_of_another_clinic_is_not_there(api, hill, alice, proposal):
    booked = alice.post("/care-plans", {"token": proposal["token"]}).json
    oscar = api(hill, "oscar")
    steps = ("activation", "hold", "resumption", "revocation", "completion")
    answers = [oscar.post(f"/care-plans/{booked['id']}/{step}", {}) for step in steps]

    assert [one.status_code for one in answers] == [404] * 5
    assert oscar.get(f"/care-plans/{booked['id']}").status_code == 404
    assert oscar.get(f"/care-plans/{booked['id']}/requirements").status_code == 404
    assert oscar.post("/care-plans", {"token": proposal["token"]}).json["code"] == "proposal-expired"


def counts(session):
    session.rollback()  # SQLite would go on showing what was there at the first look
    return tuple(session.scalar(select(func.count(one.id))) for one in (CarePlan, Appointment, Allocation))


NARROW = {"weekdays": [1], "earliest": "08:00", "latest": "10:30", "blocked_dates": ["2026-12-02"]}


@pytest.mark.parametrize(
    "change",
    [
        NARROW,
        {"weekdays": [6, 7]},
        {"latest": "09:00"},
        {"pinned": [{"action": "infusion-2", "start": "2026-12-01T03:00:00-05:00"}]},
    ],
)
def test_every_suggestion_fits_when_its_fields_are_sent_back(alice, wishes, change):
    refused = alice.post("/proposals", wishes(**change)).json
    answers = [
        alice.post("/proposals", wishes(**change) | one["request"]).status_code
        for one in refused["suggestions"]
    ]

    assert refused["code"] == "no-fit"
    assert answers == [200] * len(refused["suggestions"])
    assert answers


def test_a_gap_that_is_bent_is_booked_by_a_role_with_a_reason(alice, api, harbor, wishes):
    bent = wishes(
        pinned=[
            {"action": "infusion-1", "start": "2026-12-07T10:00:00-05:00"},
            {"action": "infusion-2", "start": "2026-12-14T10:00:00-05:00"},
        ]
    )
    refused = alice.post("/proposals", bent).json
    bent["slack"] = [{"action": "infusion-2", "shortest": 2, "longest": 7}]
    mona = api(harbor, "mona")
    token = mona.post("/proposals", bent).json["items"][0]["token"]
    without = mona.post("/care-plans", {"token": token})
    with_reason = mona.post("/care-plans", {"token": token, "override_reason": "the patient travels"})

    assert refused["code"] == "no-fit"
    assert (without.status_code, without.json["violations"][0]["rule"]) == (422, "gap")
    assert (with_reason.status_code, with_reason.json["override_reason"]) == (201, "the patient travels")


@pytest.mark.parametrize(
    ("bend", "field"),
    [
        ({"action": "moon", "shortest": 1, "longest": 2}, "slack.0.action"),
        ({"action": "consult", "shortest": 1, "longest": 2}, "slack.0.action"),
        ({"action": "infusion-2", "shortest": 3, "longest": 2}, "slack.0.longest"),
        ({"action": "infusion-2", "shortest": -1, "longest": 2}, "slack.0.shortest"),
    ],
)
def test_a_gap_that_cannot_be_bent_is_refused_by_its_name(alice, wishes, bend, field):
    answer = alice.post("/proposals", wishes(slack=[bend]))

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


def test_a_gap_that_was_bent_for_nothing_is_judged_when_a_visit_moves(alice, wishes):
    bent = [{"action": "infusion-6", "shortest": 1, "longest": 40}]
    found = alice.post("/proposals", wishes(slack=bent)).json["items"][0]
    course = alice.post("/care-plans", {"token": found["token"]}).json
    sixth = next(one for one in course["appointments"] if one["action"] == "infusion-6")
    start = datetime.fromisoformat(sixth["start"])
    days = [7, 8, 9, 11, 12, 13, 14]
    answers = [
        alice.post(
            f"/appointments/{sixth['id']}/time",
            {"start": (start + timedelta(days=number)).isoformat(), "scope": "following", "preview": True},
        )
        for number in days
    ]

    assert {one.status_code for one in answers} <= {409, 422}
