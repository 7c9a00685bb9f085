"""A booked course as the planner sees it: what stays where it is, and what may move."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from scheduler.domain.planner.model import Done
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.services.visit_rows import done_of


def latest(care_plan: CarePlan) -> dict[str, Appointment]:
    """Return the visit that stands for each action: a make-up instead of the one it replaces."""
    replaced = {one.replaces_id for one in care_plan.appointments}
    return {one.action: one for one in care_plan.appointments if one.id not in replaced}


def anchors(care_plan: CarePlan, moving: Collection[str]) -> Mapping[str, Done]:
    """Return every action that is not to be placed, as a fixed time from which gaps are counted.

    A cancelled or missed visit that nothing replaces keeps its place in the count: the course goes on around it.
    """
    return {
        action: done_of(one)
        for action, one in latest(care_plan).items()
        if action not in moving and not is_projected(one)
    }


def is_projected(appointment: Appointment) -> bool:
    """Tell whether a visit is only a date to book by: proposed, and not kept as a reservation."""
    return appointment.status is AppointmentStatus.PROPOSED and appointment.expires_at is None
