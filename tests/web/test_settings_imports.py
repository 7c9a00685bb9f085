"""Patients from a file, by the settings page and the worker."""

import io
import json
import re

import pytest
from sqlalchemy import func, select

from scheduler.models.job import Job
from scheduler.models.patient import Patient
from scheduler.processes import worker

CSV = "given_name,family_name,birth_date\nZoe,Li,1990-01-02\nYan,Li,1991-02-03\n"


def send(client, content, name="patients.csv", **options):
    data = {"file": (io.BytesIO(content.encode() if isinstance(content, str) else content), name), **options}
    return client.post("/settings/imports", data=data, content_type="multipart/form-data")


def added(session):
    session.rollback()
    return session.scalar(select(func.count()).where(Patient.given_name == "Zoe"))


def words(page):
    """Return the outcome that a page shows."""
    return re.search(r"<strong>([^<]+)</strong></div>", page.text).group(1).strip()


@pytest.fixture
def mona(harbor, signed_in):
    return signed_in(harbor, "mona")


def test_a_file_waits_for_the_worker_and_is_imported(app, session, mona):
    asked = send(mona, CSV)
    waiting = mona.get(asked.location)
    worker.work_once(app, "one")
    done = mona.get(asked.location)

    assert (asked.status_code, words(waiting), words(done)) == (303, "waiting for the worker", "2 added")
    assert ('hx-trigger="every 2s"' in waiting.text, "every 2s" in done.text) == (True, False)
    assert added(session) == 1
    assert "2 added" in mona.get("/settings/imports").text


def test_faults_are_listed_by_line_and_nobody_is_added(app, session, mona):
    asked = send(mona, CSV + ",,1990-13-02\n")
    worker.work_once(app, "one")
    page = mona.get(asked.location)

    assert words(page) == "2 faults, no patients added"
    assert re.findall(r"<td>([^<]*)</td><td>([^<]*)</td>", page.text) == [
        ("line 4", "birth date"),
        ("line 4", "given name"),
    ]
    assert added(session) == 0


def test_a_file_may_be_checked_only_and_duplicates_left_out(app, session, mona):
    dry = send(mona, CSV, dry_run="yes")
    worker.work_once(app, "one")
    send(mona, CSV)
    worker.work_once(app, "one")
    again = send(mona, CSV + "Xia,Li,1992-03-04\n", duplicates="skip")
    worker.work_once(app, "one")

    assert words(mona.get(dry.location)) == "2 would be added"
    assert words(mona.get(again.location)) == "1 added, 2 left out as duplicates"
    assert added(session) == 1


def test_a_bundle_is_told_by_its_name(app, mona):
    patient = {"resourceType": "Patient", "name": [{"given": ["Zoe"], "family": "Li"}]}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}
    asked = send(mona, json.dumps(bundle), "Patients.JSON")
    worker.work_once(app, "one")

    assert words(mona.get(asked.location)) == "1 added"


@pytest.mark.parametrize(
    ("content", "name", "wrong"),
    [
        ("", "patients.csv", "is empty"),
        (CSV, "patients.xlsx", "must be a table (.csv) or FHIR (.json, .ndjson)"),
        (CSV, "", "is missing"),
        (b"given_name\nJos\xe9\n", "patients.csv", "line 2 is not UTF-8; save it as CSV UTF-8"),
        ("a\0b", "patients.csv", "is not text"),
    ],
)
def test_what_is_no_such_file_is_refused_at_once(session, mona, content, name, wrong):
    answer = send(mona, content, name)
    session.rollback()

    assert answer.status_code == 422
    assert f'id="file-wrong">{wrong}<' in answer.text
    assert session.scalar(select(func.count(Job.id))) == 0


def test_it_says_when_no_worker_has_been_seen(app, mona):
    page = mona.get("/settings/imports").text
    worker.show_life(app, "worker", "nothing to do")

    assert "Imports are not running" in page
    assert "Imports are not running" not in mona.get("/settings/imports").text


def test_who_may_not_change_settings_sends_nothing(session, harbor, signed_in):
    assert send(signed_in(harbor, "alice"), CSV).status_code == 403
