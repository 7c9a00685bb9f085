"""The moves of a plan as a re-plan keeps them: ids, times and what a visit was like when they were planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.domain.planner.many.values import CoursePlan
from scheduler.models.appointment import Appointment
from scheduler.services.planning.placement_documents import placement_document


@dataclass(frozen=True)
class KnownVisit:
    """A row as it was when its course was planned."""

    id: int
    row_version: int


def known_visits(rows: Mapping[str, Appointment]) -> dict[str, KnownVisit]:
    return {action: KnownVisit(row.id, row.row_version) for action, row in rows.items()}


def planned_moves(plan: CoursePlan, known: Mapping[str, KnownVisit]) -> list[dict[str, Any]]:
    """Return what the plan changes. `kept` visits were confirmed or pinned, and shown as such."""
    course, changed = plan.course, {change.action for change in plan.changes}
    return [
        {
            "visit": known[visit.action].id,
            "row_version": known[visit.action].row_version,
            "displaced": visit.action in course.displaced,
            "kept": visit.action in course.keep,
            "from": placement_document(course.current[visit.action]),
            "to": placement_document(visit),
        }
        for visit in plan.visits
        if visit.action in changed
    ]
