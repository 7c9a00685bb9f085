"""A placement as JSON, for tokens and tables: resource ids, and instants in minutes since 1970."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scheduler.domain.localtime import from_minute, to_minute
from scheduler.domain.planner.values import Placement, Segment
from scheduler.domain.plans import Role


def placement_document(visit: Placement) -> list[Any]:
    """Return a placement as JSON."""
    segments = [
        [s.resource_id, s.role.value, s.phase, *map(to_minute, (s.start, s.end)), int(s.exclusive)]
        for s in visit.segments
    ]
    return [visit.action, *map(to_minute, (visit.start, visit.end, visit.attended_end)), segments]


def placement_of(document: Sequence[Any]) -> Placement:
    """Return the placement of a document."""
    action, start, end, attended_end, segments = document
    return Placement(
        action,
        from_minute(start),
        from_minute(end),
        from_minute(attended_end),
        tuple(
            Segment(resource, Role(role), phase, from_minute(first), from_minute(last), bool(exclusive))
            for resource, role, phase, first, last, exclusive in segments
        ),
    )
