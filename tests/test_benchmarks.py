"""The benchmarks still fit the tables: they are run by hand, so a changed column would go unnoticed."""

from sqlalchemy import func, select

from scheduler.models.appointment import Appointment
from scheduler.models.message import Message
from tests.benchmarks import history
from tests.cast import NOW
from tests.engines import both


@both
def test_the_history_of_a_clinic_can_be_written(session, harbor):
    history.write(session, harbor, 300, NOW)

    assert session.scalar(select(func.count(Appointment.id))) == 300
    assert session.scalar(select(func.count(Message.id))) == 300
