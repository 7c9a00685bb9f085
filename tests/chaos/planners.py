"""A program that is a worker over the plan's database, until it is killed.

The control moves the visits of a patient in transactions of their own: what is killed between leaves half a course.
"""

from contextlib import suppress
from pathlib import Path

from scheduler.errors import Refusal
from scheduler.processes import worker
from scheduler.services.progress import Part
from scheduler.services.replan import accepting
from scheduler.services.visit import moves
from tests.cast import NOW
from tests.chaos.warm import forked_app
from tests.clocks import StandingClock
from tests.engines import test_settings


def run(plan):
    """Do what waits, then end; for the nursery."""
    app = forked_app(test_settings(Path(plan.folder), plan.database))
    app.extensions["clock"] = StandingClock(NOW)
    if plan.control:
        accepting.parts = visit_by_visit
        worker.KINDS[accepting.KIND] = worker.Work(
            "move", accepting.read, accepting.check, accepting.write, visit_by_visit
        )
    while worker.work_once(app, "a worker"):
        pass


def visit_by_visit(work, now):
    """Yield what moves each visit alone, in place of a patient's together."""
    for group in work.groups:
        for number in range(60):
            yield Part(
                1, 1, lambda session, group=group, number=number: _one(session, work, group, number, now)
            )


def _one(session, work, group, number, now):
    actor = accepting._actor(session, work)
    for id_ in group:
        row = session.get_one(accepting.ReplanCourse, id_)
        planned = row.moves[number : number + 1]
        for move in planned:
            visit = session.get_one(accepting.Appointment, move["visit"])
            one = moves.Move(visit, accepting.placement_of(move["to"]), "moved")
            with suppress(Refusal), session.begin_nested():  # another patient may be there still
                moves.apply_moves(session, actor, [one], now)
        if number + 1 == len(row.moves):
            row.state = accepting.ReplanState.ACCEPTED
