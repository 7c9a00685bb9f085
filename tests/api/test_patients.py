import pytest
from sqlalchemy import func, select

from scheduler.models.audit_event import AuditEvent
from scheduler.models.patient import Patient
from tests.cast import add_patient
from tests.engines import both

NEW = {"given_name": "Zoë", "family_name": "Müller", "birth_date": "1990-01-02", "email": "zoe@example.org"}


@both
def test_a_patient_is_added_shown_and_changed(alice):
    made = alice.post("/patients", NEW | {"preferences": {"weekdays": [1, 3], "earliest": "09:30"}})
    shown = alice.get(f"/patients/{made.json['id']}")
    changed = alice(
        "PATCH", f"/patients/{made.json['id']}", {"phone": "555 0100"}, If_Match=shown.headers["ETag"]
    )

    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert made.headers["Location"] == f"/api/v1/patients/{made.json['id']}"
    assert made.json["preferences"] == {"weekdays": [1, 3], "earliest": "09:30"}
    assert shown.json == made.json
    assert changed.json == made.json | {"phone": "555 0100", "version": 2}


@both
@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"given_name": "n" * 10_000}, "given_name", "is too long: 10000 characters, at most 100"),
        ({"given_name": "a\nb"}, "given_name", "contains a line break"),
        ({"given_name": "a\0b"}, "given_name", "contains a control character"),
        ({"given_name": ""}, "given_name", "must not be empty"),
        ({"given_name": 7}, "given_name", "must be text"),
        ({"given_name": None}, "given_name", "must be text"),
        ({"family_name": "\ud800"}, "family_name", "contains half of a character (a lone surrogate)"),
        ({"email": "zoe"}, "email", "is not an email address"),
        ({"birth_date": "2990-01-01"}, "birth_date", "is outside the years 1900 to 2199"),
        ({"birth_date": "1990-02-30"}, "birth_date", "is not a date: day is out of range for month"),
        ({"email_ok": "yes"}, "email_ok", "must be a valid boolean"),
        ({"preferences": {"weekdays": [0]}}, "preferences.weekdays.0", "must be greater than or equal to 1"),
        ({"surname": "x"}, "surname", "is not a known field"),
        ({"clinic_id": 2}, "clinic_id", "is not a known field"),
    ],
)
def test_bad_fields_are_named_and_nothing_is_written(alice, session, change, field, reason):
    answer = alice.post("/patients", NEW | change)

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json["code"] == "invalid"
    assert answer.json["errors"] == [{"field": field, "reason": reason}]
    assert session.scalar(select(func.count(Patient.id))) == 1


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b'{"given_name": "Zoe"}', "text/plain", 415, "not-json"),
        (b"given_name=Zoe", "application/x-www-form-urlencoded", 415, "not-json"),
        (b"{", "application/json", 400, "bad-json"),
        (b'{"given_name": NaN}', "application/json", 400, "bad-json"),
        (b'{"given_name": "A", "given_name": "B"}', "application/json", 400, "bad-json"),
        (b"[" * 100_000, "application/json", 400, "bad-json"),
        (b"[]", "application/json", 422, "invalid"),
        (b"null", "application/json", 422, "invalid"),
        (b"", "application/json", 422, "invalid"),
        (b"{" + b" " * 1_000_001 + b"}", "application/json", 413, "too-large"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(alice, body, content_type, status, code):
    answer = alice.client.post(
        "/api/v1/patients", data=body, content_type=content_type, headers=alice.headers
    )

    assert (answer.status_code, answer.json["code"]) == (status, code)


@both
def test_who_comes_second_is_told_who_was_first(api, harbor, alice):
    path = f"/patients/{harbor.patients['Nora'].public_id}"
    ada = api(harbor, "ada")
    ada("PATCH", path, {"phone": "555 0100"}, If_Match='"1"')

    answer = alice("PATCH", path, {"phone": "555 0101"}, If_Match='"1"')

    assert (answer.status_code, answer.json["code"]) == (412, "stale")
    assert [(change["by"], change["fields"]) for change in answer.json["changes"]] == [
        ("ada@example.org", ["phone"])
    ]
    assert alice.get(path).json["phone"] == "555 0100"


@pytest.mark.parametrize("tag", ["1", 'W/"1"', '"x"', "1,2"])
def test_an_if_match_that_is_no_etag_of_ours_changes_nothing(alice, harbor, tag):
    path = f"/patients/{harbor.patients['Nora'].public_id}"

    assert alice("PATCH", path, {"phone": "555 0101"}, If_Match=tag).status_code == 412


def test_a_version_that_is_known_is_not_sent_again(alice, harbor):
    path = f"/patients/{harbor.patients['Nora'].public_id}"

    assert alice.get(path, If_None_Match='"1"').status_code == 304
    assert alice.get(path, If_None_Match='"2"').status_code == 200


@both
def test_a_search_folds_what_is_typed(session, alice, harbor):
    add_patient(session, harbor, "Zoë", "Müller", phone="212-555-0199")
    session.commit()

    found = [alice.get(f"/patients?search={typed}").json["items"] for typed in ("MULLER", "0199", "nobody")]
    assert [[row["given_name"] for row in rows] for rows in found] == [["Zoë"], ["Zoë"], []]


@both
def test_pages_hold_every_patient_once(session, alice, harbor):
    for number in range(30):
        add_patient(session, harbor, f"Pat{number % 3}", f"Ient{number % 7}")
    session.commit()

    seen, cursor = [], ""
    while cursor is not None:
        answer = alice.get(f"/patients?limit=7{cursor and '&cursor=' + cursor}").json
        seen += [row["id"] for row in answer["items"]]
        cursor = answer["next_cursor"]
    assert (len(seen), len(set(seen))) == (31, 31)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "cursor=!!", "cursor=AAAA", "page=2", "search=a%00b"]
)
def test_a_query_that_makes_no_sense_is_refused(alice, query):
    assert alice.get(f"/patients?{query}").status_code == 422


@pytest.mark.parametrize("patient_id", ["otto", "0" * 16, "x", "%00", "..", "a" * 100])
def test_a_patient_that_is_not_there_is_a_404(alice, hill, patient_id):
    wanted = hill.patients["Otto"].public_id if patient_id == "otto" else patient_id
    answers = [alice.get(f"/patients/{wanted}"), alice("PATCH", f"/patients/{wanted}", {"phone": ""})]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert {answer.json["code"] for answer in answers} == {"not-found"}
    assert all("Otto" not in answer.text for answer in answers)


@both
def test_ending_all_links_ends_calendars_and_is_in_the_trail(alice, harbor, session):
    path = f"/patients/{harbor.patients['Nora'].public_id}"
    feed = alice.post(f"{path}/feeds", {}).json
    address = "/feeds/" + feed["url"].rpartition("/")[2]
    answers = [alice.client.get(address), alice("DELETE", f"{path}/links"), alice.client.get(address)]

    assert [answer.status_code for answer in answers] == [200, 204, 410]
    assert alice.get(f"{path}/feeds").json["items"][0]["revoked_at"] is not None
    session.rollback()
    events = session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)).all()
    assert [one for one in events if one in ("feed.revoked", "private-links.ended")] == [
        "feed.revoked",
        "private-links.ended",
    ]
