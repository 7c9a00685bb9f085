"""The steps of a visit: confirmed, arrived, checked in, done, missed, cancelled; and taking the last one back.

Each step is an event with who, when and why; its kind is the step's name. What follows from the new status is for
changes.py, on which day a step may be recorded, and with which requirements, for step_rules.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain.planner.values import Violation
from scheduler.domain.status import STEP_REFUSALS, STEPS, AppointmentStatus, CourseEffect, Response, Stage
from scheduler.errors import Invalid, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.services.actors import Actor
from scheduler.services.planning import rules
from scheduler.services.planning.courses import depending, followers
from scheduler.services.trail import audit
from scheduler.services.visit import step_rules
from scheduler.services.visit.changes import Changes, changing

SIDES = ("patient", "clinic", "provider")
SKIPPED = "skipped-step"


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
    session: Session,
    actor: Actor,
    appointment: Appointment,
    now: datetime,
    reason: str = "",
    course_effect: CourseEffect = CourseEffect.MAKE_UP,
    override_reason: str = "",
) -> Appointment:
    """Note that the patient did not come, once the visit has begun; its time is free again.

    What only follows from the visit is canceled with it. Without `skip` the patient is to be reached for another time,
    also for a visit outside a course. Raises as `cancel` does.
    """
    _require(appointment, "no-show")
    if now < appointment.start_at:
        raise WrongStatus(f"{appointment.title} has not started yet: cancel it instead")
    _require_skip(session, actor, [appointment], now, course_effect, override_reason)
    along = _taken_along([appointment])
    late = {"late": (None, True)} if step_rules.is_late_entry(appointment, now) else {}
    with changing(session, actor, now, [appointment, *along]) as change:
        told = override_reason or reason
        change.note(appointment, "no-show", told, also=late | _effect_note(course_effect))
        appointment.status, appointment.stage = AppointmentStatus.NOSHOW, None
        appointment.course_effect, appointment.status_reason = course_effect, told
        call_off(change, along, reason)
    return appointment


def cancel(
    session: Session,
    actor: Actor,
    appointments: Sequence[Appointment],
    now: datetime,
    reason: str = "",
    side: str = "clinic",
    kind: str = "cancel",
    *,
    course_effect: CourseEffect = CourseEffect.MAKE_UP,
    override_reason: str = "",
    notify: bool = True,
) -> None:
    """Cancel visits at once: their time is free, nothing more is reminded of, and the patient gets one mail.

    `side` says who canceled: patient, clinic or provider. What only follows from a visit, such as its check-in call,
    is canceled with it. `course_effect` says whether a visit of a course is to be made up for or skipped; skipping one
    that later steps depend on needs the permission to override and `override_reason`. Without `notify`, which needs a
    reason, the patient gets no mail.

    Raises WrongStatus naming the first that cannot be canceled, RuleBroken for a step that may not be skipped.
    """
    if side not in SIDES:
        raise Invalid([("side", f"must be one of {', '.join(SIDES)}")])
    if not notify and not reason.strip():
        raise Invalid([("reason", "must say why the patient is not notified")])
    for appointment in appointments:
        _require(appointment, "cancel")
    _require_skip(session, actor, appointments, now, course_effect, override_reason)
    along = _taken_along(appointments)
    effect = course_effect if kind == "cancel" else None
    with changing(session, actor, now, [*appointments, *along]) as change:
        call_off(change, appointments, override_reason or reason, side, kind, effect, notify=notify)
        call_off(change, along, reason, kind=kind, notify=notify)


def call_off(
    change: Changes,
    appointments: Iterable[Appointment],
    reason: str,
    side: str = "clinic",
    kind: str = "cancel",
    course_effect: CourseEffect | None = None,
    *,
    notify: bool = True,
) -> None:
    """Cancel appointments as part of a larger change."""
    for appointment in appointments:
        effect = course_effect if appointment.care_plan is not None else None
        also = _effect_note(effect) | ({} if notify else {"notify": (True, False)})
        change.note(appointment, kind, reason, "appointment.cancelled", also=also)
        appointment.status, appointment.cancelled_at = AppointmentStatus.CANCELLED, change.now
        appointment.cancel_side, appointment.status_reason = side, reason
        appointment.course_effect, appointment.cancelled_quietly = effect, not notify


def _require_skip(
    session: Session,
    actor: Actor,
    appointments: Sequence[Appointment],
    now: datetime,
    effect: CourseEffect,
    override_reason: str,
) -> None:
    """Raise RuleBroken for skipping a step that later ones depend on, unless that is overridden, which is noted."""
    if effect is not CourseEffect.SKIP:
        return
    for appointment in appointments:
        later = [one for one in depending(appointment) if one not in appointments]
        if not later:
            continue
        words = (
            f"{later[0].numbered_title} follows {appointment.numbered_title}: reschedule it, or ask a prescriber "
            "or manager to skip it with a reason."
        )
        broken = [Violation(appointment.action, SKIPPED, words, hard=False)]
        rules.require(actor, broken, override_reason)
        fields = [f"override:{SKIPPED}:{appointment.action}"]
        audit.record(session, actor, "appointment.overridden", appointment, now, fields, override_reason)


def _taken_along(appointments: Sequence[Appointment]) -> list[Appointment]:
    """Return the visits ahead that only follow from these and are canceled with them."""
    along = [one for gone in appointments for one in followers(gone) if one.status in STEPS["cancel"]]
    return [one for one in along if one not in appointments]


def _effect_note(effect: CourseEffect | None) -> dict[str, tuple[object, object]]:
    return {"course_effect": (None, effect)} if effect else {}


STEP_OF: dict[str, tuple[str, Callable[..., Appointment]]] = {  # by the noun in the addresses of page and API
    "confirmation": ("confirm", confirm),
    "arrival": ("arrive", arrive),
    "check-in": ("check-in", check_in),
    "fulfillment": ("fulfill", fulfill),
}
OVERRIDABLE = frozenset(STEP_OF) - {"confirmation"}  # they take an `override_reason`


def reinstate(appointment: Appointment, status: AppointmentStatus) -> None:
    """Give a cancelled or missed appointment its status back: the same row, the same uid."""
    appointment.status, appointment.cancelled_at = status, None
    appointment.cancel_side, appointment.status_reason = None, ""
    appointment.course_effect, appointment.cancelled_quietly = None, False


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
