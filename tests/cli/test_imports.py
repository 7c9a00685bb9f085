"""`flask import patients`, as an operator runs it: small files, and the two large ones with planted faults."""

import json

import pytest
from sqlalchemy import func, select

from scheduler.database import begin_write, db
from scheduler.domain.file_dates import EXAMPLES
from scheduler.models.audit_event import AuditEvent
from scheduler.models.patient import UNFINISHED_IMPORTS, Patient
from scheduler.services.transfer import imports_patients
from tests.cast import add_patient
from tests.engines import both

HEADER = "given_name,family_name,birth_date,email,phone,email_ok,weekdays"
LINES = 10_000
PATIENTS = 1_000


@pytest.fixture
def bring(app, session, harbor, tmp_path):
    """Write a file, import it, and return (exit code, output, progress and faults)."""

    def run(name, content, *options):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
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
    assert progress == ["checked 1 of 1", "stored 1 of 1"]
    assert (zoe.family_name, zoe.phone, zoe.email_ok) == ("Müller", "+49 30 1234", True)
    assert (zoe.birth_date.isoformat(), zoe.preferences) == ("1990-01-02", {"weekdays": [1, 3]})
    assert (event.actor, event.reason) == ("command", "1 patients")


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ("", ["line 1: file: is empty"]),
        ("given_name,surname\nA,B\n", ["line 1: surname: is not a column here"]),
        ("given_name,family_name,given_name\n", ["line 1: given_name: is listed twice"]),
        ("given_name,family_name\nA,B,C\n", ["line 2: file: has 3 cells, the first line has 2"]),
        ("given_name,family_name,email\n,,a@example.org\n",
         ["line 2: given_name: is missing, and so is family_name"]),
        ("given_name,family_name,\nA,B,C\n", ["line 2: file: has a cell in column 3, which has no name"]),
        ("given_name,family_name\nJosÃ©,B\nZo\u00c3\u00ab,C\nJosé,Ã\n",
         ["line 2: given_name: has broken letters (JosÃ© looks like José); save the original as CSV UTF-8",
          "line 3: given_name: has broken letters (ZoÃ« looks like Zoë); save the original as CSV UTF-8"]),
        ("given_name,family_name\nJos\ufffd,B\n",
         ["line 2: given_name: contains a character that was lost; save the original as CSV UTF-8"]),
        ("given_name,family_name,phone\nA,B,2.12556E+09\nC,D,212-555-0101 / 212-555-0102\n",
         ["line 2: phone: was rounded by the spreadsheet; format the column as text and enter the number again",
          "line 3: phone: contains more than one number; keep one of them"]),
        ('given_name,family_name\nA,B\n"C,D\n', ["line 3: file: is not CSV: unexpected end of data"]),
        ("given_name,family_name\nA,B\na,b\n", ["line 3: duplicate: already exists (line 2)"]),
        ('given_name,family_name\nA,"B\nC"\nD,\n',
         ["line 2: family_name: contains a line break"]),
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
        "ok": True, "clinic": "harbor", "added": 1, "dry_run": False, "left_out": [2], "ignored": 0, "similar": [],
        "one_name": [],
    }  # fmt: skip
    assert count() == 2


def test_a_dry_run_writes_nothing(bring):
    code, output, _ = bring("people.csv", "given_name,family_name\nOle,Olsen\n", "--dry-run")

    assert (code, output, count()) == (0, "Would add 1 patients to harbor.\n", 1)


def test_ten_thousand_lines_with_planted_faults_are_refused_by_line(bring):
    lines = large()
    lines[41] = lines[41].replace("@", " at ")
    lines[4_999] = lines[4_999].replace("Given4999,Family4999", ",")
    lines[7_777] = lines[7_777].replace("-03-09", "-02-30")
    lines[9_999] = lines[9_999].replace("Given9999", "Given\u202e")
    code, _, said = bring("people.csv", "\n".join([HEADER, *lines]))

    assert [line for line in said if line.startswith("people.csv")] == [
        "people.csv: line 43: email: is not an email address",
        "people.csv: line 5001: given_name: is missing, and so is family_name",
        f"people.csv: line 7779: birth_date: is not a date such as {EXAMPLES['ymd']}",
        "people.csv: line 10001: given_name: contains a character that reorders text",
    ]
    assert said[-1] == "Error: 4 faults (4 by line); nothing is imported"
    assert said[:20] == [f"checked {done} of {LINES}" for done in range(500, LINES + 1, 500)]
    assert (code, count()) == (1, 1)


def test_a_late_fault_leaves_nothing_half_written(bring, monkeypatch):
    store, made = imports_patients.store, []

    def failing(*arguments, **more):
        made.append(more)
        if len(made) == 3:
            raise KeyboardInterrupt
        return store(*arguments, **more)

    monkeypatch.setattr(imports_patients, "store", failing)
    code, _, said = bring("people.csv", "\n".join([HEADER, *large()[:700]]))

    assert [line for line in said if line][-2:] == ["stored 500 of 700", "Aborted!"]
    everyone = select(func.count(Patient.id)).execution_options(**{UNFINISHED_IMPORTS: True})
    assert (code, count(), db.session.scalar(everyone)) == (1, 1, 1)


def test_a_bundle_of_a_thousand_patients_is_imported(bring):
    document = bundle([synthetic(number) for number in range(PATIENTS)], others=20)
    code, output, progress = bring("synthetic.json", json.dumps(document))

    rows = db.session.scalars(select(Patient).where(Patient.family_name == "Family7")).all()
    assert (code, count()) == (0, PATIENTS + 1)
    assert output == "Added 1000 patients to harbor; ignored 20 resources that are not patients.\n"
    assert progress == [
        *(f"{what} {done} of 1000" for what in ("read", "checked") for done in (500, 1000)),
        *(f"stored {done} of 1000" for done in (250, 500, 750, 1000)),
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
    people[3]["name"] = [{"use": "official", "given": [None]}]
    people[998]["telecom"][1]["value"] = "nowhere"
    fields = bring("synthetic.json", json.dumps(bundle(people)))

    named = [line.split(": ")[1:3] for line in shape[2] if line.startswith("synthetic")]
    assert [place for place, _ in named] == ["entry 10", "entry 500", "entry 999"]
    assert [line for line in fields[2] if line.startswith("synthetic")] == [
        "synthetic.json: entry 3: given_name: is missing, and so is family_name",
        "synthetic.json: entry 998: email: is not an email address",
    ]
    assert (shape[0], fields[0], count()) == (1, 1, 1)


EXCEL = {
    "sep": "sep=,\ngiven_name,family_name,birth_date,email,phone,email_ok\n"
    "Ann,Lee,1970-02-13,al@example.org,212-555-0101,yes\n",
    "empty": "given_name,family_name,birth_date,email,phone,email_ok,,,\n"
    "Ann,Lee,1970-02-13,al@example.org,212-555-0101,yes,,,\n,,,,,,,,\n",
    "short": "First Name;Last Name;DOB;Email;Phone;email_ok\nAnn;Lee;1970-02-13 00:00:00;al@example.org;2125550101;y\n",
    "mdy": "given_name,family_name,birth_date,email,phone,email_ok\n"
    "Ann,Lee,2/13/1970,al@example.org,Mobile: 212-555-0101,yes\n",
    "dmy": "given_name\tfamily_name\tbirth_date\temail\tphone\temail_ok\tearliest\n"
    "Ann\tLee\t13.02.1970\tal@example.org\t\u202a+1 212 555 0101\u202c (cell)\tyes\t9:30 AM\n",
}


@pytest.mark.parametrize("form", EXCEL)
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_read_as_spreadsheets_write_it(bring, form, coding):
    order = form if form in ("mdy", "dmy") else "ymd"
    code, _, _ = bring("people.csv", EXCEL[form].encode(coding), "--dates", order)

    ann = db.session.scalars(select(Patient).where(Patient.given_name == "Ann")).one()
    assert (code, ann.family_name, ann.email, ann.phone, ann.email_ok) == (
        0, "Lee", "al@example.org", "(212) 555-0101", True,
    )  # fmt: skip
    assert ann.birth_date.isoformat() == "1970-02-13"
    assert ann.preferences.get("earliest") == ("09:30" if form == "dmy" else None)


def test_no_order_of_dates_is_guessed(bring):
    table = "given_name,family_name,birth_date\nAnn,Lee,2/3/1970\nBo,Li,13/2/1970\n"
    faults = {order: bring("d.csv", table, "--dates", order)[2][1:-1] for order in ("ymd", "mdy")}

    assert faults == {
        "ymd": [
            f"d.csv: line {line}: birth_date: is not a date such as {EXAMPLES['ymd']}" for line in (2, 3)
        ],
        "mdy": [f"d.csv: line 3: birth_date: is not a date such as {EXAMPLES['mdy']}"],
    }


def test_an_extension_stays_with_its_number(bring):
    bring("people.csv", "given_name,family_name,phone\nAnn,Lee,212-555-0101 ext. 12\n")

    assert db.session.scalar(select(Patient.phone).where(Patient.given_name == "Ann")) == "(212) 555-0101 x12"


def test_a_table_in_windows_letters_is_refused_by_its_line(bring):
    content = "given_name,family_name\nAnn,Lee\nJosé,Lee\n".encode("cp1252")

    assert bring("p.csv", content)[2][0] == "p.csv: line 3: file: is not UTF-8; save it as CSV UTF-8"


def test_four_lines_of_one_person_are_found_as_the_desk_finds_them(bring, session, harbor):
    add_patient(session, harbor, "Two", "Tabs", birth_date="1980-01-01", phone="+1 212 555 0001")
    session.commit()
    lines = [
        "Two,Tabs,,,+1 212 555 0001",
        "Tabs,Two,1980-01-01,,",
        "Two M.,Tabs,1980-01-01,,+1 212 555 0001",
        "Two,Tabs,1980-01-01,,",
        "Daughter,Tabs,2001-01-01,,+1 212 555 0001",
    ]
    table = "\n".join(["given_name,family_name,birth_date,email,phone", *lines])
    refused = bring("people.csv", table)
    skipped = bring("people.csv", table, "--skip-duplicates", "--dry-run")
    added = bring("people.csv", table, "--add-anyway", "--dry-run")

    assert [line.split(": ")[1] for line in refused[2] if "already exists (patient" in line] == [
        f"line {number}" for number in (2, 3, 4, 5)
    ]
    assert skipped[1] == "Would add 1 patients to harbor; left out 4 duplicates.\n"
    assert skipped[2][-1] == "people.csv: line 6: the phone or email of another patient; see Duplicates"
    assert added[1] == "Would add 5 patients to harbor.\n"


def test_a_check_writes_nothing_and_waits_for_no_one_who_writes(bring, session):
    session.rollback()
    begin_write(session)
    code, output, _ = bring("people.csv", "given_name,family_name\nOle,Olsen\n", "--dry-run")
    session.rollback()

    assert (code, output, count()) == (0, "Would add 1 patients to harbor.\n", 1)


ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
MASKED = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}
ANN = {
    "resourceType": "Patient",
    "name": [{"family": "Lee", "given": ["Ann", None], "_given": [None, MASKED]}],
    "birthDate": "1950-02-13",
    "telecom": None,
}
OTHER = {"resourceType": "Observation", "status": "final"}


@pytest.mark.parametrize(
    ("name", "content", "ignored"),
    [
        ("one.json", json.dumps(ANN), 0),
        ("export.ndjson", "\n".join(map(json.dumps, (OTHER, ANN))) + "\n\n", 1),
        ("bundle.json", "\ufeff" + json.dumps(bundle([ANN])), 0),
    ],
)
def test_fhir_is_read_as_systems_write_it(bring, name, content, ignored):
    result = json.loads(bring(name, content, "--json")[1])
    ann = db.session.scalars(select(Patient).where(Patient.given_name == "Ann")).one()

    assert (result["added"], result["ignored"]) == (1, ignored)
    assert (ann.family_name, ann.birth_date.isoformat()) == ("Lee", "1950-02-13")


def test_names_dates_and_phones_of_fhir_that_are_not_whole(bring):
    people = [
        {"name": [{"text": "Ann Marie Lee"}], "birthDate": "1950-02"},
        {"name": [{"text": "Li, Bo"}], "telecom": [{"system": "phone", "value": "tel:+1-212-555-0101"}]},
        {"name": [{"family": "Sukarno"}], "birthDate": "1901"},
    ]
    lines = "\n".join(json.dumps({"resourceType": "Patient", **one}) for one in people)
    code, _, said = bring("export.ndjson", lines)

    found = db.session.scalars(select(Patient).order_by(Patient.id).offset(1)).all()
    assert (code, said[-1]) == (0, "export.ndjson: line 3: one name only, taken as the given name")
    assert [(one.given_name, one.family_name, one.phone, one.alert_note) for one in found] == [
        ("Ann Marie", "Lee", "", "Date of birth is incomplete: 1950-02"),
        ("Bo", "Li", "(212) 555-0101", ""),
        ("Sukarno", "", "", "Date of birth is incomplete: 1901"),
    ]
    assert [one.birth_date for one in found] == [None] * 3


def test_address_number_and_emergency_contact_are_read_from_both_kinds_of_file(bring):
    record = {
        "resourceType": "Patient",
        "name": [{"family": "Lee", "given": ["Ann"]}],
        "gender": "female",
        "identifier": [
            {"value": "999"},
            {"type": {"coding": [{"code": "MR"}]}, "use": "official", "value": "MR-1"},
        ],
        "address": [
            {"use": "old", "city": "Rome"},
            {
                "use": "home",
                "line": ["12 Elm St", "Apt 4"],
                "city": "Utica",
                "state": "NY",
                "postalCode": "13501",
            },
        ],
        "contact": [
            {"name": {"text": "Somebody Else"}, "relationship": [{"coding": [{"code": "E"}]}]},
            {
                "name": {"family": "Lee", "given": ["Olga"]},
                "relationship": [{"coding": [{"code": "C"}], "text": "sister"}],
                "telecom": [{"system": "phone", "value": "tel:+1-212-555-0142"}],
            },
        ],
    }
    table = (
        "First Name,Last Name,Gender,Street,City,State,ZIP,emergency_name,emergency_relation,emergency_phone,"
        "Medical Record Number\n"
        'Bo,Li,F,"12 Elm St, Apt 4",Utica,NY,13501,Olga Lee,sister,212-555-0142,MR-1\n'
    )
    codes = bring("one.json", json.dumps(record))[0], bring("one.csv", table)[0]
    fields = (
        "sex", "address_line", "city", "state", "postal_code", "emergency_name", "emergency_relation",
        "emergency_phone", "mrn",
    )  # fmt: skip
    found = db.session.scalars(select(Patient).order_by(Patient.id).offset(1)).all()

    assert codes == (0, 0)
    assert [[getattr(one, name) for name in fields] for one in found] == [
        ["female", "12 Elm St, Apt 4", "Utica", "NY", "13501", "Olga Lee", "sister", "(212) 555-0142", "MR-1"]
    ] * 2


def test_faults_of_ndjson_are_named_by_line(bring):
    content = "\n".join([json.dumps(ANN), "{", "[]", json.dumps({**ANN, "birthDate": "yesterday"})])

    assert [line.split(": ")[1:3] for line in bring("e.ndjson", content)[2][1:-1]] == [
        ["line 2", "line"], ["line 3", "line"], ["line 4", "birthDate"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("[]", "entry 0: file: is not a FHIR Bundle, a Patient or NDJSON"),
        ('{"resourceType": "Bundle", "entry": {}}', "entry 0: entry: must be a list"),
        ('{"resourceType": "Bundle", "entry": [7]}', "entry 0: resource: is missing"),
        (
            '{"resourceType": "Bundle", "entry": [7',
            "entry 0: file: is not JSON: Expecting ',' delimiter: line 1 column 39 (char 38)",
        ),
        ('{"resourceType": "Bundle"}', "entry 0: file: holds no Patient"),
    ],
)
def test_what_is_no_bundle_is_refused(bring, content, fault):
    assert bring("b.json", content)[2] == [
        f"b.json: {fault}",
        "Error: 1 faults (1 by entry); nothing is imported",
    ]
