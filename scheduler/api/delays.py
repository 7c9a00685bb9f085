"""Running late: what is left of a day of a chair, room or provider begins later."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from scheduler import clock
from scheduler.api.appointment_time import MoveView, moves_view
from scheduler.api.fields import Body, Day, Id, OverrideReason, View
from scheduler.api.operations import Answer, call
from scheduler.database import db
from scheduler.errors import StalePreview
from scheduler.http import access
from scheduler.services.actors import Actor
from scheduler.services.clinic import places
from scheduler.services.day import shifts
from scheduler.services.visit import moves


class RunningLate(Body):
    """`location_id` or `practitioner_id` runs late by `minutes` (a multiple of five) on `date`.

    With `absorb` pauses between visits take up the delay. With `preview` nothing is written; sending the preview's
    `token` makes sure that what is done is what was shown.
    """

    location_id: Id | None = None
    practitioner_id: Id | None = None
    date: Day
    minutes: Annotated[int, Field(ge=5, le=shifts.LONGEST, multiple_of=5)]
    absorb: bool = False
    override_reason: OverrideReason = ""
    preview: bool = False
    token: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _one(self) -> RunningLate:
        if (self.location_id is None) == (self.practitioner_id is None):
            raise ValueError("give either location_id or practitioner_id")
        return self


class StaysView(View):
    """A visit that does not fit later on this day, and why."""

    appointment_id: Id
    why: str


class DelayView(View):
    """What moves, what stays, and who must be called because they get no mail."""

    moves: list[MoveView]
    stays: list[StaysView]
    call_patient_ids: list[Id]
    written: bool
    token: str


@call("POST", "/delays", may="move", body=RunningLate, gives=DelayView, refuses=(409,))
def delay_day(actor: Actor, body: RunningLate) -> Answer:
    """Let the rest of a day begin later, or preview it. 409 `stale-preview` when it would differ from `token`."""
    session, clinic, now = db.session(), actor.clinic, clock.now()
    late = (
        places.get_location(session, clinic, body.location_id)
        if body.location_id
        else places.get_practitioner(session, clinic, body.practitioner_id or "")
    )
    planned = shifts.plan_shift(
        session,
        actor,
        late.resource_id,
        body.date,
        body.minutes,
        now,
        pauses=body.absorb,
        override_reason=body.override_reason,
    )
    shown = moves_view(actor, planned.moves, written=not body.preview)
    if body.token is not None and body.token != shown.token:
        raise StalePreview
    for stays in planned.stays:
        access.touch(stays.appointment)
    answer = DelayView(
        moves=shown.moves,
        stays=[StaysView(appointment_id=one.appointment.public_id, why=one.why) for one in planned.stays],
        call_patient_ids=[one.patient.public_id for one in planned.told if one.by_mail is False],
        written=not body.preview and bool(planned.moves),
        token=shown.token,
    )
    if answer.written:
        moves.apply_moves(session, actor, planned.moves, now, body.override_reason or shifts.LATE)
    return Answer(answer)
