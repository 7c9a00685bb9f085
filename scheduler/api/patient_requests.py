"""What patients ask for on their private pages: another time, or a call."""

from __future__ import annotations

from typing import Annotated, Literal

from scheduler import clock
from scheduler.api.appointment_time import MoveList, moved
from scheduler.api.fields import At, Body, Id, Instant, OverrideReason, TextLine, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.database import db
from scheduler.errors import Invalid, NotFound
from scheduler.http import access
from scheduler.models import patient_request
from scheduler.models.patient_request import PatientRequest, RequestState
from scheduler.services.actors import Actor
from scheduler.services.patient import patient_requests

LONGEST = patient_requests.MOST_ANSWER


class RequestView(View):
    """What a patient asked for. `wanted_at` is the start they chose; without one the desk finds a time with them.

    `suggested_at` is the start that the clinic proposes instead. `changed` says that the visit was moved, canceled or
    begun since.
    """

    id: Id
    kind: Literal["move", "call"]
    status: Literal["open", "approved", "declined", "withdrawn"]
    appointment_id: Id
    patient_id: Id
    wanted_at: At | None
    note: str
    suggested_at: At | None
    answer: str
    changed: bool
    created_at: At
    decided_at: At | None


class RequestPage(View):
    items: list[RequestView]
    next_cursor: str | None


class RequestQuery(Paged):
    status: Literal["open", "approved", "declined", "withdrawn"] = "open"


class Approval(Body):
    """Without `start` the visit moves to the time that the patient chose. With `preview` nothing is written."""

    start: Instant | None = None
    scope: Literal["one", "following"] = "following"
    preview: bool = False
    override_reason: OverrideReason = ""


class SuggestedTime(Body):
    """Another start, and a sentence for the patient's page."""

    start: Instant
    answer: Annotated[str, TextLine(LONGEST)] = ""


class Decline(Body):
    """Why the visit stays; the patient reads it on the private page."""

    answer: Annotated[str, TextLine(LONGEST, required=True)]


@call("GET", "/requests", may="move", query=RequestQuery, gives=RequestPage)
def list_requests(actor: Actor, query: RequestQuery) -> Answer:
    """List patients' requests, the oldest first."""
    rows = patient_request.listed(actor.clinic.id, RequestState(query.status))
    order = (PatientRequest.created_at, PatientRequest.public_id)
    found, cursor = page(db.session(), rows, query, order, lambda row: (row.created_at, row.public_id))
    return Answer(RequestPage(items=[_view(row) for row in found], next_cursor=cursor))


@call("GET", "/requests/<request_id>", may="move", gives=RequestView)
def get_request(actor: Actor, request_id: str) -> Answer:
    """Show one request."""
    return Answer(_view(_find(actor, request_id)))


@call("POST", "/requests/<request_id>/approval", may="move", body=Approval, gives=MoveList, refuses=(409,))
def approve_request(actor: Actor, body: Approval, request_id: str) -> Answer:
    """Move the visit as asked; the mail about the move is the patient's answer.

    409 `wrong-status` once the request is decided.
    """
    asked, now = _find(actor, request_id), clock.now()
    start = body.start or asked.wanted_at
    if start is None:
        raise Invalid([("start", "is needed: the patient chose no time")])
    scope = body.scope if asked.appointment.care_plan is not None else "one"
    patient_requests.require_open(asked)
    shown = moved(actor, asked.appointment, start, scope, now, body.override_reason, preview=body.preview)
    if not body.preview and asked.state is RequestState.OPEN:  # another time than was asked for
        patient_requests.agree(db.session(), actor, asked, now)
    return Answer(shown)


@call(
    "POST",
    "/requests/<request_id>/suggestion",
    may="move",
    body=SuggestedTime,
    gives=RequestView,
    refuses=(409,),
)
def suggest_time(actor: Actor, body: SuggestedTime, request_id: str) -> Answer:
    """Propose another start, which the patient accepts on the private page; the time is not held."""
    asked = _find(actor, request_id)
    patient_requests.suggest(db.session(), actor, asked, body.start, body.answer, clock.now())
    return Answer(_view(asked))


@call("POST", "/requests/<request_id>/refusal", may="move", body=Decline, gives=RequestView, refuses=(409,))
def decline_request(actor: Actor, body: Decline, request_id: str) -> Answer:
    """Decline a request with a reason; the patient gets a mail."""
    asked = _find(actor, request_id)
    patient_requests.decline(db.session(), actor, asked, body.answer, clock.now())
    return Answer(_view(asked))


@call("POST", "/requests/<request_id>/closing", may="move", gives=RequestView, refuses=(409,))
def close_request(actor: Actor, request_id: str) -> Answer:
    """Close a request that was answered by phone; the patient gets no mail about it."""
    asked = _find(actor, request_id)
    patient_requests.close(db.session(), actor, asked, clock.now())
    return Answer(_view(asked))


def _find(actor: Actor, request_id: str) -> PatientRequest:
    asked = patient_request.by_public_id(db.session(), actor.clinic.id, request_id)
    if asked is None:
        raise NotFound
    return asked


def _view(asked: PatientRequest) -> RequestView:
    visit = asked.appointment
    access.touch(visit)
    return RequestView(
        id=asked.public_id,
        kind=asked.kind.value,
        status=asked.state.value,
        appointment_id=visit.public_id,
        patient_id=visit.patient.public_id,
        wanted_at=at(asked.wanted_at) if asked.wanted_at else None,
        note=asked.note,
        suggested_at=at(asked.suggested_at) if asked.suggested_at else None,
        answer=asked.answer,
        changed=asked.state is RequestState.OPEN and patient_requests.has_changed(asked),
        created_at=at(asked.created_at),
        decided_at=at(asked.decided_at) if asked.decided_at else None,
    )
