"""The planner: whole courses placed on a live calendar, with reasons when they do not fit.

Ask through this module: `propose`, `improve`, `slot_map`, `check`, `reflow`, `bent_starts`, `blocked`, `wider`,
`fitting_starts`, and `replan` for many courses at once; `openings` tells who could use a time that got free. The values
that go in and come out are in values.py. Imports go one way: many and openings, then answers, then search, then grid,
then values. docs/planner.md explains it all.
"""

from scheduler.domain.planner.answers.blocked import Blocked, blocked
from scheduler.domain.planner.answers.improving import Improvement, improve, placed
from scheduler.domain.planner.answers.proposals import check, propose, slot_map
from scheduler.domain.planner.answers.reflow import Reflow, bent_starts, fitting_starts, reflow
from scheduler.domain.planner.answers.suggestions import wider
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.many.search import replan
from scheduler.domain.planner.openings.gate import Chance, Gate
from scheduler.domain.planner.openings.waiting import StartWishes, Waiting, waiting, wishes_of
from scheduler.domain.planner.values import Calendar, Weights

__all__ = [
    "Availability",
    "Blocked",
    "Calendar",
    "Chance",
    "Gate",
    "Improvement",
    "Reflow",
    "StartWishes",
    "Waiting",
    "Weights",
    "bent_starts",
    "blocked",
    "check",
    "fitting_starts",
    "improve",
    "placed",
    "propose",
    "reflow",
    "replan",
    "slot_map",
    "waiting",
    "wider",
    "wishes_of",
]
