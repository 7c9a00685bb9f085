"""When a step of a visit may be recorded: on which day, and with which requirements.

The services ask before they write, and a page before it offers a button; both get the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on
from scheduler.domain.status import FROM_ITS_DAY, ON_ITS_DAY, STEP_REFUSALS, STEPS, AppointmentStatus
from scheduler.errors import Refusal, RequirementOpen, StepMissing, WrongDay, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.open_requirements import (
    OpenRequirement,
    guards,
    may_complete,
    open_requirements,
)
from scheduler.services.account.overrides import may_override
from scheduler.services.account.permissions import allowed
from scheduler.services.actors import Actor
from scheduler.services.planning.courses import missing_before
from scheduler.services.trail import audit

S = AppointmentStatus
WORDS = {"fulfill": "The end of a visit", "no-show": "A no-show"}


@dataclass(frozen=True)
class StepOption:
    """A step that a page shows: whether it works now, else why not, and whether a reason would override that."""

    works: bool
    why: str = ""
    by_override: bool = False


def require(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    step: str,
    now: datetime,
    override_reason: str = "",
) -> bool:
    """Raise unless the step may be recorded now; tell whether that took an override, which is noted.

    Raises WrongStatus, WrongDay, StepMissing, RequirementOpen, or Invalid for an override without a sufficient reason.
    """
    _require_status(appointment, step, now)
    refusals = list(against(appointment, step, now))
    for refusal in refusals:
        if not (_is_overridable(actor, refusal) and may_override(actor, override_reason)):
            raise refusal
    for refusal in refusals:
        if isinstance(refusal, WrongDay):
            audit.record(session, actor, "appointment.overridden", appointment, now, ["day"], override_reason)
        elif isinstance(refusal, StepMissing):
            fields = [f"override:missing:{one['action']}" for one in refusal.details["steps"]]
            audit.record(session, actor, "appointment.overridden", appointment, now, fields, override_reason)
        else:
            keys = [requirement["key"] for requirement in refusal.details["requirements"]] or [step]
            audit.record(session, actor, "requirement.overridden", appointment, now, keys, override_reason)
    return bool(refusals)


def require_undo(appointment: Appointment, step: str, now: datetime) -> None:
    """Raise WrongDay for taking the end of a visit or a no-show back before the day of the visit."""
    if step in FROM_ITS_DAY and _is_early(appointment, now):
        raise _wrong_day(appointment, step, overridable=False)


def offers(actor: Actor, appointment: Appointment, now: datetime) -> dict[str, StepOption]:
    """Return the steps that fit the status of a visit, in their order, each as a page offers it to this person."""
    found = {}
    for step, statuses in STEPS.items():
        if appointment.status in statuses or (step == "fulfill" and _is_late_entry(appointment, now)):
            found[step] = _offer(actor, appointment, step, now)
    return found


def may_undo(appointment: Appointment, step: str, now: datetime) -> bool:
    """Tell whether taking this step back is not too early."""
    return not (step in FROM_ITS_DAY and _is_early(appointment, now))


def is_late_entry(appointment: Appointment, now: datetime) -> bool:
    """Tell whether a step that is recorded now is entered after the day of the visit."""
    return _today(appointment, now) > _day(appointment)


def _offer(actor: Actor, appointment: Appointment, step: str, now: datetime) -> StepOption:
    if step == "no-show":  # once it has begun
        return StepOption(works=appointment.start_at <= now)
    refusals = list(against(appointment, step, now))
    if step == "check-in":  # open requirements are listed once it is tried, with the form that overrides them
        refusals = [one for one in refusals if not isinstance(one, RequirementOpen)]
    if not refusals:
        return StepOption(works=True)
    why = " ".join(one.next if isinstance(one, RequirementOpen) else one.words for one in refusals)
    return StepOption(False, why, may_be_overridden(actor, refusals))


def may_be_overridden(actor: Actor, refusals: Sequence[Refusal]) -> bool:
    """Tell whether this person may override all that speaks against a step, with a reason."""
    return allowed(actor, "override") and all(_is_overridable(actor, one) for one in refusals)


def against(
    appointment: Appointment, step: str, now: datetime
) -> list[WrongDay | StepMissing | RequirementOpen]:
    """Return what speaks against a step that fits the status, in the order in which it is said."""
    found: list[WrongDay | StepMissing | RequirementOpen] = []
    early, late = _is_early(appointment, now), is_late_entry(appointment, now)
    if step in ON_ITS_DAY and (early or late):
        found.append(_wrong_day(appointment, step, overridable=early))
    if step == "fulfill" and early:
        found.append(_wrong_day(appointment, step, overridable=False))
    begins = step == "check-in" or (step == "fulfill" and appointment.status is not S.CHECKED_IN)
    if begins and (steps := missing_before(appointment)):
        found.append(_step_missing(appointment, steps))
    if step == "check-in" and (missing := open_requirements(appointment)):
        found.append(_requirement_open(missing, "Complete the requirements, then check the patient in."))
    if step == "fulfill" and appointment.status is not S.CHECKED_IN and guards(appointment):
        found.append(_unchecked(appointment, late))
    return found


def _require_status(appointment: Appointment, step: str, now: datetime) -> None:
    if appointment.status in STEPS[step]:
        return
    if step == "fulfill" and appointment.status.is_expected:
        if _is_late_entry(appointment, now):
            return
        raise WrongStatus(f"{appointment.title} is {appointment.status.words}: check the patient in first")
    raise WrongStatus(f"{appointment.title} is {appointment.status.words}: {STEP_REFUSALS[step]}")


def _is_late_entry(appointment: Appointment, now: datetime) -> bool:
    return appointment.status.is_expected and is_late_entry(appointment, now)


def _is_overridable(actor: Actor, refusal: Refusal) -> bool:
    if isinstance(refusal, WrongDay):
        return bool(refusal.details["overridable"])
    if isinstance(refusal, StepMissing):
        return True
    return all(
        may_complete(actor.role, requirement["completed_by"])
        for requirement in refusal.details["requirements"]
    )


def _step_missing(appointment: Appointment, steps: Sequence[Appointment]) -> StepMissing:
    listed = [
        {"id": one.public_id, "action": one.action, "title": one.title, "status": one.status.value}
        for one in steps
    ]
    names = " and ".join(f"{one.title} ({_where(one)})" for one in steps)
    words = (
        f"Missing before {appointment.title}: {names}. Reschedule it first, or ask a prescriber or manager to "
        "override this with a reason."
    )
    return StepMissing(words, steps=listed)


def _where(step: Appointment) -> str:
    if step.status.is_expected:
        return f"booked on {step.formats.dated(step.local_start.date())}"
    return step.status.words


def _wrong_day(appointment: Appointment, step: str, *, overridable: bool) -> WrongDay:
    day = _day(appointment)
    on = appointment.formats.dated(day)
    if step in FROM_ITS_DAY:
        words = f"{WORDS[step]} is recorded on the day of the visit or later, {on}. If it takes place today, move it."
    elif overridable:
        words = (
            f"Arrival and check-in are recorded on the day of the visit, {on}. Move the visit to today, or ask a "
            "prescriber or manager to override this with a reason."
        )
    else:
        words = (
            f"Arrival and check-in are recorded on the day of the visit, {on}, which is over. Record the visit as done "
            "or as a no-show instead."
        )
    return WrongDay(words, day=day, overridable=overridable)


def _unchecked(appointment: Appointment, late: bool) -> RequirementOpen:
    missing = open_requirements(appointment)
    if late:
        what = "The patient was never checked in. A prescriber or manager can record the visit as done with a reason."
    else:
        what = "Check the patient in first."
    return _requirement_open(missing, what)


def _requirement_open(missing: list[OpenRequirement], what: str) -> RequirementOpen:
    listed = [
        {
            "key": requirement.key,
            "title": requirement.title,
            "why": requirement.why,
            "completed_by": list(requirement.completed_by),
        }
        for requirement in missing
    ]
    return RequirementOpen(listed, what)


def _is_early(appointment: Appointment, now: datetime) -> bool:
    return _today(appointment, now) < _day(appointment)


def _day(appointment: Appointment) -> date:
    return local_on(appointment.start_at, appointment.zone)


def _today(appointment: Appointment, now: datetime) -> date:
    return local_on(now, appointment.zone)
