"""The answers to offers: the first yes gets the time, in one transaction; the others read that it is taken.

What a yes moves or books goes through the one writer of appointments, which tells the patient in one mail. The time
that the patient leaves is an opening of its own from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from scheduler.domain.plans import Role
from scheduler.domain.windows import Window, subtract
from scheduler.errors import NotFound, Refusal, WrongStatus
from scheduler.models.allocation import of_appointment
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.clinic import Clinic
from scheduler.models.opening import Offer, OfferState, Opening, OpeningOutcome
from scheduler.models.patient import Patient
from scheduler.models.waitlist import WaitlistEntry, WaitlistOutcome
from scheduler.services import freed_time
from scheduler.services.actors import Actor
from scheduler.services.clinic import sites
from scheduler.services.course.booking import book_course, book_visit
from scheduler.services.locks import hold_hours
from scheduler.services.planning import proposals
from scheduler.services.trail import audit
from scheduler.services.visit.moves import apply_moves, plan_move
from scheduler.services.waitlist import entries, openings
from scheduler.services.waitlist.offering import close_offers, free, open_offers, still_fits, void_mails
from scheduler.services.waitlist.who_fits import course_wishes

REMEMBERED = timedelta(days=2)
ACCEPTED = "accepted an offer of an earlier time"


class AlreadyTaken(Refusal):
    """Someone else said yes first, or the offer is over."""

    code, title = "already-taken", "This time has been taken"


def find(session: Session, clinic: Clinic, public_id: str) -> Offer:
    """Return the clinic's offer with this id. Raises NotFound."""
    query = select(Offer).where(Offer.clinic_id == clinic.id, Offer.public_id == public_id)
    one = session.scalar(query)
    if one is None:
        raise NotFound
    return one


def offers_shown(session: Session, patient: Patient, now: datetime) -> list[Offer]:
    """Return what the patient's page says of offers, the latest first: those that wait for an answer, else the latest
    one, for two days, where another patient took it, the desk withdrew it or it ended without an answer."""
    query = (
        select(Offer)
        .join(WaitlistEntry, WaitlistEntry.id == Offer.entry_id)
        .where(
            WaitlistEntry.patient_id == patient.id, Offer.start_at > now, Offer.created_at > now - REMEMBERED
        )
    )
    found = list(session.scalars(query.order_by(Offer.id.desc())))
    waiting = [one for one in found if one.state is OfferState.OPEN and one.expires_at > now]
    return waiting or [one for one in found[:1] if _ended_unanswered(one)]


def _ended_unanswered(one: Offer) -> bool:
    """Tell whether an offer ended and the patient has not been told: of a visit that changed, a mail has told."""
    withdrawn = one.state is OfferState.WITHDRAWN and not one.why
    return withdrawn or one.state in (OfferState.OPEN, OfferState.TAKEN, OfferState.EXPIRED)


def accept(session: Session, actor: Actor, one: Offer, now: datetime) -> list[Appointment]:
    """Give the time to who says yes; return the visits that were moved or booked, the offered one first.

    Saying yes twice is saying it once. Raises AlreadyTaken when someone else was first or the offer is over, and what
    moving raises when the visit does not fit any more.
    """
    opening = _locked(session, one)
    session.refresh(one)
    if one.state is OfferState.ACCEPTED:
        return [one.entry.appointment] if one.entry.appointment else []
    if one.state is not OfferState.OPEN or one.expires_at <= now or opening.closed_at is not None:
        raise AlreadyTaken
    if not still_fits(one) or not entries.still_waits(session, actor.clinic, one.entry, now):
        raise WrongStatus("The visit has changed since this time was offered")
    free(session, opening, now)
    done = _take(session, actor, one, now)
    _keep_rest_open(session, opening, done[0], now)
    one.state, one.answered_at, one.answered_by_id = OfferState.ACCEPTED, now, actor.user_id
    void_mails(session, [one], now)
    close_offers(session, open_offers(opening), OfferState.TAKEN, now)
    entries.end(session, actor, one.entry, WaitlistOutcome.ACCEPTED, now)
    _go_deeper(session, done, opening.depth + 1, now)
    openings.close(session, actor, opening, OpeningOutcome.FILLED, now)
    audit.record(session, actor, "offer.accepted", one, now)
    session.flush()
    return done


def decline(session: Session, actor: Actor, one: Offer, now: datetime) -> None:
    """Record a no; the patient waits on for other times. Nothing happens to an offer that was answered or is over."""
    opening = _locked(session, one)
    session.refresh(one)
    if one.state is not OfferState.OPEN:
        return
    one.answered_by_id = actor.user_id
    close_offers(session, [one], OfferState.DECLINED, now)
    audit.record(session, actor, "offer.declined", one, now)
    if not open_offers(opening):
        opening.looked_at = None  # the next are asked at once
        free(session, opening, now)


def _locked(session: Session, one: Offer) -> Opening:
    """Lock the opening of an offer, so that one answer is handled at a time, and read it again."""
    hold_hours(session, one.clinic_id)  # before any other lock, as everywhere
    query = select(Opening).where(Opening.id == one.opening_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _take(session: Session, actor: Actor, one: Offer, now: datetime) -> list[Appointment]:
    entry, visit, definition = one.entry, one.entry.appointment, one.entry.plan_definition
    if visit is not None:
        scope = "following" if visit.care_plan is not None else "one"
        moves = plan_move(session, actor, visit, one.start_at, now, scope=scope)
        apply_moves(session, actor, moves, now, ACCEPTED)
        return [move.appointment for move in moves]
    if definition is None:
        raise AssertionError("an entry is about a visit or a protocol")
    if entry.action:
        action = definition.plan.action(entry.action)
        return [book_visit(session, actor, entry.patient, action, one.start_at, now, reason=ACCEPTED)]
    site = sites.usual(session, actor.clinic, entry.patient)
    wishes = course_wishes(actor.clinic, entry, one.start_at, site)
    found = proposals.propose(session, actor, wishes, now)[0]
    care_plan = book_course(session, actor, wishes, found.visits, found.projections, now)
    return sorted(appointments_of(care_plan), key=lambda row: row.start_at)


def _keep_rest_open(session: Session, opening: Opening, visit: Appointment, now: datetime) -> None:
    """Note what the accepted visit leaves of the opened time as an opening of its own; of a whole clinic, all of it."""
    session.flush()
    used = [
        Window(row.start_at, row.end_at)
        for row in of_appointment(session, visit.id)
        if row.role in (Role.CHAIR, Role.ROOM) and row.resource_id in opening.resource_ids
    ]
    for rest in subtract([opening.window], used):
        resource_ids, left_by = opening.resource_ids, opening.appointment
        freed_time.opened(session, opening.clinic_id, rest, opening.cause, now, resource_ids, left_by)


def _go_deeper(session: Session, moved: Sequence[Appointment], depth: int, now: datetime) -> None:
    """Let the openings that these visits have just left know how many accepted offers led to them."""
    session.flush()
    ids = [row.id for row in moved]
    session.execute(
        update(Opening)
        .where(Opening.appointment_id.in_(ids), Opening.created_at == now, Opening.closed_at.is_(None))
        .values(depth=depth)
        .execution_options(synchronize_session="fetch")
    )
