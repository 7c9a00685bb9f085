"""Every status answers every question, and every place that shows a status knows it."""

import re
from pathlib import Path
from typing import get_args

import pytest

from scheduler.api.appointment_views import Status
from scheduler.domain import status
from scheduler.domain.status import (
    CARE_PLAN_STEPS,
    STEP_NAMES,
    STEP_REFUSALS,
    STEPS,
    AppointmentStatus,
    CarePlanStatus,
)
from scheduler.ical.entries import EventStatus, event_status

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = [
    "is_ahead",
    "is_expected",
    "is_waiting",
    "occupies",
    "is_here",
    "has_come",
    "is_live",
    "is_in_calendars",
    "is_off",
    "is_withdrawn",
    "may_be_made_up",
    "is_over",
    "is_tentative",
]
ANSWERS = {
    "proposed": "yes no no no no no no no no no no no yes",
    "pending": "yes yes yes yes no no yes yes no no no no yes",
    "booked": "yes yes yes yes no no yes yes no no no no no",
    "arrived": "no no yes yes yes yes yes yes no no no no no",
    "checked-in": "no no no yes yes yes yes yes no no no no no",
    "fulfilled": "no no no no no yes yes yes no no no yes no",
    "cancelled": "no no no no no no no no yes yes yes no no",
    "noshow": "no no no no no no no yes yes no yes yes no",
    "waitlist": "no no no no no no no no yes no no no no",
    "entered-in-error": "no no no no no no no no yes yes no no no",
}


def test_no_question_is_left_out():
    asked = {name for name, value in vars(AppointmentStatus).items() if isinstance(value, property)}

    assert asked == set(QUESTIONS)


@pytest.mark.parametrize("one", AppointmentStatus)
def test_a_status_answers_every_question(one):
    expected = dict(zip(QUESTIONS, ANSWERS[one].split(), strict=True))

    assert {question: "yes" if getattr(one, question) else "no" for question in QUESTIONS} == expected


@pytest.mark.parametrize("one", [*AppointmentStatus, *CarePlanStatus])
def test_a_status_has_a_sign_and_words(one):
    marks = (ROOT / "templates" / "_marks.html").read_text()
    signs = re.search(r"set SIGNS = \{(.*?)\}", marks, re.DOTALL)[1]

    assert f'"{one}":' in signs
    assert re.fullmatch("[a-z][a-z -]*", one.words)


@pytest.mark.parametrize("one", [*AppointmentStatus, *CarePlanStatus])
def test_a_status_has_a_color(one):
    styles = "".join(path.read_text() for path in (ROOT / "scheduler" / "static" / "css").glob("*.css"))

    assert re.search(rf"\.is-{one}\b", styles)


@pytest.mark.parametrize("step", [*STEPS, *CARE_PLAN_STEPS])
def test_a_step_has_words_for_its_refusal(step):
    assert re.fullmatch("(it|the patient) cannot be [a-z -]+", STEP_REFUSALS[step])


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_a_visit_has_a_name(step):
    assert re.fullmatch("the [a-z-]+", STEP_NAMES[step])


def test_the_api_and_calendars_know_every_status():
    assert set(get_args(Status)) == set(AppointmentStatus)
    assert {one: event_status(one) for one in AppointmentStatus if event_status(one)} == {
        AppointmentStatus.PENDING: EventStatus.TENTATIVE,
        AppointmentStatus.BOOKED: EventStatus.CONFIRMED,
        AppointmentStatus.ARRIVED: EventStatus.CONFIRMED,
        AppointmentStatus.CHECKED_IN: EventStatus.CONFIRMED,
        AppointmentStatus.FULFILLED: EventStatus.CONFIRMED,
        AppointmentStatus.NOSHOW: EventStatus.CONFIRMED,
        AppointmentStatus.CANCELLED: EventStatus.CANCELLED,
        AppointmentStatus.ENTERED_IN_ERROR: EventStatus.CANCELLED,
    }


def test_no_other_module_lists_statuses():
    """A set of statuses outside domain/status.py is one that a new status forgets."""
    listed = re.compile(
        r"[({\[*]\s*(?:AppointmentStatus|S|_S)\.[A-Z_]+,\s*(?:AppointmentStatus|S|_S)\.[A-Z_]+"
    )
    written = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "scheduler").rglob("*.py")
        if path != Path(status.__file__)
        and "migrations" not in path.parts
        and listed.search(path.read_text())
    }
    in_templates = re.compile(r"status in [\[(]")
    written |= {
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates").rglob("*.html")
        if in_templates.search(path.read_text())
    }

    assert written == set()
