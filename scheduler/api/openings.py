"""Openings: time that got free, who on the waitlist could take it, and what is offered to them.

While offers are out the time is held, and the first patient who accepts gets it. The desk enters what patients say by
phone; patients who got an email answer on their private page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import select

from scheduler import clock
from scheduler.api.appointment_time import MoveView, move_views
from scheduler.api.appointment_views import AppointmentView
from scheduler.api.appointment_views import view as appointment_view
from scheduler.api.fields import At, Body, Id, Instant, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.database import db
from scheduler.http import access
from scheduler.models.location import Location
from scheduler.models.opening import Offer, Opening
from scheduler.models.practitioner import Practitioner
from scheduler.services.actors import Actor
from scheduler.services.waitlist import answering, offering, openings, who_fits
from scheduler.services.waitlist.who_fits import Candidate

MOST_CANDIDATES = 50
MOST_OFFERS = 20


class OfferView(View):
    """An opened time offered to one who waits. `by_phone` offers are for the desk to make; the others were mailed.

    `taken`: another patient was first. `withdrawn`: by the desk, or because the visit or the opening changed.
    """

    id: Id
    entry_id: Id
    patient_id: Id
    appointment_id: Id | None
    status: Literal["open", "accepted", "declined", "expired", "taken", "withdrawn"]
    start: At
    by_phone: bool
    wave: int
    created_at: At
    expires_at: At
    answered_at: At | None


class OpeningView(View):
    """Time that got free at these places and for these people; with neither it is of the whole clinic.

    `appointment_id` is the visit that left it. `depth` counts the accepted offers that led to it, `waves` the rounds of
    offers. `held_until` is when the offers that are out end.
    """

    id: Id
    cause: Literal["canceled", "moved", "missed", "expired", "reopened", "hours"]
    appointment_id: Id | None
    location_ids: list[Id]
    practitioner_ids: list[Id]
    start: At
    end: At
    depth: int
    waves: int
    held_until: At | None
    created_at: At
    closed_at: At | None
    outcome: Literal["filled", "taken", "closed", "past", "dismissed"] | None
    offers: list[OfferView]


class CandidateView(View):
    """One who could take the time at `start`: `moves` are what of the patient's visits would change, the visit itself
    first; there are none where a first visit or a course would be booked. `days_gained` is how much earlier it is."""

    entry_id: Id
    patient_id: Id
    appointment_id: Id | None
    start: At
    moves: list[MoveView]
    days_gained: int


class OpeningWithCandidates(OpeningView):
    """An opening and those who could take it and were not asked, the best first: the most urgent, then who needs the
    fewest moves of other visits, gains the most days, has waited longest. None while offers are out."""

    candidates: list[CandidateView]


class OpeningPage(View):
    items: list[OpeningView]
    next_cursor: str | None


class OpeningQuery(Paged):
    """`from` and `to` name a time into which the openings reach."""

    start: Annotated[Instant | None, Field(alias="from")] = None
    end: Annotated[Instant | None, Field(alias="to")] = None


class NewOffers(Body):
    """Who is asked, and for how long the offers hold; without `minutes` as long as the clinic's settings say."""

    entry_ids: list[Id] = Field(min_length=1, max_length=MOST_OFFERS)
    minutes: Annotated[int, Field(ge=5, le=24 * 60)] | None = None


class OfferList(View):
    items: list[OfferView]
    held_until: At


class AcceptanceView(View):
    """The accepted offer, and the visits that were moved or booked, the offered one first."""

    offer: OfferView
    appointments: list[AppointmentView]


@dataclass(frozen=True)
class _Named:
    """The public ids of places and people by their resources."""

    locations: Mapping[int, str]
    practitioners: Mapping[int, str]


@call("GET", "/openings", may="view", query=OpeningQuery, gives=OpeningPage)
def list_openings(actor: Actor, query: OpeningQuery) -> Answer:
    """List what is open now, in order of start, with the offers that were made. A page may hold fewer than `limit`."""
    session, now = db.session(), clock.now()
    rows = openings.not_ended(actor.clinic, now)
    if query.start is not None:
        rows = rows.where(Opening.end_at > query.start)
    if query.end is not None:
        rows = rows.where(Opening.start_at < query.end)
    order = (Opening.start_at, Opening.public_id)
    read, cursor = page(session, rows, query, order, lambda row: (row.start_at, row.public_id))
    found = openings.still_open(session, actor.clinic, read, now)
    named = _named(actor, found)
    return Answer(OpeningPage(items=[_view(row, named) for row in found], next_cursor=cursor))


@call("GET", "/openings/<opening_id>", may="view", gives=OpeningWithCandidates)
def get_opening(actor: Actor, opening_id: str) -> Answer:
    """Show an opening, with the best 50 who could take it."""
    session, now = db.session(), clock.now()
    opening = openings.find(session, actor.clinic, opening_id)
    found: Sequence[Candidate] = ()
    if opening.closed_at is None and opening.end_at > now and not offering.open_offers(opening):
        asked = [one.entry_id for one in opening.offers]
        found = who_fits.candidates(session, actor, opening, now, MOST_CANDIDATES, asked)
    shown = _view(opening, _named(actor, [opening])).model_dump()
    return Answer(OpeningWithCandidates(**shown, candidates=_candidates(actor, found)))


@call(
    "POST",
    "/openings/<opening_id>/offers",
    may=offering.MAY,
    body=NewOffers,
    gives=OfferList,
    status=201,
    refuses=(409,),
)
def offer_opening(actor: Actor, body: NewOffers, opening_id: str) -> Answer:
    """Offer the time to these, each at the start that `candidates` shows, and hold it until someone accepts.

    Who has no email address is on the call list. 409 `wrong-status` when the time is offered already, has ended or
    begins too soon; 409 `slot-taken` when it was booked meanwhile.
    """
    session, now = db.session(), clock.now()
    opening = openings.find(session, actor.clinic, opening_id, lock=True)
    openings.require_open(opening, now)
    chosen = offering.choose(session, actor, opening, set(body.entry_ids), now)
    made = offering.offer(session, actor, opening, chosen, now, body.minutes)
    until = at(max(one.expires_at for one in made))
    shown = OfferList(items=[_offer(one) for one in made], held_until=until)
    return Answer(shown, location=f"/api/v1/openings/{opening.public_id}")


@call("DELETE", "/openings/<opening_id>/offers", may=offering.MAY, gives=OpeningView, refuses=(409,))
def withdraw_offers(actor: Actor, opening_id: str) -> Answer:
    """Withdraw the offers that wait for an answer; the time is free again."""
    session = db.session()
    opening = openings.find(session, actor.clinic, opening_id, lock=True)
    offering.withdraw(session, actor, opening, clock.now())
    return Answer(_view(opening, _named(actor, [opening])))


@call("DELETE", "/openings/<opening_id>", may=offering.MAY, status=204, refuses=(409,))
def dismiss_opening(actor: Actor, opening_id: str) -> Answer:
    """Offer nothing more of this time; offers that wait for an answer are withdrawn."""
    session = db.session()
    opening = openings.find(session, actor.clinic, opening_id, lock=True)
    offering.withdraw(session, actor, opening, clock.now(), dismiss=True)
    return Answer(None)


@call("POST", "/offers/<offer_id>/acceptance", may=offering.MAY, gives=AcceptanceView, refuses=(409,))
def accept_offer(actor: Actor, offer_id: str) -> Answer:
    """Enter that the patient accepts: the visit moves, or is booked. Accepting twice is accepting once.

    409 `already-taken` when another patient was first or the offer has ended, `wrong-status` when the visit has
    changed since.
    """
    session = db.session()
    one = answering.find(session, actor.clinic, offer_id)
    visits = answering.accept(session, actor, one, clock.now())
    return Answer(
        AcceptanceView(offer=_offer(one), appointments=[appointment_view(visit) for visit in visits])
    )


@call("POST", "/offers/<offer_id>/refusal", may=offering.MAY, gives=OfferView)
def decline_offer(actor: Actor, offer_id: str) -> Answer:
    """Enter that the patient declines; the patient stays on the waitlist. An offer that has ended stays as it is."""
    session = db.session()
    one = answering.find(session, actor.clinic, offer_id)
    answering.decline(session, actor, one, clock.now())
    return Answer(_offer(one))


def _named(actor: Actor, found: Sequence[Opening]) -> _Named:
    ids = {key for one in found for key in one.resource_ids}
    places = select(Location).where(Location.clinic_id == actor.clinic.id, Location.resource_id.in_(ids))
    people = select(Practitioner).where(
        Practitioner.clinic_id == actor.clinic.id, Practitioner.resource_id.in_(ids)
    )
    return _Named(
        {one.resource_id: one.public_id for one in db.session().scalars(places)},
        {one.resource_id: one.public_id for one in db.session().scalars(people)},
    )


def _view(opening: Opening, named: _Named) -> OpeningView:
    if opening.appointment is not None:
        access.touch(opening.appointment)
    return OpeningView(
        id=opening.public_id,
        cause=opening.cause.value,
        appointment_id=opening.appointment.public_id if opening.appointment else None,
        location_ids=[named.locations[key] for key in opening.resource_ids if key in named.locations],
        practitioner_ids=[
            named.practitioners[key] for key in opening.resource_ids if key in named.practitioners
        ],
        start=at(opening.start_at),
        end=at(opening.end_at),
        depth=opening.depth,
        waves=opening.waves,
        held_until=at(opening.held_until) if opening.held_until else None,
        created_at=at(opening.created_at),
        closed_at=at(opening.closed_at) if opening.closed_at else None,
        outcome=opening.outcome.value if opening.outcome else None,
        offers=[_offer(one) for one in opening.offers],
    )


def _offer(one: Offer) -> OfferView:
    entry = one.entry
    access.touch(entry.patient)
    return OfferView(
        id=one.public_id,
        entry_id=entry.public_id,
        patient_id=entry.patient.public_id,
        appointment_id=entry.appointment.public_id if entry.appointment else None,
        status=one.state.value,
        start=at(one.start_at),
        by_phone=one.by_phone,
        wave=one.wave,
        created_at=at(one.created_at),
        expires_at=at(one.expires_at),
        answered_at=at(one.answered_at) if one.answered_at else None,
    )


def _candidates(actor: Actor, found: Sequence[Candidate]) -> list[CandidateView]:
    moves = iter(move_views(actor, [move for one in found for move in one.moves]))
    shown = []
    for one in found:
        access.touch(one.entry.patient)
        shown.append(
            CandidateView(
                entry_id=one.entry.public_id,
                patient_id=one.entry.patient.public_id,
                appointment_id=one.entry.appointment.public_id if one.entry.appointment else None,
                start=at(one.start),
                moves=[next(moves) for _ in one.moves],
                days_gained=one.days_gained,
            )
        )
    return shown
