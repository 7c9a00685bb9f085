"""Moving an appointment: previewed or done, with what moves along."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from scheduler import clock
from scheduler.api.appointments import find
from scheduler.api.fields import At, Body, Id, Instant, OverrideReason, Reason, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.versions import check_match
from scheduler.database import db
from scheduler.errors import StalePreview
from scheduler.http import access
from scheduler.services.actors import Actor
from scheduler.services.clinic import places
from scheduler.services.patient import patient_requests
from scheduler.services.planning.visit_rows import People
from scheduler.services.visit import moves
from scheduler.services.visit.moves import Move


class NewTime(Body):
    """With `scope` `following`, the fewest later visits move along that keep the protocol.

    With `preview` nothing is written. Sending the preview's `token` makes sure that what is done is what was shown.
    """

    start: Instant
    location_id: Id | None = None
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
    visit, now, session = find(actor, appointment_id), clock.now(), db.session()
    check_match(visit)
    planned = moves.plan_move(
        session,
        actor,
        visit,
        body.start,
        now,
        location=places.get_location(session, actor.clinic, body.location_id) if body.location_id else None,
        practitioners=None
        if body.practitioner_ids is None
        else [places.get_practitioner(session, actor.clinic, one) for one in body.practitioner_ids],
        scope=body.scope,
        override_reason=body.override_reason,
    )
    token = _digest(planned)
    if body.token is not None and body.token != token:
        raise StalePreview
    people = People(session, actor.clinic, [move.visit for move in planned])
    shown = MoveList(moves=[_view(move, people) for move in planned], written=not body.preview, token=token)
    if not body.preview:
        moves.apply_moves(session, actor, planned, now, body.reason, override_reason=body.override_reason)
        patient_requests.agree_by_moving(session, actor, [move.appointment for move in planned], now)
        session.flush()
    return Answer(shown, visit.row_version)


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
