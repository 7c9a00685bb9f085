"""A canceled infusion, and patients who would take its time."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.database import begin_write
from scheduler.models.message import Message, MessageState
from scheduler.services.visit import moves, visits
from scheduler.services.waitlist import entries, openings, who_fits
from scheduler.services.waitlist.entries import WaitWishes
from tests.cast import NOW, add_patient
from tests.services.courses import book, visit

NAMES = ("Olga", "Omar")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def courses(session, harbor):
    """Three courses side by side, the last infusion of each on a Thursday; all mail about them is out."""
    for name in NAMES:
        add_patient(session, harbor, name, "Ortiz", email=f"{name.lower()}@example.com", email_ok=True)
    booked = {name: book(session, harbor, patient=name) for name in ("Nora", *NAMES)}
    for message in session.scalars(select(Message)):
        message.state, message.data_at, message.ended_at = MessageState.SENT, NOW, NOW
    session.commit()
    return booked


@pytest.fixture
def do(session):
    """Call a service in a transaction of its own."""

    def do(service, *arguments, **more):
        session.rollback()
        begin_write(session)
        answer = service(session, *arguments, **more)
        session.commit()
        return answer

    return do


@pytest.fixture
def waiting(harbor, courses, do):
    """Olga and Omar wait for an earlier last infusion; Olga waits for longer."""
    return [
        do(
            entries.wait_for_earlier,
            harbor.actor("alice"),
            visit(courses[name], "infusion-6"),
            WaitWishes(),
            NOW + timedelta(minutes=minute),
        )
        for minute, name in enumerate(NAMES)
    ]


@pytest.fixture
def opening(session, harbor, courses, do):
    """The time of Nora's last infusion, which was moved to the Wednesday before and then canceled."""
    alice, infusion = harbor.actor("alice"), visit(courses["Nora"], "infusion-6")
    moved = moves.plan_move(session, alice, infusion, infusion.start_at - DAY, NOW, scope="following")
    do(moves.apply_moves, alice, moved, NOW - MINUTE)
    do(visits.cancel, alice, [infusion], NOW)
    return openings.of_visit(session, infusion, NOW)


@pytest.fixture
def fitting(session, harbor, waiting, opening):
    """Both who wait, as they could take the opened time."""
    return [who_fits.fits_at(session, harbor.actor("alice"), one, opening.start_at, NOW) for one in waiting]
