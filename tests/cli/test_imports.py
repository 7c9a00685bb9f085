import json

import pytest
from sqlalchemy import func, select

from scheduler.models.patient import Patient
from tests.cli.test_users import run
from tests.engines import both

HEADER = "given_name,family_name,birth_date,email,phone,email_ok,language\n"


@both
def test_a_table_is_added(app, session, harbor, tmp_path):
    rows = 'Zoë,Müller,1990-01-02,zoe@example.org,555 0100,yes,\n"Anne, Marie",O’Brien,,,,no,fr\n\n'
    result = imported(app, tmp_path, HEADER + rows)

    assert result.output == "2 patients added, 0 left out as duplicates\n"
    assert names(session) == ["Anne, Marie", "Nora", "Zoë"]


@both
def test_faults_are_named_by_line_and_nothing_is_added(app, session, harbor, tmp_path):
    rows = [
        "Zoe,Li,1990-01-02,,,,",
        "Zoe,Li",
        ",Li,1990-01-02,,,,",
        "Max,Li,2.1.1990,max,,perhaps,",
        '"Two\nlines",Li,,,,,',
        "Zoe,LI,1990-01-02,,,,",
    ]
    result = imported(app, tmp_path, HEADER + "\n".join(rows), "--json")

    faults = [(one["line"], one["field"], one["reason"]) for one in json.loads(result.output)["faults"]]
    assert result.exit_code == 1
    assert faults == [
        (3, "row", "has 2 cells instead of 7"),
        (4, "given_name", "must not be empty"),
        (5, "birth_date", "is not a date such as 1984-03-09"),
        (5, "email", "is not a mail address"),
        (5, "email_ok", "must be true or false"),
        (6, "given_name", "holds a line break"),
        (8, "patient", "is there already (line 2)"),
    ]
    assert names(session) == ["Nora"]


def test_duplicates_are_left_out_when_asked(app, session, harbor, tmp_path):
    table = HEADER + "NORA,Lindqvist,,nora@example.org,,,\nZoe,Li,,,,,\n"
    refused = imported(app, tmp_path, table)
    result = imported(app, tmp_path, table, "--skip-duplicates")

    assert "is there already (patient " in refused.output
    assert result.output == "1 patients added, 1 left out as duplicates\n"


def test_a_dry_run_adds_nothing(app, session, harbor, tmp_path):
    result = imported(app, tmp_path, HEADER + "Zoe,Li,,,,,\n", "--dry-run")

    assert result.output == "1 patients would be added, 0 left out as duplicates\n"
    assert names(session) == ["Nora"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"surname\nLi\n", "line 1: surname is not a column"),
        (b"", "line 1: header is not a column"),
        (HEADER.encode() + b"Zo\xff,Li,,,,,\n", "line 2: text is not UTF-8"),
        (HEADER.encode() + b'"Zoe,Li,,,,,\n', "line 2: row is not CSV"),
    ],
)
def test_a_file_that_is_no_table_is_refused(app, harbor, tmp_path, content, fault):
    result = imported(app, tmp_path, content)

    assert result.exit_code == 1
    assert result.output.startswith(fault)


@both
def test_a_fhir_bundle_is_added(app, session, harbor, tmp_path):
    zoe = {
        "resourceType": "Patient",
        "name": [
            {"use": "official", "family": "Müller", "given": ["Zoë", "Ann"]},
            {"use": "nickname", "given": ["Zo"]},
        ],
        "birthDate": "1990-01-02",
        "telecom": [
            {"system": "phone", "value": "555-0100"},
            {"system": "email", "value": "zoe@example.org"},
        ],
        "communication": [{"language": {"coding": [{"code": "es-US"}]}}],
    }
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "Organization"}}, {"resource": zoe}],
    }
    result = imported(app, tmp_path, json.dumps(bundle), name="patients.json")
    session.rollback()
    added = session.scalar(select(Patient).where(Patient.family_name == "Müller"))

    assert result.output == "1 patients added, 0 left out as duplicates\n"
    assert (added.given_name, added.preferred_name, added.phone, added.email, added.language) == (
        "Zoë Ann",
        "Zo",
        "555-0100",
        "zoe@example.org",
        "es",
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "line 1: file is not JSON"),
        ("[]", "line 1: file is not a FHIR bundle"),
        (
            '{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}]}',
            "line 1: given_name",
        ),
        (
            '{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "name": [1]}}]}',
            "line 1: entry",
        ),
    ],
)
def test_a_file_that_is_no_bundle_is_refused(app, harbor, tmp_path, content, fault):
    result = imported(app, tmp_path, content, name="patients.json")

    assert result.exit_code == 1
    assert result.output.startswith(fault)


def test_ten_thousand_lines_with_planted_faults(app, session, harbor, tmp_path):
    rows = [f"P{n},Number{n},1990-01-02,,,," for n in range(9_998)]
    rows[4_999], rows[7_777] = "P,Bad,1990-13-02,,,,", "x\0,Bad,,,,,"
    result = imported(app, tmp_path, HEADER + "\n".join(rows), "--json")

    assert [one["line"] for one in json.loads(result.output)["faults"]] == [5_001, 7_779]
    assert session.scalar(select(func.count(Patient.id))) == 1


def imported(app, folder, content, *options, name="patients.csv"):
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return run(app, "import", "patients", str(file), *options)


def names(session):
    session.rollback()
    return session.scalars(select(Patient.given_name).order_by(Patient.given_name)).all()
