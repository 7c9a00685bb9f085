import csv
import io
import json

from sqlalchemy import select

from scheduler.models.audit_event import AuditEvent
from scheduler.models.patient import Patient
from tests.cast import add_patient


def events(session, event):
    session.rollback()
    query = select(AuditEvent.object_id, AuditEvent.user_id).where(AuditEvent.event == event)
    return [tuple(row) for row in session.execute(query)]


def test_a_record_is_handed_out_as_json_and_as_a_page(session, harbor, course, signed_in):
    nora, client = harbor.patients["Nora"].public_id, signed_in(harbor, "mona")
    told = client.post(f"/patients/{nora}/record/export", data={"format": "json"})
    page = client.post(f"/patients/{nora}/record/export", data={"format": "page"})

    assert json.loads(told.data)["patient"]["family_name"] == "Lindqvist"
    assert told.headers["Content-Disposition"] == f"attachment; filename=record-{nora}.json"
    assert (page.content_type, "Lindqvist" in page.text) == ("text/html; charset=utf-8", True)
    assert events(session, "patient.exported") == [(nora, harbor.users["mona"].id)] * 2


def test_erasing_asks_for_the_name_and_says_what_is_wrong(session, harbor, signed_in):
    nora, client = harbor.patients["Nora"].public_id, signed_in(harbor, "mona")
    wrong = client.post(f"/patients/{nora}/record/erasure", data={"name": "Nora", "reason": "asked"})
    missing = client.post(f"/patients/{nora}/record/erasure", data={"name": "lindqvist", "reason": ""})
    kept = session.scalar(select(Patient.family_name).where(Patient.public_id == nora))
    session.rollback()
    done = client.post(f"/patients/{nora}/record/erasure", data={"name": " lindqvist ", "reason": "asked"})

    assert (wrong.status_code, "is not the last name of this patient" in wrong.text) == (422, True)
    assert (missing.status_code, "must not be empty" in missing.text, kept) == (422, True, "Lindqvist")
    assert (done.status_code, done.location) == (303, "/patients")
    assert client.get(f"/patients/{nora}").status_code == 404


def test_with_visits_ahead_it_is_refused(harbor, course, signed_in):
    nora = harbor.patients["Nora"].public_id
    answer = signed_in(harbor, "mona").post(
        f"/patients/{nora}/record/erasure", data={"name": "Lindqvist", "reason": "asked"}
    )

    assert answer.status_code == 409
    assert "visits are upcoming" in answer.text


def test_a_table_is_streamed_with_safe_cells(session, harbor, course, signed_in):
    add_patient(session, harbor, "=1+1", "Evil")
    session.commit()
    client = signed_in(harbor, "mona")
    days = {"first": "2026-11-01", "last": "2027-02-28", "table": "appointments"}
    answer = client.post("/settings/data/export", data=days, buffered=True)
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))

    assert (
        answer.headers["Content-Disposition"] == "attachment; filename=appointments-2026-11-01-2027-02-28.csv"
    )
    assert [row["action"] for row in rows if row["action"].startswith("infusion")] == [
        f"infusion-{number}" for number in range(1, 7)
    ]
    assert events(session, "appointments.exported") == [("", harbor.users["mona"].id)]


def test_bad_days_and_years_are_told_at_their_fields(harbor, signed_in):
    client = signed_in(harbor, "mona")
    wrong_order = {"first": "2026-11-02", "last": "2026-11-01", "table": "messages"}
    answers = [
        client.post("/settings/data/export", data=wrong_order),
        client.post("/settings/data/export", data=wrong_order | {"last": "soon"}),
        client.post("/settings/data", data={"retention_years": "-3"}),
    ]

    assert [answer.status_code for answer in answers] == [422] * 3
    assert "is before the first day" in answers[0].text
    assert "must be a date, such as 2026-11-24" in answers[1].text
    assert "must be a whole number from 0 to 99" in answers[2].text


def test_the_retention_period_is_kept(session, harbor, signed_in):
    answer = signed_in(harbor, "mona").post("/settings/data", data={"retention_years": "10"})
    session.rollback()

    assert answer.status_code == 303
    assert harbor.clinic.settings.retention_years == 10
