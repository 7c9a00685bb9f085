"""What a course still needs: visits to make up for, and proposed visits (boosters) to book."""

from __future__ import annotations

from datetime import date
from typing import Literal

from scheduler import clock
from scheduler.api.appointment_time import MoveView, assignment, moves_view
from scheduler.api.appointment_views import AppointmentView
from scheduler.api.appointment_views import view as appointment_view
from scheduler.api.appointments import find
from scheduler.api.fields import Body, Id, Instant, OverrideReason, Reason, View
from scheduler.api.operations import Answer, call
from scheduler.api.versions import check_match
from scheduler.database import db
from scheduler.http import access
from scheduler.services.actors import Actor
from scheduler.services.course import booster_tasks, boosters, bring_back, make_ups


class AppointmentList(View):
    items: list[AppointmentView]


class Booking(Body):
    """When the visit is, and with whom and where unless the clinic may choose."""

    start: Instant
    location_id: Id | None = None
    site_id: Id | None = None
    practitioner_ids: list[Id] | None = None
    override_reason: OverrideReason = ""


class MakeUpBody(Body):
    """Without `start` the best time is taken. With `preview` nothing is written."""

    start: Instant | None = None
    location_id: Id | None = None
    site_id: Id | None = None
    practitioner_ids: list[Id] | None = None
    reason: Reason = ""
    override_reason: OverrideReason = ""
    preview: bool = False


class MakeUpView(View):
    """The visit that stands in for one that was canceled or missed (null in a preview), and what moves for it."""

    appointment: AppointmentView | None
    start: str
    moves: list[MoveView]
    written: bool


@call("GET", "/make-ups", may="view", gives=AppointmentList)
def list_make_ups(actor: Actor) -> Answer:
    """List canceled and missed visits that another time must be found for, the earliest first."""
    found = make_ups.to_make_up(db.session(), actor.clinic)
    return Answer(AppointmentList(items=[appointment_view(one) for one in found]))


@call(
    "POST",
    "/appointments/<appointment_id>/make-up",
    may="book",
    body=MakeUpBody,
    gives=MakeUpView,
    refuses=(409,),
)
def make_up_appointment(actor: Actor, body: MakeUpBody, appointment_id: str) -> Answer:
    """Book the visit that stands in for a canceled or missed one; later visits move as far as the spacing needs.

    409 `wrong-status` for any other visit, 409 `no-fit`, 422 `rule-broken` outside the spacing.
    """
    gone, now, session = find(actor, appointment_id), clock.now(), db.session()
    given = assignment(actor, body.location_id, body.practitioner_ids, body.site_id)
    planned = make_ups.plan_make_up(
        session, actor, gone, now, body.start, given.location, given.practitioners, body.override_reason
    )
    shown = moves_view(actor, planned.moves, written=not body.preview)
    start = planned.visit.start.astimezone(actor.clinic.zone).isoformat()
    booked = None
    if not body.preview:
        booked = make_ups.book_make_up(session, actor, planned, now, body.reason, body.override_reason)
        session.flush()
    return Answer(
        MakeUpView(
            appointment=appointment_view(booked) if booked else None,
            start=start,
            moves=shown.moves,
            written=booked is not None,
        )
    )


class BringBackView(View):
    """A patient to bring back: why, since or by which day (`on`), and the visit or course that it is about."""

    why: Literal["make-up", "nothing-ahead", "booster", "authorization"]
    patient_id: Id
    care_plan_id: Id | None
    appointment_id: Id | None
    on: date
    details: str


class BringBackList(View):
    items: list[BringBackView]


@call("GET", "/bring-back", may="book", gives=BringBackList)
def list_bring_back(actor: Actor) -> Answer:
    """List patients to bring back: to make up, nothing ahead, boosters due, authorizations ending."""
    found = bring_back.listed(db.session(), actor.clinic, clock.now())
    return Answer(BringBackList(items=[_bring_back(one) for one in found]))


def _bring_back(one: bring_back.BringBackEntry) -> BringBackView:
    access.touch(one.patient)
    return BringBackView(
        why=one.why.value,
        patient_id=one.patient.public_id,
        care_plan_id=one.course.public_id if one.course else None,
        appointment_id=one.visit.public_id if one.visit else None,
        on=one.on,
        details=one.details,
    )


@call("GET", "/boosters", may="view", gives=AppointmentList)
def list_boosters(actor: Actor) -> Answer:
    """List proposed visits that are to be booked now, by the day to book them for."""
    found = booster_tasks.to_book(db.session(), actor.clinic, clock.now())
    return Answer(AppointmentList(items=[appointment_view(one) for one in found]))


@call(
    "POST",
    "/appointments/<appointment_id>/booking",
    may="book",
    body=Booking,
    gives=AppointmentView,
    refuses=(409,),
    versioned=True,
)
def book_booster(actor: Actor, body: Booking, appointment_id: str) -> Answer:
    """Give a proposed visit its time. 409 `wrong-status` for any other, 422 `rule-broken` outside the spacing."""
    visit = find(actor, appointment_id)
    check_match(visit)
    given = assignment(actor, body.location_id, body.practitioner_ids, body.site_id)
    booked = boosters.book_proposed(
        db.session(),
        actor,
        visit,
        body.start,
        clock.now(),
        given.location,
        given.practitioners or (),
        body.override_reason,
    )
    db.session().flush()
    return Answer(appointment_view(booked), booked.row_version)
