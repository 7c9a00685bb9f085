"""What the reports cost a clinic of VISITS= (1,000,000) visits in twenty years: the front page, and each report of a year.

The front page is asked RUNS= (40) times as a manager's browser asks for it; p95 is printed, and the processor time of this
process, which other work on the machine does not lengthen (PostgreSQL's own is not in it).
"""

import os
import time
from datetime import date
from statistics import quantiles

from sqlalchemy import text

from scheduler.services.reports import catalog
from scheduler.services.reports.catalog import Asked
from tests.cast import NOW
from tests.engines import both
from tests.services.reports import years
from tests.web.conftest import at_now, signed_in  # noqa: F401  (fixtures)

VISITS = int(os.environ.get("VISITS", "1000000"))
RUNS = int(os.environ.get("RUNS", "40"))
FIRST_ON, LAST_ON = date(2006, 12, 1), date(2026, 12, 31)
PERIODS = {
    "4 weeks": Asked(),
    "a year": Asked(date(2025, 11, 1), date(2026, 10, 31)),
    "3 years": Asked(date(2023, 11, 1), date(2026, 10, 31)),
}
MOST_FRONT, MOST_REPORT = 0.3, 1.0  # seconds


def measured(runs, work):
    """Return the seconds of each run, and the processor time of the fastest."""
    walls, cpu = [], float("inf")
    for _ in range(runs):
        wall, own = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpu = min(cpu, time.process_time() - own)
    return walls, cpu


def milliseconds(walls, cpu):
    return f"{min(walls) * 1000:.0f} ms ({cpu * 1000:.0f} ms of this process)"


@both
def test_reports(engine_name, app, session, harbor, signed_in):  # noqa: F811
    began = time.perf_counter()
    years.fill(session, harbor, VISITS // years.STEPS, FIRST_ON, LAST_ON, NOW)
    session.execute(text("ANALYZE"))
    session.commit()
    print(f"\n{engine_name}, {VISITS:,} visits, written in {time.perf_counter() - began:.0f} s", flush=True)
    mona = signed_in(harbor, "mona")
    walls, cpu = measured(RUNS, lambda: mona.get("/reports"))
    front = quantiles(walls, n=20)[-1]
    print(f"front page: p95 {front * 1000:.0f} ms, fastest {milliseconds(walls, cpu)}", flush=True)
    slow = []
    for name, asked in PERIODS.items():
        scope = catalog.read(session, harbor.clinic, asked, NOW)
        for report in catalog.REPORTS.values():
            for group in report.groups:
                walls, cpu = measured(
                    3, lambda report=report, group=group, scope=scope: report.table(session, scope, group)
                )
                print(f"  {report.name} by {group}, {name}: {milliseconds(walls, cpu)}", flush=True)
                slow += [(report.name, group, name)] if min(walls) > MOST_REPORT else []
    assert slow == []
    assert front <= MOST_FRONT
