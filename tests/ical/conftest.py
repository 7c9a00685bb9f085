import pytest

from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from tests.calendar_cast import visit


@pytest.fixture
def clinic():
    return Clinic(
        id=1,
        key="harbor",
        name="Harbor Street",
        zone_name="America/New_York",
        phone="+1 555 0100",
        address="12 Harbor Street, Portland",
        settings_document={},
    )


@pytest.fixture
def patient():
    return Patient(id=1, clinic_id=1, given_name="Ana", family_name="Brandt", public_id="7f3kq2hh00000000")


@pytest.fixture
def booked(clinic, patient):
    """Return a maker of visits of Ana's, each with its own uid."""

    def make(local_start, uid="visit-1", **fields):
        return visit(clinic, patient, local_start, uid=uid, **fields)

    return make
