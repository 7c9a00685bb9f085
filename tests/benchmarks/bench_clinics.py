"""What an idle run of each job of the clock costs an installation of CLINICS= (1,000) clinics.

A job looks for due rows before it takes a lock, so its cost must not grow with the clinics that have nothing due.
"""

import os
import time

from scheduler.models.clinic import Clinic
from scheduler.models.user import Membership, StaffRole
from scheduler.processes.clock_process import clock_jobs, outbound
from tests.cast import NOW
from tests.engines import both

CLINICS = int(os.environ.get("CLINICS", "1000"))
MOST_SHARE = 0.02  # of the time until its next run


@both
def test_idle_jobs(engine_name, app, session, harbor):
    ada = harbor.users["ada"]
    clinics = [
        Clinic(key=f"c{number}", name=f"Clinic {number}", zone_name="America/New_York")
        for number in range(CLINICS)
    ]
    session.add_all(clinics)
    session.flush()
    session.add_all(Membership(clinic_id=one.id, user_id=ada.id, role=StaffRole.ADMIN) for one in clinics)
    session.commit()
    app.extensions["clock"].time = NOW
    print(f"\n{engine_name}, {CLINICS} clinics")
    for job in clock_jobs(app, outbound(app)):
        job.work()  # what became due by the writing above
        began = time.perf_counter()
        outcome = job.work()
        seconds = time.perf_counter() - began
        print(f"{job.name}, every {job.seconds} s: {seconds * 1000:.1f} ms ({outcome})")
        assert seconds <= job.seconds * MOST_SHARE, job.name
