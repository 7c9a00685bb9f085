"""Holding a course and going on with it, on its page."""

import re
from datetime import date, timedelta

import pytest

from scheduler.domain.localtime import local_on
from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.services.visit import visits
from tests.cast import NOW
from tests.clocks import ShiftedClock
from tests.services.courses import book, visit


@pytest.fixture
def desk(harbor, signed_in):
    return signed_in(harbor, "alice")


@pytest.fixture
def held(session, course, desk):
    assert desk.post(f"/care-plans/{course.public_id}/hold", data={"reason": "travels"}).status_code == 303
    session.rollback()
    return course


def first_on(course, zone):
    return min(local_on(one.start_at, zone) for one in course.appointments if one.status.is_live)


def test_a_held_course_goes_on_from_the_day_that_is_asked_for(session, harbor, held, desk):
    later = date(2026, 12, 14)
    assert 'name="not_before"' in desk.get(f"/care-plans/{held.public_id}").text

    desk.post(f"/care-plans/{held.public_id}/resumption", data={"not_before": str(later)})

    session.rollback()
    assert held.status is CarePlanStatus.ACTIVE
    assert first_on(held, harbor.clinic.zone) >= later


def test_without_a_day_it_goes_on_as_soon_as_it_can(session, harbor, held, desk):
    desk.post(f"/care-plans/{held.public_id}/resumption", data={"not_before": ""})

    session.rollback()
    assert held.status is CarePlanStatus.ACTIVE
    assert first_on(held, harbor.clinic.zone) < date(2026, 12, 14)


def test_what_is_no_day_is_named_and_nothing_goes_on(session, held, desk):
    refused = desk.post(f"/care-plans/{held.public_id}/resumption", data={"not_before": "soon"})

    session.rollback()
    assert refused.status_code == 422
    assert "Earliest start date" in refused.text
    assert held.status is CarePlanStatus.ON_HOLD


def test_what_the_protocol_says_of_a_missed_dose_is_shown_and_decides_nothing(session, harbor, desk):
    course = book(session, harbor, "esketamine-nasal")
    gone = visit(course, "session-10")
    visits.cancel(session, harbor.prescriber, [gone], NOW)
    session.commit()

    for page in (f"/care-plans/{course.public_id}", f"/appointments/{gone.public_id}/make-up"):
        text = desk.get(page).text
        assert "Session 10 was missed." in text
        assert "the prescriber may consider two sessions a week again" in text
        assert "Source: US prescribing information" in text
    session.rollback()
    assert [one.start_at for one in course.appointments if one.replaces_id] == []


def test_starting_again_under_another_protocol_asks_for_a_reason(
    app, session, harbor, course, desk, signed_in
):
    first = visit(course, "infusion-1")
    for row in course.appointments:
        if row.start_at <= first.start_at and row.status.is_live:
            row.status = AppointmentStatus.FULFILLED
    path, now = f"/care-plans/{course.public_id}/protocol", first.end_at + timedelta(hours=1)
    session.commit()
    app.extensions["clock"] = ShiftedClock(now)
    asked = {
        "plan_definition": "esketamine-nasal",
        "override_reason": "no response, the prescriber starts again",
    }
    refused = desk.post(f"{path}/preview", data=asked)

    boss = signed_in(harbor, "mona")
    app.extensions["clock"] = ShiftedClock(now)
    questioned = boss.post(f"{path}/preview", data=asked | {"override_reason": ""})
    shown = boss.post(f"{path}/preview", data=asked)
    fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', shown.text))
    saved = boss.post(path, data=fields | {"reason": "no response"})

    words = "1 dose has been given in this course, and 0 would count"
    assert [words in one.text for one in (refused, questioned)] == [True, True]
    assert [answer.status_code for answer in (refused, questioned, shown, saved)] == [422, 422, 200, 303]
    offered = ['name="override_reason" type="text"' in one.text for one in (refused, questioned, shown)]
    assert offered == [False, True, True]
