"""Offering an opened time: in waves, each to a few at once, while the time is held. The first yes counts.

A wave ends when someone accepts, when all have declined, or at its hour; then the time is free again, and the next are
asked: by the desk or, if the clinic wants that, by the clock. What the desk decides itself is bound to no quiet hours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import to_minute
from scheduler.domain.message_reasons import MessageReason
from scheduler.errors import Invalid, SlotTaken, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.opening import Offer, OfferState, Opening, OpeningOutcome
from scheduler.models.patient import Patient
from scheduler.models.versions import raise_versions
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services.actors import Actor
from scheduler.services.mail import outbox
from scheduler.services.mail.reminders import quiet_hours, recipients
from scheduler.services.task.emailed_proposals import may_be_emailed
from scheduler.services.trail import audit
from scheduler.services.visit import allocation
from scheduler.services.visit.changes import lock
from scheduler.services.waitlist import openings
from scheduler.services.waitlist.entries import waiting
from scheduler.services.waitlist.who_fits import Candidate, candidates, one_each

MAY = "move"
DAY = timedelta(days=1)
LAST_CALL = timedelta(minutes=15)  # before the opened time begins, an offer ends
LOOK_AGAIN = timedelta(minutes=15)  # for someone who could take an opening that no one could
MOST_WAVES = 10
AT_A_RUN = 3  # openings that the clock offers in one transaction


def offer(
    session: Session,
    actor: Actor,
    opening: Opening,
    chosen: Sequence[Candidate],
    now: datetime,
    minutes: int | None = None,
) -> list[Offer]:
    """Offer the opened time to these, and hold it meanwhile: by mail, or on the phone list without an address.

    `minutes` is how long the offers hold (None: as the clinic has it). Raises WrongStatus where the time is not open,
    begins too soon or is offered already, Invalid without candidates or for those asked before, SlotTaken where it is
    taken.
    """
    openings.require_open(opening, now)
    if open_offers(opening):
        raise WrongStatus("This time is offered already: wait for the answers, or withdraw the offers")
    if not chosen:
        raise Invalid([("entry_ids", "must name someone who could take the time")])
    until = now + timedelta(minutes=minutes or actor.clinic.settings.offer_minutes)
    until = min([until, *(one.start - LAST_CALL for one in chosen)])
    if until <= now:
        raise WrongStatus("This time begins too soon to be offered: call the patient and move the visit")
    if len({one.entry.patient_id for one in chosen}) < len(chosen):
        raise Invalid([("entry_ids", "must name each patient once")])
    known = {one.entry_id for one in opening.offers}
    if any(one.entry.id in known for one in chosen):
        raise Invalid([("entry_ids", "were asked about this time before")])
    lock(session, actor.clinic, [(one.entry.patient, one.visits) for one in chosen])
    visits = [visit for one in chosen for visit in one.visits]  # also what moves along: a yes needs all of it
    going = [move.appointment.id for one in chosen for move in one.moves]
    allocation.hold(session, actor.clinic, opening, visits, now, going)
    opening.waves, opening.held_until = opening.waves + 1, until
    made = [_one(session, actor, opening, one, until, now) for one in chosen]
    audit.record(session, actor, "opening.offered", opening, now)
    raise_versions(session, opening.clinic_id, [], now)
    return made


def choose(
    session: Session, actor: Actor, opening: Opening, entry_ids: Collection[str], now: datetime
) -> list[Candidate]:
    """Return how those who wait with these entries could take the opened time. Raises Invalid naming who cannot."""
    waits = {one.public_id: one.id for one in waiting(session, actor.clinic, now)}
    others = [key for public_id, key in waits.items() if public_id not in entry_ids]
    found = candidates(session, actor, opening, now, without=others)
    fitting = {one.entry.public_id for one in found}
    errors = [
        ("entry_ids", f"{one} {'cannot take this time' if one in waits else 'is not on the waitlist'}")
        for one in sorted(set(entry_ids) - fitting)
    ]
    if errors:
        raise Invalid(errors)
    return found


def open_offers(opening: Opening) -> list[Offer]:
    """Return the offers that wait for an answer."""
    return [one for one in opening.offers if one.state is OfferState.OPEN]


def for_a_person(session: Session, clinic: Clinic, now: datetime) -> list[Opening]:
    """Return the open times that need the desk: offers to make by phone, or offers that ended without a yes.

    Where the clock offers, it goes on by itself.
    """
    found = []
    for opening in openings.listed(session, clinic, now):
        waiting = open_offers(opening)
        ended = opening.waves > 0 and not waiting and not clinic.settings.offers_automatic
        if ended or any(one.by_phone for one in waiting):
            found.append(opening)
    return found


def withdraw(
    session: Session, actor: Actor, opening: Opening, now: datetime, *, dismiss: bool = False
) -> None:
    """Take the offers back that are not answered; with `dismiss` nothing more is offered of this time."""
    openings.require_open(opening, now)
    close_offers(session, open_offers(opening), OfferState.WITHDRAWN, now)
    free(session, opening, now)
    if dismiss:
        openings.close(session, actor, opening, OpeningOutcome.DISMISSED, now)
    else:
        audit.record(session, actor, "opening.withdrawn", opening, now)


def close_offers(
    session: Session, offers: Iterable[Offer], state: OfferState, now: datetime, why: str = ""
) -> None:
    """End offers, and the mails about them that have not left."""
    ended = list(offers)
    for one in ended:
        one.state, one.answered_at, one.why = state, now, why
    void_mails(session, ended, now)


def void_mails(session: Session, offers: Sequence[Offer], now: datetime) -> None:
    """Send none of the mails about these offers that have not left."""
    unsent = (
        select(Message)
        .where(
            Message.patient_id.in_({one.entry.patient_id for one in offers}),
            Message.kind == MessageKind.OFFER,
            Message.state == MessageState.PENDING,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    ids = {one.public_id for one in offers}
    for message in session.scalars(unsent) if offers else ():
        if message.values.get("offer") in ids:
            message.state, message.ended_at = MessageState.VOID, now
            message.explain(MessageReason.CHANGED_UNSENT)
    session.flush()


def free(session: Session, opening: Opening, now: datetime) -> None:
    """Release what an opening holds."""
    allocation.let_go(session, opening, now)
    opening.held_until = None
    raise_versions(session, opening.clinic_id, [], now)


def end_waves(session: Session, clinic: Clinic, now: datetime) -> int:
    """End the waves whose time is over, or whose visits have changed; return how many offers that ends."""
    query = select(Opening).where(
        Opening.clinic_id == clinic.id, Opening.closed_at.is_(None), Opening.held_until.is_not(None)
    )
    count = 0
    for opening in session.scalars(query.order_by(Opening.id).with_for_update()):
        late = [one for one in open_offers(opening) if one.expires_at <= now]
        changed = [one for one in open_offers(opening) if one not in late and not still_fits(one)]
        close_offers(session, late, OfferState.EXPIRED, now)
        close_offers(session, changed, OfferState.WITHDRAWN, now, "the visit has changed")
        count += len(late) + len(changed)
        if not open_offers(opening):
            free(session, opening, now)
    return count


def still_fits(one: Offer) -> bool:
    """Tell whether the patient waits still, with the visit as it was when the time was offered."""
    visit = one.entry.appointment
    if one.entry.ended_at is not None or not one.entry.patient.may_be_notified:
        return False
    return visit is None or (visit.schedule_version == one.schedule_version and visit.status.is_expected)


def offer_by_itself(session: Session, clinic: Clinic, now: datetime) -> int:
    """Offer what is open to the next who could take it, where the clinic wants that; return how many were asked."""
    settings = clinic.settings
    if not settings.offers_automatic or _is_quiet(clinic, now):
        return 0
    soonest = now + timedelta(minutes=settings.offer_lead_minutes)
    query = (
        select(Opening)
        .where(
            Opening.clinic_id == clinic.id,
            Opening.closed_at.is_(None),
            Opening.held_until.is_(None),
            Opening.depth < openings.DEEPEST,
            Opening.waves < MOST_WAVES,
            Opening.end_at > soonest,
            Opening.looked_at.is_(None) | (Opening.looked_at <= now - LOOK_AGAIN),
        )
        .order_by(Opening.start_at, Opening.id)
        .limit(AT_A_RUN)
        .with_for_update()
    )
    actor, count = Actor(clinic, None, None, "clock"), 0
    for opening in session.scalars(query).all():
        opening.looked_at = now
        asked = {one.entry_id for one in opening.offers} | _asked_enough(session, clinic, now)
        fitting = candidates(session, actor, opening, now, without=sorted(asked), not_before=soonest)
        chosen = [one for one in one_each(fitting) if may_be_emailed(one.entry.patient)]
        if not chosen:
            continue
        try:
            count += len(offer(session, actor, opening, chosen[: settings.offers_at_once], now))
        except SlotTaken:
            continue  # someone else was faster: the time is looked at again, or closed as taken
    return count


def _is_quiet(clinic: Clinic, now: datetime) -> bool:
    return quiet_hours(clinic.settings).hold(now.astimezone(clinic.zone).time())


def _asked_enough(session: Session, clinic: Clinic, now: datetime) -> set[int]:
    """Return the ids of the entries whose patients have an offer to answer, or had as many in a day as is wanted."""
    unanswered = case((Offer.state == OfferState.OPEN, 1), else_=0)
    query = (
        select(WaitlistEntry.patient_id)
        .join(Offer, Offer.entry_id == WaitlistEntry.id)
        .where(Offer.clinic_id == clinic.id, Offer.created_at > now - DAY)
        .group_by(WaitlistEntry.patient_id)
        .having(or_(func.count() >= clinic.settings.offers_a_day, func.sum(unanswered) > 0))
    )
    patients = set(session.scalars(query))
    return {one.id for one in waiting(session, clinic, now) if one.patient_id in patients}


def _one(
    session: Session, actor: Actor, opening: Opening, candidate: Candidate, until: datetime, now: datetime
) -> Offer:
    entry, visit = candidate.entry, candidate.entry.appointment
    patient = entry.patient
    made = Offer(
        clinic_id=opening.clinic_id,
        entry_id=entry.id,
        start_at=candidate.start,
        schedule_version=visit.schedule_version if visit else 0,
        by_phone=not may_be_emailed(patient),
        wave=opening.waves,
        created_at=now,
        expires_at=until,
        state=OfferState.OPEN,
    )
    made.opening, made.entry = opening, entry
    session.add(made)
    session.flush()
    if not made.by_phone:
        _mail(session, actor.clinic, made, patient, visit, candidate, until, now)
    return made


def _mail(
    session: Session,
    clinic: Clinic,
    made: Offer,
    patient: Patient,
    visit: Appointment | None,
    candidate: Candidate,
    until: datetime,
    now: datetime,
) -> None:
    placement = candidate.visits[0]
    proposed = {
        "start": to_minute(placement.start),
        "end": to_minute(placement.attended_end),
        "title": visit.title if visit else "",
        "position": visit.position if visit else None,
        "series_length": visit.series_length if visit else None,
    }
    values = {"offer": made.public_id, "proposed": [proposed], "held_until": to_minute(until)}
    for recipient in recipients(patient):
        outbox.enqueue(
            session,
            clinic,
            MessageKind.OFFER,
            now,
            patient=patient,
            recipient=recipient,
            values=values,
            about=[visit] if visit else [],
            expires_at=until,
        )
