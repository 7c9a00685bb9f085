"""Which bookings wait for each other on PostgreSQL: those that may collide, on a chair or a nurse and a day."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from scheduler.database import begin_write, db
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import current
from scheduler.services.actors import Actor
from scheduler.services.course.booking import book_visit
from tests.cast import NOW, add_patient


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("days", "waits"), [(0, True), (1, False)])
def test_the_resources_of_a_booking_are_locked_on_their_day_only(session, harbor, days, waits):
    """The numbers of the calendar links are raised last, just before the commit: there all bookings wait shortly."""
    other, nora = add_patient(session, harbor, "Max", "Other").id, harbor.patients["Nora"].id
    clinic_id, chair = harbor.clinic.id, harbor.places["Chair 1"].id
    session.commit()
    with Session(db.engine) as first, Session(db.engine) as second:
        begin_write(first)
        begin_write(second)
        second.execute(text("SET LOCAL lock_timeout = '300ms'"))
        book(first, clinic_id, nora, chair, NOW + timedelta(days=9))
        with pytest.raises(OperationalError, match="LockNotAvailable") as refused:
            book(second, clinic_id, other, chair, NOW + timedelta(days=9 + days, hours=3))

    assert ("pg_advisory_xact_lock" in refused.value.statement) == waits
    assert ("feed_version" in refused.value.statement) != waits


def book(session, clinic_id, patient_id, location_id, start):
    """Book an infusion on a chair; the booking chooses the nurse."""
    clinic = session.get_one(Clinic, clinic_id)
    plan = current(session, clinic_id, "iv-depression-6").plan
    step = next(one for one in plan.actions if one.key == "infusion-1")
    patient, place = session.get_one(Patient, patient_id), session.get_one(Location, location_id)
    actor, why = Actor(clinic, None, None, "command"), "one visit is enough for a test"
    return book_visit(session, actor, patient, step, start, NOW, place, override_reason=why)
