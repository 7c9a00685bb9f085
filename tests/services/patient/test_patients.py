from datetime import date

import pytest
from sqlalchemy import select

from scheduler.errors import Invalid, NotFound, Stale
from scheduler.models.audit_event import AuditEvent
from scheduler.models.patient import Patient
from scheduler.models.versions import feed_version
from scheduler.services.patient import patients
from tests.cast import NOW
from tests.engines import both

NORA = {"given_name": "Nora", "family_name": "Li"}


@both
def test_a_patient_is_kept_as_given(session, harbor):
    fields = {
        "given_name": " Nóra ",
        "family_name": "O’Brien",
        "birth_date": "1984-03-09",
        "email": "Nora@EXAMPLE.org",
        "phone": "+1 212 555 0199",
        "email_ok": True,
        "language": "es",
        "preferences": {"weekdays": [5, 1, 1], "earliest": "09:30"},
    }
    patient = patients.create(session, harbor.actor("alice"), fields, NOW)
    session.commit()
    session.refresh(patient)

    assert (patient.given_name, patient.family_name, patient.birth_date) == (
        "Nóra",
        "O’Brien",
        date(1984, 3, 9),
    )
    assert (patient.email, patient.phone, patient.language) == ("Nora@example.org", "+1 212 555 0199", "es")
    assert (patient.email_ok, patient.email_ok_at, patient.email_ok_wording) == (
        True,
        NOW,
        patients.MAIL_WORDING,
    )
    assert patient.preferences == {"weekdays": [1, 5], "earliest": "09:30"}
    assert patient.resource.units == 1


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        (NORA | {"given_name": "n" * 10_000}, [("given_name", "is too long: 10000 characters, at most 100")]),
        (NORA | {"family_name": "Li\nBcc: x"}, [("family_name", "contains a line break")]),
        (NORA | {"family_name": "Li\0"}, [("family_name", "contains a control character")]),
        (NORA | {"given_name": ""}, [("given_name", "must not be empty")]),
        ({"family_name": "Lindqvist"}, [("given_name", "is missing")]),
        (NORA | {"email": "nora at example"}, [("email", "is not an email address")]),
        (NORA | {"email": "nora@example.org\nBcc: x@example.org"}, [("email", "contains a line break")]),
        (NORA | {"phone": "call me"}, [("phone", "is not a phone number")]),
        (NORA | {"birth_date": "2026-11-24"}, [("birth_date", "is not a plausible date of birth")]),
        (NORA | {"birth_date": "9 March"}, [("birth_date", "is not a date such as 1984-03-09")]),
        (NORA | {"language": "English"}, [("language", "is not a language code such as en or es")]),
        (NORA | {"email_ok": "yes"}, [("email_ok", "must be true or false")]),
        (
            NORA | {"preferences": {"weekdays": [8]}},
            [("preferences.weekdays", "must be weekdays from 1 (Monday) to 7")],
        ),
        (NORA | {"preferences": {"mood": 1}}, [("preferences.mood", "is not a preference")]),
        (
            NORA | {"preferences": {"earliest": "25:00"}},
            [("preferences.earliest", "is not a time such as 14:30")],
        ),
        (NORA | {"row_version": 9}, [("row_version", "is not a patient field")]),
        (
            {"given_name": 1, "family_name": "Li\u202e"},
            [("given_name", "must be text"), ("family_name", "contains a character that reorders text")],
        ),
    ],
)
def test_bad_fields_are_named_and_nothing_is_written(session, harbor, fields, errors):
    with pytest.raises(Invalid) as caught:
        patients.create(session, harbor.actor("alice"), fields, NOW)

    assert caught.value.details["errors"] == [{"field": f, "reason": r} for f, r in errors]
    assert session.scalars(select(Patient.given_name)).all() == ["Nora"]


def test_a_change_raises_the_version_and_is_written_down(session, harbor):
    nora = harbor.patients["Nora"]
    patients.update(session, harbor.actor("alice"), nora, {"phone": "555 0100"}, NOW, expected_version=1)

    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (nora.phone, nora.row_version) == ("555 0100", 2)
    assert (event.event, event.object_id, event.fields) == ("patient.changed", nora.public_id, ["phone"])


def test_the_same_value_again_changes_nothing(session, harbor):
    nora = harbor.patients["Nora"]
    patients.update(session, harbor.actor("alice"), nora, {"email": "nora@example.org"}, NOW)

    assert nora.row_version == 1


def test_who_comes_second_is_told_who_was_first(session, harbor):
    nora = harbor.patients["Nora"]
    patients.update(session, harbor.actor("ada"), nora, {"phone": "555 0100"}, NOW, expected_version=1)

    with pytest.raises(Stale) as caught:
        patients.update(session, harbor.actor("alice"), nora, {"phone": "555 0101"}, NOW, expected_version=1)

    [change] = caught.value.details["changes"]
    assert (change["by"], change["fields"], nora.phone) == ("ada@example.org", ["phone"], "555 0100")


def test_a_new_name_renews_the_feeds_that_may_show_it(session, harbor):
    nora = harbor.patients["Nora"]
    before = feed_version(session, harbor.clinic.id, nora.resource_id)
    patients.update(session, harbor.actor("alice"), nora, {"given_name": "Elinor"}, NOW)

    assert feed_version(session, harbor.clinic.id, nora.resource_id) == before + 1


def test_a_new_address_is_not_a_bad_one(session, harbor):
    nora = harbor.patients["Nora"]
    nora.email_bad_at = NOW
    patients.update(session, harbor.actor("alice"), nora, {"email": "elinor@example.org"}, NOW)

    assert nora.email_bad_at is None


def test_a_patient_of_another_clinic_is_not_there(session, harbor, hill):
    with pytest.raises(NotFound):
        patients.get(session, harbor.clinic, hill.patients["Otto"].public_id)
