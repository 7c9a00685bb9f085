"""What a whole feed of VISITS= (10,000) visits costs cold, warm, and after one visit has changed.

Processor time of this process: the query, the entries and the joining, without HTTP and compression.
"""

import os
import time
from datetime import timedelta

from sqlalchemy import insert

from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.services.actors import Actor
from scheduler.services.feed import feed_events, feeds
from tests.calendar_cast import NOW, make_clinic, make_location, make_patient
from tests.engines import both

VISITS = int(os.environ.get("VISITS", "10000"))
MOST_SECONDS = 0.3  # warm
URL, APART = "https://clinic.example", timedelta(minutes=20)


@both
def test_whole_feed(engine_name, session):
    clinic = make_clinic(session)
    patient, chair = make_patient(session, clinic), make_location(session, clinic)
    alike = {
        "clinic_id": clinic.id, "patient_id": patient.id, "location_id": chair.id, "action": "infusion-1",
        "kind": "infusion", "title": "Infusion", "status": AppointmentStatus.BOOKED, "zone_name": clinic.zone_name,
        "phases": [], "sequence": 0, "changed_at": NOW, "created_at": NOW,
    }  # fmt: skip
    rows = []
    for number in range(VISITS):
        start = NOW + number * APART
        times = {"start_at": start, "end_at": start + APART, "local_start": start.replace(tzinfo=None)}
        rows.append({**alike, **times, "uid": f"visit-{number}", "public_id": f"{number:016}"})
    session.execute(insert(Appointment), rows)
    feed = feeds.create(session, Actor(clinic, None, None, "staff"), None, "initials", NOW)[0]

    def seconds() -> float:
        began = time.process_time()
        feed_events.calendar(session, feed, URL, NOW)
        return time.process_time() - began

    cold, warm = seconds(), min(seconds() for _ in range(5))
    session.query(Appointment).filter_by(uid="visit-7").one().sequence += 1
    session.flush()
    print(
        f"\n{engine_name}, {VISITS:,} visits: cold {cold:.2f} s, warm {warm:.2f} s, one changed {seconds():.2f} s"
    )
    assert warm <= MOST_SECONDS
