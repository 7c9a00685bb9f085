"""A program that answers for patients on their private pages, one after the other, until it is killed.

It writes down what was answered with a thank-you, on a disk that nobody breaks. The control opens the task in a
transaction of its own, after the answers are kept: what is killed between leaves answers that reach no person.
"""

import re
import time
from pathlib import Path

from scheduler.database import begin_write, db
from scheduler.models.appointment import Appointment
from scheduler.models.visit_answer import check_in_of
from scheduler.services.actors import Actor
from scheduler.services.patient import patient_answers
from scheduler.services.task import answers
from tests.answering import WORST
from tests.cast import NOW, cast_of
from tests.chaos.warm import forked_app
from tests.clocks import StandingClock
from tests.engines import test_settings

MARK = re.compile(r'name="mark" value="([^"]+)"')
GAP = 0.05  # seconds between the two transactions of the control


def run(plan):
    """Answer every page of the plan that no one has answered; for the nursery."""
    app = forked_app(test_settings(Path(plan.folder), plan.database))
    app.extensions["clock"] = StandingClock(NOW)
    client = app.test_client()
    if plan.control:
        patient_answers.answer_tasks = Nothing
    acks = Path(plan.acks)
    known = set(acks.read_text().split()) if acks.exists() else set()
    for visit, path in plan.pages:
        if visit in known:
            continue
        mark = MARK.search(client.get(path).text)[1]
        assert client.post(path, data={"mark": mark, **WORST}).status_code == 303
        with acks.open("a") as file:
            file.write(f"{visit}\n")
        if plan.control:
            time.sleep(GAP)
            _open_afterwards(app, visit)


class Nothing:
    """In place of what opens tasks."""

    @staticmethod
    def check(*_):
        return None


def _open_afterwards(app, public_id):
    with app.app_context():
        session = db.session()
        begin_write(session)
        visit = session.query(Appointment).filter(Appointment.public_id == public_id).one()
        actor = Actor(cast_of(session, "harbor").clinic, None, None, "patient")
        answers.check(session, actor, visit, check_in_of(session, visit), NOW)
        session.commit()
