"""`flask export appointments`, `flask export messages` and a record to print."""

import csv
import stat
from codecs import BOM_UTF8
from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.domain import csv_cells
from scheduler.models.audit_event import AuditEvent
from scheduler.services.transfer import exports
from tests.cast import NOW, add_patient
from tests.cli.test_users import run
from tests.engines import both
from tests.visits import add_visit


def table(file):
    assert file.read_bytes().startswith(BOM_UTF8)  # by which Excel knows that it is UTF-8
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


@both
def test_appointments_of_some_days_are_written(app, session, harbor, tmp_path):
    evil = add_patient(session, harbor, "=HYPERLINK(1)", "@Sum", phone="+49 30 1")
    visit = add_visit(session, harbor, "Chair 1", NOW, patient=evil)
    add_visit(session, harbor, "Chair 1", NOW + timedelta(days=1))
    session.commit()
    file = tmp_path / "visits.csv"
    result = run(app, "export", "appointments", str(file), "--from", "2026-11-23", "--to", "2026-11-23")

    assert (result.output, stat.S_IMODE(file.stat().st_mode)) == (f"{file}: 1 appointments\n", 0o600)
    assert table(file) == [
        {
            "id": visit.public_id, "patient_id": evil.public_id, "given_name": "'=HYPERLINK(1)",
            "family_name": "'@Sum", "birth_date": "", "care_plan_id": "", "plan_definition": "",
            "action": "infusion-1", "title": "Infusion", "status": "booked",
            "start": "2026-11-23T08:00:00-05:00", "end": "2026-11-23T09:00:00-05:00",
            "location": "Chair 1", "practitioners": "", "response": "needs-action", "reason": "",
        }
    ]  # fmt: skip
    assert "appointments.exported" in session.scalars(select(AuditEvent.event)).all()


def test_pages_join_without_a_gap(app, session, harbor, tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "PAGE", 2)
    visits = [add_visit(session, harbor, "Chair 1", NOW + timedelta(hours=2 * n)) for n in range(4)]
    session.commit()
    ids = [visit.public_id for visit in visits]
    run(app, "export", "appointments", str(tmp_path / "visits.csv"))

    assert [row["id"] for row in table(tmp_path / "visits.csv")] == ids


@both
def test_messages_are_written(app, session, harbor, tmp_path, nora_course):
    session.commit()
    run(app, "export", "messages", str(tmp_path / "mails.csv"))

    rows = table(tmp_path / "mails.csv")
    assert [(row["kind"], row["family_name"], row["state"]) for row in rows] == [
        ("confirmation", "Lindqvist", "pending")
    ]


@pytest.mark.parametrize("risky", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "  =1", "＝1"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(harbor, risky):
    assert csv_cells.cell(risky, harbor.clinic.zone) == f"'{risky}"
    assert csv_cells.cell(f"x{risky}", harbor.clinic.zone) == f"x{risky}"


@pytest.mark.parametrize("separator", ";\t|")
def test_a_spreadsheet_with_another_separator_finds_no_formula_within_a_cell(harbor, separator):
    line = csv_cells.csv_line(["Ann", f"x{separator} =1+1"], harbor.clinic.zone)

    assert next(csv.reader([line], delimiter=separator))[1].lstrip()[0] == "'"


def test_a_record_to_print_holds_no_markup_of_ours(app, session, harbor, tmp_path):
    eve = add_patient(session, harbor, "<script>x</script>", "O'Hara", alert_note="a & b")
    session.commit()
    run(app, "export", "patient", eve.public_id, str(tmp_path / "eve.html"), "--html")

    text = (tmp_path / "eve.html").read_text(encoding="utf-8")
    assert "<h1>&lt;script&gt;x&lt;/script&gt; O&#x27;Hara — Harbor Clinic</h1>" in text
    assert "<dt>Alert note</dt><dd>a &amp; b</dd>" in text
    assert "<script" not in text
