"""What the reports cost a clinic of VISITS= (1,000,000) visits, 50,000 a year: the front page, and each report.

The front page is asked RUNS= (40) times as a manager's browser asks for it. Beside the time, which other work on the
machine lengthens, stands the processor time of this process and of PostgreSQL's.
"""

import os
import time
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
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
A_YEAR = 50_000
LAST_ON = date(2026, 12, 31)
FIRST_ON = LAST_ON - timedelta(days=365.25 * VISITS / A_YEAR)
PERIODS = {
    "4 weeks": Asked(),
    "a year": Asked(date(2025, 11, 1), date(2026, 10, 31)),
    "2 years": Asked(date(2024, 11, 1), date(2026, 10, 31)),
}
MOST_FRONT, MOST_REPORT = 0.3, 1.0  # seconds


def processor_time(database):
    """Return the seconds of processor time of this process and of all PostgreSQL processes of a database."""
    found = time.process_time()
    for process in Path("/proc").glob("[0-9]*") if database else ():
        with suppress(OSError):
            if f" {database} ".encode() in (process / "cmdline").read_bytes():
                user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                found += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return found


def measured(runs, work, database):
    """Return the seconds of each run, and the mean processor time of one."""
    walls, before = [], processor_time(database)
    for _ in range(runs):
        began = time.perf_counter()
        work()
        walls.append(time.perf_counter() - began)
    return walls, (processor_time(database) - before) / runs


def milliseconds(walls, cpu):
    return f"{min(walls) * 1000:.0f} ms ({cpu * 1000:.0f} ms of processor time)"


@both
def test_reports(engine_name, app, session, harbor, signed_in):  # noqa: F811
    began = time.perf_counter()
    if engine_name == "postgresql":  # what the guards check of a million visits takes a quarter of an hour
        session.execute(text("SET session_replication_role = replica"))
        session.execute(text("ALTER TABLE allocation DROP CONSTRAINT ex_allocation_overlap"))
    years.fill(session, harbor, VISITS // years.STEPS, FIRST_ON, LAST_ON, NOW)
    session.execute(text("ANALYZE"))
    session.commit()
    print(f"\n{engine_name}, {VISITS:,} visits, written in {time.perf_counter() - began:.0f} s", flush=True)
    database = session.get_bind().url.database if engine_name == "postgresql" else ""
    mona = signed_in(harbor, "mona")
    walls, cpu_of_front = measured(RUNS, lambda: mona.get("/reports"), database)
    front = quantiles(walls, n=20)[-1]
    print(f"front page: p95 {front * 1000:.0f} ms, fastest {milliseconds(walls, cpu_of_front)}", flush=True)
    slow = []
    for name, asked in PERIODS.items():
        scope = catalog.read(session, harbor.clinic, asked, NOW)
        for report in catalog.REPORTS.values():
            for group in report.groups:
                walls, cpu = measured(
                    5,
                    lambda report=report, group=group, scope=scope: report.table(session, scope, group),
                    database,
                )
                print(f"  {report.name} by {group}, {name}: {milliseconds(walls, cpu)}", flush=True)
                slow += [(report.name, group, name)] if min(*walls, cpu) > MOST_REPORT else []
    assert slow == []
    assert min(front, cpu_of_front) <= MOST_FRONT
