"""The steps of a visit: confirmed, arrived, checked in, done, missed, cancelled; and taking the last one back.

Each step is an event with who, when and why; its kind is the step's name. Confirming and arriving touch neither the
calendar nor the reminders; cancelling and missing release the time and make what was planned to be sent void. On which
day a step may be recorded, and with which requirements, is for step_rules.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain.status import STEPS, AppointmentStatus, Response, Stage
from scheduler.errors import Invalid, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.versions import raise_versions
from scheduler.services.actors import Actor
from scheduler.services.mail import outbox, reminders
from scheduler.services.trail import audit
from scheduler.services.visit import occupation, step_rules
from scheduler.services.visit.events import calendar_changed, feed_resources, record_event, schedule_changed

SIDES = ("patient", "clinic", "provider")


def confirm(
    session: Session, actor: Actor, appointment: Appointment, now: datetime, reason: str = ""
) -> Appointment:
    """Note that the patient will come."""
    _require(appointment, "confirm")
    change = {"response": (appointment.response, Response.ACCEPTED)}
    appointment.response = Response.ACCEPTED
    record_event(session, actor, appointment, "confirm", now, reason, change)
    return _touched(session, actor, appointment, now)


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
    """Begin the visit. Raises GateOpen while a gate is open, WrongDay on another day.

    A role that may passes an open gate, or checks in on an earlier day, with a reason.
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
    record_event(session, actor, appointment, "stage", now, changes={"stage": (appointment.stage, stage)})
    appointment.stage = stage
    return _touched(session, actor, appointment, now)


def fulfill(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    now: datetime,
    reason: str = "",
    override_reason: str = "",
) -> Appointment:
    """End the visit as done, on its day or entered later.

    A visit with requirements must be checked in. Raises GateOpen otherwise, unless a role that may overrides it as at
    check-in; WrongDay before the day of the visit.
    """
    overridden = step_rules.require(session, actor, appointment, "fulfill", now, override_reason)
    told = override_reason if overridden else reason
    done = _step(session, actor, appointment, "fulfill", AppointmentStatus.FULFILLED, now, told, overridden)
    done.stage = None
    return done


def mark_noshow(
    session: Session, actor: Actor, appointment: Appointment, now: datetime, reason: str = ""
) -> Appointment:
    """Note that the patient did not come, once the visit has begun; its time is free again."""
    _require(appointment, "no-show")
    if now < appointment.start_at:
        raise WrongStatus(f"{appointment.title} has not begun yet: cancel it instead")
    occupation.release(session, [appointment], now)
    appointment.schedule_version += 1
    missed = _step(session, actor, appointment, "no-show", AppointmentStatus.NOSHOW, now, reason)
    reminders.void_for(session, [appointment], "no-show", now)
    return missed


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
    if not appointments:
        return
    told = [one for one in appointments if one.status.is_live and one.start_at > now]
    occupation.release(session, appointments, now)
    for appointment in appointments:
        change = {"status": (appointment.status, AppointmentStatus.CANCELLED)}
        if appointment.status.is_live:  # what was only proposed was in no calendar and leaves none
            schedule_changed(appointment, now)
        appointment.status, appointment.cancelled_at = AppointmentStatus.CANCELLED, now
        appointment.cancel_side, appointment.status_reason = side, reason
        record_event(session, actor, appointment, kind, now, reason, change)
        audit.record(session, actor, "appointment.cancelled", appointment, now, ["status"], reason)
    reminders.void_for(session, appointments, "cancelled", now)
    outbox.tell(session, actor.clinic, told, now)
    raise_versions(session, actor.clinic.id, feed_resources(appointments), now)


def uncancel(appointment: Appointment, status: AppointmentStatus, now: datetime) -> None:
    """Let a visit that was cancelled or missed stand again: same row, same uid, the counters go on."""
    if appointment.status is AppointmentStatus.CANCELLED:
        calendar_changed(appointment, now)
    appointment.status, appointment.cancelled_at = status, None
    appointment.cancel_side, appointment.status_reason = None, ""
    appointment.schedule_version += 1


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
    change: dict[str, tuple[object, object]] = {"status": (appointment.status, status)}
    if overridden:
        change["override"] = (None, True)
    if step_rules.is_late_entry(appointment, now):
        change["late"] = (None, True)
    appointment.status = status
    record_event(session, actor, appointment, step, now, reason, change)
    return _touched(session, actor, appointment, now)


def _touched(session: Session, actor: Actor, appointment: Appointment, now: datetime) -> Appointment:
    """Let boards and staff feeds notice."""
    audit.record(session, actor, "appointment.changed", appointment, now, ["status"])
    raise_versions(session, actor.clinic.id, feed_resources([appointment]), now)
    return appointment


def _require(appointment: Appointment, step: str) -> None:
    if appointment.status not in STEPS[step]:
        raise WrongStatus(f"{appointment.title} is {appointment.status.words}: {step} does not fit")
