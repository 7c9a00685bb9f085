"""Many programs that want the same slot at the same moment, each with a connection of its own."""

import threading
from contextvars import Context
from datetime import date, datetime, time, timedelta

from tests.cast import add_patient

CROWD = 16


class Rush:
    """So many patients, and programs that book a therapy session for them."""

    def __init__(self, session, cast, program, count=CROWD):
        self.program = program
        self.patients = [add_patient(session, cast, f"P{n}", "Rush").public_id for n in range(count)]
        self.place = cast.places["Room A"].public_id
        self.zone = cast.clinic.zone
        session.commit()

    def round(self, number):
        """Let everybody ask for the slot of this number at once; return the answers."""
        start = self.slot(number)
        meet = threading.Barrier(len(self.patients), timeout=60)
        answers = []

        def ask(patient_id):
            meet.wait()
            answers.append(Context().run(self.program.post, "/appointments", self.body(patient_id, start)))

        threads = [threading.Thread(target=ask, args=[one]) for one in self.patients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def slot(self, number):
        """Return the start of a slot: eight a day on working days, an hour apart."""
        week, rest = divmod(number, 40)
        day, hour = divmod(rest, 8)
        on = date(2026, 11, 30) + timedelta(days=7 * week + day)
        return datetime.combine(on, time(9 + hour), tzinfo=self.zone)

    def body(self, patient_id, start):
        return {
            "patient_id": patient_id,
            "plan_definition": "therapy-6",
            "action": "therapy-1",
            "location_id": self.place,
            "start": start.isoformat(),
        }
