"""What the planner proposes for twenty preferences at the demo clinic, beside what it proposed before.

    python -m tests.benchmarks.preferences [--patients 72]

The demo clinic is played up to a Monday in December, so that Christmas, New Year and Martin Luther King Day lie ahead.
Each preference is asked for on that calendar. "Before" is the objective without an early first visit, without a price
for another time of day or for busy nurses, and with gaps before the series that cost as much when they are longer as
when they are shorter than their target.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import flask_migrate

from scheduler.app import create_app
from scheduler.database import begin_write, db
from scheduler.demo.load import play
from scheduler.domain.planner import Availability, Weights, propose
from scheduler.domain.planner.search.optimum import Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import NoFit, Proposal, Request
from scheduler.services.planning import availability as calendars
from tests.domain.planner.clinics import protocol
from tests.engines import test_settings

NOW = datetime(2026, 12, 7, 15, 20, tzinfo=UTC)  # a Monday, 10:20 in New York
TODAY = date(2026, 12, 7)
WEEKS = 26
BEFORE = Weights(first_day=0, rhythm_change=0, busy_nurses=0)
DEPRESSION = "iv-depression-6"


def away(first: date, last: date) -> frozenset[date]:
    return frozenset(first + timedelta(days=n) for n in range((last - first).days + 1))


ASKED: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("from Dec 10", DEPRESSION, {"not_before": date(2026, 12, 10)}),
    ("Mon, Thu", DEPRESSION, {"weekdays": frozenset({1, 4})}),
    ("Tue, Fri, best at 9:30", DEPRESSION, {"weekdays": frozenset({2, 5}), "preferred": time(9, 30)}),
    (
        "Mon, Wed, Fri, 9 to 1",
        DEPRESSION,
        {"weekdays": frozenset({1, 3, 5}), "earliest": time(9), "latest": time(13)},
    ),
    ("until noon", DEPRESSION, {"latest": time(12)}),
    ("from 1 PM", DEPRESSION, {"earliest": time(13)}),
    ("away Dec 23 to Jan 3", DEPRESSION, {"blocked_on": away(date(2026, 12, 23), date(2027, 1, 3))}),
    ("from Jan 5", DEPRESSION, {"not_before": date(2027, 1, 5)}),
    ("Mon, Tue, Thu, Fri", DEPRESSION, {"weekdays": frozenset({1, 2, 4, 5})}),
    ("Wed, Sat", DEPRESSION, {"weekdays": frozenset({3, 6})}),
    ("best at 2 PM", DEPRESSION, {"preferred": time(14)}),
    ("best at 8 AM", DEPRESSION, {"preferred": time(8)}),
    ("from Dec 20, until 2 PM", DEPRESSION, {"not_before": date(2026, 12, 20), "latest": time(14)}),
    ("10 to 4", DEPRESSION, {"earliest": time(10), "latest": time(16)}),
    ("fast protocol", "iv-depression-6-fast", {}),
    ("for anxiety", "iv-anxiety-6", {}),
    ("with therapy", "iv-depression-6-therapy", {}),
    ("esketamine", "esketamine-nasal", {}),
    ("CRPS, ten days", "crps-10-day", {}),
    ("KAP", "kap-im-6", {}),
)


@dataclass(frozen=True)
class Course:
    """When a course has its first visit, when its line ends, and how many times of day its series has."""

    first: date
    ends: date
    times: int


def demo(folder: Path, patients: int) -> Availability:
    """Return the calendar of the demo clinic."""
    app = create_app(test_settings(folder, f"sqlite:///{folder / 'demo.db'}"))
    with app.app_context():
        flask_migrate.upgrade()
        session = db.session()
        begin_write(session)
        loaded = play(session, NOW, 1, patients, lambda _: None)
        session.commit()
        return calendars.load(session, loaded.clinic, TODAY, 7 * WEEKS, NOW)


def request(key: str, fields: Mapping[str, Any]) -> Request:
    return Request(**{"plan": protocol(key), "not_before": TODAY + timedelta(days=1), **fields})


def before(asked: Request, calendar: Availability) -> Course | None:
    """Return the course that was proposed first before."""
    problem = PlanningProblem(asked, calendar, BEFORE, NOW)
    for step in problem.course.steps:
        step.leads_up = False
    found = problem.optimum.best(problem.sets)
    return measured(problem, found) if found else None


def measured(problem: PlanningProblem, found: Solution) -> Course:
    grid = problem.availability.grid
    line = [cell for step, cell in found.cells.items() if step.on_line]
    series = {cell % grid.width for s, cell in found.cells.items() if s.on_line and s.action.series}
    rows = [cell // grid.width for cell in (min(found.cells.values()), max(line))]
    return Course(grid.on(rows[0]), grid.on(rows[1]), len(series))


def now(asked: Request, calendar: Availability) -> tuple[Course, list[Proposal]] | None:
    """Return the course that is proposed first, and all proposals."""
    try:
        proposals = propose(asked, calendar, now=NOW)
    except NoFit:
        return None
    problem = PlanningProblem(asked, calendar, Weights(), NOW)
    steps = {step.key: step for step in problem.course.steps}
    cells = {steps[visit.action]: calendar.grid.cell(visit.start) or 0 for visit in proposals[0].visits}
    return measured(problem, Solution(cells, proposals[0].cost, None, True)), proposals


def report(patients: int) -> Iterator[str]:
    yield "| asked for | before: first visit, end, times of day | now | beside it | earlier with one exception |"
    yield "|---|---|---|---|---|"
    with tempfile.TemporaryDirectory(prefix="seriate-preferences-") as name:
        calendar = demo(Path(name), patients)
    for words, key, fields in ASKED:
        asked = request(key, fields)
        former, found = before(asked, calendar), now(asked, calendar)
        if former is None or found is None:
            yield f"| {words} | no course | no course | | |"
            continue
        course, proposals = found
        beside = ", ".join(one.kind.value for one in proposals[1:])
        yield f"| {words} | {said(former)} | {said(course)} | {beside} | {earlier(proposals[0], calendar)} |"


def said(course: Course) -> str:
    return f"{course.first:%b} {course.first.day}, {course.ends:%b} {course.ends.day}, {course.times}"


def earlier(best: Proposal, calendar: Availability) -> str:
    if not best.exceptions:
        return ""
    one = best.exceptions[0]
    day = calendar.calendar.formats.day
    closed = ", ".join(day(on) for on in one.closed) or ("patient away" if one.away else "few free times")
    return f"{one.days} days: {one.words.partition(' (')[0]} ({closed})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=72)
    for text in report(parser.parse_args().patients):
        print(text, flush=True)


if __name__ == "__main__":
    main()
