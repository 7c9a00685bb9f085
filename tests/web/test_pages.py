"""What holds for any page: kept nowhere, nothing inline, and looking at a patient is noted."""

from sqlalchemy import event, select

from scheduler.database import db
from scheduler.models.audit_event import AuditEvent


def test_signed_in_pages_are_not_kept_and_run_nothing_inline(harbor, signed_in):
    answer = signed_in(harbor, "alice").get("/")

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert " style=" not in answer.text
    assert "<style" not in answer.text
    assert "onclick" not in answer.text


def test_looking_at_a_patient_is_audited(session, harbor, signed_in):
    nora = harbor.patients["Nora"].public_id
    signed_in(harbor, "alice").get(f"/patients/{nora}")

    session.rollback()  # see what the request wrote
    seen = list(session.scalars(select(AuditEvent).where(AuditEvent.event == "patient.viewed")))
    assert [(event.object_id, event.user_id) for event in seen] == [(nora, harbor.users["alice"].id)]


def test_a_file_of_the_pages_is_served_without_a_question_to_the_database(harbor, signed_in):
    client, asked = signed_in(harbor, "alice"), []
    listener = lambda *arguments: asked.append(arguments[2])  # noqa: E731  (removed by its name)
    event.listen(db.engine, "before_cursor_execute", listener)
    with client.get("/static/css/app.css") as file:
        by_file = list(asked)
    client.get("/patients")
    event.remove(db.engine, "before_cursor_execute", listener)

    assert (file.status_code, by_file) == (200, [])
    assert asked != []
