"""The steps of a visit: confirmed, arrived, checked in, done, missed, cancelled; and taking the last one back.

Each step is an event with who, when and why; its kind is the step's name. What follows from the new status is for
changes.py, on which day a step may be recorded, and with which requirements, for step_rules.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain.status import STEP_REFUSALS, STEPS, AppointmentStatus, Response, Stage
from scheduler.errors import Invalid, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.services.actors import Actor
from scheduler.services.visit import step_rules
from scheduler.services.visit.changes import Changes, changing

SIDES = ("patient", "clinic", "provider")


def confirm(
    session: Session, actor: Actor, appointment: Appointment, now: datetime, reason: str = ""
) -> Appointment:
    """Note that the patient will come."""
    _require(appointment, "confirm")
    with changing(session, actor, now, [appointment]) as change:
        change.note(
            appointment, "confirm", reason, also={"response": (appointment.response, Response.ACCEPTED)}
        )
        appointment.response = Response.ACCEPTED
    return appointment


def arrive(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    now: datetime,
    reason: str = "",
    override_reason: str = "",
) -> Appointment:
    """Note that the patient is there.

    Raises WrongDay on another day than the visit's, unless a role that may overrides an earlier one with a reason.
    """
    overridden = step_rules.require(session, actor, appointment, "arrive", now, override_reason)
    told = override_reason if overridden else reason
    return _step(session, actor, appointment, "arrive", AppointmentStatus.ARRIVED, now, told, overridden)


def check_in(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    now: datetime,
    reason: str = "",
    override_reason: str = "",
) -> Appointment:
    """Begin the visit. Raises RequirementOpen while a requirement is open, WrongDay on another day.

    A role that may passes an open requirement, or checks in on an earlier day, with a reason.
    """
    overridden = step_rules.require(session, actor, appointment, "check-in", now, override_reason)
    told = override_reason if overridden else reason
    return _step(session, actor, appointment, "check-in", AppointmentStatus.CHECKED_IN, now, told, overridden)


def set_stage(
    session: Session, actor: Actor, appointment: Appointment, stage: Stage, now: datetime
) -> Appointment:
    """Note where a checked-in patient is: roomed, infusing, observing, ready."""
    if appointment.status is not AppointmentStatus.CHECKED_IN:
        raise WrongStatus(f"{appointment.title}: the patient must be checked in first")
    with changing(session, actor, now, [appointment]) as change:
        change.note(appointment, "stage", also={"stage": (appointment.stage, stage)})
        appointment.stage = stage
    return appointment


def fulfill(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    now: datetime,
    reason: str = "",
    override_reason: str = "",
) -> Appointment:
    """End the visit as done, on its day or entered later.

    A visit with requirements must be checked in. Raises RequirementOpen otherwise, unless a role that may overrides it
    as at check-in; WrongDay before the day of the visit.
    """
    overridden = step_rules.require(session, actor, appointment, "fulfill", now, override_reason)
    told = override_reason if overridden else reason
    return _step(session, actor, appointment, "fulfill", AppointmentStatus.FULFILLED, now, told, overridden)


def mark_noshow(
    session: Session, actor: Actor, appointment: Appointment, now: datetime, reason: str = ""
) -> Appointment:
    """Note that the patient did not come, once the visit has begun; its time is free again."""
    _require(appointment, "no-show")
    if now < appointment.start_at:
        raise WrongStatus(f"{appointment.title} has not started yet: cancel it instead")
    return _step(session, actor, appointment, "no-show", AppointmentStatus.NOSHOW, now, reason)


def cancel(
    session: Session,
    actor: Actor,
    appointments: Sequence[Appointment],
    now: datetime,
    reason: str = "",
    side: str = "clinic",
    kind: str = "cancel",
) -> None:
    """Cancel visits at once: their time is free, nothing more is reminded of, and the patient gets one mail.

    `side` says who cancelled: patient, clinic or provider. Raises WrongStatus naming the first that cannot be.
    """
    if side not in SIDES:
        raise Invalid([("side", f"must be one of {', '.join(SIDES)}")])
    for appointment in appointments:
        _require(appointment, "cancel")
    with changing(session, actor, now, appointments) as change:
        call_off(change, appointments, reason, side, kind)


def call_off(
    change: Changes,
    appointments: Iterable[Appointment],
    reason: str,
    side: str = "clinic",
    kind: str = "cancel",
) -> None:
    """Cancel appointments as part of a larger change."""
    for appointment in appointments:
        change.note(appointment, kind, reason, "appointment.cancelled")
        appointment.status, appointment.cancelled_at = AppointmentStatus.CANCELLED, change.now
        appointment.cancel_side, appointment.status_reason = side, reason


def reinstate(appointment: Appointment, status: AppointmentStatus) -> None:
    """Give a cancelled or missed appointment its status back: the same row, the same uid."""
    appointment.status, appointment.cancelled_at = status, None
    appointment.cancel_side, appointment.status_reason = None, ""


def _step(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    step: str,
    status: AppointmentStatus,
    now: datetime,
    reason: str,
    overridden: bool = False,
) -> Appointment:
    marks = {"override": overridden, "late": step_rules.is_late_entry(appointment, now)}
    with changing(session, actor, now, [appointment]) as change:
        also = {mark: (None, True) for mark, holds in marks.items() if holds}
        change.note(appointment, step, reason, also=also)
        appointment.status = status
        if status is not AppointmentStatus.CHECKED_IN:
            appointment.stage = None
    return appointment


def _require(appointment: Appointment, step: str) -> None:
    if appointment.status not in STEPS[step]:
        raise WrongStatus(f"{appointment.title} is {appointment.status.words}: {STEP_REFUSALS[step]}")
