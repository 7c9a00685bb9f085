"""A request that is repeated after the patient was erased does not create the record again."""

from datetime import timedelta

from sqlalchemy import func, select

from scheduler.models.idempotency_key import IdempotencyKey
from scheduler.models.patient import Patient, by_public_id
from scheduler.services.patient import erasure
from tests.cast import NOW
from tests.engines import both

ZOE = {"given_name": "Zoe", "family_name": "Quillfeather", "email": "zoe@example.org"}


@both
def test_a_repeated_request_about_an_erased_patient_is_refused(alice, harbor, session):
    made = alice.post("/patients", ZOE, Idempotency_Key="one")
    other = alice.post("/patients", {"given_name": "Max", "family_name": "Li"}, Idempotency_Key="two")
    patient = by_public_id(session, harbor.clinic.id, made.json["id"])
    erasure.erase(session, harbor.actor("ada"), patient, "asked by letter", NOW + timedelta(minutes=1))
    session.commit()
    again = alice.post("/patients", ZOE, Idempotency_Key="one")
    unharmed = alice.post("/patients", {"given_name": "Max", "family_name": "Li"}, Idempotency_Key="two")
    answers = session.scalars(select(IdempotencyKey.answer).order_by(IdempotencyKey.key)).all()

    assert (again.status_code, again.json["code"]) == (410, "record-erased")
    assert (unharmed.status_code, unharmed.json) == (201, other.json)
    assert (answers[0], session.scalar(select(func.count(Patient.id)))) == (None, 3)
