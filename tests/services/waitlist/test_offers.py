"""An opened time is offered to those who wait, is held meanwhile, and goes to the first who says yes."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from scheduler.errors import Invalid, NoFitFound, SlotTaken, WrongStatus
from scheduler.models.allocation import Allocation
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.opening import Offer, OfferState, Opening, OpeningCause, OpeningOutcome
from scheduler.models.waitlist import WaitlistOutcome
from scheduler.services.actors import Actor
from scheduler.services.day import worklist
from scheduler.services.planning.placing import place
from scheduler.services.planning.visit_rows import action_of
from scheduler.services.visit import moves, undo, visits
from scheduler.services.waitlist import answering, offering, openings, running
from scheduler.services.waitlist.answering import AlreadyTaken
from tests.cast import NOW
from tests.engines import both
from tests.services.course.test_booking import overlaps
from tests.services.courses import visit

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@both
def test_the_first_yes_gets_the_time_and_the_other_reads_that_it_is_taken(
    session, harbor, do, courses, waiting, opening, fitting
):
    alice, patient = harbor.actor("alice"), harbor.clinic
    first, second = do(offering.offer, alice, opening, fitting, NOW)
    assert len(offers_to_send(session)) == 2

    do(answering.accept, of_patient(patient), second, NOW + MINUTE)
    with pytest.raises(AlreadyTaken):
        do(answering.accept, of_patient(patient), first, NOW + MINUTE)
    session.rollback()

    moved, stays = visit(courses["Omar"], "infusion-6"), visit(courses["Olga"], "infusion-6")
    assert (moved.start_at, second.state, first.state) == (
        opening.start_at,
        OfferState.ACCEPTED,
        OfferState.TAKEN,
    )
    assert stays.start_at > opening.start_at
    assert (opening.outcome, waiting[1].outcome, waiting[0].outcome) == (
        OpeningOutcome.FILLED,
        WaitlistOutcome.ACCEPTED,
        None,
    )
    assert offers_to_send(session) == [], "nobody is asked about a time that is taken"
    assert held(session) == 0 and overlaps(session) == 0
    changes = select(Message).where(Message.kind == MessageKind.CHANGE, Message.created_at > NOW)
    assert [one.patient_id for one in session.scalars(changes)] == [moved.patient_id], "one mail about it all"
    later = openings.of_visit(session, moved, NOW + MINUTE)
    assert (later.cause, later.depth) == (OpeningCause.MOVED, 1)


@both
def test_a_second_yes_from_the_same_patient_changes_nothing(session, harbor, do, opening, fitting):
    first, _ = do(offering.offer, harbor.actor("alice"), opening, fitting, NOW)
    do(answering.accept, of_patient(harbor.clinic), first, NOW)
    before = session.scalar(select(func.count()).select_from(Allocation))

    do(answering.accept, of_patient(harbor.clinic), first, NOW + MINUTE)

    assert session.scalar(select(func.count()).select_from(Allocation)) == before


@both
def test_nobody_else_gets_what_is_held(session, harbor, do, courses, opening, fitting):
    alice, nora = harbor.actor("alice"), harbor.patients["Nora"]
    infusion, place_ids = visit(courses["Nora"], "infusion-6"), chair_of(session, opening)
    asked = (alice, nora, action_of(infusion), opening.start_at, NOW, place_ids)
    assert place(session, *asked).segments, "free before it is offered"

    do(offering.offer, alice, opening, fitting, NOW)
    with pytest.raises(NoFitFound):
        place(session, *asked)
    with pytest.raises(SlotTaken):
        do(moves.apply_moves, alice, [move_to(courses, fitting[0])], NOW)
    session.rollback()

    do(offering.withdraw, alice, opening, NOW)
    assert held(session) == 0
    assert place(session, *asked).segments


def test_when_all_say_no_the_time_is_free_and_can_be_offered_to_others(session, harbor, do, opening, fitting):
    alice = harbor.actor("alice")
    first, second = do(offering.offer, alice, opening, fitting, NOW)
    do(answering.decline, alice, first, NOW)
    assert held(session) > 0
    do(answering.decline, alice, second, NOW)

    assert held(session) == 0 and opening.held_until is None and opening.closed_at is None
    with pytest.raises(Invalid, match="asked about this time before"):
        do(offering.offer, alice, opening, fitting, NOW)


def test_silence_ends_the_wave(session, harbor, do, opening, fitting):
    first, _ = do(offering.offer, harbor.actor("alice"), opening, fitting, NOW)

    do(running.run, harbor.clinic, NOW + HOUR - MINUTE)
    assert first.state is OfferState.OPEN
    do(running.run, harbor.clinic, NOW + HOUR)

    assert first.state is OfferState.EXPIRED and held(session) == 0
    with pytest.raises(AlreadyTaken):
        do(answering.accept, of_patient(harbor.clinic), first, NOW + HOUR)


def test_a_yes_after_the_hour_is_too_late_even_before_the_clock_has_looked(harbor, do, opening, fitting):
    first, _ = do(offering.offer, harbor.actor("alice"), opening, fitting, NOW)

    with pytest.raises(AlreadyTaken):
        do(answering.accept, of_patient(harbor.clinic), first, NOW + HOUR)


def test_a_visit_that_changed_meanwhile_ends_its_offer(session, harbor, do, courses, opening, fitting):
    alice = harbor.actor("alice")
    first, second = do(offering.offer, alice, opening, fitting, NOW)
    do(visits.cancel, alice, [visit(courses["Olga"], "infusion-6")], NOW)

    with pytest.raises(WrongStatus, match="has changed"):
        do(answering.accept, of_patient(harbor.clinic), first, NOW)
    session.rollback()
    do(running.run, harbor.clinic, NOW + MINUTE)

    assert (first.state, second.state) == (OfferState.WITHDRAWN, OfferState.OPEN)
    assert [one.patient_id for one in offers_to_send(session)] == [second.entry.patient_id]


def test_who_has_no_address_is_offered_by_phone(session, harbor, do, opening, fitting):
    harbor.patients["Nora"]  # is not asked
    olga = fitting[0].entry.patient
    olga.email = None
    session.commit()

    first, second = do(offering.offer, harbor.actor("alice"), opening, fitting, NOW)

    assert (first.by_phone, second.by_phone) == (True, False)
    assert [one.patient_id for one in offers_to_send(session)] == [second.entry.patient_id]


def test_a_time_that_is_offered_is_not_offered_again_meanwhile(harbor, do, opening, fitting):
    alice = harbor.actor("alice")
    do(offering.offer, alice, opening, fitting[:1], NOW)

    with pytest.raises(WrongStatus, match="offered already"):
        do(offering.offer, alice, opening, fitting[1:], NOW)


def test_a_time_that_begins_too_soon_is_for_the_phone(harbor, do, opening, fitting):
    soon = opening.start_at - timedelta(minutes=10)

    with pytest.raises(WrongStatus, match="begins too soon"):
        do(offering.offer, harbor.actor("alice"), opening, fitting, soon)


def test_a_canceled_visit_that_is_taken_back_ends_its_opening(session, harbor, do, courses, opening):
    do(undo.undo, harbor.actor("alice"), visit(courses["Nora"], "infusion-6"), "cancel", NOW + MINUTE)
    assert opening not in openings.listed(session, harbor.clinic, NOW + MINUTE)
    do(running.run, harbor.clinic, NOW + MINUTE)

    assert opening.outcome is OpeningOutcome.TAKEN


def test_a_move_leaves_its_old_time_and_a_call_leaves_nothing(session, harbor, do, courses):
    alice = harbor.actor("alice")
    call = next(one for one in courses["Nora"].appointments if not one.visible and one.status.is_live)
    do(visits.cancel, alice, [call], NOW)

    assert session.scalars(select(Opening)).all() == []


def of_patient(clinic):
    return Actor(clinic, None, None, "patient")


def offers_to_send(session):
    query = select(Message).where(Message.kind == MessageKind.OFFER, Message.state == MessageState.PENDING)
    return session.scalars(query.order_by(Message.id)).all()


def held(session):
    query = select(func.count()).where(Allocation.opening_id.is_not(None), Allocation.released_at.is_(None))
    return session.scalar(query)


def chair_of(session, opening):
    return [opening.appointment.location.resource_id]


def move_to(courses, candidate):
    visit_ = visit(courses["Nora"], "infusion-5")
    return moves.Move(visit_, candidate.visits[0], "requested")


def test_what_needs_the_desk_is_on_its_list(session, harbor, do, opening, fitting):
    alice = harbor.actor("alice")
    fitting[1].entry.patient.email = None
    session.commit()
    assert worklist.of_actor(session, alice, NOW).offers == []

    first, second = do(offering.offer, alice, opening, fitting, NOW)
    assert worklist.of_actor(session, alice, NOW).offers == [opening], "a call to make"
    do(answering.decline, alice, second, NOW)
    assert worklist.of_actor(session, alice, NOW).offers == [], "the other was mailed"
    do(answering.decline, alice, first, NOW)
    assert worklist.of_actor(session, alice, NOW).offers == [opening], "all said no"
    do(offering.withdraw, alice, opening, NOW, dismiss=True)
    assert worklist.of_actor(session, alice, NOW).offers == []


def test_what_a_shorter_visit_leaves_of_an_opened_time_stays_open(session, harbor, do, opening, fitting):
    end = opening.end_at
    opening.end_at = end + HOUR
    session.commit()
    first, _ = do(offering.offer, harbor.actor("alice"), opening, fitting, NOW)
    do(answering.accept, of_patient(harbor.clinic), first, NOW + MINUTE)

    rest = session.scalars(select(Opening).order_by(Opening.id.desc())).all()
    left = next(one for one in rest if one.resource_ids == opening.resource_ids)
    assert (left.start_at, left.end_at) == (end, end + HOUR)


def test_a_patient_is_asked_once_about_one_time(harbor, do, opening, fitting):
    with pytest.raises(Invalid, match="each patient once"):
        do(offering.offer, harbor.actor("alice"), opening, [fitting[0], fitting[0]], NOW)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"offers_automatic": True}, 2),
        ({"offers_automatic": True, "offers_at_once": 1}, 1),
        ({"offers_automatic": True, "quiet_from": "07:00", "quiet_until": "09:00"}, 0),
        ({}, 0),
    ],
)
@pytest.mark.usefixtures("waiting")
def test_the_clock_offers_as_the_clinic_wants(session, harbor, do, opening, settings, asked):
    harbor.clinic.settings_document = {**harbor.clinic.settings_document, **settings}
    session.commit()

    do(running.run, harbor.clinic, NOW)
    assert len(opening.offers) == asked
    patients = session.scalars(select(Offer.entry_id)).all()
    assert len(patients) == len(set(patients)), "one offer at a time to each"
    assert do(running.run, harbor.clinic, NOW + MINUTE) == 0, "not twice"


@both
def test_what_moves_along_is_held_too(session, harbor, do, opening, fitting):
    along = [visit for one in fitting for visit in one.visits[1:]]
    assert along, "a check-in call follows the infusion"

    do(offering.offer, harbor.actor("alice"), opening, fitting, NOW)

    rows = session.scalars(
        select(Allocation).where(Allocation.opening_id.is_not(None), Allocation.released_at.is_(None))
    ).all()
    for segment in [one for placed in along for one in placed.segments]:
        assert any(
            row.resource_id == segment.resource_id
            and row.start_at <= segment.start
            and row.end_at >= segment.end
            for row in rows
        ), segment
