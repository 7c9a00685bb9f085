"""A visit's history in words on its page, after steps that people took there."""

import re
from datetime import timedelta

from scheduler.domain.formats import USUAL
from scheduler.models.user import StaffRole
from scheduler.services.actors import Actor
from scheduler.services.course import careplans
from scheduler.services.patient import erasure
from scheduler.services.visit import moves, undo, visits
from tests.cast import NOW


def told(client, visit) -> list[str]:
    page = client.get(f"/appointments/{visit.public_id}").text
    history = page.split("<summary>History", 1)[1].split("</details>", 1)[0]
    return [re.sub(r"<[^>]+>", " ", item) for item in re.findall(r"</time>(.*?)<span", history)]


def test_steps_are_told_as_a_colleague_would(signed_in, session, harbor, course):
    visit = course.appointments[0]
    desk = Actor(harbor.clinic, harbor.users["alice"], None, "staff")
    visits.confirm(session, desk, visit, NOW)
    visits.arrive(session, desk, visit, visit.start_at)
    session.commit()

    assert [words.strip() for words in told(signed_in(harbor, "alice"), visit)] == [
        "arrived",
        "confirmed",
        "booked",
    ]


def test_a_move_says_from_when(signed_in, session, harbor, course):
    visit = course.appointments[0]
    before = visit.local_start
    desk = Actor(harbor.clinic, harbor.users["alice"], StaffRole.FRONT_DESK, "staff")
    planned = moves.plan_move(session, desk, visit, visit.start_at + timedelta(minutes=30), NOW)
    moves.apply_moves(session, desk, planned, NOW, "asked for it")
    session.commit()

    was = f"moved from {USUAL.moment(before)}"
    assert [words.strip() for words in told(signed_in(harbor, "alice"), visit)] == [was, "booked"]


def test_the_history_of_an_erased_record_can_still_be_read(signed_in, session, harbor, course):
    visit = course.appointments[0]
    desk = Actor(harbor.clinic, harbor.users["mona"], StaffRole.MANAGER, "staff")
    planned = moves.plan_move(session, desk, visit, visit.start_at + timedelta(minutes=30), NOW)
    moves.apply_moves(session, desk, planned, NOW, "asked for it")
    visits.confirm(session, desk, visit, NOW)
    undo.undo(session, desk, visit, "confirm", NOW)
    visits.confirm(session, desk, visit, NOW)
    careplans.revoke(session, desk, course, NOW, "moves away")
    erasure.erase(session, desk, course.patient, "asked for it", NOW)
    session.commit()

    assert [words.strip() for words in told(signed_in(harbor, "alice"), visit)] == [
        "canceled",
        "confirmed",
        "last step undone",
        "confirmed",
        "moved",
        "booked",
    ]
