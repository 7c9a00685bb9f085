"""All rules of a plan file, in the order in which they make sense.

A later group relies on what an earlier one checked, so a document with faults in one group is not asked the
next.
"""

from __future__ import annotations

from scheduler.domain.plan_files.contents import content_faults
from scheduler.domain.plan_files.fault import Fault
from scheduler.domain.plan_files.gaps import limit_faults, possible_faults, tree_faults
from scheduler.domain.plan_files.names import missed_dose_faults, name_faults, step_faults
from scheduler.domain.plan_files.runs import run_faults
from scheduler.domain.plan_files.series import Fields, expand


def plan_faults(document: Fields) -> tuple[Fault, ...]:
    """Return what is wrong with a document that keeps the JSON Schema."""
    if faults := (*name_faults(document), *run_faults(document), *limit_faults(document)):
        return _once(faults)
    steps = expand(document)
    if faults := (
        *step_faults(document, steps),
        *content_faults(document, steps),
        *missed_dose_faults(document, steps),
    ):
        return _once(faults)
    if faults := tuple(tree_faults(steps)):
        return _once(faults)
    return _once(tuple(possible_faults(steps)))


def _once(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    return tuple(dict.fromkeys(faults))
