from collections import Counter

from sqlalchemy import func, select, text

from scheduler.models.appointment import Appointment
from tests.engines import both
from tests.races import CROWD, Rush

ROUNDS = 3  # the drill has more
OVERLAPS = text("""
    SELECT count(*) FROM allocation AS a JOIN allocation AS b
    ON a.resource_id = b.resource_id AND a.unit = b.unit AND a.id < b.id
    AND a.released_at IS NULL AND b.released_at IS NULL AND a.start_at < b.end_at AND b.start_at < a.end_at
""")


@both
def test_of_sixteen_that_want_one_slot_exactly_one_gets_it(alice, session, harbor):
    rush = Rush(session, harbor, alice)
    rounds = [rush.round(number) for number in range(ROUNDS)]
    session.rollback()

    statuses = [Counter(answer.status_code for answer in answers) for answers in rounds]
    assert statuses == [{201: 1, 409: CROWD - 1}] * ROUNDS
    assert session.scalar(select(func.count(Appointment.id))) == ROUNDS
    assert session.scalar(OVERLAPS) == 0
