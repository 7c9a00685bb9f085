"""Moving an appointment: previewed or done, with what moves along."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from scheduler import clock
from scheduler.api.appointments import find
from scheduler.api.explicit_courses import where
from scheduler.api.fields import At, Body, Id, Instant, OverrideReason, Reason, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.versions import check_match
from scheduler.database import db
from scheduler.errors import StalePreview
from scheduler.http import access
from scheduler.models.appointment import Appointment
from scheduler.models.location import Where
from scheduler.models.practitioner import Practitioner
from scheduler.services.actors import Actor
from scheduler.services.clinic import places
from scheduler.services.patient import patient_requests
from scheduler.services.planning.visit_rows import People
from scheduler.services.visit import moves
from scheduler.services.visit.moves import Move


@dataclass(frozen=True)
class GivenPlaceAndPeople:
    """The place and the people that a program names; None keeps those of the visit."""

    location: Where | None = None
    practitioners: list[Practitioner] | None = None


NONE_GIVEN = GivenPlaceAndPeople()


class NewTime(Body):
    """With `scope` `following`, the fewest later visits move along that keep the protocol.

    Without `location_id` the visit stays at its site, unless `site_id` names another.

    With `preview` nothing is written. Sending the preview's `token` makes sure that what is done is what was shown.
    """

    start: Instant
    location_id: Id | None = None
    site_id: Id | None = None
    practitioner_ids: list[Id] | None = Field(default=None, max_length=20)
    scope: Literal["one", "following"] = "one"
    preview: bool = False
    token: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    reason: Reason = ""
    override_reason: OverrideReason = ""


class PlaceInTime(View):
    start: At
    end: At
    location_id: Id | None
    practitioner_ids: list[Id]


class MoveView(View):
    """A visit, from where, to where, and why it moves."""

    appointment_id: Id
    action: str
    title: str
    before: PlaceInTime
    after: PlaceInTime
    why: str


class MoveList(View):
    moves: list[MoveView]
    written: bool
    token: str


@call(
    "POST",
    "/appointments/<appointment_id>/time",
    may="move",
    body=NewTime,
    gives=MoveList,
    refuses=(409,),
    versioned=True,
)
def move_appointment(actor: Actor, body: NewTime, appointment_id: str) -> Answer:
    """Move an appointment, or preview what moving it takes.

    409 `stale-preview` when the moves would differ from those of `token`.
    """
    visit, now = find(actor, appointment_id), clock.now()
    check_match(visit)
    assigned = assignment(actor, body.location_id, body.practitioner_ids, body.site_id)
    shown = moved(
        actor,
        visit,
        body.start,
        body.scope,
        now,
        body.override_reason,
        assigned=assigned,
        preview=body.preview,
        token=body.token,
        reason=body.reason,
    )
    return Answer(shown, visit.row_version)


def assignment(
    actor: Actor, location_id: str | None, practitioner_ids: list[str] | None, site_id: str | None = None
) -> GivenPlaceAndPeople:
    """Return the clinic's place (or site) and people with these ids. Raises NotFound."""
    session, clinic = db.session(), actor.clinic
    return GivenPlaceAndPeople(
        where(session, actor, location_id, site_id),
        None
        if practitioner_ids is None
        else [places.get_practitioner(session, clinic, one) for one in practitioner_ids],
    )


def moved(
    actor: Actor,
    visit: Appointment,
    start: datetime,
    scope: str,
    now: datetime,
    override_reason: str = "",
    *,
    assigned: GivenPlaceAndPeople = NONE_GIVEN,
    preview: bool = False,
    token: str | None = None,
    reason: str = "",
) -> MoveList:
    """Move a visit, or with `preview` return what moving it takes. Raises StalePreview when `token` says otherwise."""
    session = db.session()
    planned = moves.plan_move(
        session,
        actor,
        visit,
        start,
        now,
        location=assigned.location,
        practitioners=assigned.practitioners,
        scope=scope,
        override_reason=override_reason,
    )
    shown = moves_view(actor, planned, written=not preview)
    if token is not None and token != shown.token:
        raise StalePreview
    if not preview:
        moves.apply_moves(session, actor, planned, now, reason, override_reason=override_reason)
        patient_requests.agree_by_moving(session, actor, [move.appointment for move in planned], now)
        session.flush()
    return shown


def moves_view(actor: Actor, planned: Sequence[Move], *, written: bool) -> MoveList:
    """Return moves as they were before they are written, with the token that names them."""
    return MoveList(moves=move_views(actor, planned), written=written, token=_digest(planned))


def move_views(actor: Actor, planned: Sequence[Move]) -> list[MoveView]:
    """Return moves as they were before they are written, one by one."""
    people = People(db.session(), actor.clinic, [move.visit for move in planned])
    return [_view(move, people) for move in planned]


def _digest(planned: Sequence[Move]) -> str:
    """Return what makes two previews the same: which visits go where, from where."""
    listed = [
        [
            move.appointment.public_id,
            move.appointment.row_version,
            move.visit.start.isoformat(),
            move.visit.location_id,
        ]
        for move in planned
    ]
    return hashlib.sha256(json.dumps(sorted(listed)).encode()).hexdigest()


def _view(move: Move, people: People) -> MoveView:
    visit, planned, place = move.appointment, move.visit, move.visit.location_id
    access.touch(visit)
    before = PlaceInTime(
        start=at(visit.start_at),
        end=at(visit.end_at),
        location_id=visit.location.public_id if visit.location else None,
        practitioner_ids=[person.public_id for person in visit.practitioners],
    )
    after = PlaceInTime(
        start=at(planned.start),
        end=at(planned.attended_end),
        location_id=people.locations[place].public_id if place is not None else None,
        practitioner_ids=[people.practitioners[one].public_id for one in planned.practitioner_ids],
    )
    return MoveView(
        appointment_id=visit.public_id,
        action=visit.action,
        title=visit.title,
        before=before,
        after=after,
        why=move.why,
    )
