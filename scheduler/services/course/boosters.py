"""Booking a visit that was only proposed: a booster months ahead that gets its time at last, in the same row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from sqlalchemy.orm import Session

from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.location import Where
from scheduler.models.practitioner import Practitioner
from scheduler.services.account.overrides import may_override
from scheduler.services.actors import Actor
from scheduler.services.course import booking
from scheduler.services.planning.courses import is_projected
from scheduler.services.planning.visit_rows import People
from scheduler.services.trail import audit
from scheduler.services.visit.changes import changing, release_expired
from scheduler.services.visit.moves import MovePlanner


class BoosterPlanner(MovePlanner):
    """Plans the time of a visit that is only proposed. Raises WrongStatus for any other."""

    def _require(self) -> None:
        if not is_projected(self.appointment):
            status = self.appointment.status.words
            raise WrongStatus(f"{self.appointment.title} is {status}: it cannot be booked")

    @cached_property
    def unplaced(self) -> Mapping[str, Appointment]:
        return {self.appointment.action: self.appointment}


def book_proposed(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    start: datetime,
    now: datetime,
    location: Where | None = None,
    practitioners: Sequence[Practitioner] = (),
    override_reason: str = "",
) -> Appointment:
    """Give a proposed visit its time, place and people.

    Raises WrongStatus, Invalid, NoFitFound or SlotTaken, and RuleBroken outside the spacing of its course.
    """
    release_expired(session, actor.clinic, now)
    of_booster = BoosterPlanner(session, actor, appointment, now, location, practitioners)
    override = may_override(actor, override_reason)
    planned = of_booster.plan(start, override=override)
    broken = of_booster.broken(planned) if override else []
    visit, wanted = planned[0].visit, [(appointment.patient, [planned[0].visit])]
    with changing(session, actor, now, [appointment], wanted, override_reason=override_reason) as change:
        change.put(appointment, visit, People(session, actor.clinic, [visit]))
        appointment.book_by_on = None
        booking.announce(change, appointment.care_plan, [appointment])
        overridden = [f"override:{violation.rule}" for violation in broken]
        audit.record(session, actor, "appointment.booked", appointment, now, overridden, override_reason)
    return appointment
