"""Units that lie unluckily are dealt anew when a visit is booked: the planner counts heads, not units."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.database import begin_write
from scheduler.domain.planner.values import Placement, Segment
from scheduler.domain.plans import Role
from scheduler.errors import SlotTaken
from scheduler.models.allocation import Allocation
from scheduler.services.visit import allocation
from scheduler.services.visit.allocation import Taking
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.visits import add_visit, allocate

HOUR = timedelta(hours=1)


@pytest.fixture
def nina(session, harbor):
    """Nina, who sees to two patients at a time."""
    harbor.clinic.settings_document = {"nurse_units": 2}
    session.commit()
    return harbor.people["Nina"]


def hold(session, harbor, nina, name, place, hour, unit, hours=1):
    """Let a visit of a new patient hold one of Nina's units."""
    patient = add_patient(session, harbor, name, "Ortiz")
    visit = add_visit(session, harbor, place, NOW + hour * HOUR, patient, minutes=60 * hours)
    row = allocate(visit, nina.resource_id, unit)
    row.role = "nurse"
    session.add(row)
    session.flush()
    return visit


def take(session, harbor, nina, visit):
    """Take one of Nina's units for the whole of a visit."""
    stretch = Segment(nina.resource_id, Role.NURSE, "infusion", visit.start_at, visit.end_at, False)
    wanted = Placement(visit.action, visit.start_at, visit.end_at, visit.end_at, (stretch,))
    patient = harbor.patients["Nora"].resource_id
    allocation.allocate(session, harbor.clinic, [Taking(visit, wanted)], patient, NOW)


def held(session, nina):
    """Return Nina's units: who holds which, in order of time."""
    live = select(Allocation).where(
        Allocation.resource_id == nina.resource_id, Allocation.released_at.is_(None)
    )
    rows = session.scalars(live.order_by(Allocation.start_at, Allocation.end_at))
    return [((row.start_at - NOW) // HOUR, (row.end_at - NOW) // HOUR, row.unit) for row in rows]


@both
def test_a_visit_across_two_short_ones_on_different_units_finds_one(session, harbor, nina):
    begin_write(session)
    hold(session, harbor, nina, "Olga", "Chair 1", 1, unit=0)
    hold(session, harbor, nina, "Odo", "Chair 2", 2, unit=1)
    long = add_visit(session, harbor, "Chair 3", NOW + HOUR, harbor.patients["Nora"], minutes=120)
    take(session, harbor, nina, long)
    session.commit()
    [(*first, one), (*whole, other), (*second, same)] = held(session, nina)

    assert (first, whole, second) == ([1, 2], [1, 3], [2, 3])
    assert one == same != other


@both
def test_a_third_at_one_time_is_refused_and_moves_nobody(session, harbor, nina):
    begin_write(session)
    hold(session, harbor, nina, "Olga", "Chair 1", 1, unit=0, hours=2)
    hold(session, harbor, nina, "Odo", "Chair 2", 2, unit=1)
    long = add_visit(session, harbor, "Chair 3", NOW + HOUR, harbor.patients["Nora"], minutes=120)
    before = held(session, nina)

    with pytest.raises(SlotTaken) as refused:
        take(session, harbor, nina, long)
    assert [(one["action"], one["start"]) for one in refused.value.details["conflicts"]] == [
        ("infusion-1", long.start_at)
    ]
    assert held(session, nina) == before
