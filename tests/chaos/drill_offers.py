"""Sixteen patients say yes to the same opened time at once, while one of them is canceled and another program books
the time; a third of the programs is killed on the way.

After each race one patient at most has the time and all that goes with it, nobody else has moved, and nothing is held
for an opening that is closed. The control holds nothing for the offers: others get what was promised.
"""

import random
import time
from collections import Counter
from datetime import timedelta

from sqlalchemy import func, select

from scheduler.database import begin_write
from scheduler.domain.status import AppointmentStatus
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.opening import OfferState, Opening, OpeningCause, OpeningOutcome
from scheduler.models.waitlist import waiting_for
from scheduler.services.course.booking import book_visit
from scheduler.services.planning.placing import place
from scheduler.services.visit import visits
from scheduler.services.waitlist import entries, offering
from scheduler.services.waitlist.entries import WaitWishes
from scheduler.services.waitlist.who_fits import Candidate
from tests.cast import NOW, add_patient
from tests.chaos.acceptors import REASON, therapy
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds, short_on
from tests.clocks import StandingClock
from tests.forked import Child, ask
from tests.races import CROWD, Rush
from tests.services.course.test_booking import overlaps

LATER = 120  # slots: where the visits are that could be earlier
KILLED = 3  # one program in so many
CONTROL = 4


@short_on("postgresql")
def test_offers(engine_name, forked, app, session, harbor, tmp_path):
    app.extensions["clock"] = StandingClock(NOW)
    number = rounds(4, 500)
    drill = Races(app, session, harbor, tmp_path, random.Random(SEED))
    found = sum((drill.race(n) for n in range(number)), Counter())
    planted = sum((drill.race(number + n, control=True) for n in range(CONTROL)), Counter())
    figures = {
        "races": number,
        "answers": number * CROWD,
        "killed": found["killed"],
        "taken": found["taken"],
        "two winners": found["two"],
        "moved in part, or told wrongly": found["wrong"],
        "promised in vain": found["vain"],
        "held for what is closed": found["held"],
        "overlaps": overlaps(session),
    }
    tell("offers", engine_name, figures, {"bug": "offers hold nothing", "promised in vain": planted["vain"]})

    assert found["taken"] >= number - found["killed"]
    assert (found["two"], found["wrong"], found["vain"], found["held"], overlaps(session)) == (0, 0, 0, 0, 0)
    assert planted["vain"] > 0


class Races:
    """A clinic whose patients want an hour of therapy earlier, and one opened hour after another."""

    def __init__(self, app, session, harbor, folder, chance):
        self.app, self.session, self.harbor, self.folder, self.chance = app, session, harbor, folder, chance
        self.rush = Rush(session, harbor, None)
        self.patients = [harbor.patients.get(f"P{n}") or self._patient(f"P{n}") for n in range(CROWD)]
        self.other = add_patient(session, harbor, "Other", "Rush", email="other@example.com")
        for number, patient in enumerate(self.patients):
            patient.email, patient.email_ok = f"p{number}@example.com", True
        session.commit()

    def race(self, number, control=False):
        """Offer one hour to everybody and let them answer; return what was counted."""
        found = Counter()
        opening, offers = self._offer(self.rush.slot(number), control)
        before = self._starts()
        canceled = [self.chance.choice(offers).entry.appointment_id] if self.chance.random() < 0.5 else []
        plan = {
            "folder": str(self.folder),
            "database": self.app.config["SETTINGS"].database_url,
            "offers": [one.id for one in offers],
            "canceled": [] if control else canceled,
            "bookers": [self.other.id],
        }
        self.session.rollback()
        child = self._start(plan)
        if not control and self.chance.randrange(KILLED) == 0:
            time.sleep(self.chance.uniform(0.1, 1.2))
            child.kill()
            found["killed"] += 1
        child.wait()
        found += self._look(opening, offers, before)
        self._clear(opening, offers)
        return found

    def _patient(self, name):
        return next(one for one in self.harbor.patients.values() if one.given_name == name)

    def _offer(self, start, control):
        """Book each patient a later hour where there is none, and offer all of them this one."""
        self._begin()
        session, alice = self.session, self.harbor.actor("alice")
        opening = Opening(
            clinic_id=self.harbor.clinic.id,
            cause=OpeningCause.CANCELED,
            start_at=start,
            end_at=start + timedelta(hours=1),
            resource_ids=[self.harbor.places["Room A"].resource_id],
            created_at=NOW,
        )
        session.add(opening)
        chosen = []
        for number, patient in enumerate(self.patients):
            row = self._visit_of(patient) or self._book(patient, self.rush.slot(LATER + number))
            entry = entries.wait_for_earlier(session, alice, row, WaitWishes(), NOW)
            room = [self.harbor.places["Room A"].resource_id]
            visit = place(session, alice, patient, therapy(session, self.harbor), start, NOW, room)
            chosen.append(Candidate(entry, start, (), (visit,), 0))
        session.flush()
        offers = offering.offer(session, alice, opening, chosen, NOW)
        if control:
            offering.free(session, opening, NOW)
        session.commit()
        return opening, offers

    def _visit_of(self, patient):
        query = select(Appointment).where(
            Appointment.patient_id == patient.id, Appointment.status == AppointmentStatus.BOOKED
        )
        return self.session.scalars(query).first()

    def _book(self, patient, start):
        step, room = therapy(self.session, self.harbor), self.harbor.places["Room A"]
        return book_visit(
            self.session, self.harbor.prescriber, patient, step, start, NOW, room, override_reason=REASON
        )

    def _start(self, plan):
        log = str(self.folder / "acceptors.log")
        return Child(ask("tests.chaos.forked_programs.program", module="acceptors", plan=plan, log=log))

    def _look(self, opening, offers, before):
        """Count what must not be: two winners, moves without an answer or a message, promises that were not kept."""
        self.session.rollback()
        self.session.expire_all()
        found, now = Counter(), self._starts()
        won = [one for one in offers if one.state is OfferState.ACCEPTED]
        moved = {id_ for id_, start in before.items() if now.get(id_) not in (None, start)}
        found["taken"] = len(won) == 1
        found["two"] = len(won) > 1
        stand = [one for one in won if one.entry.appointment.status is AppointmentStatus.BOOKED]
        found["wrong"] = moved != {
            one.entry.appointment_id for one in stand
        }  # one may be canceled after its yes
        for one in stand:
            told = select(Message.id).where(
                Message.patient_id == one.entry.patient_id,
                Message.kind.in_((MessageKind.CHANGE, MessageKind.CONFIRMATION)),
                Message.state == MessageState.PENDING,
            )
            found["wrong"] += not self.session.scalars(told).all()
            found["wrong"] += one.entry.appointment.start_at != opening.start_at
        booked = select(func.count()).where(
            Appointment.patient_id == self.other.id, Appointment.start_at == opening.start_at
        )
        found["vain"] = (
            bool(self.session.scalar(booked)) and not won
        )  # a canceled winner frees the hour for others
        held = select(func.count()).where(
            Allocation.opening_id == opening.id, Allocation.released_at.is_(None)
        )
        closed = opening.outcome is OpeningOutcome.FILLED
        found["held"] = closed and bool(self.session.scalar(held))
        found["wrong"] += closed != bool(won)
        return found

    def _clear(self, opening, offers):
        """Make the next race possible: end what a killed program left, and free the hour for others."""
        self._begin()
        alice = self.harbor.actor("alice")
        if opening.closed_at is None:
            offering.withdraw(self.session, alice, opening, NOW, dismiss=True)
        theirs = select(Appointment).where(
            Appointment.patient_id.in_([self.other.id, *(one.id for one in self.patients)]),
            Appointment.status == AppointmentStatus.BOOKED,
            Appointment.start_at == opening.start_at,
        )
        for row in self.session.scalars(theirs).all():
            visits.cancel(self.session, alice, [row], NOW)
        for row in [one.entry.appointment for one in offers]:
            entry = waiting_for(self.session, row)
            if entry is not None:
                entries.remove(self.session, alice, entry, NOW)
        self.session.commit()

    def _begin(self):
        self.session.rollback()
        begin_write(self.session)

    def _starts(self):
        self.session.rollback()
        live = select(Appointment).where(Appointment.status == AppointmentStatus.BOOKED)
        return {row.id: row.start_at for row in self.session.scalars(live)}
