"""Patients who accept their offers of one opened time at the same moment, each in a thread of one program, while others
cancel a visit that was to move and book the very time; the program may be killed at any point.

The control is an opening that holds nothing: then another booking takes what a patient was promised.
"""

import threading
from contextvars import Context
from pathlib import Path

from scheduler.database import begin_write, db
from scheduler.domain.plans import Action
from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.location import Location
from scheduler.models.opening import Offer
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import current
from scheduler.services.actors import Actor
from scheduler.services.course.booking import book_visit
from scheduler.services.visit import visits
from scheduler.services.waitlist import answering
from tests.cast import NOW, cast_of
from tests.chaos.warm import forked_app
from tests.chaos.writing import as_an_interface
from tests.clocks import StandingClock
from tests.engines import test_settings

STEP = "therapy-1"
REASON = "one visit is enough for a test"


def run(plan):
    """Let all of them act at once, and end; for the nursery."""
    app = forked_app(test_settings(Path(plan.folder), plan.database))
    app.extensions["clock"] = StandingClock(NOW)
    acts = [lambda session, key=key: _accept(session, key) for key in plan.offers]
    acts += [lambda session, key=key: _cancel(session, key) for key in plan.canceled]
    acts += [lambda session, key=key: _book(session, key, plan.offers[0]) for key in plan.bookers]
    meet = threading.Barrier(len(acts), timeout=60)
    threads = [threading.Thread(target=_act, args=(app, meet, act)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def therapy(session, cast) -> Action:
    """Return the visit that is moved: an hour of therapy, outside any course."""
    return current(session, cast.clinic.id, "therapy-6").plan.action(STEP)


def _act(app, meet, act):
    meet.wait()
    Context().run(_in_context, app, act)


def _in_context(app, act):
    with app.app_context():
        as_an_interface(lambda: _once(act), db.session.remove)
        db.session.remove()


def _once(act):
    session = db.session()
    session.rollback()
    begin_write(session)
    try:
        act(session)
        session.commit()
    except Refusal:
        session.rollback()


def _accept(session, key):
    one, clinic = session.get_one(Offer, key), cast_of(session, "harbor").clinic
    answering.accept(session, Actor(clinic, None, None, "patient"), one, NOW)


def _cancel(session, key):
    alice = cast_of(session, "harbor").actor("alice")
    visits.cancel(session, alice, [session.get_one(Appointment, key)], NOW)


def _book(session, key, offer_key):
    cast, start = cast_of(session, "harbor"), session.get_one(Offer, offer_key).start_at
    room = session.get_one(Location, cast.places["Room A"].id)
    patient = session.get_one(Patient, key)
    book_visit(
        session, cast.prescriber, patient, therapy(session, cast), start, NOW, room, override_reason=REASON
    )
