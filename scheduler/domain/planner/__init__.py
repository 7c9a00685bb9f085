"""The planner: whole courses placed on a live calendar, with reasons when they do not fit.

Ask through this module: `propose`, `improve`, `slot_map`, `check`, `reflow`. The values that go in and come out are in
model.py, the clinic's calendar in calendar.py and availability.py.
"""

from scheduler.domain.planner.availability import Availability
from scheduler.domain.planner.calendar import Calendar
from scheduler.domain.planner.improving import Improvement, improve, placed
from scheduler.domain.planner.proposals import check, propose, slot_map
from scheduler.domain.planner.reflow import Reflow, reflow
from scheduler.domain.planner.weights import Weights

__all__ = [
    "Availability",
    "Calendar",
    "Improvement",
    "Reflow",
    "Weights",
    "check",
    "improve",
    "placed",
    "propose",
    "reflow",
    "slot_map",
]
