"""Founding a clinic."""

import pytest
from sqlalchemy import func, select

from scheduler.errors import Invalid
from scheduler.models.clinic import Clinic
from scheduler.models.plan_definition import all_current
from scheduler.services.clinic import clinics
from tests.cast import NOW


def test_a_clinic_starts_with_the_shipped_protocols(session):
    clinic = clinics.found(session, "north-side", "North Side", "Europe/Berlin", NOW)

    assert len(all_current(session, clinic.id)) == 14


@pytest.mark.parametrize(
    ("key", "name", "zone", "field"),
    [
        ("North Side", "North Side", "Europe/Berlin", "key"),
        ("harbor", "Another", "Europe/Berlin", "key"),
        ("north", "North\nSide", "Europe/Berlin", "name"),
        ("north", "", "Europe/Berlin", "name"),
        ("north", "North Side", "Mars/Olympus", "zone"),
        ("north", "North Side", "../../etc/passwd", "zone"),
    ],
)
def test_what_cannot_be_is_refused_by_field(session, harbor, key, name, zone, field):
    with pytest.raises(Invalid) as refused:
        clinics.found(session, key, name, zone, NOW)

    assert [error["field"] for error in refused.value.details["errors"]] == [field]
    assert session.scalar(select(func.count()).select_from(Clinic)) == 1
