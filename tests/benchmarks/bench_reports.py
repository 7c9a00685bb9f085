"""What the reports cost a clinic of VISITS= (1,000,000) visits in twenty years: the front page, and each report of a year.

Each is asked RUNS times; the front page as a manager's browser asks for it, the reports as the page counts them.
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

VISITS = int(os.environ.get("VISITS", "1000000"))
RUNS = int(os.environ.get("RUNS", "20"))
FIRST_ON, LAST_ON = date(2006, 12, 1), date(2026, 12, 31)
YEAR = Asked(date(2025, 11, 1), date(2026, 10, 31))
MOST_FRONT, MOST_REPORT = 0.3, 1.0


def p95(seconds):
    return quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]


def timed(runs, work):
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found


@both
def test_reports(engine_name, app, session, harbor):
    began = time.perf_counter()
    years.fill(session, harbor, VISITS // years.STEPS, FIRST_ON, LAST_ON, NOW)
    session.execute(text("ANALYZE"))
    session.commit()
    print(f"\n{engine_name}, {VISITS:,} visits, written in {time.perf_counter() - began:.0f} s", flush=True)
    clinic = harbor.clinic

    def figures(asked):
        session.rollback()
        catalog.figures(session, catalog.read(session, clinic, asked, NOW))

    front, slow = p95(timed(RUNS, lambda: figures(Asked()))), []
    print(f"front page, 4 weeks: p95 {front * 1000:.0f} ms; a year: {timed(1, lambda: figures(YEAR))[0] * 1000:.0f} ms", flush=True)
    for name, asked in (("4 weeks", Asked()), ("a year", YEAR)):
        scope = catalog.read(session, clinic, asked, NOW)
        for report in catalog.REPORTS.values():
            one = timed(1, lambda report=report, scope=scope: report.figure(session, scope))[0]
            print(f"  {report.name} figure, {name}: {one * 1000:.0f} ms", flush=True)
            for group in report.groups:
                seconds = timed(2, lambda report=report, group=group, scope=scope: report.table(session, scope, group))
                print(f"  {report.name} by {group}, {name}: {min(seconds) * 1000:.0f} ms", flush=True)
                slow += [(report.name, group, name)] if max(seconds) > MOST_REPORT else []
    assert not slow
    assert front <= MOST_FRONT
