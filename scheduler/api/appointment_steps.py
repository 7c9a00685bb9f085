"""The steps of an appointment, each a thing of its own: POST takes it, DELETE takes it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from scheduler import clock
from scheduler.api.appointment_views import AppointmentView
from scheduler.api.appointments import answer, find
from scheduler.api.fields import Body, OverrideReason, ReasonBody
from scheduler.api.operations import Answer, call
from scheduler.api.versions import check_match
from scheduler.database import db
from scheduler.domain.status import CourseEffect, Stage
from scheduler.models.appointment import Appointment
from scheduler.services.account.permissions import require
from scheduler.services.actors import Actor
from scheduler.services.visit import undo, visits


class Missed(ReasonBody):
    """`course_effect` says whether a visit of a course is to be made up for, or skipped.

    Skipping a visit that later ones depend on needs `override_reason` and a role with `override`.
    """

    course_effect: Literal["make_up", "skip"] = "make_up"
    override_reason: OverrideReason = ""


class Cancellation(Missed):
    """`side` says who canceled. Without `notify` the patient gets no mail; that needs a `reason`.

    `course_effect` says whether a visit of a course is to be made up for, or skipped. Skipping a visit that later ones
    depend on needs `override_reason` and a role with `override`.
    """

    side: Literal["patient", "clinic", "provider"] = "clinic"
    notify: bool = True


class Overridden(ReasonBody):
    """`override_reason` passes open requirements, or an arrival or check-in on an earlier day, for a role that may."""

    override_reason: OverrideReason = ""


class Undo(Body):
    """`step` is the one that was taken last; `override_reason` breaks soft rules, for a role that may."""

    step: Literal["confirm", "arrive", "check-in", "fulfill", "no-show", "cancel", "reschedule"]
    override_reason: OverrideReason = ""


class PhaseBody(Body):
    stage: Literal["roomed", "infusing", "observing", "ready"]


def _taken(name: str, may: str, body: type[Body]) -> Callable[..., Callable[..., object]]:
    return call(
        "POST",
        f"/appointments/<appointment_id>/{name}",
        may=may,
        body=body,
        gives=AppointmentView,
        refuses=(409,),
        versioned=True,
    )


def _taken_back(name: str, may: str) -> Callable[..., Callable[..., object]]:
    return call(
        "DELETE",
        f"/appointments/<appointment_id>/{name}",
        may=may,
        gives=AppointmentView,
        refuses=(409,),
        versioned=True,
    )


@_taken("confirmation", "progress", ReasonBody)
def confirm_appointment(actor: Actor, body: ReasonBody, appointment_id: str) -> Answer:
    """Note that the patient will come."""
    visit = _matched(actor, appointment_id)
    return answer(visits.confirm(db.session(), actor, visit, clock.now(), body.reason))


@_taken("arrival", "progress", Overridden)
def arrive_appointment(actor: Actor, body: Overridden, appointment_id: str) -> Answer:
    """Note that the patient is there. 409 `wrong-day` unless it is the day of the visit.

    A role that may overrides an earlier day with `override_reason`.
    """
    visit = _matched(actor, appointment_id)
    arrived = visits.arrive(db.session(), actor, visit, clock.now(), body.reason, body.override_reason)
    return answer(arrived)


@_taken("check-in", "progress", Overridden)
def check_in_appointment(actor: Actor, body: Overridden, appointment_id: str) -> Answer:
    """Begin the visit. 409 `requirement-open` while a requirement is open, 409 `wrong-day` on another day.

    409 `step-missing` while a visit that it follows was canceled or missed and is not made up for; a role with
    `override` passes it with `override_reason`.

    A role that may passes an open requirement, or checks in on an earlier day, with `override_reason`; where the
    protocol names roles for a requirement (`completed_by`), only they pass it.
    """
    visit = _matched(actor, appointment_id)
    checked_in = visits.check_in(db.session(), actor, visit, clock.now(), body.reason, body.override_reason)
    return answer(checked_in)


@_taken("phase", "progress", PhaseBody)
def set_appointment_phase(actor: Actor, body: PhaseBody, appointment_id: str) -> Answer:
    """Note where a checked-in patient is."""
    visit = _matched(actor, appointment_id)
    return answer(visits.set_stage(db.session(), actor, visit, Stage(body.stage), clock.now()))


@_taken("fulfillment", "progress", Overridden)
def fulfill_appointment(actor: Actor, body: Overridden, appointment_id: str) -> Answer:
    """End the visit as done, on its day or later; 409 `wrong-day` before.

    A visit with requirements must be checked in, else 409 `requirement-open`, which a role that may overrides with
    `override_reason` as at check-in. After its day a visit that was never checked in can be recorded as done too.
    """
    visit = _matched(actor, appointment_id)
    done = visits.fulfill(db.session(), actor, visit, clock.now(), body.reason, body.override_reason)
    return answer(done)


@_taken("no-show", "progress", Missed)
def miss_appointment(actor: Actor, body: Missed, appointment_id: str) -> Answer:
    """Note that the patient did not come; the time is free again, and its check-in call is canceled.

    422 `rule-broken` for skipping a visit that later ones depend on.
    """
    visit = _matched(actor, appointment_id)
    effect = CourseEffect(body.course_effect)
    missed = visits.mark_noshow(
        db.session(), actor, visit, clock.now(), body.reason, effect, body.override_reason
    )
    return answer(missed)


@_taken("cancellation", "cancel", Cancellation)
def cancel_appointment(actor: Actor, body: Cancellation, appointment_id: str) -> Answer:
    """Cancel the visit, with its check-in call. The patient is notified, and the time is free at once.

    422 `rule-broken` for skipping a visit that later ones depend on.
    """
    visit = _matched(actor, appointment_id)
    visits.cancel(
        db.session(),
        actor,
        [visit],
        clock.now(),
        body.reason,
        body.side,
        course_effect=CourseEffect(body.course_effect),
        override_reason=body.override_reason,
        notify=body.notify,
    )
    return answer(visit)


@_taken("undo", "progress", Undo)
def undo_step(actor: Actor, body: Undo, appointment_id: str) -> Answer:
    """Undo the latest step of a visit; a move is undone with everything that moved with it.

    409 `slot-taken` when another visit uses the former time, 422 `rule-broken` when the course would break a rule,
    which a role with `override` passes with `override_reason`. Undoing a cancellation needs `cancel`, a move `move`.
    """
    require(actor, undo.NEEDS.get(body.step, "progress"))
    visit = _matched(actor, appointment_id)
    undone = undo.undo(db.session(), actor, visit, body.step, clock.now(), body.override_reason)
    return answer(undone)


@_taken_back("confirmation", "progress")
def undo_confirmation(actor: Actor, appointment_id: str) -> Answer:
    """Take a confirmation back."""
    return _undone(actor, appointment_id, "confirm")


@_taken_back("arrival", "progress")
def undo_arrival(actor: Actor, appointment_id: str) -> Answer:
    """Take an arrival back."""
    return _undone(actor, appointment_id, "arrive")


@_taken_back("check-in", "progress")
def undo_check_in(actor: Actor, appointment_id: str) -> Answer:
    """Take a check-in back."""
    return _undone(actor, appointment_id, "check-in")


@_taken_back("fulfillment", "progress")
def undo_fulfillment(actor: Actor, appointment_id: str) -> Answer:
    """Take the end of a visit back. 409 `wrong-day` before the day of the visit."""
    return _undone(actor, appointment_id, "fulfill")


@_taken_back("no-show", "progress")
def undo_no_show(actor: Actor, appointment_id: str) -> Answer:
    """Take a no-show back. 409 `slot-taken` when the time has been taken since."""
    return _undone(actor, appointment_id, "no-show")


@_taken_back("cancellation", "cancel")
def undo_cancellation(actor: Actor, appointment_id: str) -> Answer:
    """Take a cancellation back, with the check-in call that was canceled because of it.

    409 `slot-taken` when another visit uses the time now, 422 `rule-broken` when the course would break a rule; POST
    `/appointments/{id}/undo` takes a reason to override that.
    """
    return _undone(actor, appointment_id, "cancel")


def _undone(actor: Actor, appointment_id: str, step: str) -> Answer:
    visit = _matched(actor, appointment_id)
    return answer(undo.undo(db.session(), actor, visit, step, clock.now()))


def _matched(actor: Actor, appointment_id: str) -> Appointment:
    visit = find(actor, appointment_id)
    check_match(visit)
    return visit
