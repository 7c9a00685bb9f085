import json
import stat
from datetime import timedelta

from sqlalchemy import func, select

from scheduler.models.audit_event import AuditEvent
from scheduler.services.feed import feeds
from tests.cast import NOW, add_patient
from tests.cli.test_users import run
from tests.engines import both
from tests.visits import add_visit


@both
def test_a_patients_whole_record_is_written(app, session, harbor, tmp_path):
    nora = harbor.patients["Nora"]
    visit = add_visit(session, harbor, "Chair 1", NOW + timedelta(days=1))
    other = add_patient(session, harbor, "Max", "Mustermann")
    add_visit(session, harbor, "Chair 2", NOW + timedelta(days=1), patient=other)
    _feed, token = feeds.create(session, harbor.actor("alice"), nora.resource_id, "neutral", NOW)
    session.commit()
    file = tmp_path / "nora.json"
    result = run(app, "export", "patient", nora.public_id, str(file))
    record = json.loads(file.read_text())

    assert result.exit_code == 0, result.output
    assert (record["patient"]["given_name"], record["patient"]["email"]) == ("Nora", "nora@example.org")
    assert [one["id"] for one in record["appointments"]] == [visit.public_id]
    assert len(record["calendar_feeds"]) == 1
    assert [one["event"] for one in record["audit_trail"]] == ["patient.created", "patient.exported"]
    assert (token in file.read_text(), "Mustermann" in file.read_text()) == (False, False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_export_is_noted_and_overwrites_nothing(app, session, harbor, tmp_path):
    file = tmp_path / "nora.json"
    file.write_text("mine")
    nora = harbor.patients["Nora"].public_id
    refused = run(app, "export", "patient", nora, str(file))
    session.rollback()
    noted = session.scalar(select(func.count(AuditEvent.id)).where(AuditEvent.event == "patient.exported"))

    assert (refused.exit_code, file.read_text(), noted) == (1, "mine", 0)


def test_a_patient_of_another_clinic_is_not_there(app, harbor, hill, tmp_path):
    otto = hill.patients["Otto"].public_id
    result = run(app, "export", "patient", otto, str(tmp_path / "x.json"), "--clinic", "harbor")

    assert (result.exit_code, result.output) == (1, "Error: Not found\n")
