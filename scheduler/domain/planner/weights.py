"""What the planner prefers, in whole numbers, so that two placements compare exactly.

The unit is what five minutes of an hour-counted gap cost; a day's deviation from the target gap is 288 of them, so a
day weighs the same whether the plan counts it in hours or in days. All defaults are ours; a clinic may set its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True)
class Weights:
    """The cost of each way in which a plan can fall short of the ideal.

    `completion_day`: each day from the request's first day to the last visit on the plan's line. `gap_day`,
    `gap_tick`: a day, or five minutes, away from a target gap. `rhythm_tick`: five minutes' difference in time of day
    between neighbours of one series. `preferred_tick`: five minutes away from the preferred time. `quarter`: a start
    off the quarter hour. `weekday`: a side visit on a day the patient did not wish for. `therapist`: a session not
    with the course's own therapist. `handover`: a visit that no single nurse can see through. `fragment`: a stretch
    of a chair or room left free but shorter than `usable_ticks`. `midday_tick`: five minutes of a visit at a place
    between `midday_from` and `midday_until`.
    """

    completion_day: int = 160
    gap_day: int = 288
    gap_tick: int = 1
    rhythm_tick: int = 4
    preferred_tick: int = 3
    quarter: int = 12
    weekday: int = 144
    therapist: int = 96
    handover: int = 60
    fragment: int = 24
    usable_ticks: int = 6
    midday_tick: int = 1
    midday_from: time = time(11, 30)
    midday_until: time = time(13, 30)
