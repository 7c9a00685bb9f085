import json

from scheduler.api import streams
from tests.cast import add_patient

LINES = {"Accept": "application/x-ndjson"}


def listed(program, path):
    answer = program.client.get(f"/api/v1{path}", headers={**program.headers, **LINES}, buffered=True)
    assert (answer.status_code, answer.mimetype) == (200, streams.MEDIA_TYPE)
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_list_streams_every_row_once_in_its_order(alice, session, harbor, monkeypatch):
    monkeypatch.setattr(streams, "MOST", 3)
    for number in range(10):
        add_patient(session, harbor, f"P{number}", "Crowd")
    session.commit()
    paged = alice.get("/patients?limit=200").json["items"]

    assert len(paged) == 11
    assert listed(alice, "/patients") == paged
    assert listed(alice, "/patients?search=crowd&limit=2") == paged[:10]


def test_the_queries_grow_with_pages_and_not_with_rows(alice, session, harbor, counted, monkeypatch):
    for number in range(11):
        add_patient(session, harbor, f"P{number}", "Crowd")
    session.commit()
    listed(alice, "/patients")  # the token's first use is noted
    whole = counted(lambda: listed(alice, "/patients"))
    monkeypatch.setattr(streams, "MOST", 3)

    # a page: its beginning, its rows, whose they are, and the note of them
    assert whole < counted(lambda: listed(alice, "/patients")) <= whole + 3 * 4


def test_what_is_wrong_is_refused_before_the_first_line(api, alice, harbor):
    bad = alice.get("/patients?cursor=!", **LINES)
    nobody = api().get("/patients", **LINES)

    assert (bad.status_code, bad.mimetype) == (422, "application/problem+json")
    assert nobody.status_code == 401


def test_another_clinic_sees_nothing(api, hill, harbor):
    assert [one["family_name"] for one in listed(api(hill, "oscar"), "/patients")] == ["Ohnesorg"]


def test_lines_are_given_only_to_who_asks_for_them(alice):
    answers = [
        alice.get("/patients", Accept=kind).mimetype for kind in ("*/*", "application/json", "text/html")
    ]

    assert answers == ["application/json"] * 3
