"""Clears a calendar in a storm: mail counts as sent, and visits that are off go away with all that hangs on them.

So a storm of any length has the calendar of a clinic, and not one that a million visits have passed through. What
another transaction holds is left for the next time.
"""

from pathlib import Path

from sqlalchemy import delete, exists, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from scheduler.app import create_app
from scheduler.database import begin_write, db
from scheduler.domain.status import AppointmentStatus
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.idempotency_key import IdempotencyKey
from scheduler.models.message import Message, MessageState, MessageSubject
from scheduler.models.opening import Opening
from scheduler.models.reminder import Reminder
from scheduler.transactions import is_contention
from tests.cast import NOW
from tests.engines import test_settings

MOST = 500  # visits at once, so that nobody waits long


class Janitor:
    """Has an app and a session of its own."""

    def __init__(self, folder, database):
        self.app = create_app(test_settings(Path(folder), database))

    def sweep(self):
        """Clear until little is left; who finds no turn among the writers comes back later."""
        try:
            while self._sweep_some() == MOST:
                pass
        except OperationalError as error:
            if not is_contention(error):
                raise

    def _sweep_some(self):
        with self.app.app_context(), Session(db.engine) as session:
            begin_write(session)
            waiting = select(Message.id).where(Message.state == MessageState.PENDING)
            ids = list(session.scalars(waiting.with_for_update(skip_locked=True)))
            sent = {"state": MessageState.SENT, "data_at": NOW, "ended_at": NOW}
            session.execute(update(Message).where(Message.id.in_(ids)).values(**sent))
            off = select(Appointment.id).where(Appointment.status == AppointmentStatus.CANCELLED)
            gone = list(session.scalars(off.limit(MOST).with_for_update(skip_locked=True)))
            for table in (Participant, Allocation, Reminder, MessageSubject, AppointmentEvent, Opening):
                session.execute(delete(table).where(table.appointment_id.in_(gone)))
            session.execute(delete(Appointment).where(Appointment.id.in_(gone)))
            about = exists().where(MessageSubject.message_id == Message.id)
            ended = Message.state.in_((MessageState.SENT, MessageState.VOID))
            empty = list(session.scalars(select(Message.id).where(ended, ~about).limit(MOST)))
            session.execute(delete(Message).where(Message.id.in_(empty)))
            keys = select(IdempotencyKey.id).limit(MOST).with_for_update(skip_locked=True)
            session.execute(delete(IdempotencyKey).where(IdempotencyKey.id.in_(list(session.scalars(keys)))))
            session.commit()
            return len(gone)
