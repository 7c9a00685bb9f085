"""`flask import patients`, as an operator runs it: small files, and the two large ones with planted faults."""

import json

import pytest
from sqlalchemy import func, select

from scheduler.database import db
from scheduler.models.audit_event import AuditEvent
from scheduler.models.patient import Patient
from scheduler.services.patient import patients
from tests.engines import both

HEADER = "given_name,family_name,birth_date,email,phone,email_ok,weekdays"
LINES = 10_000
PATIENTS = 1_000


@pytest.fixture
def bring(app, session, harbor, tmp_path):
    """Write a file, import it, and return (exit code, output, progress and faults)."""

    def run(name, content, *options):
        file = tmp_path / name
        file.write_text(content, encoding="utf-8")
        db.session.remove()
        result = app.test_cli_runner().invoke(args=["import", "patients", str(file), *options])
        return result.exit_code, result.stdout, result.stderr.splitlines()

    return run


def count():
    db.session.remove()
    return db.session.scalar(select(func.count(Patient.id)))


def large():
    """Return a table of LINES lines after the header, one patient each."""
    return [
        f"Given{number},Family{number},19{number % 80 + 10}-03-09,p{number}@example.org,555 01{number:05},yes,1;3"
        for number in range(LINES)
    ]


def bundle(people, others=0):
    """Return a FHIR bundle as generators of synthetic patients write them."""
    resources = [*people, *({"resourceType": "Observation", "status": "final"} for _ in range(others))]
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": one} for number, one in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def synthetic(number):
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"system": "urn:oid:1.2.36", "value": str(number)}],
        "extension": [{"url": "http://example.org/birth-sex", "valueCode": "F"}],
        "name": [
            {"use": "maiden", "family": "Before", "given": ["Old"]},
            {
                "use": "official",
                "family": f"Family{number}",
                "given": [f"Given{number}", "Ann"],
                "prefix": ["Ms."],
            },
        ],
        "telecom": [
            {"system": "phone", "value": f"555-01{number:05}", "use": "home"},
            {"system": "email", "value": f"p{number}@example.org"},
        ],
        "gender": "female",
        "birthDate": f"19{number % 80 + 10}-07-01",
        "address": [{"line": ["1 Road"], "city": "Boston"}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en-US"}]}}],
    }


@both
def test_a_small_table_is_imported(bring, session):
    line = "Zoë;Müller;1990-01-02;zoe@example.org;'+49 30 1234;yes;1,3"
    code, output, progress = bring(
        "people.csv", "\ufeff" + HEADER.replace(",", ";") + "\r\n" + line + "\r\n\r\n"
    )

    zoe = db.session.scalars(select(Patient).where(Patient.given_name == "Zoë")).one()
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.event == "patients.imported")).one()
    assert (code, output) == (0, "Added 1 patients to harbor.\n")
    assert progress == ["checked 1 of 1", "written 1 of 1"]
    assert (zoe.family_name, zoe.phone, zoe.email_ok) == ("Müller", "+49 30 1234", True)
    assert (zoe.birth_date.isoformat(), zoe.preferences) == ("1990-01-02", {"weekdays": [1, 3]})
    assert (event.actor, event.reason) == ("command", "1 patients")


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ("", ["line 1: file: is empty"]),
        ("given_name,surname\nA,B\n", ["line 1: family_name: is missing", "line 1: surname: is not a column here"]),
        ("given_name,family_name,given_name\n", ["line 1: given_name: is listed twice"]),
        ("given_name,family_name\nA\n", ["line 2: file: has 1 cells, the first line has 2"]),
        ("given_name,family_name\nA,\n", ["line 2: family_name: is missing"]),
        ('given_name,family_name\nA,B\n"C,D\n', ["line 3: file: is not CSV: unexpected end of data"]),
        ("given_name,family_name\nA,B\na,b\n", ["line 3: duplicate: already exists (line 2)"]),
        ('given_name,family_name\nA,"B\nC"\nD,\n',
         ["line 2: family_name: holds a line break", "line 4: family_name: is missing"]),
        ("given_name,family_name,email_ok\nA,B,perhaps\n", ["line 2: email_ok: must be true or false"]),
        ("given_name,family_name,weekdays\nA,B,Mo\n",
         ["line 2: preferences.weekdays: must be weekdays from 1 (Monday) to 7"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_line(bring, content, faults):
    code, output, said = bring("people.csv", content)

    assert [line.removeprefix("people.csv: ") for line in said if line.startswith("people.csv")] == faults
    assert (code, output, count()) == (1, "", 1)


def test_a_patient_who_is_here_is_a_duplicate_or_left_out(bring):
    table = "given_name,family_name\nNORA,lindqvist\nOle,Olsen\n"
    refused = bring("people.csv", table, "--json")
    taken = bring("people.csv", table, "--skip-duplicates", "--json")

    faults = json.loads(refused[1])["faults"]
    assert [(one["place"], one["field"]) for one in faults] == [(2, "duplicate")]
    assert refused[0] == 1
    assert json.loads(taken[1]) == {
        "ok": True, "clinic": "harbor", "added": 1, "dry_run": False, "left_out": [2], "ignored": 0,
    }  # fmt: skip
    assert count() == 2


def test_a_dry_run_writes_nothing(bring):
    code, output, _ = bring("people.csv", "given_name,family_name\nOle,Olsen\n", "--dry-run")

    assert (code, output, count()) == (0, "Would add 1 patients to harbor.\n", 1)


def test_ten_thousand_lines_with_planted_faults_are_refused_by_line(bring):
    lines = large()
    lines[41] = lines[41].replace("@", " at ")
    lines[4_999] = lines[4_999].replace("Family4999", "")
    lines[7_777] = lines[7_777].replace("-03-09", "-02-30")
    lines[9_999] = lines[9_999].replace("Given9999", "Given\u202e")
    code, _, said = bring("people.csv", "\n".join([HEADER, *lines]))

    assert [line for line in said if line.startswith("people.csv")] == [
        "people.csv: line 43: email: is not a mail address",
        "people.csv: line 5001: family_name: is missing",
        "people.csv: line 7779: birth_date: is not a date such as 1984-03-09",
        "people.csv: line 10001: given_name: holds a character that reorders text",
    ]
    assert said[-1] == "Error: 4 faults (4 by line); nothing is imported"
    assert said[:20] == [f"checked {done} of {LINES}" for done in range(500, LINES + 1, 500)]
    assert (code, count()) == (1, 1)


def test_a_late_fault_leaves_nothing_half_written(bring, monkeypatch):
    create, made = patients.create, []

    def failing(*arguments):
        made.append(arguments)
        if len(made) == 600:
            raise KeyboardInterrupt
        return create(*arguments)

    monkeypatch.setattr(patients, "create", failing)
    code, _, said = bring("people.csv", "\n".join([HEADER, *large()[:700]]))

    assert [line for line in said if line][-2:] == ["written 500 of 700", "Aborted!"]
    assert (code, count()) == (1, 1)


def test_a_bundle_of_a_thousand_patients_is_imported(bring):
    document = bundle([synthetic(number) for number in range(PATIENTS)], others=20)
    code, output, progress = bring("synthetic.json", json.dumps(document))

    rows = db.session.scalars(select(Patient).where(Patient.family_name == "Family7")).all()
    assert (code, count()) == (0, PATIENTS + 1)
    assert output == "Added 1000 patients to harbor; ignored 20 resources that are not patients.\n"
    assert progress == [
        f"{what} {done} of 1000" for what in ("read", "checked", "written") for done in (500, 1000)
    ]
    assert [(one.given_name, one.email, one.phone, one.language) for one in rows] == [
        ("Given7 Ann", "p7@example.org", "555-0100007", "en")
    ]
    assert [one.birth_date.isoformat() for one in rows] == ["1917-07-01"]


def test_planted_faults_of_a_bundle_are_named_by_entry(bring):
    people = [synthetic(number) for number in range(PATIENTS)]
    people[10]["birthDate"] = "yesterday"
    people[500]["name"] = "Smith"
    people[999]["telecm"] = []
    shape = bring("synthetic.json", json.dumps(bundle(people)))
    people = [synthetic(number) for number in range(PATIENTS)]
    people[3]["name"] = [{"family": "Only"}]
    people[998]["telecom"][1]["value"] = "nowhere"
    fields = bring("synthetic.json", json.dumps(bundle(people)))

    named = [line.split(": ")[1:3] for line in shape[2] if line.startswith("synthetic")]
    assert [place for place, _ in named] == ["entry 10", "entry 500", "entry 999"]
    assert [line for line in fields[2] if line.startswith("synthetic")] == [
        "synthetic.json: entry 3: given_name: is missing",
        "synthetic.json: entry 998: email: is not a mail address",
    ]
    assert (shape[0], fields[0], count()) == (1, 1, 1)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("[]", "entry 0: file: is not a FHIR Bundle"),
        ('{"resourceType": "Bundle", "entry": {}}', "entry 0: entry: must be a list"),
        ('{"resourceType": "Bundle", "entry": [7]}', "entry 0: resource: is missing"),
        ('{"resourceType": "Bundle"}', "entry 0: file: holds no Patient"),
    ],
)
def test_what_is_no_bundle_is_refused(bring, content, fault):
    assert bring("b.json", content)[2] == [
        f"b.json: {fault}",
        "Error: 1 faults (1 by entry); nothing is imported",
    ]
