"""What a clinic prefers when courses are placed: the planner's weights, each within bounds.

A clinic keeps only the weights that differ from ours. The bounds keep all preferences together far below the price of
moving a visit (planner/answers/reflow.py), so that a re-flow never moves one more visit for the sake of a nicer course.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import time
from typing import Any

from scheduler.domain.planner import Weights
from scheduler.errors import Invalid
from scheduler.models.clinic import Clinic

USUAL = Weights()
BOUNDS: dict[str, tuple[int, int]] = {
    "completion_day": (20, 1000),  # with less, a far search proves that waiting for months is no better
    "first_day": (0, 1000),
    "gap_day": (0, 2000),
    "gap_tick": (0, 20),
    "rhythm_change": (0, 1000),
    "rhythm_tick": (0, 40),
    "preferred_tick": (0, 40),
    "quarter": (0, 500),
    "weekday": (0, 2000),
    "therapist": (0, 2000),
    "handover": (0, 1000),
    "busy_nurses": (0, 1000),
    "fragment": (0, 500),
    "usable_ticks": (1, 36),
    "midday_tick": (0, 40),
}
TIMES = ("midday_from", "midday_until")
CUSTOM = "custom"  # what weights are called that no preset has
BALANCED = "balanced"
# Named sets of weights, each as what differs from ours. What they lead to is compared in the tests of this module.
PRESETS: dict[str, dict[str, Any]] = {
    BALANCED: {},
    "soonest": {"completion_day": 600, "gap_day": 96, "rhythm_tick": 1, "preferred_tick": 1, "weekday": 48},
    "spacing": {"gap_day": 1200, "gap_tick": 4, "completion_day": 60},
    "patient": {"preferred_tick": 12, "rhythm_tick": 8, "weekday": 576, "therapist": 288},
    "full-days": {"fragment": 240, "midday_tick": 0, "quarter": 0, "rhythm_tick": 1, "preferred_tick": 1},
}
# Each weight by the part of the page it stands in: what it counts, and what more of it brings.
PARTS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Days and spacing",
        (
            ("completion_day", "Each day until the end of the course", "Higher: courses end sooner"),
            (
                "first_day",
                "Each day until the first visit, if a consultation or another single visit comes first",
                "Higher: the first visit is earlier",
            ),
            (
                "gap_day",
                "Each day away from the ideal spacing",
                "Higher: closer to the ideal spacing, but courses may start later",
            ),
            (
                "gap_tick",
                "Each 5 minutes away from the ideal, for spacing in hours",
                "Higher: therapy is closer to its ideal time after an infusion",
            ),
            (
                "weekday",
                "A therapy visit or call on a day the patient did not ask for",
                "Higher: fewer visits on other days",
            ),
        ),
    ),
    (
        "Time of day",
        (
            (
                "rhythm_change",
                "Two visits in a row at different times of day",
                "Higher: fewer times of day in a course",
            ),
            (
                "rhythm_tick",
                "Each 5 minutes between the times of day of two visits in a row",
                "Higher: different times of day stay close to each other",
            ),
            (
                "preferred_tick",
                "Each 5 minutes away from the patient's preferred time",
                "Higher: closer to the preferred time, but courses may end later",
            ),
            ("quarter", "A start not on a quarter hour", "Higher: 9:15 rather than 9:20"),
        ),
    ),
    (
        "People",
        (
            ("therapist", "A session with a different therapist", "Higher: one therapist"),
            ("handover", "A visit with a nurse handoff", "Higher: fewer handoffs"),
            (
                "busy_nurses",
                "A nurse sets up a visit while all nurses are busy; less while only some are",
                "Higher: set-ups are spread over the day, and patients wait less",
            ),
        ),
    ),
    (
        "Chairs and rooms",
        (
            (
                "fragment",
                "An unused gap of a chair or room that is too short to book",
                "Higher: days are filled more tightly",
            ),
            (
                "midday_tick",
                "Each 5 minutes of a chair or room at midday",
                "Higher: fewer visits at midday",
            ),
        ),
    ),
)


def of(clinic: Clinic) -> Weights:
    """Return the weights that a clinic plans with."""
    return read(clinic.settings.planner_weights)


def read(document: Mapping[str, Any]) -> Weights:
    """Return our weights with what a document has instead."""
    own: dict[str, Any] = {
        name: time.fromisoformat(value) if name in TIMES else value for name, value in document.items()
    }
    return replace(USUAL, **own)


def preset_of(clinic: Clinic) -> str:
    """Return which preset a clinic plans with, or `CUSTOM`."""
    own = clinic.settings.planner_weights
    return next((name for name, weights in PRESETS.items() if weights == own), CUSTOM)


def clean(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs from ours, as a document. Raises Invalid naming each weight that is out of bounds."""
    errors, kept = [], {}
    for name, value in values.items():
        if name in BOUNDS:
            least, most = BOUNDS[name]
            if type(value) is not int or not least <= value <= most:
                errors.append((name, f"must be a whole number from {least} to {most}"))
        elif name not in TIMES:
            errors.append((name, "is not a weight of the planner"))
        elif not _is_time(value):
            errors.append((name, "is not a time such as 11:30"))
        kept[name] = value
    if not errors and (told := read(kept)) and told.midday_from > told.midday_until:
        errors.append(("midday_until", "must not be before the time from which midday counts"))
    if errors:
        raise Invalid(errors)
    usual = to_document(USUAL)
    return {name: value for name, value in kept.items() if value != usual[name]}


def to_document(weights: Weights) -> dict[str, Any]:
    """Return all weights, times as 11:30."""
    return {name: v.isoformat("minutes") if isinstance(v, time) else v for name, v in asdict(weights).items()}


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and time.fromisoformat(value).isoformat("minutes") == value
    except ValueError:
        return False
